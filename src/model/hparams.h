#ifndef MODEL_HPARAMS_H
#define MODEL_HPARAMS_H
/* What a model file says about its shape, checked: after hparams_read every number is in a range
 * the engine can work with, and no product of them overflows. Sources: GGUF's key names; llama.cpp
 * for defaults that files leave out. */

#include "base/error.h"
#include "formats/gguf.h"

#include <stdbool.h>
#include <stdint.h>

enum rope_scaling { ROPE_SCALING_NONE, ROPE_SCALING_LINEAR, ROPE_SCALING_YARN };

struct rope_params {
    bool interleaved; /* pairs (2i, 2i+1); else (i, i + n_rot/2) */
    uint32_t n_rot;   /* rotated dimensions of a head, even */
    float base;
    enum rope_scaling scaling;
    float factor;            /* context extension, >= 1 usually; 1: none */
    uint32_t n_context_orig; /* yarn: context the model was trained on */
    float ext_factor, attn_factor, beta_fast, beta_slow; /* yarn */
};

struct hparams {
    const char *arch; /* "llama", "qwen2", "qwen3"; a constant */
    uint32_t n_layers;
    uint32_t n_embd;
    uint32_t n_ff;
    uint32_t n_heads, n_kv_heads; /* n_kv_heads divides n_heads */
    uint32_t head_dim;            /* of q and k */
    uint32_t value_dim;           /* of v and of a head's output */
    uint32_t n_vocab;
    uint32_t n_context;
    uint32_t sliding_window; /* 0: none; else a key is seen by the next sliding_window - 1 positions
                                and its own */
    float rms_eps;
    float attention_scale;
    bool qk_norm;
    struct rope_params rope;
};

int hparams_read(const struct gguf *gguf, struct hparams *out, struct error *err) MUST_CHECK;

/* cos and sin of position [position] for all n_rot/2 pairs: [2][n_rot/2]. [factors] divides the
 * angles, [n_rot/2], or NULL (rope_freqs.weight). Double precision inside, so that the result does
 * not depend on who computes it. Yarn: Peng et al. 2023, as llama.cpp applies it. */
void rope_angles(const struct rope_params *rope, const float *factors, uint32_t position,
                 float *cos_sin);

#endif
