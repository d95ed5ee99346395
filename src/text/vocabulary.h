#ifndef TEXT_VOCABULARY_H
#define TEXT_VOCABULARY_H
/* The tokens of a model: bytes, types, look-up. Private to this folder; tokenizer.h is what others
 * use. Read-only once open. */

#include "base/error.h"
#include "base/memory.h"
#include "formats/gguf.h"
#include "text/tokenizer.h"

#include <stdbool.h>
#include <stdint.h>

/* Values of tokenizer.ggml.token_type. */
enum token_type {
    TOKEN_TYPE_NORMAL = 1,
    TOKEN_TYPE_UNKNOWN = 2,
    TOKEN_TYPE_CONTROL = 3,
    TOKEN_TYPE_USER_DEFINED = 4,
    TOKEN_TYPE_UNUSED = 5,
    TOKEN_TYPE_BYTE = 6,
};

enum token_flag {
    TOKEN_FLAG_RAW =
        1, /* its bytes are its name as the file has it, not mapped; never the result of a merge */
};

/* Longer tokens are kept, but never looked for in text: bounds the work a hostile vocabulary can
 * ask for. The longest tokens of real models have some 512 bytes. */
#define TOKEN_MAX_BYTES 1024

struct vocabulary {
    bool byte_level;       /* names are written in GPT-2's byte symbols; else SentencePiece's way */
    uint32_t n_tokens;     /* > 0 */
    const char *text;      /* all tokens' bytes, back to back */
    const uint32_t *start; /* [n_tokens + 1] into text */
    const uint8_t *types;  /* [n_tokens] enum token_type */
    const uint8_t *flags;  /* [n_tokens] enum token_flag */
    const float *scores;   /* [n_tokens], SentencePiece only, else NULL */
    const uint32_t
        *slots; /* [n_slots] hash table of ids, UINT32_MAX is free; n_slots a power of two */
    uint32_t n_slots;
    size_t max_bytes;   /* of tokens that are looked for in text */
    int32_t bytes[256]; /* the token of one byte, TOKEN_NONE */
    int32_t roles[TOKEN_N_ROLES];
    bool add_bos, add_space_prefix;

    struct memory *memory; /* NULL: heap */
    void *block;
    uint64_t block_bytes;
};

/* Fills [v], zeroed by the caller; vocabulary_close is legal after a failure too. [byte_level]
 * decides how names are read. */
int vocabulary_open(struct vocabulary *v, const struct gguf *gguf, bool byte_level,
                    struct memory *memory, struct error *err) MUST_CHECK;
void vocabulary_close(struct vocabulary *v);

/* The id of the token with these bytes, among raw or among mapped ones; TOKEN_NONE. */
int32_t vocabulary_find(const struct vocabulary *v, const char *bytes, size_t n_bytes, bool raw);

/* By the name in the file. */
int32_t vocabulary_find_name(const struct vocabulary *v, const char *name, size_t n_bytes);

static inline const char *vocabulary_text(const struct vocabulary *v, uint32_t id, size_t *n_bytes)
{
    *n_bytes = v->start[id + 1] - v->start[id];
    return v->text + v->start[id];
}

/* Memory as the vocabulary takes it: accounted when there is a [memory], else heap; zeroed. */
void *vocabulary_alloc(struct memory *memory, uint64_t n_bytes, struct error *err) MUST_CHECK;
void vocabulary_free(struct memory *memory, void *block, uint64_t n_bytes);

#endif
