/* Linux io_uring: many reads in flight without threads of our own. Compiled to nothing without
 * liburing. */
#ifdef HAVE_LIBURING

#include "stream/readers.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>

/* A request in flight; the ring's user data is its index. */
struct flight {
    struct reader_request request;
    int next_free;
};

struct uring_reader {
    struct io_uring ring;
    int first_free;          /* list of flights that are not in flight; -1: none */
    struct flight flights[]; /* [depth] */
};

static void *uring_open(int depth, struct error *err)
{
    size_t n_bytes = sizeof(struct uring_reader) + (size_t)depth * sizeof(struct flight);
    struct uring_reader *reader = calloc(1, n_bytes);
    if (!reader) {
        fail_memory(err, n_bytes, "a reader");
        return NULL;
    }
    int rc = io_uring_queue_init((unsigned)depth, &reader->ring, 0);
    if (rc < 0) {
        fail_errno(err, ERROR_UNSUPPORTED, -rc,
                   "io_uring is not to be had here (use --reader pread)");
        free(reader);
        return NULL;
    }
    for (int i = 0; i < depth; i++)
        reader->flights[i].next_free = i + 1 < depth ? i + 1 : -1;
    return reader;
}

static void uring_close(void *opened)
{
    struct uring_reader *reader = opened;
    if (!reader)
        return;
    io_uring_queue_exit(&reader->ring);
    free(reader);
}

static int uring_submit(void *opened, const struct reader_request *request, struct error *err)
{
    struct uring_reader *reader = opened;
    int index = reader->first_free;
    struct flight *flight = &reader->flights[index];
    struct io_uring_sqe *sqe = io_uring_get_sqe(&reader->ring);
    if (!sqe)
        return fail(err, ERROR_IO, "io_uring has no room for a request");
    io_uring_prep_read(sqe, request->file->fd, request->to, request->n_bytes, request->offset);
    sqe->user_data = (uint64_t)index;
    if (request->fresh)
        sqe->flags |= IOSQE_ASYNC; /* pages are cleared by the kernel's own threads */

    int rc;
    do
        rc = io_uring_submit(&reader->ring);
    while (rc == -EINTR || rc == -EAGAIN);
    if (rc < 0) {
        /* The entry stays in the queue; turned into nothing it cannot start later and write to
         * memory that is not ours any more. */
        io_uring_prep_nop(sqe);
        sqe->user_data = UINT64_MAX;
        return fail_errno(err, ERROR_IO, -rc, "io_uring refused a read (use --reader pread)");
    }
    flight->request = *request;
    reader->first_free = flight->next_free;
    return 0;
}

static int uring_wait(void *opened, bool block, struct reader_completion *out, struct error *err)
{
    struct uring_reader *reader = opened;
    for (;;) {
        struct io_uring_cqe *cqe = NULL;
        int rc =
            block ? io_uring_wait_cqe(&reader->ring, &cqe) : io_uring_peek_cqe(&reader->ring, &cqe);
        if (rc == -EINTR)
            continue;
        if (rc == -EAGAIN && !block)
            return 0;
        if (rc < 0)
            return fail_errno(err, ERROR_IO, -rc, "io_uring failed (use --reader pread)");
        uint64_t index = cqe->user_data;
        int result = cqe->res;
        io_uring_cqe_seen(&reader->ring, cqe);
        if (index == UINT64_MAX)
            continue;

        struct flight *flight = &reader->flights[index];
        const struct reader_request *request = &flight->request;
        file_drop_pages(request->file, request->offset, request->n_bytes);
        *out = (struct reader_completion){request->tag, result};
        flight->next_free = reader->first_free;
        reader->first_free = (int)index;
        return 1;
    }
}

const struct reader_ops reader_uring = {"uring", uring_open, uring_submit, uring_wait, uring_close};

#endif
