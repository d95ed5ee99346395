#include "engine/answer_key.h"

#include "base/size.h"

#include <string.h>

#define SAMPLE_BYTES                                                                               \
    4096 /* of each tensor: enough to tell two trainings of one architecture apart */
#define PIECE_BYTES 65536

static int add_range(struct sha256 *sha, const struct file *file, uint64_t from, uint64_t to,
                     struct error *err)
{
    static _Thread_local uint8_t piece[PIECE_BYTES];
    for (uint64_t at = from; at < to; at += PIECE_BYTES) {
        uint64_t n = min_size(to - at, PIECE_BYTES);
        if (file_read(file, at, piece, n, err) < 0)
            return -1;
        sha256_add(sha, piece, n);
    }
    return 0;
}

/* Where a file's tensors begin: before that is its metadata. */
static uint64_t data_begin(const struct gguf *gguf, int file)
{
    uint64_t begin = gguf_file(gguf, file)->size_bytes;
    for (uint64_t i = 0; i < gguf_n_tensors(gguf); i++) {
        const struct tensor *tensor = gguf_tensor(gguf, i);
        if (tensor->file == (uint32_t)file && tensor->offset < begin)
            begin = tensor->offset;
    }
    return begin;
}

static void add_adapters(struct sha256 *sha, const struct weight *weight)
{
    const struct lowrank *lowrank = &weight->lowrank;
    if (lowrank->rank == 0)
        return;
    sha256_add(sha, weight->tensor->name, strlen(weight->tensor->name));
    sha256_add(sha, &lowrank->rank, sizeof lowrank->rank);
    sha256_add(sha, lowrank->a, (size_t)lowrank->rank * weight->k * sizeof *lowrank->a);
    sha256_add(sha, lowrank->b, (size_t)lowrank->rank * weight->n * sizeof *lowrank->b);
}

int trawl_model_hash(const struct trawl_model *model, uint8_t hash[TRAWL_KEY_BYTES],
                     struct error *err)
{
    const struct gguf *gguf = model->gguf;
    struct sha256 sha;
    sha256_init(&sha);
    for (int f = 0; f < gguf_n_files(gguf); f++) {
        const struct file *file = gguf_file(gguf, f);
        sha256_add(&sha, &file->size_bytes, sizeof file->size_bytes);
        if (add_range(&sha, file, 0, data_begin(gguf, f), err) < 0)
            return -1;
    }
    for (uint64_t i = 0; i < gguf_n_tensors(gguf); i++) {
        const struct tensor *tensor = gguf_tensor(gguf, i);
        uint64_t to = tensor->offset + min_size(tensor->n_bytes, SAMPLE_BYTES);
        if (add_range(&sha, gguf_file(gguf, (int)tensor->file), tensor->offset, to, err) < 0)
            return -1;
    }
    for (uint32_t l = 0; l < model->network.hparams.n_layers && model->network.layers; l++) {
        const struct layer *layer = &model->network.layers[l];
        const struct weight *weights[] = {&layer->q,    &layer->k,  &layer->v,   &layer->o,
                                          &layer->gate, &layer->up, &layer->down};
        for (size_t w = 0; w < sizeof weights / sizeof *weights; w++)
            add_adapters(&sha, weights[w]);
    }
    add_adapters(&sha, &model->network.head);
    sha256_finish(&sha, hash);
    return 0;
}

int answer_keys_init(struct answer_keys *keys, const struct trawl_model *model,
                     const char *numerics, struct error *err)
{
    uint8_t hash[TRAWL_KEY_BYTES];
    if (trawl_model_hash(model, hash, err) < 0)
        return -1;
    sha256_init(&keys->common);
    sha256_add(&keys->common, hash, sizeof hash);
    sha256_add(&keys->common, numerics, strlen(numerics) + 1);
    return 0;
}

void answer_keys_make(const struct answer_keys *keys, const uint8_t readout[SHA256_BYTES],
                      const int32_t *ids, size_t n_ids, uint8_t key[TRAWL_KEY_BYTES])
{
    struct sha256 sha = keys->common;
    sha256_add(&sha, readout, SHA256_BYTES);
    sha256_add(&sha, ids, n_ids * sizeof *ids);
    sha256_finish(&sha, key);
}
