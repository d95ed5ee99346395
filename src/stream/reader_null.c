/* The reader that reads nothing: requests are complete at once and memory keeps what it had. What a
 * run costs without its disk. */
#include "stream/readers.h"

#include <stdlib.h>

struct null_reader {
    int depth, first, n_waiting;
    struct reader_completion completions[]; /* [depth] circular */
};

static void *null_open(int depth, struct error *err)
{
    size_t n_bytes = sizeof(struct null_reader) + (size_t)depth * sizeof(struct reader_completion);
    struct null_reader *reader = calloc(1, n_bytes);
    if (!reader) {
        fail_memory(err, n_bytes, "a reader");
        return NULL;
    }
    reader->depth = depth;
    return reader;
}

static int null_submit(void *opened, const struct reader_request *request, struct error *err)
{
    struct null_reader *reader = opened;
    (void)err;
    int slot = (reader->first + reader->n_waiting++) % reader->depth;
    reader->completions[slot] = (struct reader_completion){request->tag, request->n_bytes};
    return 0;
}

static int null_wait(void *opened, bool block, struct reader_completion *out, struct error *err)
{
    struct null_reader *reader = opened;
    (void)block, (void)err;
    if (reader->n_waiting == 0)
        return 0;
    *out = reader->completions[reader->first];
    reader->first = (reader->first + 1) % reader->depth;
    reader->n_waiting--;
    return 1;
}

const struct reader_ops reader_null = {"null", null_open, null_submit, null_wait, free};
