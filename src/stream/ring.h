#ifndef STREAM_RING_H
#define STREAM_RING_H
/* Where in the ring's memory the next piece goes: contiguous pieces of any size, in the lowest room
 * that is wide enough. Pieces come and go first in, first out, but the place that was left last is
 * taken again first, so that a run which waits for its disk lives in a few megabytes: memory that
 * the caches hold, into which devices copy up to half faster than into memory long not touched. */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ring_piece {
    uint64_t offset, n_bytes;
};

struct ring {
    uint64_t n_bytes;
    struct ring_piece *pieces; /* [n_pieces] ascending; room for all that ever live at a time */
    size_t n_pieces;
};

/* Offset of a new piece of [n_bytes] > 0. False when there is no room now; with nothing taken there
 * is room for anything up to the ring's size. */
static inline bool ring_take(struct ring *ring, uint64_t n_bytes, uint64_t *offset)
{
    size_t i = 0;
    *offset = 0;
    for (; i < ring->n_pieces && ring->pieces[i].offset - *offset < n_bytes; i++)
        *offset = ring->pieces[i].offset + ring->pieces[i].n_bytes;
    if (i == ring->n_pieces && ring->n_bytes - *offset < n_bytes)
        return false;
    memmove(ring->pieces + i + 1, ring->pieces + i, (ring->n_pieces - i) * sizeof *ring->pieces);
    ring->pieces[i] = (struct ring_piece){*offset, n_bytes};
    ring->n_pieces++;
    return true;
}

/* Gives the piece at [offset] back. */
static inline void ring_give(struct ring *ring, uint64_t offset)
{
    size_t i = 0;
    while (i < ring->n_pieces && ring->pieces[i].offset != offset)
        i++;
    assert(i < ring->n_pieces);
    ring->n_pieces--;
    memmove(ring->pieces + i, ring->pieces + i + 1, (ring->n_pieces - i) * sizeof *ring->pieces);
}

#endif
