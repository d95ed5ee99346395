#ifndef SUPPORT_TINY_VOCAB_H
#define SUPPORT_TINY_VOCAB_H
/* The vocabulary of a tiny model. */

#include "support/gguf_write.h"

#include <stdbool.h>
#include <stdint.h>

/* Puts the tokenizer.ggml.* keys: a SentencePiece vocabulary (scores, byte fallback) or a
 * byte-level BPE one (merges), of [n_vocab] tokens. */
void tiny_vocab_put(struct gguf_writer *writer, bool spm, uint32_t n_vocab);

#endif
