#ifndef DOCUMENT_H
#define DOCUMENT_H
/* What goes through a run in input order: documents, and after those of each file the file's end.
 */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum unit { UNIT_LINE, UNIT_PARAGRAPH, UNIT_FILE };

/* One input file; lives as long as an item refers to it. */
struct input_file {
    char *name; /* as printed */
    unsigned n_refs;
    bool stop;      /* set by the reader of answers: no more documents of this file are wanted */
    bool is_binary; /* skipped, nothing of it was read */
    bool is_named;  /* an operand, not found in a directory */
    char *trouble;  /* what failed with it, NULL: nothing */
    uint64_t n_documents;
    /* Kept by the reader of answers: */
    uint64_t n_selected;
    uint64_t last_selected; /* index of the last selected document */
    double p_yes;           /* of its best selected document */
};

struct item {
    struct item *next; /* the owner's queue */
    struct input_file *file;
    bool is_end;     /* the end of the file: no document */
    char *text;      /* owned; NULL: not kept, or an end */
    size_t n_bytes;  /* of the text, without the end of its last line */
    bool is_cut;     /* the text is the beginning of a longer one */
    uint64_t line;   /* of its first line, from 1 */
    uint64_t index;  /* among the documents of its file, from 1 */
    uint64_t serial; /* among all items, from 0 */
};

void item_free(struct item *item);          /* NULL is legal */
void file_release(struct input_file *file); /* gives a reference back; NULL is legal */

/* Memory that items take which are kept for later, and how much they may take. */
struct holding {
    uint64_t n_bytes, most_bytes;
};

/* An item is removed with the text that it was added with. */
void holding_add(struct holding *holding, const struct item *item);
void holding_remove(struct holding *holding, const struct item *item);

static inline bool holding_is_full(const struct holding *holding)
{
    return holding->n_bytes > holding->most_bytes;
}

/* Fails when it is full; [who] keeps the items, as the user wrote it ("--top"). */
int holding_check(const struct holding *holding, const char *who, struct error *err) MUST_CHECK;

#endif
