#ifndef LINES_H
#define LINES_H
/* Lines of an intake: memory is one buffer and the longest line. */

#include "intake.h"

#include <stdbool.h>
#include <stddef.h>

struct lines {
    struct intake *intake; /* owned */
    char end_byte;
    size_t most_bytes; /* a longer line, or rest, is refused: ERROR_LIMIT */
    char *buffer;      /* owned */
    size_t start, end, capacity;
    bool at_end; /* nothing more will come from the intake */
};

struct line {
    const char *text; /* without its end; valid until the next call */
    size_t n_bytes;
};

bool line_is_blank(const char *text, size_t n_bytes); /* white space only, or nothing */

/* Takes [intake]. */
void lines_init(struct lines *lines, struct intake *intake, char end_byte, size_t most_bytes);
void lines_deinit(struct lines *lines);

/* 1: [line] filled; 0: no more; -1. A last line without an end is a line. */
int lines_next(struct lines *lines, struct line *line, struct error *err) MUST_CHECK;

/* After a line that was refused for its length (ERROR_LIMIT): goes to the one after it. */
int lines_skip(struct lines *lines, struct error *err) MUST_CHECK;

/* All that is left, for the caller to free. NULL with [err]. */
char *lines_take_rest(struct lines *lines, size_t *n_bytes, struct error *err) MUST_CHECK;

#endif
