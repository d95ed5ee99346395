#include "intake.h"

#include "base/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_BYTES (64 * 1024)

struct fd_intake {
    struct intake intake;
    int fd;
};

struct bytes_intake {
    struct intake intake;
    struct bytes bytes;
    size_t next;
};

static ssize_t fd_read(struct intake *intake, void *data, size_t n_bytes, struct error *err)
{
    const struct fd_intake *self = (struct fd_intake *)intake;
    ssize_t n;
    do
        n = read(self->fd, data, n_bytes);
    while (n < 0 && errno == EINTR);
    return n < 0 ? fail_errno(err, ERROR_IO, errno, "read error") : n;
}

static void fd_close(struct intake *intake)
{
    struct fd_intake *self = (struct fd_intake *)intake;
    if (self->fd > STDIN_FILENO)
        close(self->fd);
    free(self);
}

struct intake *intake_open_fd(int fd, struct error *err)
{
    static const struct intake_class class = {fd_read, fd_close};
    struct fd_intake *self = calloc(1, sizeof *self);
    if (!self) {
        if (fd > STDIN_FILENO)
            close(fd);
        fail_memory(err, sizeof *self, "a file");
        return NULL;
    }
    self->intake.class = &class;
    self->fd = fd;
    return &self->intake;
}

static ssize_t bytes_read(struct intake *intake, void *data, size_t n_bytes, struct error *err)
{
    struct bytes_intake *self = (struct bytes_intake *)intake;
    (void)err;
    size_t n = min_size(n_bytes, self->bytes.n_bytes - self->next);
    if (n > 0)
        memcpy(data, self->bytes.data + self->next, n);
    self->next += n;
    return (ssize_t)n;
}

static void bytes_close(struct intake *intake)
{
    struct bytes_intake *self = (struct bytes_intake *)intake;
    bytes_deinit(&self->bytes);
    free(self);
}

struct intake *intake_open_bytes(struct bytes *bytes, struct error *err)
{
    static const struct intake_class class = {bytes_read, bytes_close};
    struct bytes_intake *self = calloc(1, sizeof *self);
    if (!self) {
        bytes_deinit(bytes);
        fail_memory(err, sizeof *self, "a text");
        return NULL;
    }
    self->intake.class = &class;
    self->bytes = *bytes;
    *bytes = (struct bytes){0};
    return &self->intake;
}

void intake_close(struct intake *intake)
{
    if (!intake)
        return;
    bytes_deinit(&intake->head);
    intake->class->close(intake);
}

ssize_t intake_read(struct intake *intake, void *data, size_t n_bytes, struct error *err)
{
    size_t n = min_size(n_bytes, intake->head.n_bytes - intake->used);
    if (n == 0)
        return intake->class->read(intake, data, n_bytes, err);
    memcpy(data, intake->head.data + intake->used, n);
    intake->used += n;
    if (intake->used == intake->head.n_bytes) {
        bytes_deinit(&intake->head);
        intake->used = 0;
    }
    return (ssize_t)n;
}

int intake_peek(struct intake *intake, size_t n_wanted, const char **data, size_t *n_bytes,
                struct error *err)
{
    struct bytes *head = &intake->head;
    n_wanted = min_size(n_wanted, INTAKE_HEAD_BYTES);
    while (head->n_bytes - intake->used < n_wanted) {
        size_t n_missing = n_wanted - (head->n_bytes - intake->used);
        if (bytes_reserve(head, n_missing, err) < 0)
            return -1;
        ssize_t n = intake->class->read(intake, head->data + head->n_bytes, n_missing, err);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        head->n_bytes += (size_t)n;
    }
    *data = head->data ? head->data + intake->used : "";
    *n_bytes = head->n_bytes - intake->used;
    return 0;
}

int fail_too_large(struct error *err, size_t most_bytes, const char *what)
{
    return fail(err, ERROR_LIMIT,
                "%s of more than %.1f MiB, the most that one may have in memory here; smaller "
                "units or more memory read it, --long head the beginning of a file",
                what, (double)most_bytes / (1 << 20));
}

int intake_read_all(struct intake *intake, size_t most_bytes, struct bytes *out, struct error *err)
{
    size_t before = out->n_bytes;
    for (;;) {
        if (out->n_bytes - before > most_bytes)
            return fail_too_large(err, most_bytes, "a document");
        if (bytes_reserve(out, STEP_BYTES, err) < 0)
            return -1;
        ssize_t n = intake_read(intake, out->data + out->n_bytes, STEP_BYTES, err);
        if (n <= 0)
            return (int)n;
        out->n_bytes += (size_t)n;
        out->data[out->n_bytes] = '\0';
    }
}
