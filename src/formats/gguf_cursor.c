#include "base/size.h"
#include "formats/gguf_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (256u * 1024)

/* The largest vocabularies take some 30 MB; a header beyond this is damage, and parsing tensor data
 * as metadata must end somewhere. */
#define MAX_HEADER_BYTES (UINT64_C(256) << 20)

int gguf_cursor_init(struct gguf_cursor *cursor, const struct file *file, struct error *err)
{
    uint64_t limit = file->size_bytes < MAX_HEADER_BYTES ? file->size_bytes : MAX_HEADER_BYTES;
    *cursor = (struct gguf_cursor){.file = file, .limit = limit};
    void *chunk = NULL;
    if (posix_memalign(&chunk, FILE_ALIGN, CHUNK_BYTES) != 0)
        return fail_memory(err, CHUNK_BYTES, "reading a header");
    cursor->chunk = chunk;
    return 0;
}

void gguf_cursor_deinit(struct gguf_cursor *cursor)
{
    free(cursor->chunk);
    cursor->chunk = NULL;
}

uint64_t gguf_cursor_left(const struct gguf_cursor *cursor)
{
    return cursor->limit - cursor->position;
}

/* Moves the window so that it holds the byte at the position. */
static int fill_chunk(struct gguf_cursor *cursor, struct error *err)
{
    const struct file *file = cursor->file;
    cursor->chunk_start = round_down(cursor->position, FILE_ALIGN);
    cursor->chunk_bytes = 0;
    int64_t n = file_read_aligned(file, cursor->chunk_start, cursor->chunk, CHUNK_BYTES);
    if (n < 0)
        return fail_errno(err, ERROR_IO, errno, "cannot read at offset %" PRIu64,
                          cursor->chunk_start);
    if (cursor->chunk_start + (uint64_t)n <= cursor->position)
        return fail(err, ERROR_IO,
                    "the file became shorter while it was read (at offset %" PRIu64 ")",
                    cursor->position);
    cursor->chunk_bytes = (uint64_t)n;
    return 0;
}

int gguf_take(struct gguf_cursor *cursor, void *to, uint64_t n_bytes, const char *what,
              struct error *err)
{
    if (n_bytes > gguf_cursor_left(cursor)) {
        if (cursor->limit < cursor->file->size_bytes)
            return fail(err, ERROR_FORMAT,
                        "the header goes on beyond %" PRIu64 " MiB (in %s): the file is damaged",
                        cursor->limit >> 20, what);
        return fail(err, ERROR_FORMAT,
                    "the file ends inside its header (%s at offset %" PRIu64 " needs %" PRIu64
                    " bytes, %" PRIu64 " are left): it is truncated or damaged; download it again",
                    what, cursor->position, n_bytes, gguf_cursor_left(cursor));
    }
    uint8_t *out = to;
    while (n_bytes > 0) {
        uint64_t in_chunk = cursor->position - cursor->chunk_start;
        if (cursor->position < cursor->chunk_start || in_chunk >= cursor->chunk_bytes) {
            if (fill_chunk(cursor, err) < 0)
                return -1;
            in_chunk = cursor->position - cursor->chunk_start;
        }
        uint64_t n = cursor->chunk_bytes - in_chunk;
        if (n > n_bytes)
            n = n_bytes;
        memcpy(out, cursor->chunk + in_chunk, (size_t)n);
        cursor->position += n;
        out += n;
        n_bytes -= n;
    }
    return 0;
}

int gguf_take_u32(struct gguf_cursor *cursor, uint32_t *out, const char *what, struct error *err)
{
    return gguf_take(cursor, out, sizeof *out, what, err);
}

int gguf_take_count(struct gguf_cursor *cursor, uint64_t *out, const char *what, struct error *err)
{
    if (cursor->version >= 2)
        return gguf_take(cursor, out, sizeof *out, what, err);
    uint32_t count;
    if (gguf_take_u32(cursor, &count, what, err) < 0)
        return -1;
    *out = count;
    return 0;
}

int gguf_take_text(struct gguf_cursor *cursor, struct arena *arena, struct gguf_text *out,
                   const char *what, struct error *err)
{
    uint64_t n_bytes;
    if (gguf_take_count(cursor, &n_bytes, what, err) < 0)
        return -1;
    if (n_bytes > gguf_cursor_left(cursor))
        return fail(err, ERROR_FORMAT,
                    "%s at offset %" PRIu64 " claims %" PRIu64 " bytes, but only %" PRIu64
                    " are left: the file is truncated or damaged; download it again",
                    what, cursor->position, n_bytes, gguf_cursor_left(cursor));
    char *data = arena_alloc(arena, n_bytes + 1, 1, what, err);
    if (!data || gguf_take(cursor, data, n_bytes, what, err) < 0)
        return -1;
    data[n_bytes] = '\0';
    *out = (struct gguf_text){data, n_bytes};
    return 0;
}
