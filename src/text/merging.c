#include "text/merging.h"

#include <assert.h>
#include <stdlib.h>

void merging_deinit(struct merging *merging)
{
    free(merging->symbols);
    free(merging->heap);
    *merging = (struct merging){0};
}

int merging_begin(struct merging *merging, size_t n_bytes, struct error *err)
{
    assert(n_bytes > 0 && n_bytes <= MERGING_MOST_BYTES);
    if (merging->capacity < n_bytes) {
        size_t capacity = 64;
        while (capacity < n_bytes) {
            capacity *= 2;
        }
        merging_deinit(merging);
        merging->symbols = malloc(capacity * sizeof(*merging->symbols));
        merging->heap = malloc(capacity * sizeof(*merging->heap));
        if (merging->symbols == NULL || merging->heap == NULL) {
            merging_deinit(merging);
            return fail_memory(err, capacity * MERGING_BYTES_PER_BYTE, "merging a word");
        }
        merging->capacity = capacity;
    }
    merging->n_bytes = n_bytes;
    merging->n_heap = 0;
    return 0;
}

void merging_add(struct merging *merging, size_t at, size_t n_bytes, int32_t id)
{
    struct merging_symbol *symbol = &merging->symbols[at];
    symbol->id = id;
    symbol->n_bytes = (uint16_t)n_bytes;
    if (at == 0) {
        symbol->n_before = 0;
    }
    for (size_t i = 1; i < n_bytes; i++) {
        symbol[i].n_bytes = 0;
    }
    if (at + n_bytes < merging->n_bytes) {
        symbol[n_bytes].n_before = (uint16_t)n_bytes;
    }
}

static bool comes_first(const struct merging_candidate *a, const struct merging_candidate *b)
{
    return a->order != b->order ? a->order < b->order : a->at < b->at;
}

static void sift_up(struct merging *merging, size_t at, struct merging_candidate candidate)
{
    for (; at > 0 && comes_first(&candidate, &merging->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        merging->heap[at] = merging->heap[(at - 1) / 2];
    }
    merging->heap[at] = candidate;
}

static void sift_down(struct merging *merging, size_t at, struct merging_candidate candidate)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < merging->n_heap &&
            comes_first(&merging->heap[child + 1], &merging->heap[child])) {
            child++;
        }
        if (child >= merging->n_heap || !comes_first(&merging->heap[child], &candidate)) {
            break;
        }
        merging->heap[at] = merging->heap[child];
        at = child;
    }
    merging->heap[at] = candidate;
}

/* Whether the two symbols are still those that the candidate was made for. */
static bool still_holds(const struct merging *merging, const struct merging_candidate *candidate)
{
    size_t n_left = merging->symbols[candidate->at].n_bytes, right = candidate->at + n_left;
    return n_left > 0 && right < merging->n_bytes &&
           n_left + merging->symbols[right].n_bytes == candidate->n_bytes;
}

/* Every pair of neighbours has one candidate at most, so those that still hold are fewer than the
 * symbols: the heap never outgrows the text. It fills at most log n times: as many merges lie
 * between two times as before the first of them. */
static void drop_stale(struct merging *merging)
{
    size_t n = 0;
    for (size_t i = 0; i < merging->n_heap; i++) {
        if (still_holds(merging, &merging->heap[i])) {
            merging->heap[n++] = merging->heap[i];
        }
    }
    merging->n_heap = n;
    for (size_t i = n / 2; i-- > 0;) {
        sift_down(merging, i, merging->heap[i]);
    }
}

/* Considers the symbol at [at] and the one after it. */
static void consider(struct merging *merging, size_t at, merging_fn join, const void *arg)
{
    size_t right = merging_next(merging, at);
    struct merging_candidate candidate;
    if (right >= merging->n_bytes || !join(arg, merging, at, right, &candidate)) {
        return;
    }
    candidate.at = (uint16_t)at;
    candidate.n_bytes = (uint16_t)(merging->symbols[at].n_bytes + merging->symbols[right].n_bytes);
    if (merging->n_heap == merging->capacity) {
        drop_stale(merging);
    }
    merging->n_heap++;
    sift_up(merging, merging->n_heap - 1, candidate);
}

void merging_run(struct merging *merging, merging_fn join, const void *arg)
{
    for (size_t at = 0; at < merging->n_bytes; at = merging_next(merging, at)) {
        consider(merging, at, join, arg);
    }
    while (merging->n_heap > 0) {
        struct merging_candidate first = merging->heap[0];
        merging->n_heap--;
        if (merging->n_heap > 0) {
            sift_down(merging, 0, merging->heap[merging->n_heap]);
        }
        if (!still_holds(merging, &first)) {
            continue;
        }
        struct merging_symbol *left = &merging->symbols[first.at];
        left[left->n_bytes].n_bytes = 0;
        left->id = first.id;
        left->n_bytes = first.n_bytes;
        if (first.at + (size_t)first.n_bytes < merging->n_bytes) {
            left[first.n_bytes].n_before = first.n_bytes;
        }
        if (left->n_before > 0) {
            consider(merging, (size_t)first.at - left->n_before, join, arg);
        }
        consider(merging, first.at, join, arg);
    }
}
