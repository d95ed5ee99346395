#include "lines.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

#define STEP_BYTES (96 * 1024)

bool line_is_blank(const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        if (!strchr(" \t\r\n\f\v", text[i]) || text[i] == '\0')
            return false;
    return true;
}

void lines_init(struct lines *lines, struct intake *intake, char end_byte, size_t most_bytes)
{
    *lines = (struct lines){.intake = intake, .end_byte = end_byte, .most_bytes = most_bytes};
}

void lines_deinit(struct lines *lines)
{
    intake_close(lines->intake);
    free(lines->buffer);
    *lines = (struct lines){0};
}

/* Reads some more after buffer[end), making room. 1: something came; 0: the end; -1. */
static int fill(struct lines *lines, struct error *err)
{
    if (lines->at_end || !lines->intake)
        return 0;
    size_t held = lines->end - lines->start;
    if (held > lines->most_bytes)
        return fail_too_large(err, lines->most_bytes, "a document");
    if (lines->start > 0 && lines->capacity - lines->end < STEP_BYTES) {
        memmove(lines->buffer, lines->buffer + lines->start, held);
        lines->start = 0;
        lines->end = held;
    }
    if (lines->capacity - lines->end < STEP_BYTES) {
        size_t capacity = max_size(lines->capacity * 2, 2 * STEP_BYTES);
        char *buffer = realloc(lines->buffer, capacity);
        if (!buffer)
            return fail_memory(err, capacity, "a line");
        lines->buffer = buffer;
        lines->capacity = capacity;
    }
    ssize_t n =
        intake_read(lines->intake, lines->buffer + lines->end, lines->capacity - lines->end, err);
    if (n < 0)
        return -1;
    lines->end += (size_t)n;
    lines->at_end = n == 0;
    return n > 0;
}

int lines_next(struct lines *lines, struct line *line, struct error *err)
{
    size_t searched = 0;
    for (;;) {
        char *start = lines->buffer ? lines->buffer + lines->start : NULL;
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
        size_t held = lines->end - lines->start;
        char *end = held > 0 ? memchr(lines->buffer + lines->start, lines->end_byte, held) : NULL;
        lines->start = end ? (size_t)(end - lines->buffer) + 1 : lines->end;
        if (end)
            return 0;
        int status = fill(lines, err);
        if (status <= 0)
            return status;
    }
}

char *lines_take_rest(struct lines *lines, size_t *n_bytes, struct error *err)
{
    int status;
    while ((status = fill(lines, err)) > 0)
        ;
    if (status < 0)
        return NULL;
    size_t held = lines->end - lines->start;
    if (lines->start > 0)
        memmove(lines->buffer, lines->buffer + lines->start, held);
    char *text = realloc(lines->buffer, held + 1);
    if (!text) {
        fail_memory(err, held, "a document");
        return NULL;
    }
    text[held] = '\0';
    *n_bytes = held;
    lines->buffer = NULL;
    lines->start = lines->end = lines->capacity = 0;
    return text;
}
