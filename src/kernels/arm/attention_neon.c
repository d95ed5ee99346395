/* Online softmax over a block of 64 keys with NEON. Both products are one routine: up to six rows
 * times 16 columns of a matrix, 24 accumulators; a row's sums run over k in ascending order
 * whatever stands beside it. Rounded values stay whole numbers in floats: their sums, below 2^24,
 * are exact. */

#include "kernels/arm/exp_neon.h"
#include "kernels/kernels_list.h"

#include <math.h>

enum { LANES = 4, ROWS = 6, VECTORS = 4, COLUMNS = LANES * VECTORS };

/* Up to six queries between the two products. */
struct weights {
    float w[ROWS][ATTENTION_BLOCK]; /* products, then 2^(score - maximum) */
    float keep[ROWS];               /* what earlier results are to be multiplied with */
    float scale[ROWS];              /* after round_weights */
};

/* sums[r][c] += a[r][k] * b[k][4 c + lane], k in [0, n_k), for n_rows x n_vectors, constants. Of
 * the last vector [n_last] lanes exist. */
static inline __attribute__((always_inline)) void multiply(int n_rows, int n_vectors, size_t n_last,
                                                           const float *const a[ROWS], size_t n_k,
                                                           const float *b, size_t b_stride,
                                                           float32x4_t sums[ROWS][VECTORS])
{
    float32x4_t local[ROWS][VECTORS];
    const float *from[ROWS];
    for (int r = 0; r < n_rows; r++) {
        from[r] = a[r];
        for (int c = 0; c < n_vectors; c++)
            local[r][c] = sums[r][c];
    }
    for (size_t k = 0; k < n_k; k++, b += b_stride) {
        float32x4_t row[VECTORS];
        for (int c = 0; c < n_vectors; c++)
            row[c] = load_first(b + c * LANES, c + 1 < n_vectors ? LANES : n_last, 0);
        for (int r = 0; r < n_rows; r++) {
            for (int c = 0; c < n_vectors; c++)
                local[r][c] = vfmaq_n_f32(local[r][c], row[c], from[r][k]);
        }
    }
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_vectors; c++)
            sums[r][c] = local[r][c];
    }
}

/* Products of queries [first, first + n_rows) with all keys. */
static inline __attribute__((always_inline)) void
score(const struct attention_args *args, size_t first, int n_rows, struct weights *weights)
{
    for (int column = 0; column < ATTENTION_BLOCK; column += COLUMNS) {
        float32x4_t sums[ROWS][VECTORS];
        for (int r = 0; r < n_rows; r++) {
            for (int c = 0; c < VECTORS; c++)
                sums[r][c] = vdupq_n_f32(0);
        }
        multiply(n_rows, VECTORS, LANES, args->q + first, args->head_dim, args->k_t + column,
                 ATTENTION_BLOCK, sums);
        for (int r = 0; r < n_rows; r++) {
            for (int c = 0; c < VECTORS; c++)
                vst1q_f32(weights->w[r] + column + c * LANES, sums[r][c]);
        }
    }
}

/* From products to weights (0 where masked), in place, for row [r], which is query [i]; updates its
 * maximum and sum. */
static void soften(const struct attention_args *args, size_t i, int r, struct weights *weights)
{
    float *w = weights->w[r];
    const size_t from = args->from[i], to = args->to[i];
    if (from >= to) {
        memset(w, 0, ATTENTION_BLOCK * sizeof *w);
        weights->keep[r] = 1;
        return;
    }
    for (size_t j = 0; j < ATTENTION_BLOCK; j++)
        w[j] = j >= from && j < to ? w[j] * args->scale : -INFINITY;
    float32x4_t max = vdupq_n_f32(args->m[i]);
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES)
        max = vmaxnmq_f32(max, vld1q_f32(w + j));
    const float new_m = vmaxnmvq_f32(max);
    /* nothing but -inf and NaN so far: then -inf must give 0, and NaN show */
    const float32x4_t base = vdupq_n_f32(new_m == -INFINITY ? 0 : new_m);
    float32x4_t total = vdupq_n_f32(0);
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES) {
        const float32x4_t e = exp2_neon(vsubq_f32(vld1q_f32(w + j), base));
        vst1q_f32(w + j, e);
        total = vaddq_f32(total, e);
    }
    const float keep = vgetq_lane_f32(exp2_neon(vsubq_f32(vdupq_n_f32(args->m[i]), base)), 0);
    args->m[i] = new_m;
    args->l[i] = fmaf(args->l[i], keep, vaddvq_f32(total));
    weights->keep[r] = keep;
}

/* Row [r] times v_scales to whole numbers 0..255, still floats, in place; sets its scale. */
static void round_weights(const struct attention_args *args, int r, struct weights *weights)
{
    float *w = weights->w[r];
    float32x4_t max = vdupq_n_f32(0);
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES) {
        const float32x4_t scaled = vmulq_f32(vld1q_f32(w + j), vld1q_f32(args->v_scales + j));
        vst1q_f32(w + j, scaled);
        max = vmaxnmq_f32(max, scaled);
    }
    const float largest = vmaxnmvq_f32(max);
    const float factor = largest < ATTENTION_LEAST ? 0 : 255 / largest;
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES)
        vst1q_f32(w + j, vrndnq_f32(vmulq_n_f32(vld1q_f32(w + j), factor)));
    weights->scale[r] = largest * (1.0f / 255);
}

/* Values in float: some columns of out [n_rows][value_dim] at [d]. */
static inline __attribute__((always_inline)) void
add_values(int n_rows, int n_vectors, size_t n_last, const struct attention_args *args,
           const struct weights *weights, size_t d, float *out)
{
    float32x4_t sums[ROWS][VECTORS];
    const float *rows[ROWS];
    for (int r = 0; r < n_rows; r++) {
        rows[r] = weights->w[r];
        for (int c = 0; c < n_vectors; c++) {
            const float *at = out + (size_t)r * args->value_dim + c * LANES;
            const size_t lanes = c + 1 < n_vectors ? LANES : n_last;
            sums[r][c] = vmulq_n_f32(load_first(at, lanes, 0), weights->keep[r]);
        }
    }
    multiply(n_rows, n_vectors, n_last, rows, ATTENTION_BLOCK, (const float *)args->v + d,
             args->value_dim, sums);
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_vectors; c++)
            store_first(out + (size_t)r * args->value_dim + c * LANES,
                        c + 1 < n_vectors ? LANES : n_last, sums[r][c]);
    }
}

/* Rounded values: 16 columns at [d]. */
static inline __attribute__((always_inline)) void add_rounded(int n_rows,
                                                              const struct attention_args *args,
                                                              const struct weights *weights,
                                                              size_t d, float *out)
{
    float32x4_t sums[ROWS][VECTORS];
    const float *rows[ROWS];
    for (int r = 0; r < n_rows; r++) {
        rows[r] = weights->w[r];
        for (int c = 0; c < VECTORS; c++)
            sums[r][c] = vdupq_n_f32(0);
    }
    multiply(n_rows, VECTORS, LANES, rows, ATTENTION_BLOCK, (const float *)args->v + d,
             args->value_dim, sums);
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < VECTORS; c++) {
            float *at = out + (size_t)r * args->value_dim + c * LANES;
            vst1q_f32(at, vfmaq_n_f32(vmulq_n_f32(vld1q_f32(at), weights->keep[r]), sums[r][c],
                                      weights->scale[r]));
        }
    }
}

/* Queries [first, first + n_rows), both constants. */
static inline __attribute__((always_inline)) void attend(const struct attention_args *args,
                                                         size_t first, int n_rows, bool rounds)
{
    const size_t value_dim = args->value_dim;
    struct weights weights;
    score(args, first, n_rows, &weights);
    for (int r = 0; r < n_rows; r++) {
        soften(args, first + (size_t)r, r, &weights);
        if (rounds)
            round_weights(args, r, &weights);
    }

    float *out = args->out + first * value_dim;
    size_t d = 0;
    for (; d + COLUMNS <= value_dim; d += COLUMNS) {
        if (rounds)
            add_rounded(n_rows, args, &weights, d, out + d);
        else
            add_values(n_rows, VECTORS, LANES, args, &weights, d, out + d);
    }
    for (; d < value_dim; d += LANES)
        add_values(n_rows, 1, value_dim - d < LANES ? value_dim - d : LANES, args, &weights, d,
                   out + d);
}

static inline __attribute__((always_inline)) void attend_all(const struct attention_args *args,
                                                             bool rounds)
{
    size_t i = 0;
    for (; i + ROWS <= args->n_q; i += ROWS)
        attend(args, i, ROWS, rounds);
    for (; i + 2 <= args->n_q; i += 2)
        attend(args, i, 2, rounds);
    if (i < args->n_q)
        attend(args, i, 1, rounds);
}

void attention_block_neon(const struct attention_args *args)
{
    attend_all(args, false);
}

void attention_block_q8_neon(const struct attention_args *args)
{
    attend_all(args, true);
}

/* [64][value_dim] floats. */
void attention_values_neon(const int8_t *const *values, size_t n_keys, size_t value_dim,
                           void *packed)
{
    float *to = packed;
    for (size_t j = 0; j < ATTENTION_BLOCK; j++) {
        for (size_t d = 0; d < value_dim; d++)
            *to++ = j < n_keys ? values[j][d] : 0;
    }
}
