#include "answer/yes_no.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(const char *text, size_t n, const char *word)
{
    while (n > 0 && isspace((unsigned char)*text))
        text++, n--;
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    if (n != strlen(word))
        return false;
    for (size_t i = 0; i < n; i++)
        if (tolower((unsigned char)text[i]) != word[i])
            return false;
    return true;
}

/* Counts the tokens of [word], and writes them to [ids] unless it is NULL. */
static uint32_t collect(const struct tokenizer *tokenizer, uint32_t n_vocab, const char *word,
                        int32_t *ids)
{
    uint32_t n = 0;
    for (uint32_t id = 0; id < tokenizer_n_tokens(tokenizer) && id < n_vocab; id++) {
        size_t n_bytes = 0;
        const char *text = tokenizer_token_text(tokenizer, (int32_t)id, &n_bytes);
        if (!is_word(text, n_bytes, word))
            continue;
        if (ids)
            ids[n] = (int32_t)id;
        n++;
    }
    return n;
}

int yes_no_init(struct yes_no *words, const struct tokenizer *tokenizer, uint32_t n_vocab,
                struct error *err)
{
    *words = (struct yes_no){NULL, collect(tokenizer, n_vocab, "yes", NULL),
                             collect(tokenizer, n_vocab, "no", NULL)};
    if (!words->n_yes || !words->n_no)
        return fail(err, ERROR_UNSUPPORTED,
                    "the vocabulary has no single token for \"%s\": this model cannot answer yes "
                    "or no (use an instruct model)",
                    words->n_yes ? "no" : "yes");
    words->ids = calloc(words->n_yes + words->n_no, sizeof *words->ids);
    if (!words->ids)
        return fail_memory(err, (words->n_yes + words->n_no) * sizeof *words->ids,
                           "the words for yes and no");
    collect(tokenizer, n_vocab, "yes", words->ids);
    collect(tokenizer, n_vocab, "no", words->ids + words->n_yes);
    return 0;
}

void yes_no_deinit(struct yes_no *words)
{
    free(words->ids);
    *words = (struct yes_no){NULL, 0, 0};
}

/* log(sum(exp(x))), -INFINITY for none. */
static double log_sum_exp(const float *x, uint32_t n)
{
    double most = -INFINITY, sum = 0.0;
    for (uint32_t i = 0; i < n; i++)
        most = x[i] > most ? x[i] : most;
    if (most == -INFINITY)
        return -INFINITY;
    for (uint32_t i = 0; i < n; i++)
        sum += exp(x[i] - most);
    return most + log(sum);
}

struct verdict yes_no_verdict(const struct yes_no *words, const float *logprobs)
{
    double yes = log_sum_exp(logprobs, words->n_yes),
           no = log_sum_exp(logprobs + words->n_yes, words->n_no);
    if (yes == -INFINITY && no == -INFINITY)
        return (struct verdict){0.0, 1.0};
    double p_yes = yes == -INFINITY ? 0.0 : 1.0 / (1.0 + exp(no - yes));
    /* log(S_yes + S_no); rounding may put it a little above 0. */
    double larger = yes > no ? yes : no, smaller = yes > no ? no : yes;
    double either = larger + log1p(exp(smaller - larger));
    double p_other = either < 0.0 ? -expm1(either) : 0.0;
    return (struct verdict){p_yes, p_other};
}
