#include "text/pieces.h"

#include "base/utf8.h"

#include <string.h>

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

/* The stretch that is being merged. */
struct stretch {
    const struct vocabulary *v;
    const char *text;
};

/* Numbers that ascend as scores descend: IEEE 754's bits, turned round. */
static uint32_t order_of(float score)
{
    uint32_t bits;
    score += 0.0f; /* both zeros are one */
    memcpy(&bits, &score, sizeof(bits));
    return bits >> 31 ? bits : ~bits & 0x7fffffffu;
}

static bool join_by_score(const void *arg, const struct merging *merging, size_t left, size_t right,
                          struct merging_candidate *candidate)
{
    const struct stretch *stretch = arg;
    size_t n_bytes = (size_t)merging->symbols[left].n_bytes + merging->symbols[right].n_bytes;
    if (n_bytes > stretch->v->max_bytes) {
        return false;
    }
    candidate->id = vocabulary_find(stretch->v, stretch->text + left, n_bytes, false);
    if (candidate->id == TOKEN_NONE) {
        return false;
    }
    candidate->order = order_of(stretch->v->scores[candidate->id]);
    return true;
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

/* Merges text[0, n_bytes), characters first. */
static int encode_stretch(const struct vocabulary *v, const char *text, size_t n_bytes,
                          struct pieces_work *work, struct token_list *out, struct error *err)
{
    struct merging *merging = &work->merging;
    struct stretch stretch = {v, text};
    if (merging_begin(merging, n_bytes, err) < 0) {
        return -1;
    }
    for (size_t at = 0; at < n_bytes; at = merging_next(merging, at)) {
        uint32_t code;
        merging_add(merging, at, next_character(text + at, n_bytes - at, &code), TOKEN_NONE);
    }
    merging_run(merging, join_by_score, &stretch);
    for (size_t at = 0; at < n_bytes; at = merging_next(merging, at)) {
        const struct merging_symbol *symbol = &merging->symbols[at];
        int32_t id = symbol->id;
        if (id == TOKEN_NONE) { /* still a single character */
            id = vocabulary_find(v, text + at, symbol->n_bytes, false);
        }
        if (id == TOKEN_NONE) {
            if (append_unknown(v, text + at, symbol->n_bytes, work, out, err) < 0) {
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
    size_t from = 0; /* where the stretch so far begins */
    uint32_t left = 0, right;
    for (size_t at = 0; at < n_bytes; left = right) {
        size_t length = next_character(text + at, n_bytes - at, &right);
        if (at > from &&
            (!may_merge(pieces, left, right) || at + length - from > MERGING_MOST_BYTES)) {
            if (encode_stretch(v, text + from, at - from, work, out, err) < 0) {
                return -1;
            }
            from = at;
        }
        at += length;
    }
    return n_bytes > from ? encode_stretch(v, text + from, n_bytes - from, work, out, err) : 0;
}
