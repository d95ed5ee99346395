#ifndef TEXT_PIECES_H
#define TEXT_PIECES_H
/* SentencePiece BPE: characters merge into pieces, the pair with the highest score first, the
 * leftmost among equals; what is no piece at the end falls back to byte tokens. (Kudo and
 * Richardson 2018; the algorithm's "bpe" model type.) Private to this folder; read-only once open.
 */

#include "text/merging.h"
#include "text/vocabulary.h"

#define PIECES_PAIR_BITS (1u << 19)

/* Which characters stand side by side inside any piece, as a set of hashes: where two neighbours of
 * the text never do, no merge can reach across, so the text is merged in short stretches between
 * such places, with the same result as in one go. */
struct pieces {
    uint64_t neighbours[PIECES_PAIR_BITS / 64];
};

void pieces_open(struct pieces *pieces, const struct vocabulary *v);

/* What goes on from stretch to stretch. Zero-initialised is the beginning of a text. */
struct pieces_work {
    struct merging merging;
    bool after_unknown; /* the last symbol was unknown: a run of them is one token */
};

/* Appends the tokens of [text], in which spaces are spaces (not marks); n log n. A stretch of
 * more than MERGING_MOST_BYTES is cut. */
int pieces_encode(const struct pieces *pieces, const struct vocabulary *v, const char *text,
                  size_t n_bytes, struct pieces_work *work, struct token_list *out,
                  struct error *err) MUST_CHECK;

#endif
