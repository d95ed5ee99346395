#include "model/network.h"

#include "base/size.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_readable(const struct gguf *gguf, const struct tensor *tensor, struct error *err)
{
    const struct tensor_type_info *info = tensor_type_info(tensor->type);
    if (info->block_len == 0)
        return fail(
            err, ERROR_UNSUPPORTED,
            "%s: %s: tensor type %s (%u) is not supported (F32, F16, BF16, Q8_0, Q4_0, Q4_1, "
            "Q5_0, Q5_1, Q4_K, Q5_K and Q6_K are)",
            gguf_path(gguf), tensor->name, info->name, tensor->type);
    if (tensor->dims[0] % info->block_len != 0)
        return fail(err, ERROR_FORMAT, "%s: %s: rows of %llu cannot be blocks of %u (%s)",
                    gguf_path(gguf), tensor->name, (unsigned long long)tensor->dims[0],
                    info->block_len, info->name);
    return 0;
}

int tensor_read_floats(const struct gguf *gguf, const struct tensor *tensor, float *to,
                       struct error *err)
{
    if (check_readable(gguf, tensor, err) < 0)
        return -1;
    struct kernels plain;
    kernels_init(&plain, cpu_level_find("c"));
    uint64_t n = tensor->dims[0] * tensor->dims[1] * tensor->dims[2] * tensor->dims[3];
    void *raw = malloc(tensor->n_bytes ? tensor->n_bytes : 1);
    if (!raw)
        return fail_memory(err, tensor->n_bytes, tensor->name);
    int rc =
        file_read(gguf_file(gguf, (int)tensor->file), tensor->offset, raw, tensor->n_bytes, err);
    if (rc == 0) {
        plain.dequant[tensor->type](raw, to, n);
        for (uint64_t i = 0; i < n && rc == 0; i++)
            if (!isfinite(to[i]))
                rc = fail(
                    err, ERROR_FORMAT,
                    "%s: %s holds NaN or infinite values: the file is damaged, download it again",
                    gguf_path(gguf), tensor->name);
    }
    free(raw);
    return rc;
}

float *network_floats(struct network *network, uint64_t n, struct error *err)
{
    if (network->n_residents == network->residents_capacity) {
        size_t capacity = network->residents_capacity ? 2 * network->residents_capacity : 64;
        struct resident *grown = realloc(network->residents, capacity * sizeof *grown);
        if (!grown) {
            fail_memory(err, capacity * sizeof *grown, "the list of resident tensors");
            return NULL;
        }
        network->residents = grown;
        network->residents_capacity = capacity;
    }
    uint64_t n_bytes = round_up(n * sizeof(float), 64);
    float *block = memory_alloc(network->memory, MEMORY_METADATA, n_bytes, err);
    if (!block)
        return NULL;
    network->residents[network->n_residents++] = (struct resident){block, n_bytes};
    network->resident_bytes += round_up(n_bytes, 4096);
    return block;
}

void network_drop_floats(struct network *network, const float *floats)
{
    for (size_t i = network->n_residents; floats && i-- > 0;) {
        struct resident dropped = network->residents[i];
        if (dropped.block != floats)
            continue;
        network->residents[i] = network->residents[--network->n_residents];
        network->resident_bytes -= round_up(dropped.n_bytes, 4096);
        memory_free(network->memory, MEMORY_METADATA, dropped.block, dropped.n_bytes);
        return;
    }
}

/* Which tensors have found a role, by index in the directory. */
struct roles {
    const struct gguf *gguf;
    struct network *network;
    bool *taken;
};

static const struct tensor *find(struct roles *roles, const char *name)
{
    const struct tensor *tensor = gguf_find_tensor(roles->gguf, name);
    if (tensor)
        roles->taken[tensor - gguf_tensor(roles->gguf, 0)] = true;
    return tensor;
}

/* A resident vector of [n]; *out stays NULL when it is absent and not [required]. */
static int take_vector(struct roles *roles, const char *name, uint64_t n, bool required,
                       const float **out, struct error *err)
{
    const struct tensor *tensor = find(roles, name);
    const char *path = gguf_path(roles->gguf);
    *out = NULL;
    if (!tensor)
        return required ? fail(err, ERROR_FORMAT, "%s: tensor %s is missing", path, name) : 0;
    if (tensor->dims[0] != n || tensor->dims[1] != 1 || tensor->dims[2] != 1 ||
        tensor->dims[3] != 1)
        return fail(err, ERROR_FORMAT, "%s: %s: expected [%llu], file has [%llu, %llu]", path, name,
                    (unsigned long long)n, (unsigned long long)tensor->dims[1],
                    (unsigned long long)tensor->dims[0]);
    float *floats = network_floats(roles->network, n, err);
    if (!floats || tensor_read_floats(roles->gguf, tensor, floats, err) < 0)
        return -1;
    *out = floats;
    return 0;
}

static int check_matrix(const struct gguf *gguf, const struct tensor *tensor, uint64_t k,
                        uint64_t n, struct error *err)
{
    if (tensor->dims[0] != k || tensor->dims[1] != n || tensor->dims[2] != 1 ||
        tensor->dims[3] != 1)
        return fail(err, ERROR_FORMAT, "%s: %s: expected [%llu, %llu], file has [%llu, %llu]",
                    gguf_path(gguf), tensor->name, (unsigned long long)n, (unsigned long long)k,
                    (unsigned long long)tensor->dims[1], (unsigned long long)tensor->dims[0]);
    return check_readable(gguf, tensor, err);
}

/* Matrix PREFIX.weight [n, k] with its optional PREFIX.bias [n]. */
static int take_weight(struct roles *roles, const char *prefix, uint32_t k, uint32_t n,
                       struct weight *out, struct error *err)
{
    char name[96];
    snprintf(name, sizeof name, "%s.weight", prefix);
    const struct tensor *tensor = find(roles, name);
    if (!tensor)
        return fail(err, ERROR_FORMAT, "%s: tensor %s is missing", gguf_path(roles->gguf), name);
    if (check_matrix(roles->gguf, tensor, k, n, err) < 0)
        return -1;
    *out = (struct weight){.tensor = tensor, .k = k, .n = n};
    snprintf(name, sizeof name, "%s.bias", prefix);
    return take_vector(roles, name, n, false, &out->bias, err);
}

static int take_layer(struct roles *roles, uint32_t i, struct layer *layer, struct error *err)
{
    const struct hparams *h = &roles->network->hparams;
    uint32_t q_width = h->n_heads * h->head_dim, k_width = h->n_kv_heads * h->head_dim;
    uint32_t v_width = h->n_kv_heads * h->value_dim, out_width = h->n_heads * h->value_dim;
    const struct {
        const char *name;
        uint64_t n;
        bool required;
        const float **out;
    } vectors[] = {
        {"attn_norm.weight", h->n_embd, true, &layer->attention_norm},
        {"ffn_norm.weight", h->n_embd, true, &layer->ffn_norm},
        {"attn_q_norm.weight", h->head_dim, true, &layer->q_norm},
        {"attn_k_norm.weight", h->head_dim, true, &layer->k_norm},
    };
    const struct {
        const char *name;
        uint32_t k, n;
        struct weight *out;
    } matrices[] = {
        {"attn_q", h->n_embd, q_width, &layer->q},
        {"attn_k", h->n_embd, k_width, &layer->k},
        {"attn_v", h->n_embd, v_width, &layer->v},
        {"attn_output", out_width, h->n_embd, &layer->o},
        {"ffn_gate", h->n_embd, h->n_ff, &layer->gate},
        {"ffn_up", h->n_embd, h->n_ff, &layer->up},
        {"ffn_down", h->n_ff, h->n_embd, &layer->down},
    };
    char name[96];
    size_t n_vectors = h->qk_norm ? 4 : 2;
    for (size_t v = 0; v < n_vectors; v++) {
        snprintf(name, sizeof name, "blk.%u.%s", i, vectors[v].name);
        if (take_vector(roles, name, vectors[v].n, vectors[v].required, vectors[v].out, err) < 0)
            return -1;
    }
    for (size_t m = 0; m < sizeof matrices / sizeof *matrices; m++) {
        snprintf(name, sizeof name, "blk.%u.%s", i, matrices[m].name);
        if (take_weight(roles, name, matrices[m].k, matrices[m].n, matrices[m].out, err) < 0)
            return -1;
    }
    return 0;
}

static int refuse_leftovers(struct roles *roles, struct error *err)
{
    for (uint64_t i = 0; i < gguf_n_tensors(roles->gguf); i++) {
        const struct tensor *tensor = gguf_tensor(roles->gguf, i);
        /* Old converters stored the rotation's inverse frequencies, which follow from the base. */
        if (!roles->taken[i] && !strstr(tensor->name, "rot_embd"))
            return fail(err, ERROR_UNSUPPORTED,
                        "%s: tensor %s has no place in architecture %s as trawl knows it: this "
                        "kind of model is not supported",
                        gguf_path(roles->gguf), tensor->name, roles->network->hparams.arch);
    }
    return 0;
}

static int take_all(struct roles *roles, struct error *err)
{
    struct network *network = roles->network;
    const struct hparams *h = &network->hparams;
    for (uint32_t i = 0; i < h->n_layers; i++)
        if (take_layer(roles, i, &network->layers[i], err) < 0)
            return -1;
    network->embeddings = find(roles, "token_embd.weight");
    if (check_matrix(roles->gguf, network->embeddings, h->n_embd, h->n_vocab, err) < 0 ||
        take_vector(roles, "output_norm.weight", h->n_embd, true, &network->output_norm, err) < 0 ||
        take_vector(roles, "rope_freqs.weight", h->rope.n_rot / 2, false, &network->rope_factors,
                    err) < 0)
        return -1;
    if (network->rope_factors)
        for (uint32_t i = 0; i < h->rope.n_rot / 2; i++)
            if (network->rope_factors[i] <= 0.0f)
                return fail(err, ERROR_FORMAT, "%s: rope_freqs.weight: factors must be positive",
                            gguf_path(roles->gguf));
    network->tied_head = !gguf_find_tensor(roles->gguf, "output.weight");
    if (network->tied_head)
        network->head =
            (struct weight){.tensor = network->embeddings, .k = h->n_embd, .n = h->n_vocab};
    else if (take_weight(roles, "output", h->n_embd, h->n_vocab, &network->head, err) < 0)
        return -1;
    return refuse_leftovers(roles, err);
}

int network_open(struct network *network, const struct gguf *gguf, struct memory *memory,
                 struct error *err)
{
    memset(network, 0, sizeof *network);
    network->gguf = gguf;
    network->memory = memory;
    if (hparams_read(gguf, &network->hparams, err) < 0)
        return -1;
    uint32_t n_layers = network->hparams.n_layers;
    /* Each layer has at least nine tensors: a count beyond that is refused before memory is taken
     * for it. */
    if (n_layers > gguf_n_tensors(gguf) / 9)
        return fail(
            err, ERROR_FORMAT,
            "%s: block_count is %u, but there are tensors for %llu at most: blk.%u is missing",
            gguf_path(gguf), n_layers, (unsigned long long)(gguf_n_tensors(gguf) / 9),
            n_layers - 1);
    struct roles roles = {gguf, network, calloc(gguf_n_tensors(gguf), sizeof(bool))};
    network->layers = calloc(n_layers, sizeof *network->layers);
    int rc = -1;
    if (!roles.taken || !network->layers)
        fail_memory(err, n_layers * sizeof *network->layers, "the list of layers");
    else
        rc = take_all(&roles, err);
    free(roles.taken);
    if (rc < 0)
        network_close(network);
    return rc;
}

void network_close(struct network *network)
{
    for (size_t i = 0; i < network->n_residents; i++)
        memory_free(network->memory, MEMORY_METADATA, network->residents[i].block,
                    network->residents[i].n_bytes);
    free(network->residents);
    free(network->layers);
    memset(network, 0, sizeof *network);
}
