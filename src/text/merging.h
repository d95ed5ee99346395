#ifndef TEXT_MERGING_H
#define TEXT_MERGING_H
/* Two neighbours become one, the best pair first and the leftmost among equals, until no pair is
 * left: the loop that both kinds of byte-pair encoding share (Sennrich et al. 2016). What a pair
 * becomes is the caller's to say. Private to this folder; one thread at a time. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text that is merged at once. Bounds the memory of a merge; offsets fit 16 bits. */
#define MERGING_MOST_BYTES (1u << 16)

/* Lies at the place of its first byte; at the other ones n_bytes is 0. */
struct merging_symbol {
    int32_t id;        /* TOKEN_NONE: text that is no token */
    uint16_t n_bytes;  /* of text */
    uint16_t n_before; /* of the symbol on its left, 0: the first */
};

/* What two neighbours would become. */
struct merging_candidate {
    uint32_t order;   /* lower comes first */
    int32_t id;       /* of both together */
    uint16_t at;      /* the left one */
    uint16_t n_bytes; /* of both; symbols only grow, so it says whether they are still the same */
};

/* Room for one text, kept from text to text. Zero-initialised is empty. */
struct merging {
    struct merging_symbol *symbols;   /* [n_bytes] */
    struct merging_candidate *heap;   /* the first of all at 0 */
    size_t n_bytes, n_heap, capacity; /* capacity: of each of the two */
};
#define MERGING_BYTES_PER_BYTE (sizeof(struct merging_symbol) + sizeof(struct merging_candidate))

void merging_deinit(struct merging *merging);

/* Begins a text of [n_bytes] in 1 .. MERGING_MOST_BYTES. */
int merging_begin(struct merging *merging, size_t n_bytes, struct error *err) MUST_CHECK;

/* The symbols it starts from, one behind the other, until they cover the text. */
void merging_add(struct merging *merging, size_t at, size_t n_bytes, int32_t id);

/* Whether the symbols at [left] and [right] merge; if so sets id and order of [candidate]. */
typedef bool (*merging_fn)(const void *arg, const struct merging *merging, size_t left,
                           size_t right, struct merging_candidate *candidate);

/* Merges until nothing is left to merge; n log n calls of [join] at most. The symbols that stay are
 * found by merging_next, from 0 on, while it is below merging->n_bytes. */
void merging_run(struct merging *merging, merging_fn join, const void *arg);

static inline size_t merging_next(const struct merging *merging, size_t at)
{
    return at + merging->symbols[at].n_bytes;
}

#endif
