#ifndef SCORE_INPUT_H
#define SCORE_INPUT_H
/* The sequences that `trawl score` runs: lines of ids as they are, or chunks of a text cut as
 * llama.cpp's perplexity tool cuts them (tools/perplexity: chunks of n_ctx without overlap, the
 * first token of each replaced by begin-of-sequence where the model adds one, the second half of
 * the positions scored). */

#include "arguments.h"
#include "trawl.h"

struct score_span {
    size_t first;   /* in ids */
    uint32_t n_ids; /* >= 1 */
};

struct score_input {
    struct trawl_tokens tokens; /* of all sequences */
    struct score_span *spans;   /* owned */
    size_t n_spans, capacity;
    uint32_t longest;
    bool halves; /* only positions n_ids/2 .. are read out */
};

/* [text]: the file. */
int score_input_ids(struct score_input *input, const struct trawl_model *model, const char *text,
                    size_t n_bytes, struct error *err) MUST_CHECK;
/* [context]: tokens of a chunk, 0: the default. */
int score_input_text(struct score_input *input, const struct trawl_model *model, const char *text,
                     size_t n_bytes, uint32_t context, struct error *err) MUST_CHECK;
void score_input_deinit(struct score_input *input);

static inline uint32_t score_first_readout(const struct score_input *input,
                                           const struct score_span *span)
{
    return input->halves ? span->n_ids / 2 : 0;
}

#endif
