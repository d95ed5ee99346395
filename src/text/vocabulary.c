#include "text/vocabulary.h"

#include "base/size.h"
#include "text/byte_symbols.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS (1u << 24) /* of ids; the largest real vocabularies have some 300,000 */
#define FREE_SLOT  UINT32_MAX
#define SPACE_MARK "\xe2\x96\x81" /* U+2581, SentencePiece's space */

/* Tokens that end a turn or the text whatever their type in the file: converters have labelled many
 * of them as plain text. */
static const char *const end_names[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<｜end▁of▁sentence｜>",
    "<end_of_utterance>",
    "</s>",
    "<|eom_id|>",
    "<|return|>",
    "<|call|>",
    "[EOS]",
    "<|eot|>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "[e~[",
};

/* Fill-in-the-middle marks of code models, and what opens and closes a thought or a tool call in a
 * conversation: control tokens, likewise, so that no document makes one. */
static const char *const control_names[] = {
    "<fim-prefix>",     "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>",        "▁<PRE>",
    "<fim-suffix>",     "<fim_suffix>", "<｜fim▁hole｜>",  "<SUF>",        "▁<SUF>",
    "<fim-middle>",     "<fim_middle>", "<｜fim▁end｜>",   "<MID>",        "▁<MID>",
    "<think>",          "</think>",     "<tool_call>",     "</tool_call>", "<tool_response>",
    "</tool_response>", "<fim-pad>",    "<fim_pad>",       "<PAD>",        "[PAD]",
    "<fim-repo>",       "<REPO>",       "<reponame>",
};

/* What the file says, checked as far as types and lengths go. */
struct source {
    const struct gguf_text *names;
    const int32_t *types;   /* NULL when absent */
    const float *scores;    /* NULL when absent or integers */
    const int32_t *iscores; /* scores of a few old converters */
    uint32_t n_tokens;
};

void *vocabulary_alloc(struct memory *memory, uint64_t n_bytes, struct error *err)
{
    if (memory != NULL) {
        return memory_alloc(memory, MEMORY_VOCABULARY, n_bytes, err);
    }
    void *block = n_bytes <= SIZE_MAX ? calloc(1, (size_t)n_bytes) : NULL;
    if (block == NULL) {
        fail_memory(err, n_bytes, "the vocabulary");
    }
    return block;
}

void vocabulary_free(struct memory *memory, void *block, uint64_t n_bytes)
{
    if (memory != NULL) {
        memory_free(memory, MEMORY_VOCABULARY, block, n_bytes);
    } else {
        free(block);
    }
}

static uint64_t hash_bytes(const char *bytes, size_t n_bytes, bool raw)
{
    uint64_t hash = 0x9e3779b97f4a7c15u ^ n_bytes ^ (uint64_t)raw << 32;
    while (n_bytes > 0) {
        uint64_t word = 0;
        size_t n = min_size(n_bytes, 8);
        memcpy(&word, bytes, n);
        hash = (hash ^ word) * 0xd6e8feb86659fd93u;
        hash ^= hash >> 32;
        bytes += n;
        n_bytes -= n;
    }
    return hash;
}

/* The slot that holds the key, or the free one where it belongs. There always is a free one. */
static uint32_t find_slot(const struct vocabulary *v, const char *bytes, size_t n_bytes, bool raw)
{
    uint32_t at = (uint32_t)hash_bytes(bytes, n_bytes, raw) & (v->n_slots - 1);
    for (; v->slots[at] != FREE_SLOT; at = (at + 1) & (v->n_slots - 1)) {
        size_t n;
        const char *text = vocabulary_text(v, v->slots[at], &n);
        if (n == n_bytes && ((v->flags[v->slots[at]] & TOKEN_FLAG_RAW) != 0) == raw &&
            memcmp(text, bytes, n) == 0) {
            break;
        }
    }
    return at;
}

int32_t vocabulary_find(const struct vocabulary *v, const char *bytes, size_t n_bytes, bool raw)
{
    uint32_t id = v->slots[find_slot(v, bytes, n_bytes, raw)];
    return id == FREE_SLOT ? TOKEN_NONE : (int32_t)id;
}

/* The byte of a name "<0xNN>", -1 when it is none. */
static int byte_of_name(const char *name, size_t n_bytes)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    if (n_bytes != 6 || memcmp(name, "<0x", 3) != 0 || name[5] != '>') {
        return -1;
    }
    const char *high = memchr(DIGITS, name[3], 16);
    const char *low = memchr(DIGITS, name[4], 16);
    return high && low ? (int)((high - DIGITS) * 16 + (low - DIGITS)) : -1;
}

/* Space marks -> spaces. Writes at most n_bytes to [to]. */
static size_t unmark_spaces(const char *name, size_t n_bytes, char *to)
{
    size_t n = 0;
    for (size_t at = 0; at < n_bytes;) {
        if (n_bytes - at >= 3 && memcmp(name + at, SPACE_MARK, 3) == 0) {
            to[n++] = ' ';
            at += 3;
        } else {
            to[n++] = name[at++];
        }
    }
    return n;
}

int32_t vocabulary_find_name(const struct vocabulary *v, const char *name, size_t n_bytes)
{
    char bytes[TOKEN_MAX_BYTES];
    if (n_bytes == 0 || n_bytes > sizeof(bytes)) {
        return TOKEN_NONE;
    }
    int32_t id = TOKEN_NONE;
    if (v->byte_level) {
        long n = byte_symbols_decode(name, n_bytes, bytes);
        if (n > 0) {
            id = vocabulary_find(v, bytes, (size_t)n, false);
        }
    } else if (byte_of_name(name, n_bytes) >= 0) {
        return v->bytes[byte_of_name(name, n_bytes)];
    } else {
        id = vocabulary_find(v, bytes, unmark_spaces(name, n_bytes, bytes), false);
    }
    return id != TOKEN_NONE ? id : vocabulary_find(v, name, n_bytes, true);
}

/* An array of [n_least] items or more; NULL in *out when absent. */
static int find_array(const struct gguf *gguf, const char *key, uint64_t n_least,
                      const struct gguf_value **out, struct error *err)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (value != NULL && value->type != GGUF_ARRAY) {
        return fail(err, ERROR_FORMAT, "%s: not an array", key);
    }
    if (value != NULL && value->n_items < n_least) {
        return fail(err, ERROR_FORMAT, "%s: %llu items for %llu tokens", key,
                    (unsigned long long)value->n_items, (unsigned long long)n_least);
    }
    *out = value;
    return 0;
}

static int read_source(const struct gguf *gguf, bool byte_level, struct source *source,
                       struct error *err)
{
    const struct gguf_value *names = NULL, *types = NULL, *scores = NULL;
    if (find_array(gguf, "tokenizer.ggml.tokens", 1, &names, err) < 0) {
        return -1;
    }
    if (names == NULL || names->item_type != GGUF_STRING) {
        return fail(err, ERROR_FORMAT, "tokenizer.ggml.tokens: %s",
                    names == NULL ? "missing; the file has no vocabulary" : "not an array of text");
    }
    if (names->n_items > MAX_TOKENS) {
        return fail(err, ERROR_FORMAT,
                    "tokenizer.ggml.tokens: %llu tokens, more than the %u trawl takes",
                    (unsigned long long)names->n_items, MAX_TOKENS);
    }
    if (find_array(gguf, "tokenizer.ggml.token_type", names->n_items, &types, err) < 0 ||
        (!byte_level &&
         find_array(gguf, "tokenizer.ggml.scores", names->n_items, &scores, err) < 0)) {
        return -1;
    }
    if (types != NULL && types->item_type != GGUF_I32 && types->item_type != GGUF_U32) {
        return fail(err, ERROR_FORMAT,
                    "tokenizer.ggml.token_type: not an array of 32-bit integers");
    }
    if (!byte_level && scores == NULL) {
        return fail(err, ERROR_FORMAT,
                    "tokenizer.ggml.scores: missing; they say what is merged first");
    }
    if (scores != NULL && scores->item_type != GGUF_F32 && scores->item_type != GGUF_I32) {
        return fail(err, ERROR_FORMAT, "tokenizer.ggml.scores: not an array of numbers");
    }
    *source = (struct source){
        .names = names->texts,
        .types = types ? types->items : NULL,
        .scores = scores && scores->item_type == GGUF_F32 ? scores->items : NULL,
        .iscores = scores && scores->item_type == GGUF_I32 ? scores->items : NULL,
        .n_tokens = (uint32_t)names->n_items,
    };
    return 0;
}

static bool is_name(const struct gguf_text *name, const char *text)
{
    return name->n_bytes == strlen(text) && memcmp(name->data, text, name->n_bytes) == 0;
}

static bool is_one_of(const struct gguf_text *name, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        if (is_name(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* "<|...|>" and its full-width sister, which a document may never produce, whatever type a
 * converter gave them. */
static bool looks_like_control(const struct gguf_text *name)
{
    size_t n = (size_t)name->n_bytes;
    return (n > 4 && memcmp(name->data, "<|", 2) == 0 &&
            memcmp(name->data + n - 2, "|>", 2) == 0) ||
           (n > 8 && memcmp(name->data, "<｜", 4) == 0 &&
            memcmp(name->data + n - 4, "｜>", 4) == 0);
}

static enum token_type token_type(const struct source *source, uint32_t id, bool byte_level)
{
    const struct gguf_text *name = &source->names[id];
    int32_t given = source->types ? source->types[id] : TOKEN_TYPE_NORMAL;
    enum token_type type = given >= TOKEN_TYPE_NORMAL && given <= TOKEN_TYPE_BYTE
                               ? (enum token_type)given
                               : TOKEN_TYPE_UNUSED;
    if (!byte_level && byte_of_name(name->data, name->n_bytes) >= 0) {
        return TOKEN_TYPE_BYTE;
    }
    if (is_one_of(name, end_names, sizeof(end_names) / sizeof(*end_names)) ||
        is_one_of(name, control_names, sizeof(control_names) / sizeof(*control_names)) ||
        (looks_like_control(name) && type != TOKEN_TYPE_UNKNOWN)) {
        return TOKEN_TYPE_CONTROL;
    }
    if (!source->types && !byte_level &&
        (is_name(name, "<s>") || is_name(name, "<unk>") || is_name(name, "<pad>"))) {
        return TOKEN_TYPE_CONTROL;
    }
    return type;
}

/* Writes a token's bytes to [to], its type and flags; returns how many bytes. */
static size_t read_token(const struct source *source, uint32_t id, bool byte_level, char *to,
                         uint8_t *type, uint8_t *flags)
{
    const struct gguf_text *name = &source->names[id];
    size_t n = (size_t)name->n_bytes;
    *type = (uint8_t)token_type(source, id, byte_level);
    *flags = 0;
    if (!byte_level && *type == TOKEN_TYPE_BYTE) {
        int byte = byte_of_name(name->data, n);
        *flags |= TOKEN_FLAG_RAW;
        if (byte >= 0) {
            to[0] = (char)byte;
            return 1;
        }
    } else if (*type == TOKEN_TYPE_CONTROL || *type == TOKEN_TYPE_UNKNOWN) {
        *flags |= TOKEN_FLAG_RAW;
    } else if (!byte_level && *type == TOKEN_TYPE_USER_DEFINED && memchr(name->data, ' ', n)) {
        *flags |= TOKEN_FLAG_RAW; /* spaces that were never marked: merges make marked ones */
    } else if (!byte_level) {
        return unmark_spaces(name->data, n, to);
    } else if (*type != TOKEN_TYPE_USER_DEFINED) {
        long mapped = byte_symbols_decode(name->data, n, to);
        if (mapped >= 0) {
            return (size_t)mapped;
        }
        *flags |= TOKEN_FLAG_RAW;
    } else {
        *flags |= TOKEN_FLAG_RAW;
    }
    memcpy(to, name->data, n);
    return n;
}

static int read_scores(const struct source *source, float *scores, struct error *err)
{
    for (uint32_t id = 0; id < source->n_tokens; id++) {
        scores[id] = source->scores ? source->scores[id] : (float)source->iscores[id];
        if (isnan(scores[id])) {
            return fail(err, ERROR_FORMAT, "tokenizer.ggml.scores: token %u has the score NaN", id);
        }
    }
    return 0;
}

/* Takes memory for everything in one block and fills it. */
static int build_tables(struct vocabulary *v, const struct source *source, struct error *err)
{
    uint64_t n = source->n_tokens, text_bytes = 0;
    for (uint32_t id = 0; id < n; id++) {
        if (!add_size(text_bytes, source->names[id].n_bytes, &text_bytes) ||
            text_bytes >= UINT32_MAX) {
            return fail(err, ERROR_FORMAT, "tokenizer.ggml.tokens: more than 4 GB of text");
        }
    }
    v->n_slots = 4;
    while (v->n_slots < 2 * n) {
        v->n_slots *= 2;
    }
    uint64_t n_words = n + 1 + v->n_slots + (v->byte_level ? 0 : n);
    v->block_bytes = n_words * 4 + 2 * n + text_bytes;
    v->block = vocabulary_alloc(v->memory, v->block_bytes, err);
    if (v->block == NULL) {
        return -1;
    }
    uint32_t *start = v->block;
    uint32_t *slots = start + n + 1;
    float *scores = (float *)(slots + v->n_slots);
    uint8_t *types = (uint8_t *)(scores + (v->byte_level ? 0 : n));
    uint8_t *flags = types + n;
    char *text = (char *)(flags + n);

    v->n_tokens = (uint32_t)n;
    v->start = start;
    v->slots = slots;
    v->types = types;
    v->flags = flags;
    v->text = text;
    if (!v->byte_level) {
        v->scores = scores;
        if (read_scores(source, scores, err) < 0) {
            return -1;
        }
    }
    memset(slots, 0xff, sizeof(*slots) * v->n_slots);
    for (uint32_t id = 0; id < n; id++) {
        size_t n_bytes =
            read_token(source, id, v->byte_level, text + start[id], &types[id], &flags[id]);
        start[id + 1] = start[id] + (uint32_t)n_bytes;
        uint32_t slot = find_slot(v, text + start[id], n_bytes, (flags[id] & TOKEN_FLAG_RAW) != 0);
        if (slots[slot] == FREE_SLOT) {
            slots[slot] = id; /* of tokens that read the same, the first is the one that is found */
        }
        if (n_bytes <= TOKEN_MAX_BYTES) {
            v->max_bytes = max_size(v->max_bytes, n_bytes);
        }
    }
    return 0;
}

static void find_bytes(struct vocabulary *v)
{
    for (int byte = 0; byte < 256; byte++) {
        v->bytes[byte] = TOKEN_NONE;
    }
    if (v->byte_level) {
        for (int byte = 0; byte < 256; byte++) {
            char text = (char)byte;
            v->bytes[byte] = vocabulary_find(v, &text, 1, false);
        }
        return;
    }
    for (uint32_t id = v->n_tokens; id-- > 0;) {
        if (v->types[id] == TOKEN_TYPE_BYTE && v->start[id + 1] - v->start[id] == 1) {
            v->bytes[(unsigned char)v->text[v->start[id]]] = (int32_t)id;
        }
    }
}

/* An id under [key], [otherwise] when absent. Some files write "none" as -1. */
static int read_role(const struct vocabulary *v, const struct gguf *gguf, const char *key,
                     int32_t otherwise, int32_t *role, struct error *err)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    *role = otherwise >= 0 && (uint32_t)otherwise < v->n_tokens ? otherwise : TOKEN_NONE;
    if (value == NULL) {
        return 0;
    }
    bool is_signed = value->type == GGUF_I8 || value->type == GGUF_I16 || value->type == GGUF_I32 ||
                     value->type == GGUF_I64;
    if ((is_signed && value->i == -1) || (value->type == GGUF_U32 && value->u == UINT32_MAX)) {
        *role = TOKEN_NONE;
        return 0;
    }
    uint32_t id;
    if (gguf_get_u32(gguf, key, &id, err) < 0) {
        return -1;
    }
    if (id >= v->n_tokens) {
        return fail(err, ERROR_FORMAT, "%s: token %u of %u", key, id, v->n_tokens);
    }
    *role = (int32_t)id;
    return 0;
}

static int read_roles(struct vocabulary *v, const struct gguf *gguf, struct error *err)
{
    /* A SentencePiece model without these keys has unk, bos and eos as its first three tokens. */
    bool spm = !v->byte_level;
    if (read_role(v, gguf, "tokenizer.ggml.bos_token_id", spm ? 1 : TOKEN_NONE,
                  &v->roles[TOKEN_BOS], err) < 0 ||
        read_role(v, gguf, "tokenizer.ggml.eos_token_id", spm ? 2 : TOKEN_NONE,
                  &v->roles[TOKEN_EOS], err) < 0 ||
        read_role(v, gguf, "tokenizer.ggml.unknown_token_id", spm ? 0 : TOKEN_NONE,
                  &v->roles[TOKEN_UNK], err) < 0) {
        return -1;
    }
    return 0;
}

int vocabulary_open(struct vocabulary *v, const struct gguf *gguf, bool byte_level,
                    struct memory *memory, struct error *err)
{
    v->byte_level = byte_level;
    v->memory = memory;
    v->add_bos = !byte_level;
    v->add_space_prefix = !byte_level;
    struct source source = {0};
    if (read_source(gguf, byte_level, &source, err) < 0 || build_tables(v, &source, err) < 0) {
        return -1;
    }
    find_bytes(v);
    return read_roles(v, gguf, err);
}

void vocabulary_close(struct vocabulary *v)
{
    vocabulary_free(v->memory, v->block, v->block_bytes);
    v->block = NULL;
}
