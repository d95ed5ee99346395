#ifndef ASK_TABLE_H
#define ASK_TABLE_H
/* The columns of a sheet's answers, and a document's row in them, in each table of a run: its id,
 * the fields that came with it, and NAME and NAME_p of each question (of a scale also
 * NAME_distribution; NAME_label where --review has verdicts). Which fields there are, --fields
 * says, or the first document. */

#include "ask_options.h"
#include "base/arena.h"

struct ask_table {
    const struct ask_options *options;
    const struct ask_output *output;
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

struct ask_tables {
    struct ask_table *list; /* owned; NULL until they are open */
    size_t n;
};

/* [first] may be NULL: there is no document. */
int ask_tables_open(struct ask_tables *tables, const struct ask_options *options,
                    const struct record *first, struct error *err) MUST_CHECK;
int ask_tables_row(struct ask_tables *tables, const struct record *record,
                   const struct trawl_answer *answer, struct error *err) MUST_CHECK;
int ask_tables_flush(struct ask_tables *tables, struct error *err) MUST_CHECK;
int ask_tables_finish(struct ask_tables *tables, struct error *err) MUST_CHECK;
void ask_tables_close(struct ask_tables *tables); /* legal on a zeroed one */

/* An answered cell as the table shows it; "yes_no", "choice", "score". */
struct table_cell ask_answer_cell(const struct trawl_question *question,
                                  const struct trawl_cell *cell);
const char *ask_kind_name(const struct trawl_question *question);
/* The labels of a choice or a scale as text, in [arena]. NULL with [err]. */
const char *const *ask_label_names(struct arena *arena, const struct trawl_question *question,
                                   struct error *err);

#endif
