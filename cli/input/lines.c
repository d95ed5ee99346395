#include "lines.h"

#include "base/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void lines_init(struct lines *lines, int fd, char end_byte, size_t most_bytes)
{
    *lines =
        (struct lines){.fd = fd, .end_byte = end_byte, .at_end = fd < 0, .most_bytes = most_bytes};
}

static void close_file(struct lines *lines)
{
    if (lines->fd > STDIN_FILENO)
        close(lines->fd);
    lines->fd = -1;
    lines->at_end = true;
}

void lines_deinit(struct lines *lines)
{
    close_file(lines);
    free(lines->buffer);
    lines->buffer = NULL;
}

/* Reads some more after buffer[end), making room. 1: something came; 0: the end; -1. */
static int fill(struct lines *lines, struct error *err)
{
    if (lines->at_end)
        return 0;
    size_t held = lines->end - lines->start;
    if (held > lines->most_bytes)
        return fail(err, ERROR_LIMIT,
                    "a document of more than %.1f MiB, the most that this --memory leaves for one; "
                    "smaller units or more memory read it",
                    (double)lines->most_bytes / (1 << 20));
    if (lines->start > 0 && lines->capacity - lines->end < LINES_HEAD_BYTES) {
        memmove(lines->buffer, lines->buffer + lines->start, held);
        lines->start = 0;
        lines->end = held;
    }
    if (lines->capacity - lines->end < LINES_HEAD_BYTES) {
        size_t capacity = max_size(lines->capacity * 2, 2 * LINES_HEAD_BYTES);
        char *buffer = realloc(lines->buffer, capacity);
        if (!buffer)
            return fail_memory(err, capacity, "a line");
        lines->buffer = buffer;
        lines->capacity = capacity;
    }
    ssize_t n;
    do
        n = read(lines->fd, lines->buffer + lines->end, lines->capacity - lines->end);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return fail_errno(err, ERROR_IO, errno, "read error");
    lines->end += (size_t)n;
    lines->at_end = n == 0;
    return n > 0;
}

int lines_read_head(struct lines *lines, struct error *err)
{
    while (lines->end - lines->start < LINES_HEAD_BYTES) {
        int status = fill(lines, err);
        if (status <= 0)
            return status;
    }
    return 0;
}

int lines_next(struct lines *lines, struct line *line, struct error *err)
{
    size_t searched = 0;
    for (;;) {
        char *start = lines->buffer + lines->start;
        size_t held = lines->end - lines->start;
        char *end =
            held > searched ? memchr(start + searched, lines->end_byte, held - searched) : NULL;
        if (end) {
            *line = (struct line){.text = start, .n_bytes = (size_t)(end - start)};
            lines->start += line->n_bytes + 1;
            return 1;
        }
        searched = held;
        int status = fill(lines, err);
        if (status < 0)
            return -1;
        if (status > 0)
            continue;
        if (held == 0)
            return 0;
        *line = (struct line){.text = lines->buffer + lines->start, .n_bytes = held};
        lines->start = lines->end;
        return 1;
    }
}

int lines_skip(struct lines *lines, struct error *err)
{
    for (;;) {
        char *start = lines->buffer + lines->start;
        size_t held = lines->end - lines->start;
        char *end = held > 0 ? memchr(start, lines->end_byte, held) : NULL;
        lines->start = end ? lines->start + (size_t)(end - start) + 1 : lines->end;
        int status = end ? 0 : fill(lines, err);
        if (status <= 0)
            return status;
    }
}

int lines_rest(struct lines *lines, struct line *rest, struct error *err)
{
    int status;
    while ((status = fill(lines, err)) > 0)
        ;
    *rest = (struct line){.text = lines->end > lines->start ? lines->buffer + lines->start : "",
                          .n_bytes = lines->end - lines->start};
    return status;
}

char *lines_take_rest(struct lines *lines, size_t *n_bytes, struct error *err)
{
    struct line rest;
    if (lines_rest(lines, &rest, err) < 0)
        return NULL;
    if (lines->start > 0)
        memmove(lines->buffer, rest.text, rest.n_bytes);
    char *text = realloc(lines->buffer, rest.n_bytes + 1);
    if (!text) {
        fail_memory(err, rest.n_bytes, "a document");
        return NULL;
    }
    text[rest.n_bytes] = '\0';
    *n_bytes = rest.n_bytes;
    lines->buffer = NULL;
    lines->start = lines->end = lines->capacity = 0;
    return text;
}

void lines_replace(struct lines *lines, struct bytes *text)
{
    close_file(lines);
    free(lines->buffer);
    lines->buffer = text->data;
    lines->start = 0;
    lines->end = text->n_bytes;
    lines->capacity = text->capacity;
    *text = (struct bytes){0};
}
