#ifndef KINDS_H
#define KINDS_H
/* What an input can be. A kind recognises an input by its first bytes (and its name, a hint), turns
 * it into plain text for `trawl grep`, and cuts it into records for `trawl ask` and `trawl read`. A
 * new kind is a file kind_*.c and a row in kinds.c. */

#include "inputs.h"
#include "record.h"

/* An input being cut into records. */
struct reader {
    const struct records_options *options;
    const struct input *input;
    struct intake *intake; /* a kind may take it */
    size_t most_bytes;     /* of one record */
    void *state;           /* the kind's */
};

struct input_kind {
    const char *name; /* of --from */
    bool is_binary;   /* its bytes are no text */
    bool is_single;   /* one record, named as the input is */
    /* [head]: up to INTAKE_HEAD_BYTES of the beginning. [path] may be NULL. NULL: only --from
     * chooses it. */
    bool (*recognise)(const char *head, size_t n_bytes, const char *path);
    /* The input as text: UTF-8, lines ended by a newline. Takes [input], also on failure. NULL:
     * grep reads it as it is. */
    struct intake *(*text)(struct intake *input, size_t most_bytes, struct error *err);

    int (*open)(struct reader *reader, struct error *err); /* NULL: nothing to prepare */
    /* Fills [record]: its text, its fields, or what is wrong with it alone. 1; 0: no more; -1: what
     * is wrong with all that would follow. */
    int (*next)(struct reader *reader, struct record *record, struct error *err);
    void (*close)(struct reader *reader); /* also after a failed open; NULL: nothing to free */
};

extern const struct input_kind KIND_PDF, KIND_SQLITE, KIND_HTML, KIND_FEED, KIND_MBOX, KIND_MAIL,
    KIND_JSONL, KIND_CSV, KIND_TSV, KIND_MARKDOWN, KIND_TEXT, KIND_LINES;

/* NULL: plain text, or nothing that is known. */
const struct input_kind *kind_find(const char *head, size_t n_bytes, const char *path);
/* By the name of --from, NULL: there is none. */
const struct input_kind *kind_named(const char *name);
/* The names, NULL after the last. */
const char *kind_name(size_t i);

/* Whether [path] ends in one of the extensions, "csv tsv", in any case. */
bool path_has_extension(const char *path, const char *extensions);

#endif
