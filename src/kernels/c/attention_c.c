/* Online softmax over one block of keys: the meaning. */

#include "kernels/kernels_list.h"

#include <math.h>

/* Query [i] of [args] against the block. Keys ascending, dimensions ascending, everywhere by fma.
 */
static void attend(const struct attention_args *args, size_t i)
{
    const float *q = args->q[i];
    float *out = args->out + i * args->value_dim;
    const size_t from = args->from[i], to = args->to[i];

    float weights[ATTENTION_BLOCK];
    float max = args->m[i];
    for (size_t j = from; j < to; j++) {
        float dot = 0;
        for (size_t d = 0; d < args->head_dim; d++)
            dot = fmaf(q[d], args->k_t[d * ATTENTION_BLOCK + j], dot);
        weights[j] = dot * args->scale;
        max = weights[j] > max ? weights[j] : max;
    }
    if (from >= to)
        return;

    /* nothing but -inf and NaN so far: then -inf must give 0, and NaN show */
    const float base = max == -INFINITY ? 0 : max;
    float sum = 0;
    for (size_t j = from; j < to; j++) {
        weights[j] = expf(weights[j] - base);
        sum += weights[j];
    }
    const float keep = expf(args->m[i] - base);
    args->m[i] = max;
    args->l[i] = fmaf(args->l[i], keep, sum);
    for (size_t d = 0; d < args->value_dim; d++) {
        float total = out[d] * keep;
        for (size_t j = from; j < to; j++)
            total = fmaf(weights[j], args->v[j * args->value_dim + d], total);
        out[d] = total;
    }
}

void attention_block_c(const struct attention_args *args)
{
    for (size_t i = 0; i < args->n_q; i++)
        attend(args, i);
}
