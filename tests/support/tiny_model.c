#include "support/tiny_model.h"

#include "support/gguf_write.h"
#include "support/quantize.h"
#include "support/rng.h"
#include "support/tiny_vocab.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char chatml[] =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' "
    "}}{% endif %}";

struct tiny_writer {
    struct tiny_model model; /* with defaults filled in */
    struct gguf_writer **parts;
    uint32_t next_part;
};

static void fill_defaults(struct tiny_model *model)
{
    if (!model->arch)
        model->arch = "llama";
    if (!model->n_layers)
        model->n_layers = 2;
    if (!model->dim)
        model->dim = 64;
    if (!model->n_heads)
        model->n_heads = 4;
    if (!model->n_kv_heads)
        model->n_kv_heads = model->n_heads;
    if (!model->head_dim)
        model->head_dim = model->dim / model->n_heads;
    if (!model->ffn_dim)
        model->ffn_dim = 2 * model->dim;
    if (!model->n_vocab)
        model->n_vocab = 301;
    if (!model->context)
        model->context = 512;
    if (!model->head_type)
        model->head_type = model->type;
    if (strcmp(model->arch, "qwen2") == 0)
        model->biases = true;
    if (model->rope_base == 0)
        model->rope_base = 10000;
    if (model->rope_factor == 0)
        model->rope_factor = 4;
    if (!model->rope_original_context)
        model->rope_original_context = (uint32_t)((float)model->context / model->rope_factor);
    if (!model->chat_template)
        model->chat_template = chatml;
    if (!model->version)
        model->version = 3;
    if (!model->n_parts)
        model->n_parts = 1;
    if (model->weight_scale == 0)
        model->weight_scale = 1;
}

/* "ARCH.SUFFIX"; valid until the next call. */
static const char *arch_key(const struct tiny_model *model, const char *suffix)
{
    static char key[128];
    snprintf(key, sizeof key, "%s.%s", model->arch, suffix);
    return key;
}

static void put_metadata(const struct tiny_model *model, struct gguf_writer *to)
{
    gguf_put_text(to, "general.architecture", model->arch);
    gguf_put_text(to, "general.name", "tiny random model");
    gguf_put_u32(to, arch_key(model, "block_count"), model->n_layers);
    gguf_put_u32(to, arch_key(model, "context_length"), model->context);
    gguf_put_u32(to, arch_key(model, "embedding_length"), model->dim);
    gguf_put_u32(to, arch_key(model, "feed_forward_length"), model->ffn_dim);
    gguf_put_u32(to, arch_key(model, "attention.head_count"), model->n_heads);
    gguf_put_u32(to, arch_key(model, "attention.head_count_kv"), model->n_kv_heads);
    gguf_put_u32(to, arch_key(model, "attention.key_length"), model->head_dim);
    gguf_put_u32(to, arch_key(model, "attention.value_length"), model->head_dim);
    gguf_put_float(to, arch_key(model, "attention.layer_norm_rms_epsilon"), 1e-5f);
    gguf_put_u32(to, arch_key(model, "rope.dimension_count"), model->head_dim);
    gguf_put_float(to, arch_key(model, "rope.freq_base"), model->rope_base);
    gguf_put_u32(to, arch_key(model, "vocab_size"), model->n_vocab);
    if (model->rope_scaling) {
        gguf_put_text(to, arch_key(model, "rope.scaling.type"), model->rope_scaling);
        gguf_put_float(to, arch_key(model, "rope.scaling.factor"), model->rope_factor);
        gguf_put_u32(to, arch_key(model, "rope.scaling.original_context_length"),
                     model->rope_original_context);
    }
    if (model->sliding_window)
        gguf_put_u32(to, arch_key(model, "attention.sliding_window"), model->sliding_window);
    tiny_vocab_put(to, model->spm, model->n_vocab);
    if (model->chat_template[0])
        gguf_put_text(to, "tokenizer.chat_template", model->chat_template);
}

/* The type, or what converters fall back to when its blocks do not divide a row. */
static enum tensor_type fitting_type(enum tensor_type type, uint64_t row_len)
{
    if (row_len % tensor_type_info(type)->block_len == 0)
        return type;
    return row_len % tensor_type_info(TENSOR_Q8_0)->block_len == 0 ? TENSOR_Q8_0 : TENSOR_F32;
}

/* A tensor of mean + scale * normal; n_rows 0: a vector. Every tensor draws from its own sequence,
 * so that one more changes no other. */
static void put_tensor(struct tiny_writer *writer, enum tensor_type type, uint64_t row_len,
                       uint64_t n_rows, float mean, float scale, const char *name)
{
    const struct tiny_model *model = &writer->model;
    if (model->left_out && strcmp(model->left_out, name) == 0)
        return;
    struct rng rng = rng_make(model->seed);
    for (const char *c = name; *c; c++)
        rng = rng_make(rng_u64(&rng) + (uint8_t)*c);

    type = fitting_type(type, row_len);
    uint64_t n = row_len * (n_rows ? n_rows : 1);
    uint64_t n_bytes = tensor_row_bytes(tensor_type_info(type), n);
    float *x = malloc((size_t)n * sizeof *x);
    uint8_t *blocks = malloc((size_t)n_bytes);
    if (!x || !blocks)
        abort();
    for (uint64_t i = 0; i < n; i++)
        x[i] = mean + scale * rng_normal(&rng);
    quantize_weights(type, x, (size_t)n, blocks);
    if (model->poisoned && strcmp(model->poisoned, name) == 0)
        memset(blocks, 0xff,
               type == TENSOR_F32 ? 4 : 2); /* NaN as f32, f16, bf16 and as a leading scale */
    gguf_put_tensor(writer->parts[writer->next_part], name, type, n_rows ? 2 : 1,
                    (uint64_t[]){row_len, n_rows}, blocks, n_bytes);
    writer->next_part = (writer->next_part + 1) % model->n_parts;
    free(blocks);
    free(x);
}

static void put_matrix(struct tiny_writer *writer, const char *name, uint64_t n_in, uint64_t n_out)
{
    put_tensor(writer, writer->model.type, n_in, n_out, 0,
               writer->model.weight_scale / sqrtf((float)n_in), name);
}

static void put_norm(struct tiny_writer *writer, const char *name, uint64_t n)
{
    put_tensor(writer, TENSOR_F32, n, 0, 1, 0.1f, name);
}

/* Llama 3's kind: high frequencies kept, low ones divided, between them in between. */
static void put_rope_factors(struct tiny_writer *writer)
{
    uint32_t n = writer->model.head_dim / 2;
    float *factors = malloc(n * sizeof *factors);
    if (!factors)
        abort();
    for (uint32_t i = 0; i < n; i++)
        factors[i] = 1 + 7 * (float)i / (float)n;
    gguf_put_tensor(writer->parts[0], "rope_freqs.weight", TENSOR_F32, 1, (uint64_t[]){n}, factors,
                    n * sizeof *factors);
    free(factors);
}

static void put_layer(struct tiny_writer *writer, uint32_t layer)
{
    const struct tiny_model *model = &writer->model;
    uint64_t q_dim = (uint64_t)model->n_heads * model->head_dim;
    uint64_t kv_dim = (uint64_t)model->n_kv_heads * model->head_dim;
    char name[64];
#define NAME(suffix) (snprintf(name, sizeof name, "blk.%" PRIu32 "." suffix, layer), name)
    put_norm(writer, NAME("attn_norm.weight"), model->dim);
    put_matrix(writer, NAME("attn_q.weight"), model->dim, q_dim);
    put_matrix(writer, NAME("attn_k.weight"), model->dim, kv_dim);
    put_matrix(writer, NAME("attn_v.weight"), model->dim, kv_dim);
    put_matrix(writer, NAME("attn_output.weight"), q_dim, model->dim);
    if (model->biases) {
        put_tensor(writer, TENSOR_F32, q_dim, 0, 0, 0.3f, NAME("attn_q.bias"));
        put_tensor(writer, TENSOR_F32, kv_dim, 0, 0, 0.3f, NAME("attn_k.bias"));
        put_tensor(writer, TENSOR_F32, kv_dim, 0, 0, 0.3f, NAME("attn_v.bias"));
    }
    if (strcmp(model->arch, "qwen3") == 0) {
        put_norm(writer, NAME("attn_q_norm.weight"), model->head_dim);
        put_norm(writer, NAME("attn_k_norm.weight"), model->head_dim);
    }
    put_norm(writer, NAME("ffn_norm.weight"), model->dim);
    put_matrix(writer, NAME("ffn_gate.weight"), model->dim, model->ffn_dim);
    put_matrix(writer, NAME("ffn_up.weight"), model->dim, model->ffn_dim);
    put_matrix(writer, NAME("ffn_down.weight"), model->ffn_dim, model->dim);
#undef NAME
}

static void put_tensors(struct tiny_writer *writer)
{
    const struct tiny_model *model = &writer->model;
    put_tensor(writer, model->head_type, model->dim, model->n_vocab, 0, 1, "token_embd.weight");
    put_norm(writer, "output_norm.weight", model->dim);
    if (!model->tied)
        put_tensor(writer, model->head_type, model->dim, model->n_vocab, 0,
                   2 / sqrtf((float)model->dim), "output.weight");
    if (model->rope_factors)
        put_rope_factors(writer);
    for (uint32_t layer = 0; layer < model->n_layers; layer++)
        put_layer(writer, layer);
}

void tiny_model_write(const struct tiny_model *options, const char *path)
{
    struct tiny_writer writer = {.model = *options};
    struct tiny_model *model = &writer.model;
    fill_defaults(model);
    writer.parts = calloc(model->n_parts, sizeof *writer.parts);
    if (!writer.parts)
        abort();
    for (uint32_t i = 0; i < model->n_parts; i++)
        writer.parts[i] = gguf_writer_new(model->version, model->alignment);
    put_metadata(model, writer.parts[0]);
    put_tensors(&writer);

    uint32_t n_tensors = 0;
    for (uint32_t i = 0; i < model->n_parts; i++)
        n_tensors += gguf_writer_n_tensors(writer.parts[i]);
    int prefix_len = (int)strlen(path) - (int)strlen("-00001-of-00001.gguf");
    for (uint32_t i = 0; i < model->n_parts; i++) {
        char part_path[4096];
        snprintf(part_path, sizeof part_path, "%s", path);
        if (model->n_parts > 1) {
            gguf_put_u16(writer.parts[i], "split.no", (uint16_t)i);
            gguf_put_u16(writer.parts[i], "split.count", (uint16_t)model->n_parts);
            gguf_put_i32(writer.parts[i], "split.tensors.count", (int32_t)n_tensors);
            snprintf(part_path, sizeof part_path, "%.*s-%05u-of-%05u.gguf", prefix_len, path, i + 1,
                     model->n_parts);
        }
        gguf_writer_save(writer.parts[i], part_path);
        gguf_writer_free(writer.parts[i]);
    }
    free(writer.parts);
}
