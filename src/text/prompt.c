#include "text/prompt.h"

#include <ctype.h>
#include <string.h>

static bool begins_with_bos(const struct tokenizer *tokenizer, const struct rendered *rendered)
{
    size_t n;
    const char *bos = tokenizer_token_text(tokenizer, tokenizer_role(tokenizer, TOKEN_BOS), &n);
    return n > 0 && rendered->n_spans > 0 && rendered->spans[0].kind == SPAN_TEMPLATE &&
           rendered->spans[0].to >= n && memcmp(rendered->text.data, bos, n) == 0;
}

int prompt_tokenize(const struct tokenizer *tokenizer, const struct rendered *rendered,
                    bool add_bos, struct token_list *out, struct error *err)
{
    const char *text = rendered->text.data;
    int32_t bos = tokenizer_role(tokenizer, TOKEN_BOS);
    if (add_bos && bos != TOKEN_NONE && (tokenizer_add_bos(tokenizer) || rendered->bos) &&
        !begins_with_bos(tokenizer, rendered) && token_list_append(out, bos, err) < 0) {
        return -1;
    }
    size_t from = 0; /* of the text behind the last special token */
    for (size_t i = 0; i < rendered->n_spans; i++) {
        const struct span *span = &rendered->spans[i];
        if (span->kind != SPAN_TEMPLATE) {
            continue;
        }
        struct special special;
        size_t at = span->from > from ? span->from : from;
        while (at < span->to && tokenizer_find_special(tokenizer, text, span->to, at, &special)) {
            if (tokenizer_encode(tokenizer, text + from, special.from - from, NULL, out, err) < 0 ||
                token_list_append(out, special.id, err) < 0) {
                return -1;
            }
            from = special.to;
            while (special.takes_space && from < rendered->text.n_bytes &&
                   isspace((unsigned char)text[from])) {
                from++;
            }
            at = from;
        }
    }
    if (from == rendered->text.n_bytes) {
        return 0;
    }
    return tokenizer_encode(tokenizer, text + from, rendered->text.n_bytes - from, NULL, out, err);
}
