#include "model/hparams.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Beyond sense for any model; far below where products of two overflow 64 bits. */
enum { MAX_LAYERS = 4096, MAX_WIDTH = 1 << 20, MAX_HEADS = 1 << 14, MAX_VOCAB = 1 << 24 };

struct family {
    const char *arch;
    bool rope_interleaved;
    bool qk_norm;
};

static const struct family families[] = {
    {"llama", true, false},
    {"qwen2", false, false},
    {"qwen3", false, true},
};

/* A number, or an array of one for each layer, all of them the same. 1 found, 0 absent, -1. */
static int read_same(const struct gguf *gguf, const char *key, uint32_t *out, struct error *err)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    uint64_t n_items = value && value->type == GGUF_ARRAY ? value->n_items : 1;
    int found = gguf_get_u32_at(gguf, key, 0, out, err);
    for (uint64_t i = 1; i < n_items && found > 0; i++) {
        uint32_t other;
        found = gguf_get_u32_at(gguf, key, i, &other, err);
        if (found > 0 && other != *out)
            return fail(err, ERROR_UNSUPPORTED,
                        "%s: %s is %u in one layer and %u in another: this kind of model is not "
                        "supported yet",
                        gguf_path(gguf), key, *out, other);
    }
    return found;
}

/* Reads "ARCH.key" as an integer in [1, most]; a missing key is an error unless [fallback] is not
 * 0. */
static int read_count(const struct gguf *gguf, const char *arch, const char *key, uint32_t most,
                      uint32_t fallback, uint32_t *out, struct error *err)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", arch, key);
    int found = read_same(gguf, full, out, err);
    if (found < 0)
        return -1;
    if (!found) {
        if (!fallback)
            return fail(err, ERROR_FORMAT, "%s: key %s is missing", gguf_path(gguf), full);
        *out = fallback;
    }
    if (*out < 1 || *out > most)
        return fail(err, ERROR_FORMAT, "%s: key %s is %u, expected 1 to %u", gguf_path(gguf), full,
                    *out, most);
    return 0;
}

static int read_float(const struct gguf *gguf, const char *arch, const char *key, float fallback,
                      float *out, struct error *err)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", arch, key);
    *out = fallback;
    if (gguf_get_float(gguf, full, out, err) < 0)
        return -1;
    if (!isfinite(*out))
        return fail(err, ERROR_FORMAT, "%s: key %s is not a finite number", gguf_path(gguf), full);
    return 0;
}

static int read_rope(const struct gguf *gguf, struct hparams *h, struct error *err)
{
    struct rope_params *rope = &h->rope;
    if (read_count(gguf, h->arch, "rope.dimension_count", h->head_dim, h->head_dim, &rope->n_rot,
                   err) < 0 ||
        read_float(gguf, h->arch, "rope.freq_base", 10000.0f, &rope->base, err) < 0 ||
        read_float(gguf, h->arch, "rope.scaling.factor", 0.0f, &rope->factor, err) < 0)
        return -1;
    if (rope->n_rot % 2 != 0)
        return fail(err, ERROR_FORMAT, "%s: %s.rope.dimension_count is %u, expected an even number",
                    gguf_path(gguf), h->arch, rope->n_rot);
    if (rope->base <= 0.0f)
        return fail(err, ERROR_FORMAT, "%s: %s.rope.freq_base is %g, expected more than 0",
                    gguf_path(gguf), h->arch, (double)rope->base);

    char key[128];
    struct gguf_text scaling = {"none", 4};
    snprintf(key, sizeof key, "%s.rope.scaling.type", h->arch);
    int found = gguf_get_text(gguf, key, &scaling, err);
    if (found < 0)
        return -1;
    if (!found) {
        /* Old files have only the linear scale. */
        if (rope->factor == 0.0f &&
            read_float(gguf, h->arch, "rope.scale_linear", 0.0f, &rope->factor, err) < 0)
            return -1;
        scaling.data = rope->factor != 0.0f ? "linear" : "none";
    }
    if (strcmp(scaling.data, "none") == 0)
        rope->scaling = ROPE_SCALING_NONE;
    else if (strcmp(scaling.data, "linear") == 0)
        rope->scaling = ROPE_SCALING_LINEAR;
    else if (strcmp(scaling.data, "yarn") == 0)
        rope->scaling = ROPE_SCALING_YARN;
    else
        return fail(err, ERROR_UNSUPPORTED,
                    "%s: rope scaling \"%.40s\" is not supported (none, linear, yarn are)",
                    gguf_path(gguf), scaling.data);
    if (rope->factor == 0.0f || rope->scaling == ROPE_SCALING_NONE)
        rope->factor = 1.0f;
    if (rope->factor < 0.0f)
        return fail(err, ERROR_FORMAT, "%s: the rope scaling factor is %g, expected more than 0",
                    gguf_path(gguf), (double)rope->factor);
    return read_count(gguf, h->arch, "rope.scaling.original_context_length", UINT32_MAX,
                      h->n_context, &rope->n_context_orig, err) < 0 ||
                   read_float(gguf, h->arch, "rope.scaling.yarn_ext_factor", 1.0f,
                              &rope->ext_factor, err) < 0 ||
                   read_float(gguf, h->arch, "rope.scaling.attn_factor", 1.0f, &rope->attn_factor,
                              err) < 0 ||
                   read_float(gguf, h->arch, "rope.scaling.yarn_beta_fast", 32.0f, &rope->beta_fast,
                              err) < 0 ||
                   read_float(gguf, h->arch, "rope.scaling.yarn_beta_slow", 1.0f, &rope->beta_slow,
                              err) < 0
               ? -1
               : 0;
}

/* Files of these architectures that carry experts or other features of relatives are refused by
 * name. */
static int refuse_relatives(const struct gguf *gguf, const char *arch, struct error *err)
{
    static const char *const keys[] = {"expert_count", "attention.key_length_mla",
                                       "attention.kv_lora_rank"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char full[128];
        uint32_t n = 0;
        snprintf(full, sizeof full, "%s.%s", arch, keys[i]);
        if (gguf_get_u32(gguf, full, &n, err) < 0)
            return -1;
        if (n)
            return fail(err, ERROR_UNSUPPORTED,
                        "%s: %s is %u: this kind of model is not supported yet", gguf_path(gguf),
                        full, n);
    }
    return 0;
}

static int read_vocabulary_size(const struct gguf *gguf, struct hparams *h, struct error *err)
{
    /* The embedding decides; the tokenizer may name fewer or more tokens than the matrix has rows,
     * never an id beyond it in a prompt. */
    const struct tensor *embeddings = gguf_find_tensor(gguf, "token_embd.weight");
    if (!embeddings)
        return fail(err, ERROR_FORMAT, "%s: tensor token_embd.weight is missing", gguf_path(gguf));
    if (embeddings->n_dims != 2 || embeddings->dims[1] < 1 || embeddings->dims[1] > MAX_VOCAB)
        return fail(err, ERROR_FORMAT,
                    "%s: token_embd.weight: expected [vocabulary, %u], file has [%llu, %llu]",
                    gguf_path(gguf), h->n_embd, (unsigned long long)embeddings->dims[1],
                    (unsigned long long)embeddings->dims[0]);
    h->n_vocab = (uint32_t)embeddings->dims[1];
    return 0;
}

int hparams_read(const struct gguf *gguf, struct hparams *h, struct error *err)
{
    memset(h, 0, sizeof *h);
    struct gguf_text arch;
    int found = gguf_get_text(gguf, "general.architecture", &arch, err);
    if (found < 0)
        return -1;
    if (!found)
        return fail(err, ERROR_FORMAT, "%s: key general.architecture is missing", gguf_path(gguf));
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(arch.data, families[i].arch) == 0) {
            h->arch = families[i].arch;
            h->qk_norm = families[i].qk_norm;
            h->rope.interleaved = families[i].rope_interleaved;
        }
    if (!h->arch)
        return fail(err, ERROR_UNSUPPORTED,
                    "%s: architecture \"%.40s\" is not supported (llama, qwen2 and qwen3 are)",
                    gguf_path(gguf), arch.data);
    if (refuse_relatives(gguf, h->arch, err) < 0 ||
        read_count(gguf, h->arch, "block_count", MAX_LAYERS, 0, &h->n_layers, err) < 0 ||
        read_count(gguf, h->arch, "embedding_length", MAX_WIDTH, 0, &h->n_embd, err) < 0 ||
        read_count(gguf, h->arch, "feed_forward_length", MAX_WIDTH, 0, &h->n_ff, err) < 0 ||
        read_count(gguf, h->arch, "attention.head_count", MAX_HEADS, 0, &h->n_heads, err) < 0 ||
        read_count(gguf, h->arch, "attention.head_count_kv", MAX_HEADS, h->n_heads, &h->n_kv_heads,
                   err) < 0 ||
        read_count(gguf, h->arch, "context_length", UINT32_MAX, 0, &h->n_context, err) < 0)
        return -1;
    if (h->n_heads % h->n_kv_heads != 0)
        return fail(err, ERROR_FORMAT,
                    "%s: %u attention heads cannot share %u key/value heads evenly",
                    gguf_path(gguf), h->n_heads, h->n_kv_heads);
    uint32_t natural_dim = h->n_embd / h->n_heads;
    if (read_count(gguf, h->arch, "attention.key_length", MAX_WIDTH,
                   natural_dim ? natural_dim : UINT32_MAX, &h->head_dim, err) < 0 ||
        read_count(gguf, h->arch, "attention.value_length", MAX_WIDTH, h->head_dim, &h->value_dim,
                   err) < 0 ||
        read_float(gguf, h->arch, "attention.layer_norm_rms_epsilon", 1e-5f, &h->rms_eps, err) < 0)
        return -1;
    if ((uint64_t)h->n_heads * h->head_dim > MAX_WIDTH ||
        (uint64_t)h->n_heads * h->value_dim > MAX_WIDTH)
        return fail(err, ERROR_FORMAT, "%s: %u heads of %u dimensions are beyond sense",
                    gguf_path(gguf), h->n_heads, h->head_dim);
    if (h->value_dim > h->head_dim)
        return fail(err, ERROR_UNSUPPORTED,
                    "%s: heads whose values (%u) are wider than their keys (%u) are not supported",
                    gguf_path(gguf), h->value_dim, h->head_dim);
    if (h->rms_eps < 0.0f)
        return fail(err, ERROR_FORMAT, "%s: the norm's epsilon is negative", gguf_path(gguf));
    h->attention_scale = 1.0f / sqrtf((float)h->head_dim);

    char key[128];
    snprintf(key, sizeof key, "%s.attention.sliding_window", h->arch);
    if (read_same(gguf, key, &h->sliding_window, err) < 0)
        return -1;
    if (read_rope(gguf, h, err) < 0)
        return -1;
    return read_vocabulary_size(gguf, h, err);
}

/* Dimension pair whose wavelength fits [n_rotations] times in the original context. */
static double yarn_pair(const struct rope_params *rope, double n_rotations)
{
    const double two_pi = 6.283185307179586;
    return rope->n_rot * log(rope->n_context_orig / (n_rotations * two_pi)) /
           (2.0 * log(rope->base));
}

void rope_angles(const struct rope_params *rope, const float *factors, uint32_t position,
                 float *cos_sin)
{
    uint32_t n_pairs = rope->n_rot / 2;
    double low = 0.0, high = 0.0, magnitude = 1.0;
    if (rope->scaling == ROPE_SCALING_YARN) {
        low = fmax(0.0, floor(yarn_pair(rope, rope->beta_fast)));
        high = fmin(rope->n_rot - 1.0, ceil(yarn_pair(rope, rope->beta_slow)));
        magnitude = rope->attn_factor;
        if (rope->ext_factor != 0.0f)
            magnitude *= 1.0 + 0.1 * log(rope->factor);
    }
    for (uint32_t i = 0; i < n_pairs; i++) {
        double angle = position * pow(rope->base, -2.0 * i / rope->n_rot);
        if (factors)
            angle /= factors[i];
        double stretched = angle / rope->factor;
        if (rope->scaling == ROPE_SCALING_YARN && rope->ext_factor != 0.0f) {
            double ramp = 1.0 - fmin(1.0, fmax(0.0, (i - low) / fmax(0.001, high - low)));
            double keep = ramp * rope->ext_factor;
            stretched = stretched * (1.0 - keep) + angle * keep;
        }
        cos_sin[i] = (float)(cos(stretched) * magnitude);
        cos_sin[n_pairs + i] = (float)(sin(stretched) * magnitude);
    }
}
