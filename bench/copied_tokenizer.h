#ifndef BENCH_COPIED_TOKENIZER_H
#define BENCH_COPIED_TOKENIZER_H
/* The tokenizer and chat template of a real model, for a model of random weights: texts then have
 * the lengths in tokens that they have in earnest. */

#include "formats/gguf.h"
#include "support/gguf_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a vocabulary is made of; the file has some of them. */
static const char *const tokenizer_keys[] = {
    "tokenizer.ggml.model",
    "tokenizer.ggml.pre",
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.scores",
    "tokenizer.ggml.merges",
    "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.unknown_token_id",
    "tokenizer.ggml.padding_token_id",
    "tokenizer.ggml.add_bos_token",
    "tokenizer.ggml.add_eos_token",
    "tokenizer.ggml.add_space_prefix",
    "tokenizer.ggml.remove_extra_whitespaces",
    "tokenizer.chat_template",
};

enum { TOKEN_TYPE_UNUSED = 5, UNUSED_NAME_BYTES = 32 };

static void *token_list(uint64_t n_items, size_t item_bytes)
{
    void *list = calloc(n_items, item_bytes);
    if (!list)
        abort();
    return list;
}

/* Texts, those from [texts->n_items] to [n] named as unused tokens. */
static void put_copied_texts(struct gguf_writer *to, const char *key,
                             const struct gguf_value *texts, uint64_t n)
{
    const char **all = token_list(n, sizeof *all);
    char(*unused)[UNUSED_NAME_BYTES] = token_list(n, sizeof *unused);
    for (uint64_t i = 0; i < n; i++) {
        snprintf(unused[i], sizeof *unused, "<unused%llu>", (unsigned long long)i);
        all[i] = i < texts->n_items ? texts->texts[i].data : unused[i];
    }
    gguf_put_texts(to, key, all, n);
    free(unused);
    free(all);
}

/* Items of four bytes, those that the file lacks of [n] being [filler]. */
static void put_copied_items(struct gguf_writer *to, const char *key,
                             const struct gguf_value *items, uint64_t n, uint32_t filler)
{
    uint32_t *all = token_list(n, sizeof *all);
    memcpy(all, items->items, items->n_items * sizeof *all);
    for (uint64_t i = items->n_items; i < n; i++)
        all[i] = filler;
    gguf_put_array(to, key, items->item_type, all, n);
    free(all);
}

/* Puts the tokenizer.* keys of the model [path], with unused tokens up to [n_vocab]. NULL, or why
 * it cannot. */
static const char *copy_tokenizer(struct gguf_writer *to, const char *path, uint64_t n_vocab)
{
    static struct error err;
    struct gguf *from = gguf_open(path, &err);
    if (!from)
        return err.text;
    const char *problem = NULL;
    const struct gguf_value *tokens = gguf_find(from, "tokenizer.ggml.tokens");
    if (!tokens || tokens->type != GGUF_ARRAY || tokens->item_type != GGUF_STRING)
        problem = "has no vocabulary";
    else if (tokens->n_items > n_vocab)
        problem = "has more tokens than the shape; --vocab sets these";
    for (size_t i = 0; !problem && i < sizeof tokenizer_keys / sizeof tokenizer_keys[0]; i++) {
        const char *key = tokenizer_keys[i];
        const struct gguf_value *value = gguf_find(from, key);
        if (!value)
            continue;
        bool list = value->type == GGUF_ARRAY;
        if (value->type == GGUF_STRING) {
            gguf_put_text(to, key, value->text.data);
        } else if (list && value->item_type == GGUF_STRING) {
            put_copied_texts(to, key, value, value == tokens ? n_vocab : value->n_items);
        } else if (list && value->n_items == tokens->n_items &&
                   (value->item_type == GGUF_I32 || value->item_type == GGUF_F32)) {
            /* Of the two only types may not be zero. */
            put_copied_items(to, key, value, n_vocab,
                             value->item_type == GGUF_I32 ? TOKEN_TYPE_UNUSED : 0);
        } else if (value->type == GGUF_U32) {
            gguf_put_u32(to, key, (uint32_t)value->u);
        } else if (value->type == GGUF_BOOL) {
            gguf_put_bool(to, key, value->u != 0);
        } else {
            problem = "has a tokenizer key of an unusual type";
        }
    }
    gguf_close(from);
    return problem;
}

#endif
