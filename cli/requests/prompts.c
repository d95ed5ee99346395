#include "prompts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts of one body, all in one place, since messages are borrowed until they are rendered. */
struct conversation {
    struct trawl_message *messages;
    size_t *from; /* where each one's text begins */
    size_t n;
    struct bytes text;
};

/* ---- Conversations ---- */

static int read_role(const struct json *message, size_t index, struct trawl_message *out,
                     struct refusal *refusal)
{
    static const struct {
        const char *name;
        enum trawl_role role;
    } roles[] = {{"system", TRAWL_SYSTEM},
                 {"developer", TRAWL_SYSTEM},
                 {"user", TRAWL_USER},
                 {"assistant", TRAWL_ASSISTANT}};
    const struct json *role = json_member(message, "role");
    char param[48];
    snprintf(param, sizeof param, "messages[%zu].role", index);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (json_is_text(role, roles[i].name)) {
            out->role = roles[i].role;
            return 1;
        }
    if (!role || role->kind != JSON_STRING)
        return refuse(refusal, "missing_required_parameter", param, "a message has no role");
    return refuse(refusal, "unsupported_value", param,
                  "trawl does not support messages of the role '%.40s'", role->text);
}

/* {"type": "text", "text": ...} */
static int read_part(const struct json *part, size_t message, size_t index, struct bytes *out,
                     struct refusal *refusal, struct error *err)
{
    const struct json *type = json_member(part, "type"), *text = json_member(part, "text");
    char param[80];
    snprintf(param, sizeof param, "messages[%zu].content[%zu]", message, index);
    if (!json_is_text(type, "text"))
        return refuse(refusal, "unsupported_content_part", param,
                      "trawl reads content parts of the type text only, not '%.40s'",
                      type && type->kind == JSON_STRING ? type->text : "");
    if (!text || text->kind != JSON_STRING)
        return refuse(refusal, "invalid_type", param, "a part of the type text has no text");
    if (index > 0 && bytes_append(out, "\n", 1, err) < 0)
        return -1;
    return bytes_append(out, text->text, text->n_bytes, err) < 0 ? -1 : 1;
}

static int read_content(const struct json *message, size_t index, struct bytes *out,
                        struct refusal *refusal, struct error *err)
{
    const struct json *content = json_member(message, "content");
    char param[48];
    snprintf(param, sizeof param, "messages[%zu].content", index);
    if (content && content->kind == JSON_STRING)
        return bytes_append(out, content->text, content->n_bytes, err) < 0 ? -1 : 1;
    if (!content || content->kind != JSON_ARRAY || !content->first)
        return refuse(refusal, "invalid_type", param,
                      "the content of a message must be a text or a list of parts");
    size_t n = 0;
    for (const struct json *part = content->first; part; part = part->next) {
        int rc = read_part(part, index, n++, out, refusal, err);
        if (rc != 1)
            return rc;
    }
    return 1;
}

/* Beside role and content: `name`, which templates have no place for, and what is null. */
static int check_members(const struct json *message, size_t index, struct refusal *refusal)
{
    static const char *const known[] = {"role", "content", "name"};
    for (const struct json *member = message->first; member; member = member->next) {
        bool good = member->kind == JSON_NULL;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            good |= strcmp(member->name, known[i]) == 0;
        char param[96];
        snprintf(param, sizeof param, "messages[%zu].%.60s", index, member->name);
        if (!good)
            return refuse(refusal, "unsupported_parameter", param,
                          "trawl does not support %.60s in a message", member->name);
    }
    return 1;
}

static int read_message(struct conversation *conversation, const struct json *message, size_t index,
                        struct refusal *refusal, struct error *err)
{
    struct trawl_message *out = &conversation->messages[index];
    if (message->kind != JSON_OBJECT)
        return refuse(refusal, "invalid_type", "messages", "message %zu is no object", index);
    int rc = read_role(message, index, out, refusal);
    if (rc == 1)
        rc = check_members(message, index, refusal);
    conversation->from[index] = conversation->text.n_bytes;
    if (rc == 1)
        rc = read_content(message, index, &conversation->text, refusal, err);
    out->n_bytes = conversation->text.n_bytes - conversation->from[index];
    return rc;
}

static int read_messages(struct conversation *conversation, const struct json *messages,
                         struct refusal *refusal, struct error *err)
{
    if (!messages || messages->kind != JSON_ARRAY || !messages->first)
        return refuse(refusal, "missing_required_parameter", "messages",
                      "messages must be a list of one message at least");
    for (const struct json *message = messages->first; message; message = message->next)
        conversation->n++;
    conversation->messages = calloc(conversation->n, sizeof *conversation->messages);
    conversation->from = calloc(conversation->n, sizeof *conversation->from);
    if (!conversation->messages || !conversation->from)
        return fail_memory(err, conversation->n * sizeof *conversation->messages, "messages");
    size_t index = 0;
    for (const struct json *message = messages->first; message; message = message->next) {
        int rc = read_message(conversation, message, index++, refusal, err);
        if (rc != 1)
            return rc;
    }
    for (size_t i = 0; i < conversation->n; i++)
        conversation->messages[i].text =
            conversation->text.data ? conversation->text.data + conversation->from[i] : "";
    return 1;
}

static int render(struct request_reader *reader, const struct conversation *conversation,
                  struct request *request, struct refusal *refusal, struct error *err)
{
    struct error why = {0};
    if (!reader->chat)
        return refuse(refusal, "unsupported_value", "messages", "%s", reader->no_chat.text);
    if (trawl_chat_tokens(reader->chat, conversation->messages, conversation->n, &request->ids,
                          &why) == 0)
        return 1;
    if (why.kind == ERROR_USAGE)
        return refuse(refusal, "unsupported_value", "messages", "%s", why.text);
    *err = why;
    return -1;
}

/* ---- Prompts of completions ---- */

static int read_id(const struct request_reader *reader, const struct json *id,
                   struct request *request, struct refusal *refusal, struct error *err)
{
    struct trawl_tokens *ids = &request->ids;
    if (id->kind != JSON_NUMBER || id->number != floor(id->number) || id->number < 0 ||
        id->number >= reader->info.n_vocab)
        return refuse(refusal, "invalid_value", "prompt",
                      "prompt: a list holds texts, or whole numbers that are token ids below %u",
                      reader->info.n_vocab);
    if (ids->n_ids == ids->capacity) {
        size_t capacity = ids->capacity ? 2 * ids->capacity : 256;
        int32_t *grown = realloc(ids->ids, capacity * sizeof *grown);
        if (!grown)
            return fail_memory(err, capacity * sizeof *grown, "a prompt");
        ids->ids = grown;
        ids->capacity = capacity;
    }
    ids->ids[ids->n_ids++] = (int32_t)id->number;
    return 1;
}

/* A text, or a list of token ids. */
static int read_prompt(struct request_reader *reader, const struct json *prompt,
                       struct request *request, struct refusal *refusal, struct error *err)
{
    static const struct trawl_tokenize_options as_usual;
    struct request_prompt *place = &request->prompts[request->n_prompts++];
    int rc = 1;
    place->first = request->ids.n_ids;
    if (prompt->kind == JSON_STRING)
        rc = trawl_tokenize(reader->model, prompt->text, prompt->n_bytes, &as_usual, &request->ids,
                            err) < 0
                 ? -1
                 : 1;
    else if (prompt->kind != JSON_ARRAY)
        return refuse(refusal, "invalid_type", "prompt",
                      "prompt must be a text, a list of texts, or token ids");
    else
        for (const struct json *id = prompt->first; id && rc == 1; id = id->next)
            rc = read_id(reader, id, request, refusal, err);
    place->n_ids = (uint32_t)(request->ids.n_ids - place->first);
    return rc;
}

static int read_all_prompts(struct request_reader *reader, const struct json *prompt,
                            struct request *request, struct refusal *refusal, struct error *err)
{
    bool several =
        prompt && prompt->kind == JSON_ARRAY && prompt->first && prompt->first->kind != JSON_NUMBER;
    size_t n = !several;
    if (!prompt || prompt->kind == JSON_NULL)
        return refuse(refusal, "missing_required_parameter", "prompt", "prompt is missing");
    for (const struct json *one = prompt->first; several && one; one = one->next)
        n++;
    request->prompts = calloc(n, sizeof *request->prompts);
    if (!request->prompts)
        return fail_memory(err, n * sizeof *request->prompts, "prompts");
    if (!several)
        return read_prompt(reader, prompt, request, refusal, err);
    int rc = 1;
    for (const struct json *one = prompt->first; one && rc == 1; one = one->next)
        rc = read_prompt(reader, one, request, refusal, err);
    return rc;
}

/* ---- Both ---- */

static int check_lengths(const struct request_reader *reader, const struct request *request,
                         const char *param, struct refusal *refusal)
{
    for (uint32_t p = 0; p < request->n_prompts; p++) {
        uint32_t n = request->prompts[p].n_ids;
        if (n == 0)
            return refuse(refusal, "invalid_value", param, "%s is empty", param);
        if (n > reader->max_tokens || n + request->parameters.max_tokens > reader->info.n_context)
            return refuse(refusal, "context_length_exceeded", param,
                          "the prompt has %u tokens; this run takes %u (--window), the model's "
                          "context is %u",
                          n, reader->max_tokens, reader->info.n_context);
    }
    return 1;
}

static int read_chat(struct request_reader *reader, const struct json *body,
                     struct request *request, struct refusal *refusal, struct error *err)
{
    struct conversation conversation = {0};
    int rc = read_messages(&conversation, json_member(body, "messages"), refusal, err);
    if (rc == 1)
        rc = render(reader, &conversation, request, refusal, err);
    free(conversation.messages);
    free(conversation.from);
    bytes_deinit(&conversation.text);
    if (rc != 1)
        return rc;
    request->prompts = calloc(1, sizeof *request->prompts);
    if (!request->prompts)
        return fail_memory(err, sizeof *request->prompts, "prompts");
    request->n_prompts = 1;
    request->prompts[0].n_ids = (uint32_t)request->ids.n_ids;
    return 1;
}

int prompts_read(struct request_reader *reader, const struct json *body, struct request *request,
                 struct refusal *refusal, struct error *err)
{
    bool chat = request->endpoint == ENDPOINT_CHAT;
    int rc = chat ? read_chat(reader, body, request, refusal, err)
                  : read_all_prompts(reader, json_member(body, "prompt"), request, refusal, err);
    return rc == 1 ? check_lengths(reader, request, chat ? "messages" : "prompt", refusal) : rc;
}
