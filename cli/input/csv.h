#ifndef CSV_H
#define CSV_H
/* Rows of comma-separated values as RFC 4180 has them, read as a stream: quoted cells may hold
 * delimiters, line ends and doubled quotes; a row ends at LF, CRLF or CR. What the RFC leaves open
 * is read as Python's csv module does: a quote inside an unquoted cell is a character, and so is
 * what follows a closing quote. Empty lines are no rows.
 *
 * Or, with [escapes], cells as table_csv.c writes them between tabs: \t, \n, \r and \\ stand for
 * what they do in C, and a quote is a character. */

#include "intake.h"

#include <stdbool.h>
#include <stdint.h>

struct csv {
    struct intake *intake; /* owned */
    char delimiter;
    bool escapes;
    size_t most_bytes;        /* of a row */
    uint64_t line, next_line; /* where the row begins, and what follows it */
    char buffer[16384];
    size_t start, end;
    bool at_end;
    struct bytes text; /* of the row's cells, a NUL behind each */
    size_t *ends;      /* [n_cells] where each, with its NUL, ends in [text] */
    size_t n_cells, capacity;
};

/* Takes [intake]. Rows are quoted; a caller may set [escapes]. */
void csv_init(struct csv *csv, struct intake *intake, char delimiter, size_t most_bytes);
void csv_deinit(struct csv *csv);

/* Reads a row: 1; 0: no more; -1. After ERROR_LIMIT and ERROR_FORMAT the next call goes on with the
 * row after it. */
int csv_next(struct csv *csv, struct error *err) MUST_CHECK;

/* Cell i < n_cells of the row, also NUL-terminated; valid until the next one. */
const char *csv_cell(const struct csv *csv, size_t i, size_t *n_bytes);

#endif
