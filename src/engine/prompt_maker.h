#ifndef ENGINE_PROMPT_MAKER_H
#define ENGINE_PROMPT_MAKER_H
/* A document and a question -> a prompt as tokens. The layout is explicit and the same for every
 * command: system text, then one user message made of document and question with a blank line
 * between. A document of more tokens than the window is cut at token borders into windows that
 * overlap by an eighth. */

#include "engine/model.h"

struct prompt_maker {
    const struct trawl_model *model;
    const struct trawl_ask_options *options;
    const struct template *template;
    bool bos;               /* the model's own template begins with BOS */
    uint32_t window_tokens; /* of a document sent at once */
    uint32_t max_tokens;    /* of any prompt */

    /* The current document. */
    const char *text; /* trimmed; borrowed */
    size_t n_bytes;
    struct window {
        size_t from, to; /* bytes of text */
    } * windows;
    uint32_t n_windows, windows_capacity;
    struct token_list tokens; /* of the document, to find the cuts */

    struct bytes message;
    struct rendered rendered;
};

/* On failure the maker is still to be closed. */
int prompt_maker_open(struct prompt_maker *maker, const struct trawl_model *model,
                      const struct trawl_ask_options *options, struct error *err) MUST_CHECK;
void prompt_maker_close(struct prompt_maker *maker);

/* Takes a document, borrowed until the next one, and finds its windows. */
int prompt_maker_document(struct prompt_maker *maker, const char *text, size_t n_bytes,
                          struct error *err) MUST_CHECK;

/* The prompt of one window and question, rendered into maker->rendered. */
int prompt_maker_render(struct prompt_maker *maker, uint32_t window, uint32_t question,
                        struct error *err) MUST_CHECK;

/* The same as tokens, appended to [out]; at most max_tokens. */
int prompt_maker_tokens(struct prompt_maker *maker, uint32_t window, uint32_t question,
                        struct token_list *out, struct error *err) MUST_CHECK;

#endif
