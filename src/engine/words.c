/* Tokens and names at the public border. */

#include "engine/model.h"
#include "kernels/kernels.h"
#include "stream/reader.h"

#include <stdlib.h>

void trawl_tokens_deinit(struct trawl_tokens *tokens)
{
    free(tokens->ids);
    *tokens = (struct trawl_tokens){NULL, 0, 0};
}

int trawl_tokenize(const struct trawl_model *model, const char *text, size_t n_bytes,
                   const struct trawl_tokenize_options *options, struct trawl_tokens *out,
                   struct error *err)
{
    struct token_list list = {out->ids, out->n_ids, out->capacity};
    struct encode_options encode = {.parse_special = options && options->parse_special};
    int rc = 0;
    if (!(options && options->no_bos) && tokenizer_add_bos(model->tokenizer))
        rc = token_list_append(&list, tokenizer_role(model->tokenizer, TOKEN_BOS), err);
    if (rc == 0)
        rc = tokenizer_encode(model->tokenizer, text, n_bytes, &encode, &list, err);
    *out = (struct trawl_tokens){list.ids, list.n_tokens, list.capacity};
    return rc;
}

int trawl_detokenize(const struct trawl_model *model, const int32_t *ids, size_t n_ids,
                     struct bytes *out, struct error *err)
{
    return tokenizer_decode(model->tokenizer, ids, n_ids, out, err);
}

int trawl_token_text(const struct trawl_model *model, int32_t id, struct bytes *out,
                     struct error *err)
{
    size_t n_bytes = 0;
    const char *text = tokenizer_token_text(model->tokenizer, id, &n_bytes);
    return bytes_append(out, text, n_bytes, err);
}

bool trawl_token_is_control(const struct trawl_model *model, int32_t id)
{
    return tokenizer_is_control(model->tokenizer, id);
}

const char *trawl_template_name(size_t i)
{
    const struct template *template = template_at(i);
    return template ? template_name(template) : NULL;
}

const char *trawl_reader_name(size_t i)
{
    size_t n = 0;
    while (readers[n])
        n++;
    return i < n ? readers[i]->name : NULL;
}

const char *trawl_cpu_name(size_t i)
{
    size_t n = 0;
    while (cpu_levels[n].name)
        n++;
    return i < n ? cpu_levels[i].name : NULL;
}
