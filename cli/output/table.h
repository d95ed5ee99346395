#ifndef TABLE_H
#define TABLE_H
/* The answers as a table: a row per document, in the order in which rows are given; the input's
 * columns first, then each question's. A format is a file like table_csv.c and a row in table.c;
 * which one is meant, the extension of the output's name says. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum column_role {
    COLUMN_ID,           /* names the document: file, FILE:n, or the --id field */
    COLUMN_FIELD,        /* came with the input */
    COLUMN_TEXT,         /* what the model read; only for formats that want it */
    COLUMN_ANSWER,       /* yes, no, unsure; a label; a number on a scale; empty: not asked */
    COLUMN_PROBABILITY,  /* yes: p_yes; a label: its probability */
    COLUMN_DISTRIBUTION, /* JSON text: [[label, probability], ...] in the sheet's order */
};

struct table_column {
    const char *name;
    enum column_role role;
    int question; /* index into the options' questions; -1: of the input */
};

enum cell_kind { CELL_EMPTY, CELL_TEXT, CELL_NUMBER };

struct table_cell {
    enum cell_kind kind;
    const char *text; /* any bytes, no NUL needed; borrowed until row() returns */
    size_t n_bytes;
    double number; /* finite */
};

/* What a column's question is, for headings and controls. */
struct table_question {
    const char *name, *text;
    const char *kind;          /* "yes_no", "choice", "score" */
    const char *const *labels; /* of a choice or a scale; n_labels 0 for yes_no */
    size_t n_labels;
    double threshold; /* of yes_no: yes from this p_yes on */
};

/* Borrowed until close. */
struct table_options {
    const char *path; /* of the output; NULL: standard output */
    const struct table_column *columns;
    size_t n_columns;
    const struct table_question *questions;
    size_t n_questions;
    const char *title; /* of what was asked: the sheet's name, or the first question */
    bool each_row_now; /* a row leaves as soon as it is given */
};

struct table; /* the format's own */

struct table_format {
    const char *name;       /* for --format and messages */
    const char *extensions; /* separated by spaces, without the dot: "md markdown" */
    bool wants_text;        /* a COLUMN_TEXT is among the columns */
    bool needs_path;        /* cannot be written to standard output */
    /* What the path held before is replaced. NULL with [err] naming the path. */
    struct table *(*open)(const struct table_options *options, struct error *err);
    /* cells[n_columns]. */
    int (*row)(struct table *table, const struct table_cell *cells, struct error *err);
    /* What was given so far is to be seen by other programs, as far as the format allows. */
    int (*flush)(struct table *table, struct error *err);
    /* The last row was given: completes the output and makes it durable (fsync). Still to be
     * closed. */
    int (*finish)(struct table *table, struct error *err);
    void (*close)(struct table *table); /* NULL is legal; without finish, what was written stays */
};

extern const struct table_format *const table_formats[]; /* NULL after the last */

/* By name, or by the extension of [path]; NULL when there is none. */
const struct table_format *table_format_by_name(const char *name);
const struct table_format *table_format_by_path(const char *path);
const char *table_format_name(size_t i); /* NULL after the last */

extern const struct table_format table_jsonl, table_csv, table_tsv, table_markdown, table_html,
    table_sqlite;

#endif
