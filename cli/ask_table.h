#ifndef ASK_TABLE_H
#define ASK_TABLE_H
/* The columns of a sheet's answers, and a document's row in them: its id, the fields that came with
 * it, and NAME and NAME_p of each question (of a scale also NAME_distribution; NAME_label
 * where --review has verdicts). Which fields there
 * are, --fields says, or the first document. */

#include "ask_options.h"
#include "base/arena.h"

struct ask_table {
    const struct ask_options *options;
    struct table *table; /* owned; NULL until it is open */
    struct table_options table_options;
    struct table_column *columns;
    struct table_question *questions;
    const char **fields; /* of each column that is a field, its name in the input */
    size_t *reviewed;    /* of each column that is a label, 1 + the question in options->review */
    struct table_cell *cells;
    size_t n_columns, n_left_out; /* documents with fields that have no column */
    char left_out[64];            /* the first of these fields */
    struct bytes distributions;
    struct arena arena;
};

/* [first] may be NULL: there is no document. */
int ask_table_open(struct ask_table *table, const struct ask_options *options,
                   const struct record *first, struct error *err) MUST_CHECK;
int ask_table_row(struct ask_table *table, const struct record *record,
                  const struct trawl_answer *answer, struct error *err) MUST_CHECK;
void ask_table_close(struct ask_table *table); /* legal on a zeroed one */

#endif
