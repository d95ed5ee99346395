#ifndef ENGINE_QUESTIONS_H
#define ENGINE_QUESTIONS_H
/* What each question of a sheet reads out of a prompt, and how that becomes the values that are
 * kept, remembered and folded into a cell: of yes_no {p_yes, p_other}, of the others {p_other, the
 * labels' probabilities}. One read-out serves all: the ids that any question wants. */

#include "answer/choice.h"
#include "answer/yes_no.h"
#include "base/sha256.h"
#include "engine/prompt_maker.h"

struct asked_question {
    const struct trawl_question *sheet;
    struct choice choice;          /* empty for yes_no */
    uint32_t n_labels, n_values;   /* 0 labels for yes_no */
    uint32_t n_probes;             /* sequences that a prompt of it takes */
    uint8_t readout[SHA256_BYTES]; /* tells read-outs apart in an answer's key */
};

struct questions {
    const struct trawl_ask_options *options;
    struct asked_question *list; /* [n] */
    uint32_t n;
    bool any_yes_no, any_condition;
    struct yes_no words; /* its ids are the first of wanted */
    struct token_list wanted;
    uint32_t n_distribution; /* labels of all questions */
    uint32_t most_values;
    uint32_t most_probe; /* tokens of the longest probe */
};

/* [maker] is open; the document it holds is lost. Failures are to be followed by
 * questions_close. */
int questions_open(struct questions *questions, struct prompt_maker *maker,
                   struct error *err) MUST_CHECK;
void questions_close(struct questions *questions);

/* Takes what a probe read out: of a yes_no, the last position. After the last probe [values] is
 * filled. */
void questions_read(struct questions *questions, uint32_t question, uint32_t probe,
                    const struct trawl_result *result, double *values);

/* Folds the values of a window into a cell: the surest window's stay, of equal ones the first's,
 * in whatever order they come. [window] is of these values, *best of what the cell holds;
 * distribution[n_labels]. */
void questions_fold(const struct questions *questions, uint32_t question, uint32_t window,
                    const double *values, struct trawl_cell *cell, uint32_t *best,
                    double *distribution);

#endif
