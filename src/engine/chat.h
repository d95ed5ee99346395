#ifndef ENGINE_CHAT_H
#define ENGINE_CHAT_H
/* Conversations as the model of a run wants them: its template, by name or recognised, with its own
 * begin and end tokens. */

#include "engine/model.h"

struct trawl_chat {
    const struct trawl_model *model;
    const struct template *template;
    bool bos; /* the model's own template begins with BOS */
    struct rendered rendered;
    int32_t end; /* what the model says when it has answered; TOKEN_NONE: only end of sequence */
};

/* Zeroed or opened, a chat may be deinited. [template_name] NULL: recognised. */
int chat_init(struct trawl_chat *chat, const struct trawl_model *model, const char *template_name,
              struct error *err) MUST_CHECK;
void chat_deinit(struct trawl_chat *chat);

/* Into chat->rendered, what it held before is dropped; [answer]: with what begins an answer. */
int chat_render(struct trawl_chat *chat, const struct message *messages, size_t n_messages,
                bool answer, struct error *err) MUST_CHECK;

#endif
