#include "text/pieces.h"

#include "base/size.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STRETCH_BYTES                                                                          \
    (1u << 18)         /* bounds the memory of a merge to some 18 MB; a longer stretch is cut */
#define END UINT32_MAX /* no symbol */

struct piece_symbol {
    int32_t id;              /* of a merged symbol; TOKEN_NONE: still a single character */
    uint32_t start, n_bytes; /* of the stretch; 0 bytes: merged into the one on its left */
    uint32_t prev, next;
};

struct piece_candidate {
    float score;
    int32_t id;
    uint32_t at;      /* its left symbol */
    uint32_t n_bytes; /* of both; says whether the candidate still holds */
};

/* The character at [at]: its bytes and a number of its own; a byte that is no UTF-8 is a character
 * too. */
static size_t next_character(const char *text, size_t n_bytes, uint32_t *code)
{
    size_t n = utf8_decode(text, n_bytes, code);
    if (n == 0) {
        *code = 0x110000u + (unsigned char)text[0];
        n = 1;
    }
    return n;
}

static uint32_t pair_bit(uint32_t left, uint32_t right)
{
    uint64_t hash = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32) & (PIECES_PAIR_BITS - 1);
}

void pieces_open(struct pieces *pieces, const struct vocabulary *v)
{
    memset(pieces, 0, sizeof(*pieces));
    for (uint32_t id = 0; id < v->n_tokens; id++) {
        size_t n_bytes;
        const char *text = vocabulary_text(v, id, &n_bytes);
        if ((v->flags[id] & TOKEN_FLAG_RAW) || n_bytes > TOKEN_MAX_BYTES) {
            continue;
        }
        uint32_t left = 0, right;
        for (size_t at = 0; at < n_bytes; left = right) {
            size_t n = next_character(text + at, n_bytes - at, &right);
            if (at > 0) {
                uint32_t bit = pair_bit(left, right);
                pieces->neighbours[bit / 64] |= 1ull << bit % 64;
            }
            at += n;
        }
    }
}

static bool may_merge(const struct pieces *pieces, uint32_t left, uint32_t right)
{
    uint32_t bit = pair_bit(left, right);
    return pieces->neighbours[bit / 64] >> bit % 64 & 1;
}

void pieces_work_deinit(struct pieces_work *work)
{
    free(work->symbols);
    free(work->heap);
    *work = (struct pieces_work){0};
}

/* Each symbol starts at most one candidate, and each of fewer than n merges two more. */
static int reserve(struct pieces_work *work, size_t n, struct error *err)
{
    if (work->symbols_capacity >= n) {
        return 0;
    }
    bool after_unknown = work->after_unknown;
    size_t capacity = 64;
    while (capacity < n) {
        capacity *= 2;
    }
    pieces_work_deinit(work);
    work->after_unknown = after_unknown;
    work->symbols = malloc(capacity * sizeof(*work->symbols));
    work->heap = malloc(3 * capacity * sizeof(*work->heap));
    if (work->symbols == NULL || work->heap == NULL) {
        return fail_memory(err, capacity * (sizeof(*work->symbols) + 3 * sizeof(*work->heap)),
                           "merging pieces");
    }
    work->symbols_capacity = capacity;
    return 0;
}

static bool comes_first(struct piece_candidate a, struct piece_candidate b)
{
    return a.score != b.score ? a.score > b.score : a.at < b.at;
}

static void heap_push(struct pieces_work *work, struct piece_candidate candidate)
{
    size_t at = work->n_heap++;
    for (; at > 0 && comes_first(candidate, work->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        work->heap[at] = work->heap[(at - 1) / 2];
    }
    work->heap[at] = candidate;
}

static struct piece_candidate heap_pop(struct pieces_work *work)
{
    struct piece_candidate top = work->heap[0], last = work->heap[--work->n_heap];
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
static void consider(const struct vocabulary *v, const char *stretch, struct pieces_work *work,
                     uint32_t at)
{
    if (at == END || work->symbols[at].next == END) {
        return;
    }
    const struct piece_symbol *left = &work->symbols[at], *right = &work->symbols[left->next];
    uint32_t n_bytes = left->n_bytes + right->n_bytes;
    if (n_bytes > v->max_bytes) {
        return;
    }
    int32_t id = vocabulary_find(v, stretch + left->start, n_bytes, false);
    if (id != TOKEN_NONE) {
        heap_push(work, (struct piece_candidate){v->scores[id], id, at, n_bytes});
    }
}

static void merge_all(const struct vocabulary *v, const char *stretch, struct pieces_work *work)
{
    while (work->n_heap > 0) {
        struct piece_candidate candidate = heap_pop(work);
        struct piece_symbol *left = &work->symbols[candidate.at];
        if (left->n_bytes == 0 || left->next == END ||
            left->n_bytes + work->symbols[left->next].n_bytes != candidate.n_bytes) {
            continue;
        }
        struct piece_symbol *right = &work->symbols[left->next];
        left->id = candidate.id;
        left->n_bytes = candidate.n_bytes;
        right->n_bytes = 0;
        left->next = right->next;
        if (left->next != END) {
            work->symbols[left->next].prev = candidate.at;
        }
        consider(v, stretch, work, left->prev);
        consider(v, stretch, work, candidate.at);
    }
}

/* A symbol that is no piece: its bytes, where all of them have a token, else the unknown token,
 * once for a run of such symbols. */
static int append_unknown(const struct vocabulary *v, const char *text, size_t n_bytes,
                          struct pieces_work *work, struct token_list *out, struct error *err)
{
    bool have_bytes = true;
    for (size_t i = 0; i < n_bytes; i++) {
        have_bytes &= v->bytes[(unsigned char)text[i]] != TOKEN_NONE;
    }
    for (size_t i = 0; have_bytes && i < n_bytes; i++) {
        if (token_list_append(out, v->bytes[(unsigned char)text[i]], err) < 0) {
            return -1;
        }
    }
    bool again = work->after_unknown;
    work->after_unknown = !have_bytes;
    if (have_bytes || again || v->roles[TOKEN_UNK] == TOKEN_NONE) {
        return 0;
    }
    return token_list_append(out, v->roles[TOKEN_UNK], err);
}

/* Merges text[0, n_bytes), in which [n] characters were counted. */
static int encode_stretch(const struct vocabulary *v, const char *text, size_t n_bytes, size_t n,
                          struct pieces_work *work, struct token_list *out, struct error *err)
{
    if (reserve(work, n, err) < 0) {
        return -1;
    }
    size_t start = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t code;
        size_t length = next_character(text + start, n_bytes - start, &code);
        work->symbols[i] = (struct piece_symbol){
            .id = TOKEN_NONE,
            .start = (uint32_t)start,
            .n_bytes = (uint32_t)length,
            .prev = i > 0 ? i - 1 : END,
            .next = i + 1 < n ? i + 1 : END,
        };
        start += length;
    }
    work->n_heap = 0;
    for (uint32_t i = 0; i + 1 < n; i++) {
        consider(v, text, work, i);
    }
    merge_all(v, text, work);
    for (uint32_t i = 0; i != END; i = work->symbols[i].next) {
        const struct piece_symbol *symbol = &work->symbols[i];
        int32_t id = symbol->id;
        if (id == TOKEN_NONE) {
            id = vocabulary_find(v, text + symbol->start, symbol->n_bytes, false);
        }
        if (id == TOKEN_NONE) {
            if (append_unknown(v, text + symbol->start, symbol->n_bytes, work, out, err) < 0) {
                return -1;
            }
            continue;
        }
        work->after_unknown = false;
        if (token_list_append(out, id, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int pieces_encode(const struct pieces *pieces, const struct vocabulary *v, const char *text,
                  size_t n_bytes, struct pieces_work *work, struct token_list *out,
                  struct error *err)
{
    size_t from = 0, n = 0; /* the stretch so far: where it begins, its characters */
    uint32_t left = 0, right;
    for (size_t at = 0; at < n_bytes; left = right) {
        size_t length = next_character(text + at, n_bytes - at, &right);
        if (n > 0 && (!may_merge(pieces, left, right) || at - from >= MAX_STRETCH_BYTES)) {
            if (encode_stretch(v, text + from, at - from, n, work, out, err) < 0) {
                return -1;
            }
            from = at;
            n = 0;
        }
        n++;
        at += length;
    }
    return n > 0 ? encode_stretch(v, text + from, n_bytes - from, n, work, out, err) : 0;
}
