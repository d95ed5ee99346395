#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H
/* Text to token ids and back, as the model's own file describes it (metadata tokenizer.ggml.*):
 * SentencePiece BPE with byte fallback ("llama") and byte-level BPE with a named pre-tokenizer
 * ("gpt2"). Text is any bytes, NULs and invalid UTF-8 included: nothing is refused, byte-level BPE
 * gives back exactly the bytes it was given.
 *
 * Opened once, then read-only: any thread may encode and decode. The gguf may be closed after
 * tokenizer_open. */

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "formats/gguf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_NONE (-1) /* "this vocabulary has no such token" */

/* A growing list of token ids. Zero-initialised is empty; the owner calls token_list_deinit. */
struct token_list {
    int32_t *ids; /* [n_tokens] */
    size_t n_tokens;
    size_t capacity;
};

int token_list_append(struct token_list *list, int32_t id, struct error *err) MUST_CHECK;
void token_list_clear(struct token_list *list); /* keeps the memory */
void token_list_deinit(struct token_list *list);

struct tokenizer;

/* Reads the vocabulary. [memory] accounts for the tables under MEMORY_VOCABULARY; NULL: plain heap.
 * NULL with [err]: ERROR_FORMAT for arrays that are missing or contradict each other,
 * ERROR_UNSUPPORTED naming a model or pre-tokenizer that trawl does not know. */
struct tokenizer *tokenizer_open(const struct gguf *gguf, struct memory *memory,
                                 struct error *err) MUST_CHECK;
void tokenizer_close(struct tokenizer *tokenizer); /* NULL is legal */

uint32_t tokenizer_n_tokens(const struct tokenizer *tokenizer);
uint64_t tokenizer_resident_bytes(const struct tokenizer *tokenizer);
const char *tokenizer_model(const struct tokenizer *tokenizer); /* "llama" or "gpt2" */
const char *tokenizer_pre(const struct tokenizer *tokenizer);   /* "" for SentencePiece */

/* Ids with a role, TOKEN_NONE where the vocabulary has none. */
enum token_role {
    TOKEN_BOS,
    TOKEN_EOS,
    TOKEN_UNK,
    TOKEN_N_ROLES,
};
int32_t tokenizer_role(const struct tokenizer *tokenizer, enum token_role role);
/* Whether a sequence of this model begins with BOS. */
bool tokenizer_add_bos(const struct tokenizer *tokenizer);
bool tokenizer_is_control(const struct tokenizer *tokenizer, int32_t id);

/* The id of the token that is written [name] in the file ("<|im_end|>", "\u2581the"), TOKEN_NONE
 * when absent. */
int32_t tokenizer_find(const struct tokenizer *tokenizer, const char *name, size_t n_bytes);

struct encode_options {
    bool parse_special; /* names of control tokens in the text become these tokens; never set it for
                           a document */
    bool no_space_prefix; /* SentencePiece: the text goes on after other text, so it gets no space
                             in front */
};

/* The most memory that tokenizer_encode works in, beside the text and its ids. */
uint64_t tokenizer_work_bytes(void);

/* Appends the ids of [text] to [out], without BOS or EOS; the whole text is one piece. [options]
 * NULL: all defaults. Time grows as n log n. Where it fails, what was appended so far stays. */
int tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t n_bytes,
                     const struct encode_options *options, struct token_list *out,
                     struct error *err) MUST_CHECK;

/* The bytes that one token stands for: byte-level symbols and "\u2581" mapped back, "<0x0A>" as its
 * byte. A control token is its name. Borrowed, not NUL-terminated; an id out of range is an empty
 * text. SentencePiece's first space is here: "\u2581the" is " the". */
const char *tokenizer_token_text(const struct tokenizer *tokenizer, int32_t id, size_t *n_bytes);

/* A special token as it is written in a text. */
struct special {
    int32_t id;
    size_t from, to;  /* bytes [from, to) of the text */
    bool takes_space; /* white space behind it belongs to it and gives no tokens */
};

/* The first special or user-defined token written in text[at, n_bytes); false when there is none.
 * For prompts, whose template spans may name them. */
bool tokenizer_find_special(const struct tokenizer *tokenizer, const char *text, size_t n_bytes,
                            size_t at, struct special *special);

/* Appends the text of [ids] to [out], control tokens as their names, without the space that
 * SentencePiece puts in front of a text; ids out of range are an error of ERROR_USAGE. */
int tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                     struct bytes *out, struct error *err) MUST_CHECK;

#endif
