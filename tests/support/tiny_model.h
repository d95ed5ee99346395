#ifndef SUPPORT_TINY_MODEL_H
#define SUPPORT_TINY_MODEL_H
/* Small random models as GGUF files, with a whole vocabulary, for tests that need a model and no
 * truth. The same options give the same bytes. */

#include "formats/tensor.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero means the default in brackets. */
struct tiny_model {
    const char *arch;    /* "llama", "qwen2", "qwen3" ["llama"] */
    uint32_t n_layers;   /* [2] */
    uint32_t dim;        /* [64] */
    uint32_t n_heads;    /* [4] */
    uint32_t n_kv_heads; /* [n_heads] */
    uint32_t head_dim;   /* [dim / n_heads] */
    uint32_t ffn_dim;    /* [2 * dim] */
    uint32_t n_vocab; /* at least TINY_MODEL_LEAST_VOCAB [301]; what is beyond the pieces is unused
                         tokens */
    uint32_t context; /* [512] */
    enum tensor_type
        type; /* of the matrices [F32]; rows that are no multiple of its block are Q8_0 or F32 */
    enum tensor_type head_type; /* of embeddings and head [as type] */
    bool tied;                  /* no output.weight */
    bool spm;    /* SentencePiece vocabulary with byte fallback; else byte-level BPE, pre-tokenizer
                    "smollm" */
    bool biases; /* of q, k and v; qwen2 has them anyway */
    float rope_base;                /* [10000] */
    const char *rope_scaling;       /* "linear", "yarn" or NULL */
    float rope_factor;              /* of the scaling [4] */
    uint32_t rope_original_context; /* yarn [context / factor] */
    bool rope_factors;              /* tensor rope_freqs.weight, as Llama 3 has it */
    uint32_t sliding_window;        /* 0: no key */
    const char *chat_template;      /* [ChatML]; "": no key */
    const char *poisoned;           /* name of a tensor that gets a NaN */
    const char *left_out;           /* name of a tensor that is not written */
    uint32_t version;               /* of GGUF [3] */
    uint32_t alignment;             /* [32] */
    uint32_t n_parts;   /* more than 1: a split model; [path] ends in -00001-of-0000N.gguf */
    float weight_scale; /* of the matrices, times 1/sqrt(inputs) [1] */
    uint64_t seed;
};

#define TINY_MODEL_LEAST_VOCAB 280

/* Both vocabularies have these; ids differ: <|im_start|> <|im_end|> (control; im_end ends a turn),
 * yes no Yes No, and the four with a space before. */
void tiny_model_write(const struct tiny_model *options, const char *path);

#endif
