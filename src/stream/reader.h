#ifndef STREAM_READER_H
#define STREAM_READER_H
/* How bytes get from a file into memory: one small table of functions per way, all listed in
 * readers[]. A reader belongs to one thread, which submits requests and waits for completions in
 * whatever order they come; memory and files of a request stay valid until its completion was
 * handed out. */

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stdint.h>

#define READER_MAX_BYTES                                                                           \
    (8u << 20) /* of one request: large enough for full rate, small enough to keep several in      \
                  flight */

struct reader_request {
    const struct file *file;
    uint64_t offset;  /* multiple of FILE_ALIGN, as are the two below */
    uint32_t n_bytes; /* 1 to READER_MAX_BYTES; may reach beyond the end of the file */
    void *to;
    uint64_t tag; /* handed back */
    bool fresh;   /* memory never touched: the system clears its pages first, which takes longer
                     than the submission and should not hold up the caller */
};

struct reader_completion {
    uint64_t tag;
    int64_t result; /* bytes read or -errno; may be short for no reason (the caller reads the rest)
                       as well as at the end of the file */
};

struct reader_ops {
    const char *name;
    /* Ready for up to [depth] requests in flight; NULL with [err] where this system cannot. */
    void *(*open)(int depth, struct error *err);
    /* Starts one request; never more than [depth] at a time. On failure it is not in flight. */
    int (*submit)(void *reader, const struct reader_request *request, struct error *err);
    /* Hands out one completion: 1; 0 when none has come and [block] is false; -1 with [err]. Blocks
     * only with something in flight. */
    int (*wait)(void *reader, bool block, struct reader_completion *out, struct error *err);
    /* Nothing is in flight. NULL is legal. */
    void (*close)(void *reader);
};

/* Best first, ended by NULL. "null" reads nothing at all: it measures everything but the disk and
 * is never chosen unasked. */
extern const struct reader_ops *const readers[];

const struct reader_ops *reader_find(const char *name); /* NULL: no such reader in this build */

/* Opens [ops], or with NULL the first in the list that works here. [ops_out] says which it was.
 * NULL with [err]. */
void *reader_open(const struct reader_ops *ops, int depth, const struct reader_ops **ops_out,
                  struct error *err) MUST_CHECK;

#endif
