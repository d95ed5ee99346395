#include "intake_cut.h"

#include <stdlib.h>

#define CHARACTER_BYTES 4 /* the longest of UTF-8; UTF-16 and UTF-32 divide it */

struct cut_intake {
    struct intake intake;
    struct intake *input; /* owned */
    size_t n_left;
    bool *is_cut;
};

/* How many bytes at the end of [data] begin a character of UTF-8 that is not all there. */
static size_t half_character(const char *data, size_t n_bytes)
{
    for (size_t back = 1; back < CHARACTER_BYTES && back <= n_bytes; back++) {
        unsigned char c = (unsigned char)data[n_bytes - back];
        size_t wanted = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        if ((c & 0xc0) != 0x80)
            return wanted > back ? back : 0;
    }
    return 0;
}

/* Reads what is left, which there is room for: the last character is in one piece. */
static ssize_t read_rest(struct cut_intake *self, char *data, struct error *err)
{
    size_t n_read = 0;
    while (self->n_left > 0) {
        ssize_t n = intake_read(self->input, data + n_read, self->n_left, err);
        if (n < 0)
            return -1;
        if (n == 0)
            return (ssize_t)n_read;
        n_read += (size_t)n;
        self->n_left -= (size_t)n;
    }
    const char *more;
    size_t n_more;
    if (intake_peek(self->input, 1, &more, &n_more, err) < 0)
        return -1;
    *self->is_cut = n_more > 0;
    return (ssize_t)(*self->is_cut ? n_read - half_character(data, n_read) : n_read);
}

static ssize_t cut_read(struct intake *intake, void *data, size_t n_bytes, struct error *err)
{
    struct cut_intake *self = (struct cut_intake *)intake;
    if (self->n_left == 0)
        return 0;
    if (n_bytes >= self->n_left)
        return read_rest(self, data, err);
    size_t most = self->n_left > CHARACTER_BYTES ? self->n_left - CHARACTER_BYTES : self->n_left;
    ssize_t n = intake_read(self->input, data, n_bytes < most ? n_bytes : most, err);
    self->n_left -= n > 0 ? (size_t)n : 0;
    return n;
}

static void cut_close(struct intake *intake)
{
    struct cut_intake *self = (struct cut_intake *)intake;
    intake_close(self->input);
    free(self);
}

struct intake *intake_cut(struct intake *input, size_t most_bytes, bool *is_cut, struct error *err)
{
    static const struct intake_class class = {.read = cut_read, .close = cut_close};
    struct cut_intake *self = calloc(1, sizeof *self);
    if (!self) {
        fail_memory(err, sizeof *self, "a file");
        intake_close(input);
        return NULL;
    }
    self->intake.class = &class;
    self->input = input;
    self->n_left = most_bytes - most_bytes % CHARACTER_BYTES;
    self->is_cut = is_cut;
    *is_cut = false;
    return &self->intake;
}
