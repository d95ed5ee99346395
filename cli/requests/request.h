#ifndef REQUEST_H
#define REQUEST_H
/* A line of a batch file, as OpenAI's Batch API has them:
 *
 *     {"custom_id": "...", "method": "POST", "url": "/v1/chat/completions", "body": {...}}
 *
 * read, checked, and made into prompts as token ids. What cannot be served is a refusal: it has the
 * code that the API would give and concerns that line only. */

#include "../json_read.h"
#include "base/bytes.h"
#include "base/sha256.h"
#include "trawl.h"

enum endpoint { ENDPOINT_CHAT, ENDPOINT_COMPLETIONS, N_ENDPOINTS };

/* "/v1/chat/completions" ... */
extern const char *const ENDPOINT_URLS[N_ENDPOINTS];

#define REQUEST_MOST_TOP 20 /* most probable tokens that any request may ask for */

struct refusal {
    const char *code; /* NULL: none; constant */
    bool of_line;     /* the line is no request; else it is one, which gets the answer "400" */
    char param[96];
    char message[400];
};

/* Fills [refusal] and returns 0, "not served"; [param] may be NULL. */
int refuse(struct refusal *refusal, const char *code, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The body's parameters, defaults filled in. */
struct parameters {
    uint32_t n;          /* choices of each prompt */
    uint32_t max_tokens; /* drawn: 1, or 0 with echo */
    bool echo;
    bool logprobs;
    uint32_t n_top; /* most probable tokens listed at every position */
    double temperature, top_p;
    bool has_seed;
    uint64_t seed;
    int32_t *bias_ids; /* [n_biases] ascending; owned */
    float *biases;
    uint32_t n_biases;
};

struct request_prompt {
    size_t first; /* into ids */
    uint32_t n_ids;
};

/* One answer to one prompt. */
struct request_choice {
    enum { CHOICE_WAITING, CHOICE_RUNNING, CHOICE_DONE } state;
    uint32_t prompt;
    struct trawl_draw draw;
    double *values;               /* [n_values] owned: what was read out (reading.h) */
    uint8_t key[TRAWL_KEY_BYTES]; /* of the values */
};

struct request {
    struct request *next;
    uint64_t serial;            /* among those served */
    uint64_t line;              /* 1 .. */
    uint8_t hash[SHA256_BYTES]; /* of the line's text */
    char *custom_id;            /* owned; NULL: the line has none */
    size_t n_custom_id;
    enum endpoint endpoint;
    struct parameters parameters;
    struct trawl_tokens ids; /* of all prompts */
    struct request_prompt *prompts;
    uint32_t n_prompts;
    struct request_choice *choices; /* [n_choices] prompt by prompt */
    uint32_t n_choices;
    uint64_t n_cached; /* prompt tokens that an earlier line has too */
};

/* What requests are read with. */
struct request_reader {
    const struct trawl_model *model;
    struct trawl_chat *chat; /* NULL: [no_chat] says why */
    struct error no_chat;
    struct trawl_model_info info;
    uint32_t max_tokens;      /* of a prompt */
    uint64_t most_json_bytes; /* that a line's values may take */
    size_t most_bytes;        /* of a request (request_bytes) */
};

/* 1: [request] can be served; 0: [refusal] says why not, custom_id is there if it was found; -1. A
 * zeroed request is filled; request_free in any case. */
int request_read(struct request_reader *reader, const char *text, size_t n_bytes,
                 struct request *request, struct refusal *refusal, struct error *err) MUST_CHECK;
void request_free(struct request *request); /* of malloc; NULL is legal */

/* What it holds in memory. */
size_t request_bytes(const struct request *request);

#endif
