#include "csv.h"

#include <stdlib.h>
#include <string.h>

#define MOST_CELLS 4096
#define END        (-1)

enum state { CELL_START, UNQUOTED, QUOTED, QUOTE_IN_QUOTED };

void csv_init(struct csv *csv, struct intake *intake, char delimiter, size_t most_bytes)
{
    memset(csv, 0, sizeof *csv);
    csv->intake = intake;
    csv->delimiter = delimiter;
    csv->most_bytes = most_bytes;
    csv->next_line = 1;
}

void csv_deinit(struct csv *csv)
{
    intake_close(csv->intake);
    bytes_deinit(&csv->text);
    free(csv->ends);
    csv->intake = NULL;
    csv->ends = NULL;
}

/* 1: there is something in the buffer; 0: the end; -1. */
static int fill(struct csv *csv, struct error *err)
{
    if (csv->start < csv->end)
        return 1;
    if (csv->at_end)
        return 0;
    ssize_t n = intake_read(csv->intake, csv->buffer, sizeof csv->buffer, err);
    csv->start = 0;
    csv->end = n > 0 ? (size_t)n : 0;
    csv->at_end = n <= 0;
    return n > 0 ? 1 : (int)n;
}

/* The next byte is not used up. END, or -2 with [err]. */
static int peek(struct csv *csv, struct error *err)
{
    int status = fill(csv, err);
    return status > 0 ? (unsigned char)csv->buffer[csv->start] : status == 0 ? END : -2;
}

static int end_cell(struct csv *csv, struct error *err)
{
    if (csv->n_cells == csv->capacity) {
        size_t capacity = csv->capacity ? csv->capacity * 2 : 32;
        size_t *ends = realloc(csv->ends, capacity * sizeof *ends);
        if (!ends)
            return fail_memory(err, capacity * sizeof *ends, "cells of a row");
        csv->ends = ends;
        csv->capacity = capacity;
    }
    if (bytes_append(&csv->text, "", 1, err) < 0)
        return -1;
    csv->ends[csv->n_cells++] = csv->text.n_bytes;
    return 0;
}

/* How many bytes from the buffer's start on mean only themselves in this state. */
static size_t plain_length(const struct csv *csv, enum state state)
{
    const char *at = csv->buffer + csv->start, *end = csv->buffer + csv->end;
    const char *from = at;
    if (state == QUOTED) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        return (size_t)((quote ? quote : end) - at);
    }
    while (at < end && *at != csv->delimiter && *at != '\n' && *at != '\r' &&
           (*at != '\\' || !csv->escapes))
        at++;
    return (size_t)(at - from);
}

/* A row's bytes go nowhere once it is too large. */
static int keep(struct csv *csv, size_t n_bytes, bool *too_large, struct error *err)
{
    const char *from = csv->buffer + csv->start, *end = from + n_bytes;
    for (const char *at = from; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        csv->next_line++;
    csv->start += n_bytes;
    *too_large =
        *too_large || csv->text.n_bytes + n_bytes > csv->most_bytes || csv->n_cells >= MOST_CELLS;
    return *too_large ? 0 : bytes_append(&csv->text, from, n_bytes, err);
}

/* Behind a backslash, which stays where no letter gives it a meaning. */
static int keep_escaped(struct csv *csv, bool *too_large, struct error *err)
{
    static const char letters[] = "tnr\\", meant[] = "\t\n\r\\";
    int c = peek(csv, err);
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    if (c == -2)
        return -1;
    csv->start += letter != NULL;
    *too_large = *too_large || csv->text.n_bytes + 1 > csv->most_bytes;
    return *too_large ? 0
                      : bytes_append(&csv->text, letter ? &meant[letter - letters] : "\\", 1, err);
}

static int take_line_end(struct csv *csv, struct error *err)
{
    int c = peek(csv, err);
    csv->start += c >= 0;
    csv->next_line += c >= 0;
    if (c == '\r') {
        c = peek(csv, err);
        csv->start += c == '\n';
    }
    return c == -2 ? -1 : 0;
}

int csv_next(struct csv *csv, struct error *err)
{
    enum state state = CELL_START;
    bool too_large = false;
    int c;
    bytes_clear(&csv->text);
    csv->n_cells = 0;
    while ((c = peek(csv, err)) == '\n' || c == '\r') /* empty lines */
        if (take_line_end(csv, err) < 0)
            return -1;
    if (c < 0)
        return c == END ? 0 : -1;
    csv->line = csv->next_line;

    for (;; c = peek(csv, err)) {
        if (c == -2)
            return -1;
        bool ends_line = c == '\n' || c == '\r';
        if (c == END && state == QUOTED)
            return fail(err, ERROR_FORMAT, "the input ends inside a quoted cell");
        if (c == END || (ends_line && state != QUOTED))
            break;
        if (c == '"' && state == CELL_START && !csv->escapes) {
            state = QUOTED;
            csv->start++;
        } else if (c == '"' && state == QUOTED) {
            state = QUOTE_IN_QUOTED;
            csv->start++;
        } else if (c == '"' && state == QUOTE_IN_QUOTED) {
            state = QUOTED; /* doubled */
            if (keep(csv, 1, &too_large, err) < 0)
                return -1;
        } else if (c == csv->delimiter && state != QUOTED) {
            state = CELL_START;
            csv->start++;
            if (!too_large && end_cell(csv, err) < 0)
                return -1;
            too_large = too_large || csv->n_cells >= MOST_CELLS;
        } else if (c == '\\' && csv->escapes) {
            csv->start++;
            if (keep_escaped(csv, &too_large, err) < 0)
                return -1;
        } else {
            state = state == QUOTED ? QUOTED : UNQUOTED;
            if (keep(csv, plain_length(csv, state), &too_large, err) < 0)
                return -1;
        }
    }
    if (take_line_end(csv, err) < 0)
        return -1;
    if (too_large)
        return fail_too_large(err, csv->most_bytes, "a row of more than 4096 cells, or");
    return end_cell(csv, err) < 0 ? -1 : 1;
}

const char *csv_cell(const struct csv *csv, size_t i, size_t *n_bytes)
{
    size_t start = i > 0 ? csv->ends[i - 1] : 0;
    *n_bytes = csv->ends[i] - start - 1;
    return csv->text.data + start;
}
