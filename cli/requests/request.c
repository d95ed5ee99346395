#include "request.h"

#include "parameters.h"
#include "prompts.h"
#include "reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const ENDPOINT_URLS[N_ENDPOINTS] = {
    [ENDPOINT_CHAT] = "/v1/chat/completions",
    [ENDPOINT_COMPLETIONS] = "/v1/completions",
};

int refuse(struct refusal *refusal, const char *code, const char *param, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(refusal->message, sizeof refusal->message, format, args);
    va_end(args);
    snprintf(refusal->param, sizeof refusal->param, "%s", param ? param : "");
    refusal->code = code;
    return 0;
}

/* ---- The line around the body ---- */

static int read_custom_id(struct request *request, const struct json *line, struct refusal *refusal,
                          struct error *err)
{
    const struct json *id = json_member(line, "custom_id");
    if (!id || id->kind != JSON_STRING || id->n_bytes == 0)
        return refuse(refusal, "missing_custom_id", "custom_id",
                      "custom_id must be a text that no other line has");
    request->custom_id = malloc(id->n_bytes + 1);
    if (!request->custom_id)
        return fail_memory(err, id->n_bytes, "a request");
    memcpy(request->custom_id, id->text, id->n_bytes + 1);
    request->n_custom_id = id->n_bytes;
    return 1;
}

static int read_url(struct request *request, const struct json *line, struct refusal *refusal)
{
    const struct json *url = json_member(line, "url");
    for (int e = 0; e < N_ENDPOINTS; e++)
        if (json_is_text(url, ENDPOINT_URLS[e])) {
            request->endpoint = (enum endpoint)e;
            return 1;
        }
    return refuse(refusal, "invalid_url", "url", "url must be %s or %s", ENDPOINT_URLS[0],
                  ENDPOINT_URLS[1]);
}

/* ---- Choices ---- */

static uint64_t number_of(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* Choices of one request draw apart from each other, whichever seed they have. */
#define SEED_STEP 0x9E3779B97F4A7C15u

static int make_choices(const struct request_reader *reader, struct request *request,
                        struct refusal *refusal, struct error *err)
{
    const struct parameters *of = &request->parameters;
    if (request_bytes(request) > reader->most_bytes)
        return refuse(refusal, "request_too_large", NULL,
                      "the request and its answer take %zu bytes, and this run has %zu for one: "
                      "give more --memory, or cut it",
                      request_bytes(request), reader->most_bytes);
    request->n_choices = request->n_prompts * of->n;
    request->choices = calloc(request->n_choices, sizeof *request->choices);
    if (!request->choices)
        return fail_memory(err, request->n_choices * sizeof *request->choices, "a request");
    uint64_t seed = of->has_seed ? of->seed : number_of(request->hash);
    for (uint32_t c = 0; c < request->n_choices; c++) {
        struct request_choice *choice = &request->choices[c];
        choice->prompt = c / of->n;
        choice->draw = (struct trawl_draw){.bias_ids = of->bias_ids,
                                           .biases = of->biases,
                                           .n_biases = of->n_biases,
                                           .temperature = of->temperature,
                                           .top_p = of->top_p,
                                           .seed = seed + c * SEED_STEP};
        uint32_t n_values = reading_n_values(request, choice);
        choice->values = calloc(n_values + 1, sizeof *choice->values);
        if (!choice->values)
            return fail_memory(err, n_values * sizeof *choice->values, "a request");
    }
    return 1;
}

/* ---- A line ---- */

static int read_line(struct request_reader *reader, const struct json *line,
                     struct request *request, struct refusal *refusal, struct error *err)
{
    refusal->of_line = true;
    if (line->kind != JSON_OBJECT)
        return refuse(refusal, "invalid_json_line", NULL, "the line is no JSON object");
    int rc = read_custom_id(request, line, refusal, err);
    if (rc != 1)
        return rc;
    if (!json_is_text(json_member(line, "method"), "POST"))
        return refuse(refusal, "invalid_method", "method", "method must be POST");
    rc = read_url(request, line, refusal);
    if (rc != 1)
        return rc;
    const struct json *body = json_member(line, "body");
    if (!body || body->kind != JSON_OBJECT)
        return refuse(refusal, "invalid_body", "body", "body must be an object");
    refusal->of_line = false;
    rc = parameters_read(reader, body, request, refusal, err);
    if (rc == 1)
        rc = prompts_read(reader, body, request, refusal, err);
    return rc == 1 ? make_choices(reader, request, refusal, err) : rc;
}

int request_read(struct request_reader *reader, const char *text, size_t n_bytes,
                 struct request *request, struct refusal *refusal, struct error *err)
{
    struct arena arena = {.most_bytes = reader->most_json_bytes};
    struct error why = {0};
    struct sha256 sha;
    sha256_init(&sha);
    sha256_add(&sha, text, n_bytes);
    sha256_finish(&sha, request->hash);
    *refusal = (struct refusal){.of_line = true};
    const struct json *line = json_read(&arena, text, n_bytes, &why);
    int rc;
    if (line)
        rc = read_line(reader, line, request, refusal, err);
    else if (why.kind == ERROR_LIMIT)
        rc = refuse(refusal, "request_too_large", NULL, "%s", why.text);
    else if (why.kind == ERROR_FORMAT)
        rc = refuse(refusal, "invalid_json_line", NULL, "%s", why.text);
    else
        rc = -1, *err = why;
    arena_deinit(&arena);
    return rc;
}

void request_free(struct request *request)
{
    if (!request)
        return;
    for (uint32_t c = 0; c < request->n_choices && request->choices; c++)
        free(request->choices[c].values);
    free(request->choices);
    free(request->prompts);
    trawl_tokens_deinit(&request->ids);
    free(request->parameters.bias_ids);
    free(request->parameters.biases);
    free(request->custom_id);
    free(request);
}

size_t request_bytes(const struct request *request)
{
    const struct parameters *parameters = &request->parameters;
    size_t n = 512 + request->n_custom_id + request->ids.capacity * sizeof(int32_t) +
               8 * parameters->n_biases;
    for (uint32_t p = 0; p < request->n_prompts; p++) {
        struct request_choice choice = {.prompt = p};
        size_t one = sizeof choice + 32 + reading_n_values(request, &choice) * sizeof(double);
        n += sizeof *request->prompts + parameters->n * one;
    }
    return n;
}
