#include "stream/rows.h"

#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define GAP_BYTES    (64u * 1024)  /* reading over a gap this small costs less than a request */
#define WINDOW_BYTES (128u * 1024) /* of one request */
#define N_WINDOWS    (ROWS_BUFFER_BYTES / WINDOW_BYTES)

/* One request: pages [offset, offset + n_bytes) of the file. Windows are handed out in the order of
 * the file; a row may lie in two or more. */
struct window {
    uint64_t offset;
    uint32_t n_bytes;
};

struct rows_run {
    const struct rows_request *request;
    const struct reader_ops *ops;
    void *reader;
    uint8_t *buffers;                 /* [N_WINDOWS, WINDOW_BYTES] */
    struct window windows[N_WINDOWS]; /* by tag */
    int free_windows[N_WINDOWS];
    int n_free;
    size_t next_id;                /* first id of the next extent */
    uint64_t position, extent_end; /* what is left of the running extent; whole pages */
    int64_t bytes_read;
};

static uint64_t row_start(const struct rows_request *request, size_t i)
{
    return request->offset + request->ids[i] * request->row_bytes;
}

static int check_request(const struct rows_request *request, struct error *err)
{
    uint64_t n_bytes, end;
    if (!mul_size(request->n_rows, request->row_bytes, &n_bytes) ||
        !add_size(request->offset, n_bytes, &end) || end > request->file->size_bytes)
        return fail(err, ERROR_FORMAT,
                    "%s: rows end beyond the file: it is truncated; download it again",
                    request->file->path);
    for (size_t i = 0; i < request->n_ids; i++)
        if (request->ids[i] >= request->n_rows || (i > 0 && request->ids[i] <= request->ids[i - 1]))
            return fail(err, ERROR_USAGE, "row ids must ascend below %" PRIu64 ", found %" PRIu32,
                        request->n_rows, request->ids[i]);
    return 0;
}

/* The next run of pages that holds rows without large gaps; false when all ids are covered. */
static bool next_extent(struct rows_run *run)
{
    const struct rows_request *request = run->request;
    if (run->next_id == request->n_ids)
        return false;
    size_t i = run->next_id;
    uint64_t end = row_start(request, i) + request->row_bytes;
    run->position = round_down(row_start(request, i), FILE_ALIGN);
    while (++i < request->n_ids && row_start(request, i) <= end + GAP_BYTES)
        end = row_start(request, i) + request->row_bytes;
    run->extent_end = round_up(end, FILE_ALIGN);
    run->next_id = i;
    return true;
}

/* First id whose row ends after [offset]. */
static size_t first_row_after(const struct rows_request *request, uint64_t offset)
{
    size_t low = 0, high = request->n_ids;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (row_start(request, middle) + request->row_bytes <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Copies what lies in the window to the rows. [n_bytes] are valid; returns -1 when a row needs more
 * than that. */
static int copy_rows(const struct rows_request *request, const struct window *window,
                     const uint8_t *buffer, uint64_t n_bytes, struct error *err)
{
    uint64_t window_end = window->offset + window->n_bytes;
    for (size_t i = first_row_after(request, window->offset); i < request->n_ids; i++) {
        uint64_t start = row_start(request, i), end = start + request->row_bytes;
        if (start >= window_end)
            break;
        uint64_t from = start > window->offset ? start : window->offset;
        uint64_t to = end < window_end ? end : window_end;
        if (to > window->offset + n_bytes)
            return fail(err, ERROR_IO,
                        "%s: the file ends at byte %" PRIu64
                        ": it was truncated while it was read; download it again",
                        request->file->path, window->offset + n_bytes);
        memcpy(request->to + i * request->row_bytes + (from - start),
               buffer + (from - window->offset), (size_t)(to - from));
    }
    return 0;
}

static int submit_window(struct rows_run *run, struct error *err)
{
    uint64_t left = run->extent_end - run->position;
    int index = run->free_windows[run->n_free - 1];
    struct window *window = &run->windows[index];
    *window = (struct window){run->position, left < WINDOW_BYTES ? (uint32_t)left : WINDOW_BYTES};
    struct reader_request request = {.file = run->request->file,
                                     .offset = window->offset,
                                     .n_bytes = window->n_bytes,
                                     .to = run->buffers + (size_t)index * WINDOW_BYTES,
                                     .tag = (uint64_t)index};
    if (run->ops->submit(run->reader, &request, err) < 0)
        return fail_context(err, "%s", run->request->file->path);
    run->n_free--;
    run->position += window->n_bytes;
    return 0;
}

static int finish_window(struct rows_run *run, struct error *err)
{
    struct reader_completion completion;
    if (run->ops->wait(run->reader, true, &completion, err) < 0)
        return -1;
    const struct window *window = &run->windows[completion.tag];
    uint8_t *buffer = run->buffers + completion.tag * WINDOW_BYTES;
    run->free_windows[run->n_free++] = (int)completion.tag;
    if (run->request->meanwhile)
        run->request->meanwhile(run->request->context);
    int64_t n = completion.result;
    if (n == -EINTR || n == -EAGAIN || (n >= 0 && n < (int64_t)window->n_bytes)) {
        n = file_read_aligned(run->request->file, window->offset, buffer, window->n_bytes);
        n = n < 0 ? -(int64_t)errno : n;
    }
    if (n < 0)
        return fail_errno(err, ERROR_IO, (int)-n,
                          "%s: cannot read at offset %" PRIu64 " (check the disk, then run again)",
                          run->request->file->path, window->offset);
    run->bytes_read += window->n_bytes;
    return copy_rows(run->request, window, buffer, (uint64_t)n, err);
}

/* Keeps all windows busy until every extent is read. On an error what is in flight is waited for:
 * its memory goes away. */
static int run_windows(struct rows_run *run, struct error *err)
{
    int rc = 0;
    for (;;) {
        bool more = rc == 0 && (run->position < run->extent_end || next_extent(run));
        if (more && run->n_free > 0) {
            rc = submit_window(run, err);
            continue;
        }
        if (run->n_free == N_WINDOWS)
            return rc;
        struct error later;
        int n_free = run->n_free;
        if (finish_window(run, rc == 0 ? err : &later) < 0) {
            rc = -1;
            if (run->n_free == n_free)
                return rc; /* the reader itself is broken: nothing will come */
        }
    }
}

int64_t rows_read(const struct rows_request *request, struct error *err)
{
    if (check_request(request, err) < 0)
        return -1;
    if (request->n_ids == 0)
        return 0;
    struct rows_run run = {.request = request, .n_free = N_WINDOWS};
    for (int i = 0; i < (int)N_WINDOWS; i++)
        run.free_windows[i] = i;
    run.buffers = memory_alloc(request->memory, MEMORY_RING, ROWS_BUFFER_BYTES, err);
    if (!run.buffers)
        return -1;
    int rc = -1;
    run.reader = reader_open(request->reader, N_WINDOWS, &run.ops, err);
    if (run.reader) {
        rc = run_windows(&run, err);
        run.ops->close(run.reader);
    }
    memory_free(request->memory, MEMORY_RING, run.buffers, ROWS_BUFFER_BYTES);
    return rc < 0 ? -1 : run.bytes_read;
}
