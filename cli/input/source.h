#ifndef SOURCE_H
#define SOURCE_H
/* Operands in, items out: walks the files, reads each as what it is, cuts it into documents.
 * Nothing is read ahead of the caller but one buffer. */

#include "document.h"
#include "fetch.h"
#include "walk.h"

struct source_options {
    struct walk_options walk;
    enum unit unit;
    size_t most_bytes;  /* of one document: a longer one is trouble, and left out */
    bool cut_long;      /* but of a longer file (UNIT_FILE) its beginning is read */
    bool null_data;     /* lines end in NUL */
    bool binary;        /* files with NUL bytes are read as text */
    bool raw;           /* every file is plain text */
    bool refuse_output; /* a file that is also standard output is trouble */
    const char *filter; /* a shell command that every file goes through, NULL: none */
    struct fetch_options fetch;
    bool ask_nothing; /* files end before their first document */
};

struct source;
struct source *source_new(const struct source_options *options, struct error *err) MUST_CHECK;
void source_free(struct source *source);

/* 1: *item is the caller's to free; 0: no more; -1: out of memory. Trouble with a file is told by
 * its end. */
int source_next(struct source *source, struct item **item, struct error *err) MUST_CHECK;

struct sample_options {
    uint64_t n_wanted, seed;
    struct holding *holding; /* of the documents drawn so far */
    /* Called for every file that was read: its trouble is told now, whether any of its documents
     * stay or not. */
    void (*tell)(void *context, const struct input_file *file);
    void *context;
};

/* From now on source_next gives n_wanted documents drawn uniformly from all there are (reading them
 * now, keeping only those) in input order, and the ends of the files that they are from. *n_seen:
 * documents there were. */
int source_sample(struct source *source, const struct sample_options *options, uint64_t *n_seen,
                  struct error *err) MUST_CHECK;

#endif
