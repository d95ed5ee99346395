#include "text/merges.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

#define MAX_MERGES (1u << 26)

struct pair {
    uint32_t left, right, rank, merged;
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

static bool join_by_rank(const void *arg, const struct merging *merging, size_t left, size_t right,
                         struct merging_candidate *candidate)
{
    const struct merges *merges = arg;
    int64_t pair = merges_find(merges, merging->symbols[left].id, merging->symbols[right].id);
    if (pair < 0) {
        return false;
    }
    candidate->order = merges->ranks[pair];
    candidate->id = (int32_t)merges->merged[pair];
    return true;
}

static int encode_part(const struct merges *merges, const struct vocabulary *v, const char *word,
                       size_t n_bytes, struct merging *merging, struct token_list *out,
                       struct error *err)
{
    if (merging_begin(merging, n_bytes, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < n_bytes; i++) {
        merging_add(merging, i, 1, v->bytes[(unsigned char)word[i]]);
    }
    merging_run(merging, join_by_rank, merges);
    for (size_t at = 0; at < n_bytes; at = merging_next(merging, at)) {
        int32_t id = merging->symbols[at].id;
        if (id != TOKEN_NONE && token_list_append(out, id, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int merges_encode(const struct merges *merges, const struct vocabulary *v, const char *word,
                  size_t n_bytes, struct merging *merging, struct token_list *out,
                  struct error *err)
{
    for (size_t at = 0; at < n_bytes;) {
        size_t n = min_size(n_bytes - at, MERGING_MOST_BYTES);
        if (encode_part(merges, v, word + at, n, merging, out, err) < 0) {
            return -1;
        }
        at += n;
    }
    return 0;
}
