#ifndef STREAM_RING_H
#define STREAM_RING_H
/* Where in a circular memory the next piece goes: contiguous pieces of any size, given back in the
 * order they were taken. A piece that does not fit before the end starts at 0 and takes the rest
 * before the end with it. */

#include <stdbool.h>
#include <stdint.h>

struct ring {
    uint64_t n_bytes;
    uint64_t head, tail; /* offsets of the next piece and of the oldest one */
    uint64_t used_bytes; /* tells full from empty when they are equal */
};

/* Offset of a piece of [n_bytes] > 0 in *offset, and in *taken_bytes what must be given back for
 * it. False when there is no room now; with nothing taken there is room for anything up to the
 * ring's size. */
static inline bool ring_take(struct ring *ring, uint64_t n_bytes, uint64_t *offset,
                             uint64_t *taken_bytes)
{
    if (ring->used_bytes == 0)
        ring->head = ring->tail = 0;
    uint64_t start = ring->head, wasted = 0;
    if (ring->used_bytes > 0 && start <= ring->tail) {
        if (n_bytes > ring->tail - start)
            return false;
    } else if (n_bytes > ring->n_bytes - start) {
        wasted = ring->n_bytes - start;
        start = 0;
        if (n_bytes > ring->tail)
            return false;
    }
    *offset = start;
    *taken_bytes = n_bytes + wasted;
    ring->used_bytes += *taken_bytes;
    ring->head = (start + n_bytes) % ring->n_bytes;
    return true;
}

/* Gives the oldest piece back. */
static inline void ring_give(struct ring *ring, uint64_t taken_bytes)
{
    ring->used_bytes -= taken_bytes;
    ring->tail = (ring->tail + taken_bytes) % ring->n_bytes;
}

#endif
