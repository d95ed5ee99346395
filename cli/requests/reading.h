#ifndef READING_H
#define READING_H
/* What is read out for one choice, as the numbers that a job keeps. First, unless max_tokens is 0,
 * of the token drawn:
 *
 *     id, logprob, then n_top times: id, logprob (the most probable ones, best first)
 *
 * then, with echo and logprobs, the same of every prompt token but the first, whose id the prompt
 * has: logprob, n_top times id, logprob. */

#include "request.h"

/* What all keys begin with: the model, its adapters, the arithmetic. */
struct reading_keys {
    struct sha256 common;
};
int reading_keys_init(struct reading_keys *keys, const struct trawl_model *model,
                      const char *numerics, struct error *err) MUST_CHECK;
/* A suspended sweep's key with what else its rows depend on. */
void reading_sweep_key(const struct reading_keys *keys, uint8_t key[TRAWL_KEY_BYTES]);

uint32_t reading_n_values(const struct request *request, const struct request_choice *choice);
/* Hash of all that the values depend on, into choice->key. */
void reading_key(const struct reading_keys *keys, const struct request *request,
                 struct request_choice *choice);

/* The read-out of the whole run, of which a request takes its part. */
struct trawl_readout_options reading_readout(void);
void reading_sequence(const struct request *request, const struct request_choice *choice,
                      struct trawl_sequence *sequence);
/* Fills choice->values. */
void reading_take(const struct request *request, struct request_choice *choice,
                  const struct trawl_result *result);

/* One token of the answer, or of an echoed prompt. */
struct token_reading {
    int32_t id;
    bool has_logprob; /* a prompt's first token has none */
    double logprob;
    const double *top; /* [n_top] pairs: id, logprob */
};
/* The token drawn; max_tokens is 1. */
struct token_reading reading_drawn(const struct request_choice *choice);
/* The [i]-th token of the choice's prompt, with logprobs where they were asked for. */
struct token_reading reading_echoed(const struct request *request,
                                    const struct request_choice *choice, uint32_t i);

#endif
