/* Writes a model of random weights and a real shape, as GGUF: for measuring, where what a model
 * says does not matter. Streamed, so any size in little memory.
 *
 *   bench_make_model [--shape NAME] [--layers N] [--embd N] [--ff N] [--heads N] [--kv-heads N]
 * [--head-dim N] [--vocab N]
 *                    [--context N] [--type NAME] [--head-type NAME] [--seed N]
 *                    [--tokenizer MODEL] [--bytes] FILE
 *
 * The vocabulary is that of the test models (single bytes, yes and no; the rest unused tokens), so
 * all of trawl works on it, or --tokenizer's, with unused tokens up to the shape's number. --bytes
 * prints the file's size, but for its header, and writes nothing. */

#include "copied_tokenizer.h"
#include "random_blocks.h"

#include "base/bytes.h"
#include "base/size.h"
#include "support/gguf_write.h"
#include "support/tiny_vocab.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGNMENT = 32, PIECE_BYTES = 4 << 20, MAX_NAME = 48 };

struct shape {
    const char *name;
    uint32_t layers, embd, ff, heads, kv_heads, head_dim, vocab;
    float rope_base;
};

static const struct shape shapes[] = {
    {"1B", 22, 2048, 5632, 32, 4, 64, 32000, 1e4f},     /* TinyLlama 1.1B */
    {"3B", 28, 3072, 8192, 24, 8, 128, 128256, 5e5f},   /* Llama 3.2 3B */
    {"8B", 32, 4096, 14336, 32, 8, 128, 128256, 5e5f},  /* Llama 3 8B */
    {"34B", 60, 7168, 20480, 56, 8, 128, 64000, 5e6f},  /* Yi 34B */
    {"70B", 80, 8192, 28672, 64, 8, 128, 128256, 5e5f}, /* Llama 3 70B */
};

enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

struct tensor_plan {
    char name[MAX_NAME];
    enum tensor_type type;
    uint64_t row_len, n_rows; /* n_rows 0: a vector of ones, F32 */
    double deviation;
    uint64_t offset, n_bytes;
};

struct model {
    struct shape shape;
    uint32_t context;
    enum tensor_type type, head_type;
    uint64_t seed;
    const char *tokenizer;       /* a model whose vocabulary and template are taken, or NULL */
    struct tensor_plan *tensors; /* [n_tensors] in file order */
    size_t n_tensors, capacity;
};

static void stop(const char *what, const char *about)
{
    fprintf(stderr, "bench_make_model: %s: %s\n", about, what);
    exit(2);
}

static void *checked(void *memory)
{
    if (!memory)
        stop("no memory", "tensors");
    return memory;
}

/* ---- What is in the file ---- */

static void add(struct model *model, const char *name, enum tensor_type type, uint64_t row_len,
                uint64_t n_rows, double deviation)
{
    const struct tensor_type_info *info = tensor_type_info(type);
    if (row_len % info->block_len != 0)
        stop("the type's blocks do not divide its rows", name);
    if (model->n_tensors == model->capacity) {
        model->capacity = model->capacity ? 2 * model->capacity : 256;
        model->tensors = checked(realloc(model->tensors, model->capacity * sizeof *model->tensors));
    }
    struct tensor_plan *tensor = &model->tensors[model->n_tensors];
    uint64_t end = 0;
    if (model->n_tensors > 0)
        end = round_up(tensor[-1].offset + tensor[-1].n_bytes, ALIGNMENT);
    *tensor =
        (struct tensor_plan){.type = type,
                             .row_len = row_len,
                             .n_rows = n_rows,
                             .deviation = deviation,
                             .offset = end,
                             .n_bytes = tensor_row_bytes(info, row_len) * (n_rows ? n_rows : 1)};
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    model->n_tensors++;
}

static void add_layer(struct model *model, uint32_t layer)
{
    const struct shape *shape = &model->shape;
    const uint64_t q_dim = (uint64_t)shape->heads * shape->head_dim,
                   kv_dim = (uint64_t)shape->kv_heads * shape->head_dim;
    const struct {
        const char *name;
        uint64_t row_len, n_rows;
    } parts[] = {
        {"attn_norm", shape->embd, 0},        {"attn_q", shape->embd, q_dim},
        {"attn_k", shape->embd, kv_dim},      {"attn_v", shape->embd, kv_dim},
        {"attn_output", q_dim, shape->embd},  {"ffn_norm", shape->embd, 0},
        {"ffn_gate", shape->embd, shape->ff}, {"ffn_up", shape->embd, shape->ff},
        {"ffn_down", shape->ff, shape->embd},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char name[MAX_NAME];
        snprintf(name, sizeof name, "blk.%" PRIu32 ".%s.weight", layer, parts[i].name);
        add(model, name, parts[i].n_rows ? model->type : TENSOR_F32, parts[i].row_len,
            parts[i].n_rows, 1 / sqrt((double)parts[i].row_len));
    }
}

static void add_tensors(struct model *model)
{
    const struct shape *shape = &model->shape;
    add(model, "token_embd.weight", model->head_type, shape->embd, shape->vocab, 1);
    for (uint32_t layer = 0; layer < shape->layers; layer++)
        add_layer(model, layer);
    add(model, "output_norm.weight", TENSOR_F32, shape->embd, 0, 0);
    add(model, "output.weight", model->head_type, shape->embd, shape->vocab,
        2 / sqrt((double)shape->embd));
}

/* ---- The file ---- */

static void put_metadata(const struct model *model, struct gguf_writer *to)
{
    const struct shape *shape = &model->shape;
    char name[64];
    snprintf(name, sizeof name, "random %s", shape->name);
    gguf_put_text(to, "general.architecture", "llama");
    gguf_put_text(to, "general.name", name);
    gguf_put_u32(to, "llama.block_count", shape->layers);
    gguf_put_u32(to, "llama.context_length", model->context);
    gguf_put_u32(to, "llama.embedding_length", shape->embd);
    gguf_put_u32(to, "llama.feed_forward_length", shape->ff);
    gguf_put_u32(to, "llama.attention.head_count", shape->heads);
    gguf_put_u32(to, "llama.attention.head_count_kv", shape->kv_heads);
    gguf_put_u32(to, "llama.attention.key_length", shape->head_dim);
    gguf_put_u32(to, "llama.attention.value_length", shape->head_dim);
    gguf_put_u32(to, "llama.rope.dimension_count", shape->head_dim);
    gguf_put_float(to, "llama.rope.freq_base", shape->rope_base);
    gguf_put_float(to, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    gguf_put_u32(to, "llama.vocab_size", shape->vocab);
    if (model->tokenizer) {
        const char *problem = copy_tokenizer(to, model->tokenizer, shape->vocab);
        if (problem)
            stop(problem, model->tokenizer);
        return;
    }
    tiny_vocab_put(to, false, shape->vocab);
    gguf_put_text(to, "tokenizer.chat_template",
                  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
                  "message['content'] + "
                  "'<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ "
                  "'<|im_start|>assistant\\n' }}{% endif %}");
}

static void put(struct bytes *to, const void *data, size_t n_bytes)
{
    struct error err;
    if (bytes_append(to, data, n_bytes, &err) < 0)
        stop(err.text, "header");
}

/* The writer for tests keeps tensor data in memory, so it makes the metadata only; the directory is
 * appended here and the count of tensors set where version 3 has it, at byte 8. */
static struct bytes make_header(const struct model *model)
{
    struct gguf_writer *writer = gguf_writer_new(3, 0);
    put_metadata(model, writer);
    size_t n_bytes;
    uint8_t *metadata = gguf_writer_bytes(writer, &n_bytes);
    gguf_writer_free(writer);
    uint64_t n_tensors = model->n_tensors;
    memcpy(metadata + 8, &n_tensors, sizeof n_tensors);

    struct bytes header = {0};
    put(&header, metadata, n_bytes);
    free(metadata);
    for (size_t i = 0; i < model->n_tensors; i++) {
        const struct tensor_plan *tensor = &model->tensors[i];
        uint64_t name_bytes = strlen(tensor->name);
        uint32_t n_dims = tensor->n_rows ? 2 : 1, type = tensor->type;
        put(&header, &name_bytes, sizeof name_bytes);
        put(&header, tensor->name, name_bytes);
        put(&header, &n_dims, sizeof n_dims);
        put(&header, &tensor->row_len,
            n_dims * sizeof(uint64_t)); /* row_len and n_rows lie side by side */
        put(&header, &type, sizeof type);
        put(&header, &tensor->offset, sizeof tensor->offset);
    }
    static const char zeros[ALIGNMENT];
    put(&header, zeros, round_up(header.n_bytes, ALIGNMENT) - header.n_bytes);
    return header;
}

static void write_all(FILE *file, const void *data, size_t n_bytes)
{
    if (fwrite(data, 1, n_bytes, file) != n_bytes)
        stop("cannot write (is the disk full?)", "file");
}

static void write_tensor(FILE *file, const struct tensor_plan *tensor, struct rng *rng,
                         uint8_t *piece)
{
    size_t block_bytes = tensor_type_info(tensor->type)->block_bytes;
    size_t whole = PIECE_BYTES / block_bytes * block_bytes;
    for (uint64_t done = 0; done < tensor->n_bytes; done += whole) {
        size_t n_bytes = min_size(whole, tensor->n_bytes - done);
        if (tensor->n_rows) {
            random_blocks(rng, tensor->type, tensor->deviation, piece, n_bytes);
        } else {
            const float one = 1;
            for (size_t i = 0; i < n_bytes; i += sizeof one)
                memcpy(piece + i, &one, sizeof one);
        }
        write_all(file, piece, n_bytes);
    }
    static const char zeros[ALIGNMENT];
    write_all(file, zeros, round_up(tensor->n_bytes, ALIGNMENT) - tensor->n_bytes);
}

static void write_model(const struct model *model, const char *path)
{
    struct bytes header = make_header(model);
    uint8_t *piece = checked(malloc(PIECE_BYTES));
    struct rng rng = rng_make(model->seed);
    FILE *file = fopen(path, "wb");
    if (!file)
        stop("cannot create", path);
    write_all(file, header.data, header.n_bytes);
    for (size_t i = 0; i < model->n_tensors; i++)
        write_tensor(file, &model->tensors[i], &rng, piece);
    if (fclose(file) != 0)
        stop("cannot write (is the disk full?)", path);
    free(piece);
    bytes_deinit(&header);
}

/* ---- Options ---- */

static enum tensor_type type_named(const char *name)
{
    for (uint32_t type = 0; type < TENSOR_TYPE_LIMIT; type++)
        if (tensor_type_info(type)->block_len && strcmp(tensor_type_info(type)->name, name) == 0)
            return (enum tensor_type)type;
    stop("no such tensor type", name);
    return TENSOR_F32;
}

static struct shape shape_named(const char *name)
{
    for (int i = 0; i < N_SHAPES; i++)
        if (strcmp(shapes[i].name, name) == 0)
            return shapes[i];
    stop("no such shape (1B, 3B, 8B, 34B, 70B)", name);
    return shapes[0];
}

int main(int argc, char **argv)
{
    struct model model = {.shape = shapes[0],
                          .context = 4096,
                          .type = TENSOR_Q4_K,
                          .head_type = TENSOR_TYPE_LIMIT,
                          .seed = 1};
    const struct {
        const char *name;
        uint32_t *value;
    } numbers[] = {
        {"--layers", &model.shape.layers},
        {"--embd", &model.shape.embd},
        {"--ff", &model.shape.ff},
        {"--heads", &model.shape.heads},
        {"--kv-heads", &model.shape.kv_heads},
        {"--head-dim", &model.shape.head_dim},
        {"--vocab", &model.shape.vocab},
        {"--context", &model.context},
    };
    bool bytes_only = false;
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        bytes_only |= strcmp(argv[i], "--bytes") == 0;
        if (strcmp(argv[i], "--bytes") == 0)
            continue;
        if (i + 1 == argc)
            stop("wants a value", argv[i]);
        const char *option = argv[i], *value = argv[++i];
        bool known = true;
        if (strcmp(option, "--shape") == 0) {
            model.shape = shape_named(value);
        } else if (strcmp(option, "--type") == 0) {
            model.type = type_named(value);
        } else if (strcmp(option, "--head-type") == 0) {
            model.head_type = type_named(value);
        } else if (strcmp(option, "--tokenizer") == 0) {
            model.tokenizer = value;
        } else if (strcmp(option, "--seed") == 0) {
            model.seed = strtoull(value, NULL, 10);
        } else {
            known = false;
            for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
                if (strcmp(option, numbers[n].name) != 0)
                    continue;
                *numbers[n].value = (uint32_t)strtoul(value, NULL, 10);
                known = *numbers[n].value > 0;
            }
        }
        if (!known)
            stop("no such option, or no such value", option);
    }
    if (i + (bytes_only ? 0 : 1) != argc)
        stop("give one file", "usage");
    if (model.head_type == TENSOR_TYPE_LIMIT)
        model.head_type = model.type;
    add_tensors(&model);
    const struct tensor_plan *last = &model.tensors[model.n_tensors - 1];
    if (bytes_only)
        printf("%" PRIu64 "\n", last->offset + last->n_bytes);
    else
        write_model(&model, argv[i]);
    free(model.tensors);
    return 0;
}
