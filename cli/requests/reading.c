#include "reading.h"

#include <string.h>

/* ---- Layout ---- */

static bool reads_prompt(const struct request *request)
{
    return request->parameters.echo && request->parameters.logprobs;
}

static uint32_t n_drawn_values(const struct request *request)
{
    return request->parameters.max_tokens ? 2 + 2 * request->parameters.n_top : 0;
}

static uint32_t n_echoed_values(const struct request *request)
{
    return 1 + 2 * request->parameters.n_top;
}

uint32_t reading_n_values(const struct request *request, const struct request_choice *choice)
{
    uint32_t n_ids = request->prompts[choice->prompt].n_ids;
    return n_drawn_values(request) +
           (reads_prompt(request) ? (n_ids - 1) * n_echoed_values(request) : 0);
}

struct token_reading reading_drawn(const struct request_choice *choice)
{
    const double *values = choice->values;
    return (struct token_reading){
        .id = (int32_t)values[0], .has_logprob = true, .logprob = values[1], .top = values + 2};
}

struct token_reading reading_echoed(const struct request *request,
                                    const struct request_choice *choice, uint32_t i)
{
    const struct request_prompt *prompt = &request->prompts[choice->prompt];
    struct token_reading reading = {.id = request->ids.ids[prompt->first + i]};
    if (!reads_prompt(request) || i == 0)
        return reading;
    const double *values =
        choice->values + n_drawn_values(request) + (size_t)(i - 1) * n_echoed_values(request);
    reading.has_logprob = true;
    reading.logprob = values[0];
    reading.top = values + 1;
    return reading;
}

/* ---- Keys ---- */

int reading_keys_init(struct reading_keys *keys, const struct trawl_model *model,
                      const char *numerics, struct error *err)
{
    uint8_t hash[TRAWL_KEY_BYTES];
    if (trawl_model_hash(model, hash, err) < 0)
        return -1;
    sha256_init(&keys->common);
    sha256_add(&keys->common, hash, sizeof hash);
    sha256_add(&keys->common, numerics, strlen(numerics) + 1);
    return 0;
}

void reading_sweep_key(const struct reading_keys *keys, uint8_t key[TRAWL_KEY_BYTES])
{
    struct sha256 sha = keys->common;
    sha256_add(&sha, key, TRAWL_KEY_BYTES);
    sha256_finish(&sha, key);
}

void reading_key(const struct reading_keys *keys, const struct request *request,
                 struct request_choice *choice)
{
    static const char kind[] = "request 1"; /* of answers; the layout's number */
    const struct parameters *parameters = &request->parameters;
    const struct request_prompt *prompt = &request->prompts[choice->prompt];
    const struct trawl_draw *draw = &choice->draw;
    bool random = draw->temperature > 0.0;
    const uint32_t counts[] = {parameters->max_tokens, parameters->n_top, reads_prompt(request),
                               draw->n_biases};
    const double shape[] = {draw->temperature, random ? draw->top_p : 1.0};
    const uint64_t seed = random ? draw->seed : 0;
    struct sha256 sha = keys->common;
    sha256_add(&sha, kind, sizeof kind);
    sha256_add(&sha, counts, sizeof counts);
    sha256_add(&sha, shape, sizeof shape);
    sha256_add(&sha, &seed, sizeof seed);
    sha256_add(&sha, draw->bias_ids, draw->n_biases * sizeof *draw->bias_ids);
    sha256_add(&sha, draw->biases, draw->n_biases * sizeof *draw->biases);
    sha256_add(&sha, request->ids.ids + prompt->first, prompt->n_ids * sizeof *request->ids.ids);
    sha256_finish(&sha, choice->key);
}

/* ---- The engine ---- */

struct trawl_readout_options reading_readout(void)
{
    return (struct trawl_readout_options){.next = true, .n_top = REQUEST_MOST_TOP, .draws = true};
}

/* The most probable token is read out anyway. */
static bool needs_draw(const struct request *request, const struct request_choice *choice)
{
    return request->parameters.max_tokens > 0 &&
           (choice->draw.temperature > 0.0 || choice->draw.n_biases > 0);
}

void reading_sequence(const struct request *request, const struct request_choice *choice,
                      struct trawl_sequence *sequence)
{
    const struct request_prompt *prompt = &request->prompts[choice->prompt];
    *sequence =
        (struct trawl_sequence){.tag = request->serial,
                                .ids = request->ids.ids + prompt->first,
                                .n_ids = prompt->n_ids,
                                .first_readout = reads_prompt(request) ? 0 : prompt->n_ids - 1,
                                .draw = needs_draw(request, choice) ? &choice->draw : NULL};
}

static double *put_top(double *to, const struct request *request, const struct trawl_result *result,
                       uint32_t readout, uint32_t n_listed)
{
    for (uint32_t k = 0; k < request->parameters.n_top; k++) {
        size_t at = (size_t)readout * n_listed + k;
        *to++ = result->top_ids[at];
        *to++ = (double)result->top[at];
    }
    return to;
}

void reading_take(const struct request *request, struct request_choice *choice,
                  const struct trawl_result *result)
{
    const uint32_t n_listed = REQUEST_MOST_TOP, last = result->n_readouts - 1;
    double *to = choice->values;
    if (request->parameters.max_tokens > 0) {
        bool drawn = needs_draw(request, choice);
        *to++ = drawn ? result->drawn : result->top_ids[(size_t)last * n_listed];
        *to++ = (double)(drawn ? result->drawn_logprob : result->top[(size_t)last * n_listed]);
        to = put_top(to, request, result, last, n_listed);
    }
    for (uint32_t i = 0; i < last && reads_prompt(request); i++) {
        *to++ = (double)result->next[i];
        to = put_top(to, request, result, i, n_listed);
    }
}
