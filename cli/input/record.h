#ifndef RECORD_H
#define RECORD_H
/* What `trawl ask` and `trawl read` are given: a stream of records. A file is one (a page, a text)
 * or many (rows, mails, pages of a PDF, feed entries); archives and directories are walked. What is
 * odd about an input never ends the run: it is a record with [trouble]. Memory is that of the
 * largest record, whatever their number. */

#include "base/error.h"
#include "fetch.h"
#include "trouble_memory.h"
#include "walk.h"

#include <stdbool.h>
#include <stddef.h>

struct record_field {
    char *name, *value; /* value is also NUL-terminated */
    size_t n_bytes;
};

/* Texts are UTF-8. */
struct record {
    char *id;   /* names it in output: file, FILE:n, or the --id field */
    char *text; /* what the model reads; never NULL, also NUL-terminated */
    size_t n_bytes;
    struct record_field *fields; /* input columns, in input order */
    size_t n_fields, capacity;
    char *trouble;  /* not NULL: cannot be read, why; counted and reported, row kept out */
    bool is_binary; /* that is the trouble: nothing to read, which is odd, and no error */
    bool is_known;  /* the trouble is an earlier run's, it was not tried again */
    bool has_state; /* nothing of its source could be read when that was as [state] says */
    uint8_t state[TROUBLE_STATE_BYTES];
    bool is_cut; /* the text is the beginning of a longer one (cut_long) */
};

struct records_options {
    const char *const
        *operands; /* files, directories, archives, addresses; "-" is standard input */
    size_t n_operands;
    const char *from;       /* kind of every input, NULL: each by its content and extension */
    const char *text_field; /* the field that is the text, NULL: the kind's own choice */
    const char *id_field;   /* NULL: file, FILE:n */
    const char *document;   /* the text as a template over the fields, NULL: none */
    const char *query;      /* of SQLite databases */
    const char *files_from; /* a list of more operands, "-" is standard input; NULL: none */
    bool null_names;        /* its names end in NUL */
    const char *filter;     /* a shell command through which every input goes, NULL: none */
    const struct glob_rule *globs;
    size_t n_globs;
    size_t most_bytes; /* the largest document, or row, that may be in memory; 0: 32 MiB */
    bool cut_long;     /* of a larger document that is a whole file its beginning is read */
    struct trouble_memory troubles;
    struct fetch_options fetch;
};

struct records; /* opaque */
struct records *records_open(const struct records_options *options, struct error *err) MUST_CHECK;
/* 1: *out is the caller's to free; 0: no more; -1: out of memory. */
int records_next(struct records *records, struct record **out, struct error *err) MUST_CHECK;
void record_free(struct record *record); /* NULL is legal */
void records_close(struct records *records);

/* The value of a field, NULL: there is none of this name. */
const struct record_field *record_find(const struct record *record, const char *name);

#endif
