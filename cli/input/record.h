#ifndef RECORD_H
#define RECORD_H
/* Documents of any input, one after the other, with the fields that came with them. */

#include "base/error.h"

#include <stddef.h>

struct record_field {
    char *name, *value;
    size_t n_bytes; /* of the value, which is also NUL-terminated */
};

struct record {
    char *id; /* names it in output: file, FILE:n, or the --id field */
    char *text;
    size_t n_bytes;              /* what the model reads */
    struct record_field *fields; /* input columns, in input order */
    size_t n_fields, capacity;
    const char *trouble; /* not NULL: cannot be read, why; counted and reported, row kept out */
};

struct records_options {
    const char *const *operands;
    size_t n_operands;
    const char *from, *text_field, *id_field, *document;
    size_t most_bytes; /* of one document */
};

struct records;
struct records *records_open(const struct records_options *options, struct error *err) MUST_CHECK;
/* 1: *out is the caller's to free; 0: no more; -1. */
int records_next(struct records *records, struct record **out, struct error *err) MUST_CHECK;
void record_free(struct record *record); /* NULL is legal */
void records_close(struct records *records);

#endif
