#include "text/tokenizer.h"

#include "base/size.h"
#include "text/merges.h"
#include "text/pieces.h"
#include "text/specials.h"
#include "text/splitter.h"
#include "text/vocabulary.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct tokenizer {
    struct vocabulary vocabulary;
    struct specials specials;
    bool phi3; /* its special tokens take the white space behind them */
    char pre[64];

    /* Byte-level BPE only. */
    struct merges merges;
    struct splitter *splitter;
    bool whole_words;

    /* SentencePiece only. */
    struct pieces *pieces;
};

int token_list_append(struct token_list *list, int32_t id, struct error *err)
{
    if (list->n_tokens == list->capacity) {
        size_t capacity = max_size(64, list->capacity + list->capacity / 2);
        int32_t *ids = realloc(list->ids, capacity * sizeof(*ids));
        if (ids == NULL) {
            return fail_memory(err, capacity * sizeof(*ids), "token ids");
        }
        list->ids = ids;
        list->capacity = capacity;
    }
    list->ids[list->n_tokens++] = id;
    return 0;
}

void token_list_clear(struct token_list *list)
{
    list->n_tokens = 0;
}

void token_list_deinit(struct token_list *list)
{
    free(list->ids);
    *list = (struct token_list){0};
}

/* Phi-3's tokens take the white space after them; only the model's name says so. */
static bool is_phi3(const struct gguf *gguf)
{
    struct gguf_text name;
    struct error ignored;
    char lower[128];
    if (gguf_get_text(gguf, "general.name", &name, &ignored) != 1) {
        return false;
    }
    size_t n = min_size((size_t)name.n_bytes, sizeof(lower) - 1);
    for (size_t i = 0; i < n; i++) {
        lower[i] = (char)tolower((unsigned char)name.data[i]);
    }
    lower[n] = '\0';
    return strstr(lower, "phi-3") != NULL || strstr(lower, "phi3") != NULL;
}

static int open_byte_level(struct tokenizer *tokenizer, const struct gguf *gguf, struct error *err)
{
    struct gguf_text pre = {.data = "default", .n_bytes = 7};
    if (gguf_get_text(gguf, "tokenizer.ggml.pre", &pre, err) < 0) {
        return -1;
    }
    if (pre.n_bytes == 0) {
        pre.data = "default";
    }
    const struct split_rule *rule = split_rule_find(pre.data);
    if (rule == NULL) {
        return fail(err, ERROR_UNSUPPORTED,
                    "tokenizer.ggml.pre: trawl does not know the pre-tokenizer \"%.60s\"",
                    pre.data);
    }
    memcpy(tokenizer->pre, pre.data, min_size(strlen(pre.data), sizeof(tokenizer->pre) - 1));
    tokenizer->whole_words = rule->whole_words;
    tokenizer->vocabulary.add_bos = rule->add_bos;
    tokenizer->splitter = splitter_open(rule, err);
    if (tokenizer->splitter == NULL) {
        return -1;
    }
    return merges_open(&tokenizer->merges, gguf, &tokenizer->vocabulary, err);
}

static int open_pieces(struct tokenizer *tokenizer, struct error *err)
{
    tokenizer->pieces = malloc(sizeof(*tokenizer->pieces));
    if (tokenizer->pieces == NULL) {
        return fail_memory(err, sizeof(*tokenizer->pieces), "pieces");
    }
    pieces_open(tokenizer->pieces, &tokenizer->vocabulary);
    return 0;
}

static int open_all(struct tokenizer *tokenizer, const struct gguf *gguf, struct memory *memory,
                    struct error *err)
{
    struct gguf_text model;
    int found = gguf_get_text(gguf, "tokenizer.ggml.model", &model, err);
    if (found <= 0) {
        return found < 0 ? -1
                         : fail(err, ERROR_FORMAT,
                                "tokenizer.ggml.model: missing; the file has no vocabulary");
    }
    bool byte_level = strcmp(model.data, "gpt2") == 0;
    if (!byte_level && strcmp(model.data, "llama") != 0) {
        return fail(err, ERROR_UNSUPPORTED,
                    "tokenizer.ggml.model: trawl does not know the tokenizer \"%.60s\", only "
                    "\"llama\" and \"gpt2\"",
                    model.data);
    }
    struct vocabulary *v = &tokenizer->vocabulary;
    if (vocabulary_open(v, gguf, byte_level, memory, err) < 0 ||
        specials_open(&tokenizer->specials, v, err) < 0 ||
        (byte_level ? open_byte_level(tokenizer, gguf, err) : open_pieces(tokenizer, err)) < 0 ||
        gguf_get_bool(gguf, "tokenizer.ggml.add_bos_token", &v->add_bos, err) < 0) {
        return -1;
    }
    if (!byte_level &&
        gguf_get_bool(gguf, "tokenizer.ggml.add_space_prefix", &v->add_space_prefix, err) < 0) {
        return -1;
    }
    tokenizer->phi3 = is_phi3(gguf);
    return 0;
}

struct tokenizer *tokenizer_open(const struct gguf *gguf, struct memory *memory, struct error *err)
{
    struct tokenizer *tokenizer = calloc(1, sizeof(*tokenizer));
    if (tokenizer == NULL) {
        fail_memory(err, sizeof(*tokenizer), "a tokenizer");
        return NULL;
    }
    tokenizer->vocabulary.memory = tokenizer->merges.memory = memory;
    if (open_all(tokenizer, gguf, memory, err) < 0) {
        fail_context(err, "%s", gguf_path(gguf));
        tokenizer_close(tokenizer);
        return NULL;
    }
    return tokenizer;
}

void tokenizer_close(struct tokenizer *tokenizer)
{
    if (tokenizer != NULL) {
        free(tokenizer->pieces);
        splitter_close(tokenizer->splitter);
        merges_close(&tokenizer->merges);
        specials_close(&tokenizer->specials);
        vocabulary_close(&tokenizer->vocabulary);
        free(tokenizer);
    }
}

uint32_t tokenizer_n_tokens(const struct tokenizer *tokenizer)
{
    return tokenizer->vocabulary.n_tokens;
}

uint64_t tokenizer_resident_bytes(const struct tokenizer *tokenizer)
{
    return sizeof(*tokenizer) + tokenizer->vocabulary.block_bytes + tokenizer->merges.block_bytes +
           tokenizer->specials.n_ids * sizeof(*tokenizer->specials.ids) +
           (tokenizer->pieces ? sizeof(*tokenizer->pieces) : 0);
}

const char *tokenizer_model(const struct tokenizer *tokenizer)
{
    return tokenizer->vocabulary.byte_level ? "gpt2" : "llama";
}

const char *tokenizer_pre(const struct tokenizer *tokenizer)
{
    return tokenizer->pre;
}

int32_t tokenizer_role(const struct tokenizer *tokenizer, enum token_role role)
{
    return tokenizer->vocabulary.roles[role];
}

bool tokenizer_add_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->vocabulary.add_bos && tokenizer->vocabulary.roles[TOKEN_BOS] != TOKEN_NONE;
}

bool tokenizer_is_control(const struct tokenizer *tokenizer, int32_t id)
{
    const struct vocabulary *v = &tokenizer->vocabulary;
    return id >= 0 && (uint32_t)id < v->n_tokens &&
           (v->types[id] == TOKEN_TYPE_CONTROL || v->types[id] == TOKEN_TYPE_UNKNOWN);
}

int32_t tokenizer_find(const struct tokenizer *tokenizer, const char *name, size_t n_bytes)
{
    return vocabulary_find_name(&tokenizer->vocabulary, name, n_bytes);
}

/* What one call of tokenizer_encode works with. */
struct encoding {
    const struct tokenizer *tokenizer;
    struct token_list *out;
    struct pieces_work work; /* byte-level BPE uses its room only */
    struct bytes
        spaced; /* SentencePiece's copy of the text: prefix added, space marks made spaces */
};

static int encode_word(void *arg, const char *word, size_t n_bytes, struct error *err)
{
    struct encoding *e = arg;
    const struct vocabulary *v = &e->tokenizer->vocabulary;
    if (e->tokenizer->whole_words && n_bytes <= v->max_bytes) {
        int32_t id = vocabulary_find(v, word, n_bytes, false);
        if (id != TOKEN_NONE) {
            return token_list_append(e->out, id, err);
        }
    }
    return merges_encode(&e->tokenizer->merges, v, word, n_bytes, &e->work.merging, e->out, err);
}

static int encode_spaced(struct encoding *e, const char *text, size_t n_bytes, bool prefix,
                         struct error *err)
{
    static const char MARK[] = "\xe2\x96\x81";
    bytes_clear(&e->spaced);
    if (bytes_reserve(&e->spaced, n_bytes + 1, err) < 0 ||
        (prefix && bytes_append(&e->spaced, " ", 1, err) < 0)) {
        return -1;
    }
    for (const char *mark; (mark = memmem(text, n_bytes, MARK, 3)) != NULL;) {
        size_t n = (size_t)(mark - text);
        if (bytes_append(&e->spaced, text, n, err) < 0 ||
            bytes_append(&e->spaced, " ", 1, err) < 0) {
            return -1;
        }
        text += n + 3;
        n_bytes -= n + 3;
    }
    if (bytes_append(&e->spaced, text, n_bytes, err) < 0) {
        return -1;
    }
    e->work.after_unknown = false;
    return pieces_encode(e->tokenizer->pieces, &e->tokenizer->vocabulary, e->spaced.data,
                         e->spaced.n_bytes, &e->work, e->out, err);
}

/* Text without special tokens. [after_special]: at the start, or behind one. */
static int encode_plain(struct encoding *e, const char *text, size_t n_bytes, bool after_special,
                        struct error *err)
{
    const struct tokenizer *tokenizer = e->tokenizer;
    if (n_bytes == 0) {
        return 0;
    }
    if (tokenizer->vocabulary.byte_level) {
        return splitter_split(tokenizer->splitter, text, n_bytes, encode_word, e, err);
    }
    return encode_spaced(e, text, n_bytes, after_special && tokenizer->vocabulary.add_space_prefix,
                         err);
}

static bool takes_space(const struct tokenizer *tokenizer, int32_t id)
{
    const struct vocabulary *v = &tokenizer->vocabulary;
    size_t n;
    const char *name = vocabulary_text(v, (uint32_t)id, &n);
    return tokenizer->phi3 && id != v->roles[TOKEN_BOS] && id != v->roles[TOKEN_UNK] &&
           !(n == 13 && memcmp(name, "<|endoftext|>", n) == 0);
}

static bool find_special(const struct tokenizer *tokenizer, const char *text, size_t n_bytes,
                         size_t at, bool control, struct special *special)
{
    special->id = specials_find(&tokenizer->specials, &tokenizer->vocabulary, text, n_bytes, at,
                                control, &special->from, &special->to);
    if (special->id == TOKEN_NONE) {
        return false;
    }
    special->takes_space = takes_space(tokenizer, special->id);
    return true;
}

bool tokenizer_find_special(const struct tokenizer *tokenizer, const char *text, size_t n_bytes,
                            size_t at, struct special *special)
{
    return find_special(tokenizer, text, n_bytes, at, true, special);
}

static int encode_all(struct encoding *e, const char *text, size_t n_bytes,
                      const struct encode_options *options, struct error *err)
{
    bool after_special = !options->no_space_prefix;
    size_t at = 0;
    struct special special;
    while (find_special(e->tokenizer, text, n_bytes, at, options->parse_special, &special)) {
        if (encode_plain(e, text + at, special.from - at, after_special, err) < 0 ||
            token_list_append(e->out, special.id, err) < 0) {
            return -1;
        }
        at = special.to;
        while (special.takes_space && at < n_bytes && isspace((unsigned char)text[at])) {
            at++;
        }
        after_special = true;
    }
    return encode_plain(e, text + at, n_bytes - at, after_special, err);
}

uint64_t tokenizer_work_bytes(void)
{
    return (uint64_t)MERGING_MOST_BYTES * MERGING_BYTES_PER_BYTE;
}

int tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t n_bytes,
                     const struct encode_options *options, struct token_list *out,
                     struct error *err)
{
    static const struct encode_options DEFAULTS = {0};
    struct encoding e = {.tokenizer = tokenizer, .out = out};
    if (n_bytes == 0) {
        return 0;
    }
    int rc = encode_all(&e, text, n_bytes, options ? options : &DEFAULTS, err);
    merging_deinit(&e.work.merging);
    bytes_deinit(&e.spaced);
    return rc;
}

const char *tokenizer_token_text(const struct tokenizer *tokenizer, int32_t id, size_t *n_bytes)
{
    const struct vocabulary *v = &tokenizer->vocabulary;
    *n_bytes = 0;
    return id >= 0 && (uint32_t)id < v->n_tokens ? vocabulary_text(v, (uint32_t)id, n_bytes) : "";
}

int tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                     struct bytes *out, struct error *err)
{
    const struct vocabulary *v = &tokenizer->vocabulary;
    bool at_prefix = v->add_space_prefix;
    for (size_t i = 0; i < n_ids; i++) {
        if (ids[i] < 0 || (uint32_t)ids[i] >= v->n_tokens) {
            return fail(err, ERROR_USAGE, "token %ld: the vocabulary has %u", (long)ids[i],
                        v->n_tokens);
        }
        bool control = tokenizer_is_control(tokenizer, ids[i]);
        size_t n;
        const char *text = vocabulary_text(v, (uint32_t)ids[i], &n);
        if (at_prefix && n > 0 && text[0] == ' ' && !control) {
            text++;
            n--;
        }
        if (bytes_append(out, text, n, err) < 0) {
            return -1;
        }
        /* Encoding puts a space in front of the text behind a special token too. */
        at_prefix = v->add_space_prefix && (control || v->types[ids[i]] == TOKEN_TYPE_USER_DEFINED);
    }
    return 0;
}
