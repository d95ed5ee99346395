#ifndef LABELS_H
#define LABELS_H
/* What is true of documents, as people wrote it down: a table with a column per question (`id`, or
 * `file` and perhaps `line`, then `event`, `free`, ...), or one with a row per verdict (`id`,
 * `question`, and `verdict`, `truth` or `label`), which is what the HTML report saves. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum truth { TRUTH_NONE, TRUTH_NO, TRUTH_YES };

struct label {
    char *id;
    size_t question;
    char *text;  /* as written */
    size_t line; /* of [file] */
    const char *file;
    uint64_t serial;
    bool answered; /* for who joins answers */
};

struct labels {
    char **questions; /* [n_questions], in the order in which they were met */
    size_t n_questions;
    struct label *items; /* [n_items] */
    size_t n_items, capacity;
    char **files; /* [n_files] */
    size_t n_files;
    bool *is_truth;    /* [n_questions] all its labels are yes, no or none */
    bool by_base_name; /* no id has a slash: folders of answers' ids do not count */
};

/* Adds a file; of two labels of one document and question the later counts. After the last file
 * labels_index makes them findable. */
int labels_read(struct labels *labels, const char *path, struct error *err) MUST_CHECK;
int labels_index(struct labels *labels, struct error *err) MUST_CHECK;
void labels_deinit(struct labels *labels);

/* Position of a question; n_questions when there is none of that name. */
size_t labels_question(const struct labels *labels, const char *name);
/* NULL when the document has no label for it. */
struct label *labels_find(const struct labels *labels, const char *id, size_t question);

/* The one whose labels are truths; n_questions when there are several or none. */
size_t labels_only_question(const struct labels *labels);

/* "", "-", "unsure": nobody knows. */
bool label_is_empty(const struct label *label);
/* yes, no, or none; fails on other words, naming file and line. */
int label_truth(const struct label *label, enum truth *truth, struct error *err) MUST_CHECK;

#endif
