#ifndef TEXT_MERGES_H
#define TEXT_MERGES_H
/* Byte-pair merges: which two tokens that stand side by side become one, and which pair comes
 * first. Private to this folder; read-only once open. */

#include "text/merging.h"
#include "text/vocabulary.h"

/* Pairs sorted by left, then right token; those of left token l are [first[l], first[l + 1]). */
struct merges {
    const uint32_t *first;  /* [n_tokens + 1] */
    const uint32_t *rights; /* [n_merges] */
    const uint32_t *ranks;  /* [n_merges] lower is merged earlier */
    const uint32_t *merged; /* [n_merges] the token they become */
    uint32_t n_tokens, n_merges;

    struct memory *memory;
    void *block;
    uint64_t block_bytes;
};

/* Reads tokenizer.ggml.merges. Lines whose parts or whole are no tokens of [v] can never be of use
 * and are left out. */
int merges_open(struct merges *merges, const struct gguf *gguf, const struct vocabulary *v,
                struct error *err) MUST_CHECK;
void merges_close(struct merges *merges);

/* The index of the pair, -1 when the two do not merge. */
int64_t merges_find(const struct merges *merges, int32_t left, int32_t right);

/* Appends the tokens of one word: its bytes, merged by rank, leftmost first among equals; n log n.
 * A byte that is no token gives nothing, as it did when the model was trained. A word of more than
 * MERGING_MOST_BYTES is cut. [merging] is room to work in, kept from word to word. */
int merges_encode(const struct merges *merges, const struct vocabulary *v, const char *word,
                  size_t n_bytes, struct merging *merging, struct token_list *out,
                  struct error *err) MUST_CHECK;

#endif
