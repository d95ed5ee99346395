#ifndef CSV_H
#define CSV_H
/* Rows of comma-separated values as RFC 4180 has them, read as a stream: quoted cells may hold
 * delimiters, line ends and doubled quotes; a row ends at LF, CRLF or CR. What the RFC leaves open
 * is read as Python's csv module does: a quote inside an unquoted cell is a character, and so is
 * what follows a closing quote. Empty lines are no rows. */

#include "intake.h"

#include <stdbool.h>

struct csv {
    struct intake *intake; /* owned */
    char delimiter;
    size_t most_bytes; /* of a row */
    char buffer[16384];
    size_t start, end;
    bool at_end;
    struct bytes text; /* of the row's cells, one after the other */
    size_t *ends;      /* [n_cells] where each ends in [text] */
    size_t n_cells, capacity;
};

/* Takes [intake]. */
void csv_init(struct csv *csv, struct intake *intake, char delimiter, size_t most_bytes);
void csv_deinit(struct csv *csv);

/* Reads a row: 1; 0: no more; -1. After ERROR_LIMIT and ERROR_FORMAT the next call goes on with the
 * row after it. */
int csv_next(struct csv *csv, struct error *err) MUST_CHECK;

/* Cell i < n_cells of the row; valid until the next one. */
const char *csv_cell(const struct csv *csv, size_t i, size_t *n_bytes);

#endif
