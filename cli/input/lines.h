#ifndef LINES_H
#define LINES_H
/* Lines of a file or of a text in memory. A file is streamed: memory is one buffer and the longest
 * line. */

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define LINES_HEAD_BYTES (96 * 1024) /* what is looked at before a file is read: binary? HTML? */

struct lines {
    int fd; /* owned; -1: everything is in the buffer */
    char end_byte;
    size_t most_bytes; /* a longer line, or rest, is refused: ERROR_LIMIT */
    char *buffer;      /* owned */
    size_t start, end, capacity;
    bool at_end; /* nothing more will come from fd */
};

struct line {
    const char *text; /* without its end; valid until the next call */
    size_t n_bytes;
};

/* Takes [fd]. */
void lines_init(struct lines *lines, int fd, char end_byte, size_t most_bytes);
void lines_deinit(struct lines *lines);

/* Reads until LINES_HEAD_BYTES are buffered or the file ends. Nothing is used up: the bytes lie at
 * buffer[start..end). */
int lines_read_head(struct lines *lines, struct error *err) MUST_CHECK;

/* 1: [line] filled; 0: no more; -1. A last line without an end is a line. */
int lines_next(struct lines *lines, struct line *line, struct error *err) MUST_CHECK;

/* Goes past the line that lines_next would give, however long it is. */
int lines_skip(struct lines *lines, struct error *err) MUST_CHECK;

/* All that is left, as one text in the buffer. */
int lines_rest(struct lines *lines, struct line *rest, struct error *err) MUST_CHECK;

/* The same for the caller to free. NULL with [err]. */
char *lines_take_rest(struct lines *lines, size_t *n_bytes, struct error *err) MUST_CHECK;

/* Goes on with the lines of [text], whose memory is taken, instead of the file, which is closed. */
void lines_replace(struct lines *lines, struct bytes *text);

#endif
