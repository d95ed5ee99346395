#ifndef INTAKE_H
#define INTAKE_H
/* A source of bytes that are read once, front to back: a file, a text in memory, a member of an
 * archive (unpack.c), what a process prints (process.c), text of another character set (charset.c).
 * One intake takes another as its input and then owns it. Implementations begin with a struct
 * intake. */

#include "base/bytes.h"
#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

#define INTAKE_HEAD_BYTES (96 * 1024) /* what is looked at before an input is read: what is it? */

struct intake;

struct intake_class {
    /* Up to n_bytes > 0; 0 is the end. */
    ssize_t (*read)(struct intake *intake, void *data, size_t n_bytes, struct error *err);
    void (*close)(struct intake *intake); /* frees all but the head */
};

struct intake {
    const struct intake_class *class;
    struct bytes head; /* looked at; what lies from [used] on has not been read */
    size_t used;
};

struct intake *intake_open_fd(int fd, struct error *err) MUST_CHECK; /* takes fd, also on failure */
struct intake *intake_open_bytes(struct bytes *bytes, struct error *err)
    MUST_CHECK;                           /* takes the memory, also on failure */
void intake_close(struct intake *intake); /* NULL is legal */

ssize_t intake_read(struct intake *intake, void *data, size_t n_bytes,
                    struct error *err) MUST_CHECK;

/* Reads ahead until [n_wanted] bytes, at most INTAKE_HEAD_BYTES, are there or the input ends.
 * *data, *n_bytes: what will be read next; valid until then. */
int intake_peek(struct intake *intake, size_t n_wanted, const char **data, size_t *n_bytes,
                struct error *err) MUST_CHECK;

/* Appends all that is left; fails when that is more than most_bytes. */
int intake_read_all(struct intake *intake, size_t most_bytes, struct bytes *out,
                    struct error *err) MUST_CHECK;

/* "a document of more than ...": returns -1. */
int fail_too_large(struct error *err, size_t most_bytes, const char *what);

#endif
