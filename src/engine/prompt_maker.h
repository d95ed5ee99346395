#ifndef ENGINE_PROMPT_MAKER_H
#define ENGINE_PROMPT_MAKER_H
/* A document and a question -> a prompt as tokens. The layout is explicit and the same for every
 * command: system text, then one user message made of document and question with a blank line
 * between; a question that wants other answers than yes and no says which behind it. A document of
 * more tokens than the window is cut at token borders into windows that overlap by an eighth. */

#include "engine/chat.h"

struct prompt_maker {
    const struct trawl_model *model;
    const struct trawl_ask_options *options;
    struct trawl_chat chat;
    uint32_t window_tokens; /* of a document sent at once */
    uint32_t max_tokens;    /* of any prompt */

    const char *system_text;
    bool say_kind; /* yes/no questions say so too, since the system text does not */

    /* The current document. */
    const char *text; /* trimmed; borrowed */
    size_t n_bytes;
    const char *const *questions; /* its own texts of the questions, NULL: those of the options */
    struct window {
        size_t from, to; /* bytes of text */
    } * windows;
    uint32_t n_windows, windows_capacity;
    struct token_list tokens; /* of the document, to find the cuts */

    struct bytes message;
};

/* On failure the maker is still to be closed. */
int prompt_maker_open(struct prompt_maker *maker, const struct trawl_model *model,
                      const struct trawl_ask_options *options, struct error *err) MUST_CHECK;
void prompt_maker_close(struct prompt_maker *maker);

/* Takes a document, borrowed until the next one, and finds its windows. */
int prompt_maker_document(struct prompt_maker *maker, const struct trawl_document *document,
                          struct error *err) MUST_CHECK;

/* The prompt of one window and question, rendered into maker->chat. */
int prompt_maker_render(struct prompt_maker *maker, uint32_t window, uint32_t question,
                        struct error *err) MUST_CHECK;

/* The same as tokens, appended to [out]; at most max_tokens. 1: the question itself, which this
 * document brought, is too long; 0; -1. */
int prompt_maker_tokens(struct prompt_maker *maker, uint32_t window, uint32_t question,
                        struct token_list *out, struct error *err) MUST_CHECK;

/* What the model says when it answers [text]: the tokens behind a prompt, appended to [out], and
 * those that may end its turn. */
struct turn_ends {
    int32_t ids[2];
    uint32_t n_ids;
};
int prompt_maker_reply(struct prompt_maker *maker, const char *text, struct token_list *out,
                       struct turn_ends *ends, struct error *err) MUST_CHECK;

#endif
