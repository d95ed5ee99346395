#ifndef STREAM_STREAM_INTERNAL_H
#define STREAM_STREAM_INTERNAL_H
/* Shared by stream.c (the interface) and stream_read.c (what is read when).
 *
 * Positions: slice i of sweep s is position s * n_slices + i. Reading runs through the positions in
 * order; at most n_slices of them are alive at a time, so that a slot per slice says everything
 * about its one living position.
 *
 *        tail .......... wanted .......... issue ........ limit
 *     oldest piece    what the user     what is read   where reading
 *     in the ring      asks for next       next          must stop
 */

#include "base/size.h"
#include "stream/ring.h"
#include "stream/stream.h"

enum slot_state {
    SLOT_EMPTY,   /* nothing read or wanted */
    SLOT_READING, /* has its memory; requests are in flight or yet to be issued */
    SLOT_READY,   /* all here */
    SLOT_FAILED,  /* a request failed; the stream has the error */
    SLOT_HELD,    /* the user has it */
    SLOT_DROPPED, /* skipped while requests were in flight */
};

struct slot {
    uint8_t *data; /* [slice_read_bytes]: in the ring, or the slice's pinned memory */
    uint8_t *kept; /* [kept_bytes] of pinned memory for what its user makes of it */
    uint32_t n_in_flight;
    uint8_t state;
    bool failed;
    bool in_ring;  /* data is a piece of the ring */
    bool resident; /* pinned and read, or made */
};

/* One request, known by its index (the tag). */
struct flight {
    size_t slice;
    const struct file *file;
    uint64_t offset;
    uint64_t needed_bytes; /* of n_bytes: what lies beyond may be past the end of the file */
    uint32_t n_bytes;
    uint8_t *to;
    int next_free;
};

struct stream {
    const struct file *const *files;
    const struct slice *slices;
    size_t n_slices;
    struct memory *memory;
    const struct reader_ops *ops;
    void *reader;
    int depth, n_in_flight;
    int first_free;         /* list of flights; -1: none */
    struct flight *flights; /* [depth] */
    struct slot *slots;     /* [n_slices] */
    uint64_t table_bytes;   /* of this struct with flights, slots and the ring's pieces */

    uint8_t *ring_memory;
    struct ring ring;
    uint8_t *pinned;
    uint64_t pinned_bytes;

    uint64_t tail, wanted, issue, limit; /* positions */
    uint64_t sweep_start;                /* position of slice 0 of the running sweep */
    bool begun;
    /* Within the slice at [issue]: what has been requested so far. */
    bool issue_open;
    int issue_part;
    uint64_t issue_done; /* bytes of that part */

    bool failed;
    struct error error; /* the first one */
    struct stream_statistics statistics;
};

static inline uint64_t part_start(const struct slice_part *part)
{
    return round_down(part->offset, FILE_ALIGN);
}

static inline uint64_t part_end(const struct slice_part *part)
{
    return round_up(part->offset + part->n_bytes, FILE_ALIGN);
}

/* ---- stream_read.c ---- */

/* Takes in one completion; false when there was none or the reader failed. Blocks, when asked to,
 * only with something in flight. */
bool stream_take_completion(struct stream *stream, bool block);

/* Gives free room back to the ring and starts as many reads as there is room for. */
void stream_start_reads(struct stream *stream);

/* Both, with all completions that are there. */
void stream_advance(struct stream *stream);

/* Gives up every position from [wanted] to before [position]. */
void stream_drop_until(struct stream *stream, uint64_t position);

/* Makes slice [i] ready (or failed) if its last request has come back. */
void stream_settle(struct stream *stream, size_t i);

/* The first error is the one that is told. */
void stream_keep_error(struct stream *stream, const struct error *err);

#endif
