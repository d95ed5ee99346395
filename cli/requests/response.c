#include "response.h"

#include "../utf8_check.h"
#include "reading.h"

#include <inttypes.h>
#include <string.h>

/* Hexadecimal digits of an id, as many as the API's have. */
#define ID_BYTES 12

void response_maker_deinit(struct response_maker *maker)
{
    bytes_deinit(&maker->text);
    bytes_deinit(&maker->token);
}

/* ---- Texts ---- */

/* A JSON string; bytes that are no UTF-8 (half a character is a token, too) become U+FFFD. */
static void put_text(struct out *out, const char *text, size_t n_bytes)
{
    size_t from = 0;
    if (utf8_is_valid(text, n_bytes)) {
        out_json_text(out, text, n_bytes);
        return;
    }
    out_char(out, '"');
    while (from < n_bytes) {
        size_t to = from, n;
        while (to < n_bytes && (n = utf8_char_bytes(text + to, n_bytes - to)) > 0)
            to += n;
        out_json_part(out, text + from, to - from);
        if (to < n_bytes)
            out_text(out, "\xef\xbf\xbd");
        from = to + (to < n_bytes);
    }
    out_char(out, '"');
}

/* As the API's completions name tokens that are no text: "bytes:\xe2\x80". */
static void put_name(struct out *out, const char *text, size_t n_bytes)
{
    if (utf8_is_valid(text, n_bytes)) {
        out_json_text(out, text, n_bytes);
        return;
    }
    out_text(out, "\"bytes:");
    for (size_t i = 0; i < n_bytes; i++)
        out_format(out, "\\\\x%02x", (unsigned char)text[i]);
    out_char(out, '"');
}

static const char *data_of(const struct bytes *bytes)
{
    return bytes->data ? bytes->data : "";
}

/* The text of a token into maker->token; control tokens by name. */
static int name_token(struct response_maker *maker, int32_t id, struct error *err)
{
    bytes_clear(&maker->token);
    return trawl_token_text(maker->model, id, &maker->token, err);
}

/* Appends to [out] what a reader sees of a token: nothing of a control token, and not the space
 * that some vocabularies put in front of a text. */
static int append_visible(const struct response_maker *maker, int32_t id, bool first,
                          struct bytes *out, struct error *err)
{
    if (trawl_token_is_control(maker->model, id))
        return 0;
    return first ? trawl_detokenize(maker->model, &id, 1, out, err)
                 : trawl_token_text(maker->model, id, out, err);
}

static bool ends_answer(const struct response_maker *maker, int32_t id)
{
    return id == maker->info->eos || (maker->turn_end >= 0 && id == maker->turn_end);
}

static const char *finish_reason(const struct response_maker *maker, const struct request *request,
                                 const struct request_choice *choice)
{
    bool stopped =
        request->parameters.max_tokens > 0 && ends_answer(maker, reading_drawn(choice).id);
    return stopped ? "stop" : "length";
}

/* ---- chat.completion ---- */

static int put_chat_token(struct response_maker *maker, int32_t id, double logprob, struct out *out,
                          struct error *err)
{
    if (name_token(maker, id, err) < 0)
        return -1;
    out_text(out, "{\"token\": ");
    put_text(out, data_of(&maker->token), maker->token.n_bytes);
    out_key_number(out, "logprob", logprob);
    out_text(out, ", \"bytes\": [");
    for (size_t i = 0; i < maker->token.n_bytes; i++)
        out_format(out, "%s%u", i ? ", " : "", (unsigned char)maker->token.data[i]);
    out_char(out, ']');
    return 0;
}

static int put_chat_logprobs(struct response_maker *maker, const struct request *request,
                             const struct token_reading *drawn, struct out *out, struct error *err)
{
    if (!request->parameters.logprobs) {
        out_text(out, "null");
        return 0;
    }
    out_text(out, "{\"content\": [");
    if (put_chat_token(maker, drawn->id, drawn->logprob, out, err) < 0)
        return -1;
    out_text(out, ", \"top_logprobs\": [");
    for (uint32_t k = 0; k < request->parameters.n_top; k++) {
        out_text(out, k ? ", " : "");
        if (put_chat_token(maker, (int32_t)drawn->top[2 * k], drawn->top[2 * k + 1], out, err) < 0)
            return -1;
        out_char(out, '}');
    }
    out_text(out, "]}], \"refusal\": null}");
    return 0;
}

static int put_chat_choice(struct response_maker *maker, const struct request *request,
                           const struct request_choice *choice, struct out *out, struct error *err)
{
    struct token_reading drawn = reading_drawn(choice);
    bytes_clear(&maker->text);
    if (append_visible(maker, drawn.id, false, &maker->text, err) < 0)
        return -1;
    out_text(out, ", \"message\": {\"role\": \"assistant\", \"content\": ");
    put_text(out, data_of(&maker->text), maker->text.n_bytes);
    out_text(out, ", \"refusal\": null}, \"logprobs\": ");
    return put_chat_logprobs(maker, request, &drawn, out, err);
}

/* ---- text_completion ---- */

/* What the lists of `logprobs` are made of: the echoed prompt, then the token drawn. */
static uint32_t n_listed(const struct request *request, const struct request_choice *choice)
{
    return (request->parameters.echo ? request->prompts[choice->prompt].n_ids : 0) +
           request->parameters.max_tokens;
}

static struct token_reading listed(const struct request *request,
                                   const struct request_choice *choice, uint32_t i)
{
    bool echoed = request->parameters.echo && i < request->prompts[choice->prompt].n_ids;
    return echoed ? reading_echoed(request, choice, i) : reading_drawn(choice);
}

/* In characters of the choice's text, which is in maker->text: of the one that a token begins in.
 */
static int put_offsets(struct response_maker *maker, const struct request *request,
                       const struct request_choice *choice, struct out *out, struct error *err)
{
    const char *text = data_of(&maker->text);
    size_t n_text = maker->text.n_bytes, begin = 0, byte = 0, character = 0;
    out_text(out, "], \"text_offset\": [");
    for (uint32_t i = 0; i < n_listed(request, choice); i++) {
        for (size_t n; byte < begin; byte += n, character++) {
            n = utf8_char_bytes(text + byte, n_text - byte);
            n = n ? n : 1;
            if (byte + n > begin)
                break;
        }
        out_format(out, "%s%zu", i ? ", " : "", character);
        bytes_clear(&maker->token);
        if (append_visible(maker, listed(request, choice, i).id,
                           request->parameters.echo && begin == 0, &maker->token, err) < 0)
            return -1;
        begin += maker->token.n_bytes;
    }
    out_char(out, ']');
    return 0;
}

static int put_named(struct response_maker *maker, int32_t id, double logprob, bool more,
                     struct out *out, struct error *err)
{
    if (name_token(maker, id, err) < 0)
        return -1;
    out_text(out, more ? ", " : "");
    put_name(out, data_of(&maker->token), maker->token.n_bytes);
    out_text(out, ": ");
    out_number(out, logprob);
    return 0;
}

/* {token: logprob, ...}, the token itself too where it is none of the most probable. */
static int put_top_object(struct response_maker *maker, const struct request *request,
                          const struct token_reading *token, struct out *out, struct error *err)
{
    bool there = false;
    uint32_t k = 0;
    if (!token->has_logprob) {
        out_text(out, "null");
        return 0;
    }
    out_char(out, '{');
    for (; k < request->parameters.n_top; k++) {
        there |= (int32_t)token->top[2 * k] == token->id;
        if (put_named(maker, (int32_t)token->top[2 * k], token->top[2 * k + 1], k > 0, out, err) <
            0)
            return -1;
    }
    if (!there && put_named(maker, token->id, token->logprob, k > 0, out, err) < 0)
        return -1;
    out_char(out, '}');
    return 0;
}

static int put_text_logprobs(struct response_maker *maker, const struct request *request,
                             const struct request_choice *choice, struct out *out,
                             struct error *err)
{
    uint32_t n = n_listed(request, choice);
    if (!request->parameters.logprobs) {
        out_text(out, "null");
        return 0;
    }
    out_text(out, "{\"tokens\": [");
    for (uint32_t i = 0; i < n; i++) {
        if (name_token(maker, listed(request, choice, i).id, err) < 0)
            return -1;
        out_text(out, i ? ", " : "");
        put_name(out, data_of(&maker->token), maker->token.n_bytes);
    }
    out_text(out, "], \"token_logprobs\": [");
    for (uint32_t i = 0; i < n; i++) {
        struct token_reading token = listed(request, choice, i);
        out_text(out, i ? ", " : "");
        if (token.has_logprob)
            out_number(out, token.logprob);
        else
            out_text(out, "null");
    }
    out_text(out, "], \"top_logprobs\": [");
    for (uint32_t i = 0; i < n; i++) {
        struct token_reading token = listed(request, choice, i);
        out_text(out, i ? ", " : "");
        if (put_top_object(maker, request, &token, out, err) < 0)
            return -1;
    }
    if (put_offsets(maker, request, choice, out, err) < 0)
        return -1;
    out_char(out, '}');
    return 0;
}

static int put_text_choice(struct response_maker *maker, const struct request *request,
                           const struct request_choice *choice, struct out *out, struct error *err)
{
    bytes_clear(&maker->text);
    for (uint32_t i = 0; i < n_listed(request, choice); i++) {
        bool first = request->parameters.echo && maker->text.n_bytes == 0;
        if (append_visible(maker, listed(request, choice, i).id, first, &maker->text, err) < 0)
            return -1;
    }
    out_text(out, ", \"text\": ");
    put_text(out, data_of(&maker->text), maker->text.n_bytes);
    out_text(out, ", \"logprobs\": ");
    return put_text_logprobs(maker, request, choice, out, err);
}

/* ---- Lines ---- */

/* PREFIX-0123456789abcdef01234567, made from the line: the same every time. */
static void put_id(const struct request *request, const char *prefix, struct out *out)
{
    uint8_t hash[SHA256_BYTES];
    struct sha256 sha;
    sha256_init(&sha);
    sha256_add(&sha, prefix, strlen(prefix));
    sha256_add(&sha, &request->line, sizeof request->line);
    sha256_add(&sha, request->hash, sizeof request->hash);
    sha256_finish(&sha, hash);
    out_format(out, "\"%s", prefix);
    for (int i = 0; i < ID_BYTES; i++)
        out_format(out, "%02x", hash[i]);
    out_char(out, '"');
}

static void begin_line(const struct request *request, struct out *out)
{
    out_text(out, "{\"id\": ");
    put_id(request, "batch_req_", out);
    out_text(out, ", \"custom_id\": ");
    if (request->custom_id)
        put_text(out, request->custom_id, request->n_custom_id);
    else
        out_text(out, "null");
    out_text(out, ", \"response\": ");
}

static void begin_response(const struct request *request, int status, struct out *out)
{
    out_format(out, "{\"status_code\": %d, \"request_id\": ", status);
    put_id(request, "req_", out);
    out_text(out, ", \"body\": ");
}

static void put_usage(const struct response_maker *maker, const struct request *request,
                      struct out *out)
{
    uint64_t n_prompt = request->ids.n_ids,
             n_drawn = (uint64_t)request->n_choices * request->parameters.max_tokens;
    out_format(out, "], \"usage\": {\"prompt_tokens\": %" PRIu64, n_prompt);
    out_key_count(out, "completion_tokens", n_drawn);
    out_key_count(out, "total_tokens", n_prompt + n_drawn);
    out_format(out, ", \"prompt_tokens_details\": {\"cached_tokens\": %" PRIu64 "}}",
               request->n_cached);
    out_key_text(out, "system_fingerprint", maker->numerics);
}

/* The model's name is that of its file. */
static void put_model(const struct response_maker *maker, struct out *out)
{
    static const char ending[] = ".gguf";
    const char *path = maker->info->path, *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t n = strlen(name), n_ending = sizeof ending - 1;
    if (n > n_ending && strcmp(name + n - n_ending, ending) == 0)
        n -= n_ending;
    out_text(out, ", \"model\": ");
    put_text(out, name, n);
}

int response_put(struct response_maker *maker, const struct request *request, struct out *out,
                 struct error *err)
{
    bool chat = request->endpoint == ENDPOINT_CHAT;
    begin_line(request, out);
    begin_response(request, 200, out);
    out_text(out, "{\"id\": ");
    put_id(request, chat ? "chatcmpl-" : "cmpl-", out);
    out_format(out, ", \"object\": \"%s\", \"created\": %" PRId64,
               chat ? "chat.completion" : "text_completion", maker->created);
    put_model(maker, out);
    out_text(out, ", \"choices\": [");
    for (uint32_t c = 0; c < request->n_choices; c++) {
        const struct request_choice *choice = &request->choices[c];
        out_format(out, "%s{\"index\": %" PRIu32, c ? ", " : "", c);
        if ((chat ? put_chat_choice(maker, request, choice, out, err)
                  : put_text_choice(maker, request, choice, out, err)) < 0)
            return -1;
        out_key_text(out, "finish_reason", finish_reason(maker, request, choice));
        out_char(out, '}');
    }
    put_usage(maker, request, out);
    out_text(out, "}}, \"error\": null}\n");
    return 0;
}

void response_refuse(const struct request *request, const struct refusal *refusal, struct out *out)
{
    begin_line(request, out);
    if (refusal->of_line) {
        out_text(out, "null, \"error\": {\"code\": ");
        out_json_text(out, refusal->code, strlen(refusal->code));
        out_format(out, ", \"message\": \"line %" PRIu64 ": ", request->line);
        out_json_part(out, refusal->message, strlen(refusal->message));
        out_text(out, "\"}}\n");
        return;
    }
    begin_response(request, 400, out);
    out_text(out, "{\"error\": {\"message\": ");
    out_json_text(out, refusal->message, strlen(refusal->message));
    out_key_text(out, "type", "invalid_request_error");
    out_key_text(out, "param", *refusal->param ? refusal->param : NULL);
    out_key_text(out, "code", refusal->code);
    out_text(out, "}}}, \"error\": null}\n");
}
