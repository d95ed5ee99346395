#include "text/merges.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

#define MAX_MERGES (1u << 26)
#define MAX_WORD_BYTES                                                                             \
    (1u << 18)          /* bounds the memory of a merge to some 12 MB; a longer word is cut */
#define END  UINT32_MAX /* no symbol */
#define GONE (-2)       /* id of a symbol that was merged into the one on its left */

struct pair {
    uint32_t left, right, rank, merged;
};

struct merge_symbol {
    int32_t id; /* TOKEN_NONE: a byte that is no token */
    uint32_t prev, next;
};

struct merge_candidate {
    uint32_t rank;
    uint32_t at;   /* its left symbol */
    uint32_t pair; /* index into the merges; says whether the candidate still holds */
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *p = a, *q = b;
    if (p->left != q->left) {
        return p->left < q->left ? -1 : 1;
    }
    if (p->right != q->right) {
        return p->right < q->right ? -1 : 1;
    }
    return p->rank < q->rank ? -1 : p->rank > q->rank;
}

/* A line "LEFT RIGHT" in the names' own spelling. False when it names what is no token. */
static bool read_pair(const struct vocabulary *v, const struct gguf_text *line, struct pair *pair)
{
    char name[TOKEN_MAX_BYTES];
    const char *space = line->n_bytes > 2 && line->n_bytes <= sizeof(name)
                            ? memchr(line->data + 1, ' ', (size_t)line->n_bytes - 1)
                            : NULL;
    if (space == NULL) {
        return false;
    }
    size_t n_left = (size_t)(space - line->data), n_right = (size_t)line->n_bytes - n_left - 1;
    memcpy(name, line->data, n_left);
    memcpy(name + n_left, space + 1, n_right);
    int32_t left = vocabulary_find_name(v, name, n_left);
    int32_t right = vocabulary_find_name(v, name + n_left, n_right);
    int32_t merged = vocabulary_find_name(v, name, n_left + n_right);
    if (left < 0 || right < 0 || merged < 0 || v->types[merged] == TOKEN_TYPE_CONTROL ||
        v->types[merged] == TOKEN_TYPE_UNKNOWN) {
        return false;
    }
    pair->left = (uint32_t)left;
    pair->right = (uint32_t)right;
    pair->merged = (uint32_t)merged;
    return true;
}

/* Sorts, and of a pair that is listed twice keeps the earlier. Returns how many are left. */
static uint32_t sort_pairs(struct pair *pairs, uint32_t n_pairs)
{
    qsort(pairs, n_pairs, sizeof(*pairs), compare_pairs);
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_pairs; i++) {
        if (n == 0 || pairs[i].left != pairs[n - 1].left || pairs[i].right != pairs[n - 1].right) {
            pairs[n++] = pairs[i];
        }
    }
    return n;
}

static int build(struct merges *merges, const struct pair *pairs, uint32_t n_pairs,
                 const struct vocabulary *v, struct error *err)
{
    merges->block_bytes = ((uint64_t)v->n_tokens + 1 + 3 * (uint64_t)n_pairs) * 4;
    merges->block = vocabulary_alloc(merges->memory, merges->block_bytes, err);
    if (merges->block == NULL) {
        return -1;
    }
    uint32_t *first = merges->block;
    uint32_t *rights = first + v->n_tokens + 1;
    uint32_t *ranks = rights + n_pairs, *merged = ranks + n_pairs;
    uint32_t left = 0;
    for (uint32_t i = 0; i < n_pairs; i++) {
        while (left < pairs[i].left) {
            first[++left] = i;
        }
        rights[i] = pairs[i].right;
        ranks[i] = pairs[i].rank;
        merged[i] = pairs[i].merged;
    }
    while (left < v->n_tokens) {
        first[++left] = n_pairs;
    }
    merges->first = first;
    merges->rights = rights;
    merges->ranks = ranks;
    merges->merged = merged;
    merges->n_tokens = v->n_tokens;
    merges->n_merges = n_pairs;
    return 0;
}

int merges_open(struct merges *merges, const struct gguf *gguf, const struct vocabulary *v,
                struct error *err)
{
    const struct gguf_value *lines = gguf_find(gguf, "tokenizer.ggml.merges");
    if (lines == NULL || lines->type != GGUF_ARRAY || lines->item_type != GGUF_STRING) {
        return fail(err, ERROR_FORMAT, "tokenizer.ggml.merges: %s",
                    lines == NULL ? "missing; they say what is merged first"
                                  : "not an array of text");
    }
    if (lines->n_items > MAX_MERGES) {
        return fail(err, ERROR_FORMAT, "tokenizer.ggml.merges: %llu, more than trawl takes",
                    (unsigned long long)lines->n_items);
    }
    merges->memory = v->memory;
    struct pair *pairs = malloc(max_size(1, (size_t)lines->n_items) * sizeof(*pairs));
    if (pairs == NULL) {
        return fail_memory(err, lines->n_items * sizeof(*pairs), "merges");
    }
    uint32_t n_pairs = 0;
    for (uint32_t i = 0; i < (uint32_t)lines->n_items; i++) {
        pairs[n_pairs].rank = i;
        n_pairs += read_pair(v, &lines->texts[i], &pairs[n_pairs]);
    }
    int rc = build(merges, pairs, sort_pairs(pairs, n_pairs), v, err);
    free(pairs);
    return rc;
}

void merges_close(struct merges *merges)
{
    vocabulary_free(merges->memory, merges->block, merges->block_bytes);
    merges->block = NULL;
}

int64_t merges_find(const struct merges *merges, int32_t left, int32_t right)
{
    if (left < 0 || right < 0) {
        return -1;
    }
    uint32_t low = merges->first[left], high = merges->first[left + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (merges->rights[middle] < (uint32_t)right) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < merges->first[left + 1] && merges->rights[low] == (uint32_t)right ? (int64_t)low
                                                                                   : -1;
}

void merge_work_deinit(struct merge_work *work)
{
    free(work->symbols);
    free(work->heap);
    *work = (struct merge_work){0};
}

/* Each symbol starts at most one candidate, and each of fewer than n merges two more. */
static int reserve(struct merge_work *work, size_t n, struct error *err)
{
    if (work->symbols_capacity >= n && work->heap_capacity >= 3 * n) {
        return 0;
    }
    size_t capacity = 64;
    while (capacity < n) {
        capacity *= 2;
    }
    merge_work_deinit(work);
    work->symbols = malloc(capacity * sizeof(*work->symbols));
    work->heap = malloc(3 * capacity * sizeof(*work->heap));
    if (work->symbols == NULL || work->heap == NULL) {
        return fail_memory(err, capacity * (sizeof(*work->symbols) + 3 * sizeof(*work->heap)),
                           "merging a word");
    }
    work->symbols_capacity = capacity;
    work->heap_capacity = 3 * capacity;
    return 0;
}

static bool comes_first(struct merge_candidate a, struct merge_candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void heap_push(struct merge_work *work, struct merge_candidate candidate)
{
    size_t at = work->n_heap++;
    for (; at > 0 && comes_first(candidate, work->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        work->heap[at] = work->heap[(at - 1) / 2];
    }
    work->heap[at] = candidate;
}

static struct merge_candidate heap_pop(struct merge_work *work)
{
    struct merge_candidate top = work->heap[0], last = work->heap[--work->n_heap];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < work->n_heap && comes_first(work->heap[child + 1], work->heap[child])) {
            child++;
        }
        if (child >= work->n_heap || !comes_first(work->heap[child], last)) {
            break;
        }
        work->heap[at] = work->heap[child];
        at = child;
    }
    work->heap[at] = last;
    return top;
}

/* Considers the symbol at [at] and the one after it. */
static void consider(const struct merges *merges, struct merge_work *work, uint32_t at)
{
    if (at == END || work->symbols[at].next == END) {
        return;
    }
    int64_t pair =
        merges_find(merges, work->symbols[at].id, work->symbols[work->symbols[at].next].id);
    if (pair >= 0) {
        heap_push(work, (struct merge_candidate){merges->ranks[pair], at, (uint32_t)pair});
    }
}

/* Whether the two symbols are still those that the candidate was made for. */
static bool still_holds(const struct merges *merges, const struct merge_work *work,
                        struct merge_candidate candidate)
{
    const struct merge_symbol *left = &work->symbols[candidate.at];
    return left->id >= 0 && left->next != END && candidate.pair >= merges->first[left->id] &&
           candidate.pair < merges->first[left->id + 1] &&
           (uint32_t)work->symbols[left->next].id == merges->rights[candidate.pair];
}

static void merge_all(const struct merges *merges, struct merge_work *work)
{
    while (work->n_heap > 0) {
        struct merge_candidate candidate = heap_pop(work);
        if (!still_holds(merges, work, candidate)) {
            continue;
        }
        struct merge_symbol *left = &work->symbols[candidate.at];
        struct merge_symbol *right = &work->symbols[left->next];
        left->id = (int32_t)merges->merged[candidate.pair];
        right->id = GONE;
        left->next = right->next;
        if (left->next != END) {
            work->symbols[left->next].prev = candidate.at;
        }
        consider(merges, work, left->prev);
        consider(merges, work, candidate.at);
    }
}

static int encode_part(const struct merges *merges, const struct vocabulary *v, const char *word,
                       uint32_t n_bytes, struct merge_work *work, struct token_list *out,
                       struct error *err)
{
    if (reserve(work, n_bytes, err) < 0) {
        return -1;
    }
    work->n_heap = 0;
    for (uint32_t i = 0; i < n_bytes; i++) {
        work->symbols[i] = (struct merge_symbol){
            .id = v->bytes[(unsigned char)word[i]],
            .prev = i > 0 ? i - 1 : END,
            .next = i + 1 < n_bytes ? i + 1 : END,
        };
    }
    for (uint32_t i = 0; i + 1 < n_bytes; i++) {
        consider(merges, work, i);
    }
    merge_all(merges, work);
    for (uint32_t i = 0; i != END; i = work->symbols[i].next) {
        int32_t id = work->symbols[i].id;
        if (id != TOKEN_NONE && token_list_append(out, id, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int merges_encode(const struct merges *merges, const struct vocabulary *v, const char *word,
                  size_t n_bytes, struct merge_work *work, struct token_list *out,
                  struct error *err)
{
    for (size_t at = 0; at < n_bytes;) {
        uint32_t n = (uint32_t)min_size(n_bytes - at, MAX_WORD_BYTES);
        if (encode_part(merges, v, word + at, n, work, out, err) < 0) {
            return -1;
        }
        at += n;
    }
    return 0;
}
