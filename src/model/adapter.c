/* Low-rank adapters: a GGUF file whose tensors NAME.lora_a [k, rank] and NAME.lora_b [rank, n]
 * (dims as stored, contiguous first) belong to the model's matrix NAME. Written by llama.cpp's
 * convert_lora_to_gguf.py. */

#include "model/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The matrix that has this name, or NULL. */
static struct weight *find_weight(struct network *network, const char *name, size_t n_bytes)
{
    struct weight *found = NULL;
    for (uint32_t i = 0; i < network->hparams.n_layers && !found; i++) {
        struct layer *l = &network->layers[i];
        struct weight *weights[] = {&l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down};
        for (size_t w = 0; w < sizeof weights / sizeof *weights; w++)
            if (strlen(weights[w]->tensor->name) == n_bytes &&
                memcmp(weights[w]->tensor->name, name, n_bytes) == 0)
                found = weights[w];
    }
    if (!found && !network->tied_head && strlen(network->head.tensor->name) == n_bytes &&
        memcmp(network->head.tensor->name, name, n_bytes) == 0)
        found = &network->head;
    return found;
}

/* Puts one pair behind the terms that the matrix has, in blocks that take the old ones' place. */
static int add_term(struct network *network, struct weight *weight, const struct gguf *adapter,
                    const struct tensor *a, const struct tensor *b, float factor, struct error *err)
{
    uint32_t rank = (uint32_t)a->dims[1], had = weight->lowrank.rank;
    float *all_a = network_floats(network, (uint64_t)(had + rank) * weight->k, err);
    float *all_b = all_a ? network_floats(network, (uint64_t)(had + rank) * weight->n, err) : NULL;
    float *b_file = calloc((size_t)rank * weight->n, sizeof *b_file);
    int rc = -1;
    if (all_b && !b_file)
        fail_memory(err, (uint64_t)rank * weight->n * sizeof *b_file, b->name);
    if (all_b && b_file &&
        tensor_read_floats(adapter, a, all_a + (size_t)had * weight->k, err) == 0 &&
        tensor_read_floats(adapter, b, b_file, err) == 0) {
        if (had) {
            memcpy(all_a, weight->lowrank.a, (size_t)had * weight->k * sizeof *all_a);
            memcpy(all_b, weight->lowrank.b, (size_t)had * weight->n * sizeof *all_b);
            network_drop_floats(network, weight->lowrank.a);
            network_drop_floats(network, weight->lowrank.b);
        }
        for (uint32_t r = 0; r < rank; r++)
            for (uint32_t n = 0; n < weight->n; n++)
                all_b[(size_t)(had + r) * weight->n + n] = factor * b_file[(size_t)n * rank + r];
        weight->lowrank = (struct lowrank){had + rank, all_a, all_b};
        rc = 0;
    }
    free(b_file);
    return rc;
}

static int apply_pair(struct network *network, const struct gguf *adapter, const struct tensor *a,
                      float alpha, float scale, struct error *err)
{
    const char *path = gguf_path(adapter);
    size_t stem = strlen(a->name) - strlen(".lora_a");
    char b_name[128];
    if (stem > sizeof b_name - 16)
        return fail(err, ERROR_FORMAT, "%s: tensor name too long: %.40s...", path, a->name);
    snprintf(b_name, sizeof b_name, "%.*s.lora_b", (int)stem, a->name);
    const struct tensor *b = gguf_find_tensor(adapter, b_name);
    if (!b)
        return fail(err, ERROR_FORMAT, "%s: tensor %s is missing", path, b_name);
    struct weight *weight = find_weight(network, a->name, stem);
    if (!weight)
        return fail(err, ERROR_UNSUPPORTED,
                    "%s: %s: %s has no matrix of that name an adapter can change", path, a->name,
                    gguf_path(network->gguf));
    uint64_t rank = a->dims[1];
    if (a->dims[0] != weight->k || b->dims[1] != weight->n || b->dims[0] != rank || rank < 1 ||
        rank > 4096 || a->dims[2] != 1 || a->dims[3] != 1 || b->dims[2] != 1 || b->dims[3] != 1)
        return fail(err, ERROR_FORMAT,
                    "%s: %.*s: expected a [rank, %u] and b [%u, rank], file has a [%llu, %llu] and "
                    "b [%llu, %llu]",
                    path, (int)stem, a->name, weight->k, weight->n, (unsigned long long)a->dims[1],
                    (unsigned long long)a->dims[0], (unsigned long long)b->dims[1],
                    (unsigned long long)b->dims[0]);
    return add_term(network, weight, adapter, a, b,
                    alpha != 0.0f ? scale * alpha / (float)rank : scale, err);
}

static int apply_all(struct network *network, const struct gguf *adapter, float scale,
                     struct error *err)
{
    const char *path = gguf_path(adapter);
    struct gguf_text type = {"", 0}, kind = {"", 0}, arch = {"", 0};
    float alpha = 0.0f;
    if (gguf_get_text(adapter, "general.type", &type, err) < 0 ||
        gguf_get_text(adapter, "adapter.type", &kind, err) < 0 ||
        gguf_get_text(adapter, "general.architecture", &arch, err) < 0 ||
        gguf_get_float(adapter, "adapter.lora.alpha", &alpha, err) < 0)
        return -1;
    if (strcmp(type.data, "adapter") != 0)
        return fail(err, ERROR_FORMAT, "%s is not an adapter (general.type is \"%.40s\")", path,
                    type.data);
    if (strcmp(kind.data, "lora") != 0)
        return fail(err, ERROR_UNSUPPORTED,
                    "%s: adapters of type \"%.40s\" are not supported (lora is)", path, kind.data);
    if (strcmp(arch.data, network->hparams.arch) != 0)
        return fail(err, ERROR_FORMAT,
                    "%s is an adapter for architecture \"%.40s\", but %s is \"%s\"", path,
                    arch.data, gguf_path(network->gguf), network->hparams.arch);
    if (!isfinite(alpha))
        return fail(err, ERROR_FORMAT, "%s: adapter.lora.alpha is not a finite number", path);
    for (uint64_t i = 0; i < gguf_n_tensors(adapter); i++) {
        const struct tensor *tensor = gguf_tensor(adapter, i);
        size_t n = strlen(tensor->name);
        bool is_a = n > 7 && strcmp(tensor->name + n - 7, ".lora_a") == 0;
        bool is_b = n > 7 && strcmp(tensor->name + n - 7, ".lora_b") == 0;
        if (!is_a && !is_b)
            return fail(err, ERROR_UNSUPPORTED,
                        "%s: tensor %s is not a low-rank factor (.lora_a, .lora_b)", path,
                        tensor->name);
        if (is_b) { /* its .lora_a brings it; alone it would be lost silently */
            char a_name[128];
            snprintf(a_name, sizeof a_name, "%.*s.lora_a", (int)(n - 7), tensor->name);
            if (!gguf_find_tensor(adapter, a_name))
                return fail(err, ERROR_FORMAT, "%s: tensor %s is missing", path, a_name);
        }
        if (is_a && apply_pair(network, adapter, tensor, alpha, scale, err) < 0)
            return -1;
    }
    return 0;
}

/* The widest sum of ranks of matrices that are multiplied together. */
static uint32_t widest(const struct network *network)
{
    uint32_t width = network->head.lowrank.rank;
    for (uint32_t i = 0; i < network->hparams.n_layers; i++) {
        const struct layer *l = &network->layers[i];
        const uint32_t ranks[] = {l->q.lowrank.rank,
                                  l->k.lowrank.rank,
                                  l->v.lowrank.rank,
                                  l->o.lowrank.rank,
                                  l->gate.lowrank.rank + l->up.lowrank.rank,
                                  l->down.lowrank.rank};
        for (size_t r = 0; r < sizeof ranks / sizeof *ranks; r++)
            width = ranks[r] > width ? ranks[r] : width;
    }
    return width;
}

int adapter_apply(struct network *network, const char *path, float scale, struct error *err)
{
    struct gguf *adapter = gguf_open(path, err);
    if (!adapter)
        return -1;
    int rc = apply_all(network, adapter, scale, err);
    network->lowrank_width = widest(network);
    gguf_close(adapter);
    return rc;
}
