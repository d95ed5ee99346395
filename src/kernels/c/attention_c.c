/* Online softmax over one block of keys, and the forms in which keys and values come: the meaning.
 */

#include "kernels/kernels_list.h"

#include <math.h>
#include <string.h>

void attention_keys_c(const float *const *keys, size_t n_keys, size_t head_dim, float *k_t)
{
    for (size_t d = 0; d < head_dim; d++) {
        for (size_t j = 0; j < ATTENTION_BLOCK; j++)
            k_t[d * ATTENTION_BLOCK + j] = j < n_keys ? keys[j][d] : 0;
    }
}

/* Written for the compiler to vectorise: the maximum is one of integers. */
bool attention_round_c(const float *x, size_t n, int8_t *q, float *scale)
{
    uint32_t max_bits = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffff;
        max_bits = bits > max_bits ? bits : max_bits;
    }
    float max;
    memcpy(&max, &max_bits, sizeof max);
    const bool finite = max_bits < 0x7f800000;
    const bool zero = !finite || max < ATTENTION_LEAST;
    const float factor = zero ? 0 : 127 / max;
    *scale = zero ? 0 : max / 127;
    for (size_t i = 0; i < n; i += ATTENTION_BLOCK) {
        const size_t some = n - i < ATTENTION_BLOCK ? n - i : ATTENTION_BLOCK;
        int8_t rounded[ATTENTION_BLOCK]; /* q may lie over x */
        for (size_t j = 0; j < some; j++) {
            /* added to 1.5 * 2^23 a small number is rounded to nearest even in the lowest bits */
            const float shifted = x[i + j] * factor + 0x1.8p23f;
            int32_t bits;
            memcpy(&bits, &shifted, sizeof bits);
            rounded[j] = (int8_t)(bits & 0xff);
        }
        memcpy(q + i, rounded, some);
    }
    return finite;
}

void attention_values_c(const int8_t *const *values, size_t n_keys, size_t value_dim, void *packed)
{
    int8_t *to = packed;
    for (size_t j = 0; j < ATTENTION_BLOCK; j++) {
        for (size_t d = 0; d < value_dim; d++)
            to[(j / 4 * value_dim + d) * 4 + j % 4] = j < n_keys ? values[j][d] : 0;
    }
}

/* Scores of query [i] in [from, to), as weights against the new maximum; updates maximum and sum.
 * Returns what earlier results are to be multiplied with. Dimensions ascending, by fma. */
static float soften(const struct attention_args *args, size_t i, float weights[ATTENTION_BLOCK])
{
    const float *q = args->q[i];
    const size_t from = args->from[i], to = args->to[i];
    float max = args->m[i];
    for (size_t j = from; j < to; j++) {
        float dot = 0;
        for (size_t d = 0; d < args->head_dim; d++)
            dot = fmaf(q[d], args->k_t[d * ATTENTION_BLOCK + j], dot);
        weights[j] = dot * args->scale;
        max = weights[j] > max ? weights[j] : max;
    }

    /* nothing but -inf and NaN so far: then -inf must give 0, and NaN show */
    const float base = max == -INFINITY ? 0 : max;
    float sum = 0;
    for (size_t j = from; j < to; j++) {
        weights[j] = exp2f(weights[j] - base);
        sum += weights[j];
    }
    const float keep = exp2f(args->m[i] - base);
    args->m[i] = max;
    args->l[i] = fmaf(args->l[i], keep, sum);
    return keep;
}

void attention_block_c(const struct attention_args *args)
{
    const float *v = args->v;
    for (size_t i = 0; i < args->n_q; i++) {
        const size_t from = args->from[i], to = args->to[i];
        if (from >= to)
            continue;
        float weights[ATTENTION_BLOCK], *out = args->out + i * args->value_dim;
        const float keep = soften(args, i, weights);
        for (size_t d = 0; d < args->value_dim; d++) {
            float total = out[d] * keep;
            for (size_t j = from; j < to; j++)
                total = fmaf(weights[j], v[j * args->value_dim + d], total);
            out[d] = total;
        }
    }
}

void attention_block_q8_c(const struct attention_args *args)
{
    const int8_t *v = args->v;
    for (size_t i = 0; i < args->n_q; i++) {
        const size_t from = args->from[i], to = args->to[i];
        if (from >= to)
            continue;
        float weights[ATTENTION_BLOCK], *out = args->out + i * args->value_dim;
        const float keep = soften(args, i, weights);
        float max = 0;
        for (size_t j = from; j < to; j++) {
            weights[j] *= args->v_scales[j];
            max = weights[j] > max ? weights[j] : max;
        }
        const float factor = max < ATTENTION_LEAST ? 0 : 255 / max, scale = max * (1.0f / 255);
        for (size_t d = 0; d < args->value_dim; d++) {
            int32_t sum = 0;
            for (size_t j = from; j < to; j++) {
                const float u = rintf(weights[j] * factor);
                sum += (u > 0 ? (int32_t)u : 0) * v[(j / 4 * args->value_dim + d) * 4 + j % 4];
            }
            out[d] = fmaf((float)sum, scale, out[d] * keep);
        }
    }
}
