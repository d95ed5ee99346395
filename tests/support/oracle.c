#include "support/oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* out[t, n] (+)= W x[t, k] + bias + B A x, straight from the definition. */
static int multiply(const struct network *network, const struct weight *weight, const double *x,
                    uint32_t n_tokens, double *out, struct error *err)
{
    uint32_t k = weight->k, n = weight->n;
    float *w = malloc((size_t)k * n * sizeof *w);
    if (!w || tensor_read_floats(network->gguf, weight->tensor, w, err) < 0) {
        free(w);
        return -1;
    }
    for (uint32_t t = 0; t < n_tokens; t++) {
        const double *row = x + (size_t)t * k;
        for (uint32_t i = 0; i < n; i++) {
            double sum = weight->bias ? weight->bias[i] : 0.0;
            for (uint32_t j = 0; j < k; j++)
                sum += (double)w[(size_t)i * k + j] * row[j];
            out[(size_t)t * n + i] += sum;
        }
        for (uint32_t r = 0; r < weight->lowrank.rank; r++) {
            double inner = 0.0;
            for (uint32_t j = 0; j < k; j++)
                inner += (double)weight->lowrank.a[(size_t)r * k + j] * row[j];
            for (uint32_t i = 0; i < n; i++)
                out[(size_t)t * n + i] += inner * (double)weight->lowrank.b[(size_t)r * n + i];
        }
    }
    free(w);
    return 0;
}

static void norm(const double *x, const float *gamma, double eps, double *y, uint32_t n)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    double factor = 1.0 / sqrt(sum / n + eps);
    for (uint32_t i = 0; i < n; i++)
        y[i] = x[i] * factor * (double)gamma[i];
}

static void rotate(const struct network *network, double *head, uint32_t position,
                   const float *gamma)
{
    const struct hparams *h = &network->hparams;
    uint32_t n_pairs = h->rope.n_rot / 2;
    float cos_sin[2 * 512];
    if (gamma)
        norm(head, gamma, (double)h->rms_eps, head, h->head_dim);
    rope_angles(&h->rope, network->rope_factors, position, cos_sin);
    for (uint32_t i = 0; i < n_pairs; i++) {
        double *a = &head[h->rope.interleaved ? 2 * i : i],
               *b = &head[h->rope.interleaved ? 2 * i + 1 : i + n_pairs];
        double c = (double)cos_sin[i], s = (double)cos_sin[n_pairs + i], was = *a;
        *a = was * c - *b * s;
        *b = was * s + *b * c;
    }
}

static void attend(const struct hparams *h, const double *q, const double *k, const double *v,
                   uint32_t n_tokens, double *out)
{
    uint32_t share = h->n_heads / h->n_kv_heads;
    double *p = malloc(n_tokens * sizeof *p);
    for (uint32_t t = 0; t < n_tokens; t++)
        for (uint32_t head = 0; head < h->n_heads; head++) {
            uint32_t kv = head / share, first = h->sliding_window && t >= h->sliding_window
                                                    ? t + 1 - h->sliding_window
                                                    : 0;
            double most = -INFINITY, total = 0.0;
            for (uint32_t j = first; j <= t; j++) {
                p[j] = 0.0;
                for (uint32_t d = 0; d < h->head_dim; d++)
                    p[j] += q[((size_t)t * h->n_heads + head) * h->head_dim + d] *
                            k[((size_t)j * h->n_kv_heads + kv) * h->head_dim + d];
                p[j] *= (double)h->attention_scale;
                most = fmax(most, p[j]);
            }
            for (uint32_t j = first; j <= t; j++)
                total += p[j] = exp(p[j] - most);
            for (uint32_t d = 0; d < h->value_dim; d++) {
                double sum = 0.0;
                for (uint32_t j = first; j <= t; j++)
                    sum += p[j] * v[((size_t)j * h->n_kv_heads + kv) * h->value_dim + d];
                out[((size_t)t * h->n_heads + head) * h->value_dim + d] = sum / total;
            }
        }
    free(p);
}

static double *zeros(size_t n)
{
    return calloc(n, sizeof(double));
}

static int forward_layer(const struct network *network, const struct layer *layer,
                         uint32_t n_tokens, double *x, struct error *err)
{
    const struct hparams *h = &network->hparams;
    size_t n = n_tokens;
    double *normed = zeros(n * h->n_embd), *q = zeros(n * h->n_heads * h->head_dim),
           *k = zeros(n * h->n_kv_heads * h->head_dim);
    double *v = zeros(n * h->n_kv_heads * h->value_dim),
           *attention = zeros(n * h->n_heads * h->value_dim);
    double *gate = zeros(n * h->n_ff), *up = zeros(n * h->n_ff);
    for (size_t t = 0; t < n; t++)
        norm(x + t * h->n_embd, layer->attention_norm, (double)h->rms_eps, normed + t * h->n_embd,
             h->n_embd);
    int rc = multiply(network, &layer->q, normed, n_tokens, q, err) < 0 ||
                     multiply(network, &layer->k, normed, n_tokens, k, err) < 0 ||
                     multiply(network, &layer->v, normed, n_tokens, v, err) < 0
                 ? -1
                 : 0;
    for (uint32_t t = 0; t < n_tokens; t++) {
        for (uint32_t i = 0; i < h->n_heads; i++)
            rotate(network, q + ((size_t)t * h->n_heads + i) * h->head_dim, t, layer->q_norm);
        for (uint32_t i = 0; i < h->n_kv_heads; i++)
            rotate(network, k + ((size_t)t * h->n_kv_heads + i) * h->head_dim, t, layer->k_norm);
    }
    attend(h, q, k, v, n_tokens, attention);
    rc = rc < 0 ? rc : multiply(network, &layer->o, attention, n_tokens, x, err);
    for (size_t t = 0; t < n; t++)
        norm(x + t * h->n_embd, layer->ffn_norm, (double)h->rms_eps, normed + t * h->n_embd,
             h->n_embd);
    if (rc == 0 && (multiply(network, &layer->gate, normed, n_tokens, gate, err) < 0 ||
                    multiply(network, &layer->up, normed, n_tokens, up, err) < 0))
        rc = -1;
    for (size_t i = 0; i < n * h->n_ff; i++)
        gate[i] = gate[i] / (1.0 + exp(-gate[i])) * up[i];
    rc = rc < 0 ? rc : multiply(network, &layer->down, gate, n_tokens, x, err);
    free(normed), free(q), free(k), free(v), free(attention), free(gate), free(up);
    return rc;
}

double *oracle_logprobs(const struct network *network, const int32_t *tokens, uint32_t n_tokens,
                        struct error *err)
{
    const struct hparams *h = &network->hparams;
    float *embeddings = malloc((size_t)h->n_vocab * h->n_embd * sizeof *embeddings);
    double *x = zeros((size_t)n_tokens * h->n_embd), *logits = zeros((size_t)n_tokens * h->n_vocab);
    int rc = tensor_read_floats(network->gguf, network->embeddings, embeddings, err);
    for (size_t t = 0; t < n_tokens && rc == 0; t++)
        for (uint32_t i = 0; i < h->n_embd; i++)
            x[t * h->n_embd + i] = (double)embeddings[(size_t)tokens[t] * h->n_embd + i];
    for (uint32_t i = 0; i < h->n_layers && rc == 0; i++)
        rc = forward_layer(network, &network->layers[i], n_tokens, x, err);
    for (size_t t = 0; t < n_tokens && rc == 0; t++)
        norm(x + t * h->n_embd, network->output_norm, (double)h->rms_eps, x + t * h->n_embd,
             h->n_embd);
    rc = rc < 0 ? rc : multiply(network, &network->head, x, n_tokens, logits, err);
    for (size_t t = 0; t < n_tokens && rc == 0; t++) {
        double *row = logits + t * h->n_vocab, most = -INFINITY, total = 0.0;
        for (uint32_t i = 0; i < h->n_vocab; i++)
            most = fmax(most, row[i]);
        for (uint32_t i = 0; i < h->n_vocab; i++)
            total += exp(row[i] - most);
        for (uint32_t i = 0; i < h->n_vocab; i++)
            row[i] -= most + log(total);
    }
    free(embeddings), free(x);
    if (rc < 0) {
        free(logits);
        return NULL;
    }
    return logits;
}
