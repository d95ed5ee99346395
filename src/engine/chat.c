#include "engine/chat.h"

#include "text/prompt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int chat_render(struct trawl_chat *chat, const struct message *messages, size_t n_messages,
                bool answer, struct error *err)
{
    rendered_clear(&chat->rendered);
    if (template_render(chat->template, messages, n_messages, answer, &chat->rendered, err) < 0)
        return -1;
    chat->rendered.bos |= chat->bos;
    return 0;
}

/* The special token that the template puts behind the reply [reply] that was rendered last; what
 * lies between is white space. */
static int32_t turn_end(const struct trawl_chat *chat, const char *reply)
{
    const struct tokenizer *tokenizer = chat->model->tokenizer;
    const struct rendered *rendered = &chat->rendered;
    size_t n = rendered->text.n_bytes, n_reply = strlen(reply);
    const char *text = rendered->text.data;
    for (size_t i = rendered->n_spans; i-- > 0;) {
        const struct span *span = &rendered->spans[i];
        struct special special;
        if (span->kind != SPAN_DATA || span->to - span->from < n_reply ||
            memcmp(text + span->to - n_reply, reply, n_reply) != 0)
            continue;
        if (!tokenizer_find_special(tokenizer, text, n, span->to, &special))
            return TOKEN_NONE;
        for (size_t at = span->to; at < special.from; at++)
            if (!isspace((unsigned char)text[at]))
                return TOKEN_NONE;
        return special.id;
    }
    return TOKEN_NONE;
}

int chat_init(struct trawl_chat *chat, const struct trawl_model *model, const char *template_name,
              struct error *err)
{
    static const struct message exchange[] = {{MESSAGE_USER, "?", 1}, {MESSAGE_ASSISTANT, "!", 1}};
    *chat = (struct trawl_chat){.model = model, .end = TOKEN_NONE};
    if (model_template(model, template_name, &chat->template, err) < 0)
        return -1;
    chat->bos = !template_name && model_template_writes_bos(model);
    const char *eos = tokenizer_token_text(
        model->tokenizer, tokenizer_role(model->tokenizer, TOKEN_EOS), &chat->rendered.n_eos);
    chat->rendered.eos = chat->rendered.n_eos > 0 ? eos : NULL;
    if (chat_render(chat, exchange, 2, false, err) < 0)
        return -1;
    chat->end = turn_end(chat, exchange[1].text);
    return 0;
}

void chat_deinit(struct trawl_chat *chat)
{
    rendered_deinit(&chat->rendered);
}

/* ---- At the public border ---- */

struct trawl_chat *trawl_chat_open(const struct trawl_model *model, const char *template_name,
                                   struct error *err)
{
    struct trawl_chat *chat = malloc(sizeof *chat);
    if (!chat) {
        fail_memory(err, sizeof *chat, "a conversation");
        return NULL;
    }
    if (chat_init(chat, model, template_name, err) == 0)
        return chat;
    trawl_chat_close(chat);
    return NULL;
}

void trawl_chat_close(struct trawl_chat *chat)
{
    if (chat)
        chat_deinit(chat);
    free(chat);
}

int32_t trawl_chat_end(const struct trawl_chat *chat)
{
    return chat->end;
}

int trawl_chat_tokens(struct trawl_chat *chat, const struct trawl_message *messages,
                      size_t n_messages, struct trawl_tokens *out, struct error *err)
{
    static const enum message_role roles[] = {[TRAWL_SYSTEM] = MESSAGE_SYSTEM,
                                              [TRAWL_USER] = MESSAGE_USER,
                                              [TRAWL_ASSISTANT] = MESSAGE_ASSISTANT};
    struct message *rendered = calloc(n_messages + 1, sizeof *rendered);
    if (!rendered)
        return fail_memory(err, n_messages * sizeof *rendered, "messages");
    for (size_t i = 0; i < n_messages; i++)
        rendered[i] =
            (struct message){roles[messages[i].role], messages[i].text, messages[i].n_bytes};
    struct token_list list = {NULL, 0, 0};
    int rc = chat_render(chat, rendered, n_messages, true, err);
    if (rc == 0)
        rc = prompt_tokenize(chat->model->tokenizer, &chat->rendered, true, &list, err);
    free(rendered);
    trawl_tokens_deinit(out);
    *out = (struct trawl_tokens){list.ids, list.n_tokens, list.capacity};
    return rc;
}
