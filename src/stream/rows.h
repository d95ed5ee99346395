#ifndef STREAM_ROWS_H
#define STREAM_ROWS_H
/* Scattered rows of a tensor that does not fit in memory (embeddings, looked up by token): sorted,
 * coalesced, many reads in flight. */

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "stream/reader.h"

#include <stddef.h>
#include <stdint.h>

/* Memory taken (MEMORY_RING) while rows_read runs. */
#define ROWS_BUFFER_BYTES (4u << 20)

struct rows_request {
    const struct file *file;
    uint64_t offset;     /* of row 0 in the file */
    uint64_t row_bytes;  /* > 0 */
    uint64_t n_rows;     /* of the tensor: ids are below it */
    const uint32_t *ids; /* [n_ids], ascending, each once */
    size_t n_ids;
    uint8_t *to;                     /* [n_ids, row_bytes] */
    const struct reader_ops *reader; /* NULL: the best that works here */
    struct memory *memory;
    /* Called after each completion (may be NULL): other reading must not stand still meanwhile. */
    void (*meanwhile)(void *context);
    void *context;
};

/* Reads the rows. Returns the bytes read from disk (whole pages, with the gaps between near rows),
 * or -1 with [err]. */
int64_t rows_read(const struct rows_request *request, struct error *err) MUST_CHECK;

#endif
