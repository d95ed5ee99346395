#include "parameters.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAT        (1u << ENDPOINT_CHAT)
#define COMPLETIONS (1u << ENDPOINT_COMPLETIONS)
#define BOTH        (CHAT | COMPLETIONS)

/* One parameter being read, which is there and not null. */
struct given {
    const char *name;
    const struct json *value;
    struct request *request;
    const struct request_reader *reader;
    struct refusal *refusal;
    struct error *err;
};

/* 1: good; 0: refused; -1. */
typedef int read_fn(const struct given *given);

static int wrong_type(const struct given *given, const char *wanted)
{
    return refuse(given->refusal, "invalid_type", given->name, "%s must be %s", given->name,
                  wanted);
}

static int unsupported(const struct given *given, const char *but)
{
    return refuse(given->refusal, "unsupported_parameter", given->name,
                  "trawl does not support %s%s%s", given->name, but ? " but " : "", but ? but : "");
}

/* ---- Values ---- */

static int read_real(const struct given *given, double least, double most, double *out)
{
    if (given->value->kind != JSON_NUMBER)
        return wrong_type(given, "a number");
    *out = given->value->number;
    if (*out >= least && *out <= most)
        return 1;
    return refuse(given->refusal, "invalid_value", given->name, "%s must lie between %g and %g",
                  given->name, least, most);
}

static int read_count(const struct given *given, uint32_t least, uint32_t most, uint32_t *out)
{
    double value = given->value->number;
    if (given->value->kind != JSON_NUMBER || value != floor(value))
        return wrong_type(given, "a whole number");
    if (value < least || value > most)
        return refuse(given->refusal, "invalid_value", given->name,
                      "%s must be %u at least and %u at most", given->name, least, most);
    *out = (uint32_t)value;
    return 1;
}

static int read_flag(const struct given *given, bool *out)
{
    *out = given->value->kind == JSON_TRUE;
    return *out || given->value->kind == JSON_FALSE ? 1 : wrong_type(given, "true or false");
}

/* ---- What is read ---- */

static int read_model(const struct given *given)
{
    return given->value->kind == JSON_STRING ? 1 : wrong_type(given, "a text");
}

static int read_max_tokens(const struct given *given)
{
    uint32_t count = 0;
    int rc = read_count(given, 0, UINT32_MAX, &count);
    if (rc == 1 && count > 1)
        return refuse(given->refusal, "unsupported_value", given->name,
                      "trawl answers with one token yet: %s must be 1", given->name);
    if (rc == 1)
        given->request->parameters.max_tokens = count;
    return rc;
}

static int read_n(const struct given *given)
{
    return read_count(given, 1, 128, &given->request->parameters.n);
}

static int read_echo(const struct given *given)
{
    return read_flag(given, &given->request->parameters.echo);
}

static int read_logprobs_flag(const struct given *given)
{
    return read_flag(given, &given->request->parameters.logprobs);
}

static int read_top_logprobs(const struct given *given)
{
    return read_count(given, 0, REQUEST_MOST_TOP, &given->request->parameters.n_top);
}

static int read_logprobs_count(const struct given *given)
{
    given->request->parameters.logprobs = true;
    return read_count(given, 0, 5, &given->request->parameters.n_top);
}

static int read_temperature(const struct given *given)
{
    return read_real(given, 0.0, 2.0, &given->request->parameters.temperature);
}

static int read_top_p(const struct given *given)
{
    return read_real(given, 0.0, 1.0, &given->request->parameters.top_p);
}

static int read_seed(const struct given *given)
{
    char *end = NULL;
    if (given->value->kind != JSON_NUMBER)
        return wrong_type(given, "a whole number");
    errno = 0; /* not through a double, which has not all of them */
    long long seed = strtoll(given->value->text, &end, 10);
    if (errno != 0 || *end != '\0')
        return wrong_type(given, "a whole number of 64 bits");
    given->request->parameters.has_seed = true;
    given->request->parameters.seed = (uint64_t)seed;
    return 1;
}

struct bias {
    int32_t id;
    float add;
};

static int compare_biases(const void *a, const void *b)
{
    const struct bias *one = a, *other = b;
    return (one->id > other->id) - (one->id < other->id);
}

/* "1234": -100 .. 100 */
static int read_bias(const struct given *given, const struct json *member, struct bias *bias)
{
    const char *name = member->name;
    char *end = NULL;
    errno = 0;
    unsigned long id = strtoul(name, &end, 10);
    if (!isdigit((unsigned char)*name) || *end != '\0' || errno != 0 ||
        id >= given->reader->info.n_vocab)
        return refuse(given->refusal, "invalid_value", given->name,
                      "logit_bias: '%.40s' is no token id of this model, which has %u", name,
                      given->reader->info.n_vocab);
    if (member->kind != JSON_NUMBER || !(member->number >= -100 && member->number <= 100))
        return refuse(given->refusal, "invalid_value", given->name,
                      "logit_bias: the bias of token %lu must be a number between -100 and 100",
                      id);
    *bias = (struct bias){(int32_t)id, (float)member->number};
    return 1;
}

static int keep_biases(const struct given *given, const struct bias *biases, size_t n)
{
    struct parameters *parameters = &given->request->parameters;
    parameters->bias_ids = calloc(n + 1, sizeof *parameters->bias_ids);
    parameters->biases = calloc(n + 1, sizeof *parameters->biases);
    if (!parameters->bias_ids || !parameters->biases)
        return fail_memory(given->err, n * sizeof *biases, "biases");
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && biases[i].id == biases[i - 1].id)
            return refuse(given->refusal, "invalid_value", given->name,
                          "logit_bias: token %d is there twice", (int)biases[i].id);
        parameters->bias_ids[i] = biases[i].id;
        parameters->biases[i] = biases[i].add;
    }
    parameters->n_biases = (uint32_t)n;
    return 1;
}

static int read_logit_bias(const struct given *given)
{
    size_t n = 0, at = 0;
    if (given->value->kind != JSON_OBJECT)
        return wrong_type(given, "an object of token ids and numbers");
    for (const struct json *member = given->value->first; member; member = member->next)
        n++;
    if (n == 0)
        return 1;
    struct bias *biases = calloc(n, sizeof *biases);
    if (!biases)
        return fail_memory(given->err, n * sizeof *biases, "biases");
    int rc = 1;
    for (const struct json *member = given->value->first; member && rc == 1; member = member->next)
        rc = read_bias(given, member, &biases[at++]);
    if (rc == 1) {
        qsort(biases, n, sizeof *biases, compare_biases);
        rc = given->request->parameters.bias_ids ? 1 : keep_biases(given, biases, n);
    }
    free(biases);
    return rc;
}

/* ---- What is accepted as long as it changes nothing ---- */

static int take_any(const struct given *given)
{
    (void)given;
    return 1;
}

static int take_none(const struct given *given)
{
    return unsupported(given, NULL);
}

static int take_zero(const struct given *given)
{
    return given->value->kind == JSON_NUMBER && given->value->number == 0.0
               ? 1
               : unsupported(given, "0");
}

static int take_false(const struct given *given)
{
    return given->value->kind == JSON_FALSE ? 1 : unsupported(given, "false");
}

static int take_empty(const struct given *given)
{
    return given->value->kind == JSON_ARRAY && !given->value->first ? 1 : unsupported(given, "[]");
}

static int take_no_tool(const struct given *given)
{
    return json_is_text(given->value, "none") || json_is_text(given->value, "auto")
               ? 1
               : unsupported(given, "\"none\"");
}

static int take_no_effort(const struct given *given)
{
    return json_is_text(given->value, "none") ? 1 : unsupported(given, "\"none\"");
}

static int take_medium(const struct given *given)
{
    return json_is_text(given->value, "medium") ? 1 : unsupported(given, "\"medium\"");
}

static int take_text_format(const struct given *given)
{
    return json_is_text(json_member(given->value, "type"), "text")
               ? 1
               : unsupported(given, "{\"type\": \"text\"}");
}

static int take_text_only(const struct given *given)
{
    const struct json *value = given->value;
    return value->kind == JSON_ARRAY && json_is_text(value->first, "text") && !value->first->next
               ? 1
               : unsupported(given, "[\"text\"]");
}

/* As many as n: then all of them are given back. */
static int take_best_of(const struct given *given)
{
    return given->value->kind == JSON_NUMBER && given->value->number == given->request->parameters.n
               ? 1
               : unsupported(given, "the number that n is");
}

static const struct {
    const char *name;
    unsigned endpoints;
    read_fn *read;
} TABLE[] = {
    {"model", BOTH, read_model},
    {"messages", CHAT, take_any}, /* prompts.c */
    {"prompt", COMPLETIONS, take_any},
    {"n", BOTH, read_n},
    {"max_tokens", BOTH, read_max_tokens},
    {"max_completion_tokens", CHAT, read_max_tokens},
    {"temperature", BOTH, read_temperature},
    {"top_p", BOTH, read_top_p},
    {"seed", BOTH, read_seed},
    {"logit_bias", BOTH, read_logit_bias},
    {"logprobs", CHAT, read_logprobs_flag},
    {"logprobs", COMPLETIONS, read_logprobs_count},
    {"top_logprobs", CHAT, read_top_logprobs},
    {"echo", COMPLETIONS, read_echo},

    {"user", BOTH, take_any},
    {"safety_identifier", CHAT, take_any},
    {"prompt_cache_key", CHAT, take_any},
    {"prompt_cache_retention", CHAT, take_any},
    {"metadata", CHAT, take_any},
    {"store", CHAT, take_any},
    {"service_tier", CHAT, take_any},
    {"parallel_tool_calls", CHAT, take_any},

    {"frequency_penalty", BOTH, take_zero},
    {"presence_penalty", BOTH, take_zero},
    {"best_of", COMPLETIONS, take_best_of}, /* behind n */
    {"stream", BOTH, take_false},
    {"stream_options", BOTH, take_none},
    {"stop", BOTH, take_empty},
    {"suffix", COMPLETIONS, take_none},
    {"tools", CHAT, take_empty},
    {"tool_choice", CHAT, take_no_tool},
    {"functions", CHAT, take_empty},
    {"function_call", CHAT, take_no_tool},
    {"response_format", CHAT, take_text_format},
    {"modalities", CHAT, take_text_only},
    {"audio", CHAT, take_none},
    {"prediction", CHAT, take_none},
    {"web_search_options", CHAT, take_none},
    {"reasoning_effort", CHAT, take_no_effort},
    {"verbosity", CHAT, take_medium},
};
#define N_TABLE (sizeof TABLE / sizeof *TABLE)

static bool is_known(enum endpoint endpoint, const char *name)
{
    for (size_t i = 0; i < N_TABLE; i++)
        if ((TABLE[i].endpoints >> endpoint & 1) && strcmp(TABLE[i].name, name) == 0)
            return true;
    return false;
}

/* What must fit together. */
static int check_all(const struct json *body, const struct request *request,
                     struct refusal *refusal)
{
    const struct parameters *parameters = &request->parameters;
    bool chat = request->endpoint == ENDPOINT_CHAT;
    const char *limit = chat ? "max_completion_tokens" : "max_tokens";
    if (!json_member(body, "model"))
        return refuse(refusal, "missing_required_parameter", "model", "model is missing");
    if (parameters->max_tokens == UINT32_MAX)
        return refuse(refusal, "unsupported_value", limit,
                      "without %s more than one token would be wanted, and trawl answers with one "
                      "yet: it must be 1",
                      limit);
    if (parameters->max_tokens == 0 && !parameters->echo)
        return refuse(refusal, "invalid_value", limit, "%s must be 1%s", limit,
                      chat ? "" : ", or 0 with echo");
    if (chat && parameters->n_top > 0 && !parameters->logprobs)
        return refuse(refusal, "invalid_value", "top_logprobs", "top_logprobs wants logprobs");
    return 1;
}

int parameters_read(const struct request_reader *reader, const struct json *body,
                    struct request *request, struct refusal *refusal, struct error *err)
{
    request->parameters =
        (struct parameters){.n = 1, .max_tokens = UINT32_MAX, .temperature = 1.0, .top_p = 1.0};
    for (const struct json *member = body->first; member; member = member->next)
        if (!is_known(request->endpoint, member->name))
            return refuse(refusal, "unknown_parameter", member->name, "%s has no parameter '%.60s'",
                          ENDPOINT_URLS[request->endpoint], member->name);
    for (size_t i = 0; i < N_TABLE; i++) {
        if (!(TABLE[i].endpoints >> request->endpoint & 1))
            continue;
        struct given given = {
            TABLE[i].name, json_member(body, TABLE[i].name), request, reader, refusal, err};
        if (!given.value || given.value->kind == JSON_NULL)
            continue;
        int rc = TABLE[i].read(&given);
        if (rc != 1)
            return rc;
    }
    return check_all(body, request, refusal);
}
