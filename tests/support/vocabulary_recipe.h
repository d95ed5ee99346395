#ifndef SUPPORT_VOCABULARY_RECIPE_H
#define SUPPORT_VOCABULARY_RECIPE_H
/* Vocabularies written by hand, and texts to try on them. */

#include "base/utf8.h"
#include "support/check.h"
#include "support/gguf_write.h"
#include "text/tokenizer.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A vocabulary written by hand. */
struct recipe {
    const char *model, *pre;
    const char *const *tokens;
    const int32_t *types; /* NULL: none in the file */
    const float *scores;  /* NULL: none in the file */
    const char *const *merges;
    size_t n_tokens, n_merges;
};

static inline void put_recipe(struct gguf_writer *writer, const struct recipe *r)
{
    gguf_put_text(writer, "general.architecture", "llama");
    if (r->model != NULL)
        gguf_put_text(writer, "tokenizer.ggml.model", r->model);
    if (r->pre != NULL)
        gguf_put_text(writer, "tokenizer.ggml.pre", r->pre);
    if (r->tokens != NULL)
        gguf_put_texts(writer, "tokenizer.ggml.tokens", r->tokens, r->n_tokens);
    if (r->types != NULL)
        gguf_put_array(writer, "tokenizer.ggml.token_type", GGUF_I32, r->types, r->n_tokens);
    if (r->scores != NULL)
        gguf_put_array(writer, "tokenizer.ggml.scores", GGUF_F32, r->scores, r->n_tokens);
    if (r->merges != NULL)
        gguf_put_texts(writer, "tokenizer.ggml.merges", r->merges, r->n_merges);
}

/* Opens what the writer holds and frees it. NULL with [err] when it is refused. */
static inline struct tokenizer *open_written(struct gguf_writer *writer, struct error *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/vocabulary.gguf", check_tmp_dir());
    gguf_writer_save(writer, path);
    gguf_writer_free(writer);
    struct gguf *gguf = gguf_open(path, err);
    if (gguf == NULL)
        return NULL;
    struct tokenizer *tokenizer = tokenizer_open(gguf, NULL, err);
    gguf_close(gguf);
    return tokenizer;
}

static inline struct tokenizer *open_recipe(const struct recipe *recipe, struct error *err)
{
    struct gguf_writer *writer = gguf_writer_new(3, 0);
    put_recipe(writer, recipe);
    return open_written(writer, err);
}

/* Byte-level BPE with all 256 bytes, a few merges, a special and a user-defined token. */
static const char *const BPE_MERGES[] = {"h e",   "l l",     "he ll", "hell o", "Ġ hello", "a a",
                                         "aa aa", "no such", "Ġ Ġ",   "x",      "",        "a a"};

struct bpe_vocabulary {
    char names[256][4];
    const char *tokens[300];
    int32_t types[300];
    struct recipe recipe;
};

static inline void make_bpe(struct bpe_vocabulary *v, const char *pre)
{
    static const char *const MORE[] = {"he",           "ll",         "hell",    "hello",
                                       "Ġhello",       "aa",         "aaaa",    "ĠĠ",
                                       "<|im_start|>", "<|im_end|>", "<piece>", "<piece>s"};
    static const int32_t MORE_TYPES[] = {1, 1, 1, 1, 1, 1, 1, 1, 3, 4, 4, 4};
    uint32_t other = 0x100;
    for (int byte = 0; byte < 256; byte++) {
        bool printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
        utf8_encode(printable ? (uint32_t)byte : other, v->names[byte]);
        other += !printable;
        v->tokens[byte] = v->names[byte];
        v->types[byte] = 1;
    }
    for (size_t i = 0; i < COUNT(MORE); i++) {
        v->tokens[256 + i] = MORE[i];
        v->types[256 + i] = MORE_TYPES[i];
    }
    v->recipe = (struct recipe){.model = "gpt2",
                                .pre = pre,
                                .tokens = v->tokens,
                                .types = v->types,
                                .merges = BPE_MERGES,
                                .n_tokens = 256 + COUNT(MORE),
                                .n_merges = COUNT(BPE_MERGES)};
}

static inline struct tokenizer *open_bpe(const char *pre)
{
    struct error err = {0};
    struct bpe_vocabulary v = {0};
    make_bpe(&v, pre);
    struct tokenizer *tokenizer = open_recipe(&v.recipe, &err);
    CHECK_TEXT(err.text, "");
    return tokenizer;
}

/* SentencePiece with byte fallback for all bytes ("<0x00>" is token 3). */
struct spm_vocabulary {
    char names[256][8];
    const char *tokens[300];
    int32_t types[300];
    float scores[300];
    struct recipe recipe;
};

static inline void make_spm(struct spm_vocabulary *v, bool with_bytes)
{
    static const char *const MORE[] = {"▁", "a",  "b",     "▁a", "▁ab", "ab",
                                       "é", "▁▁", "<|x|>", "c",  "bc"};
    static const float SCORES[] = {-9, -9, -9, -1, -3, -2, -9, -1, 0, -9, -0.5f};
    static const char *const FIRST[] = {"<unk>", "<s>", "</s>"};
    size_t n = 0;
    for (size_t i = 0; i < 3; i++, n++) {
        v->tokens[n] = FIRST[i];
        v->types[n] = i == 0 ? 2 : 3;
    }
    for (int byte = 0; with_bytes && byte < 256; byte++, n++) {
        snprintf(v->names[byte], sizeof(v->names[byte]), "<0x%02X>", (unsigned)byte);
        v->tokens[n] = v->names[byte];
        v->types[n] = 6;
    }
    for (size_t i = 0; i < COUNT(MORE); i++, n++) {
        v->tokens[n] = MORE[i];
        v->types[n] = strcmp(MORE[i], "<|x|>") == 0 ? 3 : 1;
        v->scores[n] = SCORES[i];
    }
    v->recipe = (struct recipe){.model = "llama",
                                .tokens = v->tokens,
                                .types = v->types,
                                .scores = v->scores,
                                .n_tokens = n};
}

static inline struct tokenizer *open_spm(bool with_bytes)
{
    struct error err = {0};
    struct spm_vocabulary v = {0};
    make_spm(&v, with_bytes);
    struct tokenizer *tokenizer = open_recipe(&v.recipe, &err);
    CHECK_TEXT(err.text, "");
    return tokenizer;
}

static inline size_t random_text(struct rng *rng, char *to, size_t capacity)
{
    static const char *const PARTS[] = {"hello",
                                        " hello",
                                        "  ",
                                        "\n",
                                        "\r\n",
                                        "\t",
                                        "12345",
                                        "'s",
                                        "'LL",
                                        "Aa",
                                        "é",
                                        "日本語",
                                        "👩‍👩‍👧",
                                        "́",
                                        "\xc2\xa0",
                                        "\xff",
                                        "\xe2\x96",
                                        "<|im_end|>",
                                        "...",
                                        "स्ते",
                                        "\xe2\x96\x81",
                                        "�"};
    size_t n = 0;
    for (size_t parts = rng_below(rng, 40); parts > 0; parts--) {
        char byte = (char)rng_below(rng, 256);
        bool raw = rng_below(rng, 8) == 0;
        const char *part = PARTS[rng_below(rng, COUNT(PARTS))];
        size_t length = raw ? 1 : strlen(part);
        if (n + length > capacity)
            break;
        memcpy(to + n, raw ? &byte : part, length);
        n += length;
    }
    return n;
}

#endif
