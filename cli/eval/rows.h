#ifndef ROWS_H
#define ROWS_H
/* Files of rows with named cells, as labels and answers are written: CSV or TSV whose first line
 * names the columns, or a JSON object per line. Read one row at a time, so that a file may be
 * larger than memory. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row_cell {
    const char *name;
    /* As written; JSON's true and false are these words, null is empty, {"bytes": base64} are the
     * bytes, other arrays and objects are empty. NUL-terminated. */
    const char *text;
    size_t n_bytes;
};

struct row {
    const struct row_cell *cells;
    size_t n_cells;
    uint64_t line; /* where it begins */
};

struct rows;

/* "-" is standard input. Which kind it is, the first character says: '{' begins JSON. */
struct rows *rows_open(const char *path, struct error *err) MUST_CHECK;
/* 1: *row is valid until the next call; 0: no more; -1, naming file and line. */
int rows_next(struct rows *rows, const struct row **row, struct error *err) MUST_CHECK;
void rows_close(struct rows *rows); /* NULL is legal */

/* The last cell of that name; NULL when there is none. */
const struct row_cell *row_find(const struct row *row, const char *name);

/* A text as a number; false when it is none. */
bool text_number(const char *text, double *out);
/* The text of a cell as a number; false when it is none (NaN and infinity are none). */
bool row_cell_number(const struct row_cell *cell, double *out);

/* Which document a row is about: `id`, else `file` (with ":" and `line`, where there is one), which
 * replaces what [id] held. 1; 0: none of them is there; -1. */
struct bytes;
int row_id(const struct row *row, struct bytes *id, struct error *err) MUST_CHECK;

#endif
