#ifndef ANSWER_YES_NO_H
#define ANSWER_YES_NO_H
/* Log-probabilities of single tokens -> yes, no or neither. The tokens are all those whose text,
 * trimmed of white space and case-folded, is "yes" or "no": models differ in which of "Yes", "
 * yes", "YES" they say. */

#include "base/error.h"
#include "text/tokenizer.h"

struct yes_no {
    int32_t *ids; /* [n_yes + n_no]: the yes tokens, then the no tokens */
    uint32_t n_yes, n_no;
};

/* [n_vocab]: ids the model gives logits for; a tokenizer may have more. ERROR_UNSUPPORTED when
 * there is no token for yes or none for no. */
int yes_no_init(struct yes_no *words, const struct tokenizer *tokenizer, uint32_t n_vocab,
                struct error *err) MUST_CHECK;
void yes_no_deinit(struct yes_no *words);

struct verdict {
    double p_yes;   /* S_yes / (S_yes + S_no); 0 where both vanish */
    double p_other; /* 1 - S_yes - S_no, in [0, 1] */
};

/* [logprobs] in the order of words->ids. Sums are taken in log space; the result is never NaN. */
struct verdict yes_no_verdict(const struct yes_no *words, const float *logprobs);

#endif
