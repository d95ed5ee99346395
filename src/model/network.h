#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H
/* A model's weights by role: matrices stay in the file (a tensor each, checked for type and shape),
 * small vectors are resident floats. Made once when a model is opened, then read-only. Every tensor
 * of the file must have a role here; one that has none means a feature trawl does not carry, and
 * the file is refused by that name rather than answered wrongly. */

#include "base/memory.h"
#include "formats/gguf.h"
#include "model/hparams.h"

/* Low-rank terms of a matrix from one or more adapters (Hu et al. 2021): y += B (A x), ranks of all
 * adapters concatenated, scales folded into b. */
struct lowrank {
    uint32_t rank; /* 0: none */
    float *a;      /* [rank, k] */
    float *b;      /* [rank, n]: transposed, so that one term adds a row of it */
};

/* y[n] = W x[k] + bias + low-rank terms. */
struct weight {
    const struct tensor *tensor; /* dims [k, n] */
    uint32_t k, n;
    const float *bias; /* [n] or NULL */
    struct lowrank lowrank;
};

struct layer {
    const float *attention_norm;  /* [n_embd] */
    const float *ffn_norm;        /* [n_embd] */
    const float *q_norm, *k_norm; /* [head_dim] or NULL */
    struct weight q, k, v, o;
    struct weight gate, up, down;
};

struct network {
    const struct gguf *gguf;
    struct hparams hparams;
    struct layer *layers;            /* [n_layers] */
    const struct tensor *embeddings; /* dims [n_embd, n_vocab] */
    struct weight head;              /* the embeddings again where tied */
    const float *output_norm;        /* [n_embd] */
    const float *rope_factors;       /* [n_rot/2] or NULL */
    bool tied_head;
    uint32_t lowrank_width; /* widest sum of ranks that one step needs */

    struct memory *memory;
    struct resident { /* blocks owned by the network */
        void *block;
        uint64_t n_bytes;
    } * residents;
    size_t n_residents, residents_capacity;
    uint64_t resident_bytes;
};

/* Reads the small tensors and checks all others. [gguf] and [memory] outlive the network. On
 * failure nothing is left. */
int network_open(struct network *network, const struct gguf *gguf, struct memory *memory,
                 struct error *err) MUST_CHECK;
void network_close(struct network *network);

/* Resident floats of the network's lifetime, zeroed; NULL with [err]. */
float *network_floats(struct network *network, uint64_t n, struct error *err) MUST_CHECK;

/* Gives back before that what is no longer needed; NULL is legal. */
void network_drop_floats(struct network *network, const float *floats);

/* A whole tensor as floats, [to] of its size; NaN and infinities are refused. For small tensors. */
int tensor_read_floats(const struct gguf *gguf, const struct tensor *tensor, float *to,
                       struct error *err) MUST_CHECK;

/* Adds the adapter in [path], as llama.cpp's convert_lora_to_gguf.py writes them, times [scale]
 * (and alpha / rank). */
int adapter_apply(struct network *network, const char *path, float scale,
                  struct error *err) MUST_CHECK;

#endif
