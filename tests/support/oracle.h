#ifndef SUPPORT_ORACLE_H
#define SUPPORT_ORACLE_H
/* The naive whole-model forward: one sequence, all weights as doubles, textbook loops, nothing
 * shared with the engine but the tensor directory and the plain C unpackers. What the streamed
 * sweep must equal. */

#include "model/network.h"

/* Log-probabilities of all ids after every position: [n_tokens, n_vocab]; free() it. NULL with
 * [err]. */
double *oracle_logprobs(const struct network *network, const int32_t *tokens, uint32_t n_tokens,
                        struct error *err);

#endif
