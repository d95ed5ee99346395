#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H
/* The model's weights in program order, read ahead of their use. A slice is a run of bytes of one
 * tensor (or two, used together); a sweep takes all slices once, ascending. Between the file and
 * the user lies a ring of variable pieces, filled in program order and emptied first in, first out,
 * so that what is read next is always known; pinned slices are read during the first sweep and
 * stay, as they are or, with [kept_bytes], as what their user makes of them then.
 *
 * One thread (the one that runs the sweep) calls everything here. Files, slices and memory are
 * borrowed until stream_close. */

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "stream/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At most, of one request: a part of a slice is read by equal ones, as few as there may be. */
#define STREAM_REQUEST_BYTES (1280u << 10)

struct slice_part {
    uint32_t file;            /* index into the stream's files */
    uint64_t offset, n_bytes; /* anywhere in the file; the pages around it are read */
};

struct slice {
    int n_parts; /* 1, or 2 for parts that are used together (gate and up) */
    struct slice_part parts[2];
    bool pinned; /* stays in memory from the first sweep on */
    /* Whole pages in which a pinned slice stays, filled by its user; 0: it stays as it was read. */
    uint64_t kept_bytes;
};

/* Bytes read from disk for a slice: its parts, each widened to pages. */
uint64_t slice_read_bytes(const struct slice *slice);
/* Bytes of memory that it takes, or would take, where it is pinned. */
uint64_t slice_pinned_bytes(const struct slice *slice);

/* Room for the ring: the least that works (one slice at a time, no reading ahead) and what keeps a
 * disk busy while a slice is used. Both are 0 when every slice is pinned as it is read. */
struct stream_ring {
    uint64_t least_bytes, recommended_bytes;
};
struct stream_ring stream_ring_bytes(const struct slice *slices, size_t n_slices);

struct stream_options {
    const struct file *const *files; /* [n_files] */
    int n_files;
    const struct slice *slices; /* [n_slices], program order */
    size_t n_slices;
    const struct reader_ops *reader; /* NULL: the best that works here */
    uint64_t ring_bytes;             /* 0: recommended; else at least stream_ring.least_bytes */
    int depth; /* requests in flight; 0: enough to cover one slice and four requests more */
    struct memory *memory; /* MEMORY_RING: ring and book-keeping; MEMORY_PINNED: pinned slices */
};

struct stream;

/* Checks every slice against its file and takes all memory. NULL with [err]. */
struct stream *stream_open(const struct stream_options *options, struct error *err) MUST_CHECK;

/* Waits for reads in flight. Legal at any time, after errors too, and with NULL. */
void stream_close(struct stream *stream);

/* Starts the next sweep; what the last one did not take is dropped. With [another_follows] reading
 * goes on past the last slice into the first ones of the sweep after this. */
int stream_begin_sweep(struct stream *stream, bool another_follows, struct error *err) MUST_CHECK;

/* A slice in memory, until its release. */
struct slice_data {
    const uint8_t *parts[2]; /* the first byte of each; none once [made] */
    uint8_t *kept;           /* [kept_bytes] of a pinned slice that has them, aligned to pages */
    bool made;               /* kept is as an earlier release left it; else it is to be filled */
};

/* Blocks until slice [i] of the sweep is in memory. Ascending within a sweep; slices left out are
 * dropped or never read. Earlier slices may still be held while the ring has room (ERROR_LIMIT when
 * it has not). A read that failed or came short, and a file that was changed or vanished, are
 * errors here, with file, offset and remedy; nothing but stream_close is useful afterwards. */
int stream_acquire(struct stream *stream, size_t i, struct slice_data *data,
                   struct error *err) MUST_CHECK;

/* Gives the room of slice [i] back and starts reads into it; what was to be filled is. What fails
 * here is reported by the next acquire. */
void stream_release(struct stream *stream, size_t i);

/* Takes in what has arrived and starts what has room, without blocking: for the pauses of a long
 * step. */
void stream_poll(struct stream *stream);

/* Gives all memory of slices back to the system, pinned ones too, once what is in flight has come;
 * no slice is held. What was read ahead and what is pinned is read again when it is next wanted. */
int stream_vacate(struct stream *stream, struct error *err) MUST_CHECK;

struct stream_statistics {
    uint64_t n_reads;    /* requests completed */
    uint64_t bytes_read; /* whole pages: the pinned slices once and the others with every sweep,
                            by slice_read_bytes, and what was read again after stream_vacate */
    uint64_t wait_ns;    /* time stream_acquire blocked */
};
struct stream_statistics stream_statistics(const struct stream *stream);

#endif
