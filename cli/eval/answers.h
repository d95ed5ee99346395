#ifndef ANSWERS_H
#define ANSWERS_H
/* Answers of `trawl grep --json` and the tables of `trawl ask`, beside their labels. */

#include "base/error.h"
#include "calibration_file.h"
#include "labels.h"
#include "metrics.h"

/* An answer of a choice. */
struct judged_class {
    char *name;
    uint64_t n_truth, n_answers, n_right;
};

/* Of a choice (labels other than yes and no) the items are about its answers: p is the probability
 * of the label that was chosen, yes that it is right. */
struct judged_question {
    const char *name;     /* the label's */
    char *text;           /* as it was asked; NULL: the answers do not say */
    struct scored *items; /* [n_items], sorted by metrics_sort after answers_complete */
    size_t n_items, capacity;
    uint64_t n_unlabelled; /* answers that nobody labelled */
    uint64_t n_missing;    /* labels without an answer */
    uint64_t n_unsure;     /* of the items: neither yes nor no was likely */
    bool any_answers;
    bool is_choice;
    struct judged_class *classes; /* [n_classes] */
    size_t n_classes;
};

struct answers {
    struct labels *labels;                  /* borrowed; its marks are used */
    const struct calibrations *corrections; /* applied to what is read; NULL: none */
    const char *where;                      /* only documents labelled yes for this question */
    struct judged_question *questions;      /* [labels->n_questions] */
};

int answers_init(struct answers *answers, struct error *err) MUST_CHECK;

/* FILE or NAME=FILE. Rows with `p_yes` are one question's: NAME, else the question they name, else
 * the file's base name, else the only one that is labelled. Of other rows the probabilities are in
 * a column per question, NAME_p or NAME; of a choice the label is in NAME, of a scale a number
 * whose nearest whole one counts. Each document may be answered once. */
int answers_read(struct answers *answers, const char *operand, struct error *err) MUST_CHECK;

/* After the last file. Fails when there is nothing to judge. */
int answers_complete(struct answers *answers, struct error *err) MUST_CHECK;
void answers_deinit(struct answers *answers);

#endif
