/* Online softmax over a block of 64 keys with NEON. Both products are one routine: up to six rows
 * times 16 columns of a matrix, 24 accumulators; a row's sums run over k in ascending order
 * whatever stands beside it. */

#include "kernels/arm/exp_neon.h"
#include "kernels/kernels_list.h"

#include <math.h>

enum { LANES = 4, ROWS = 6, VECTORS = 4, COLUMNS = LANES * VECTORS };

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

/* From products to weights [64] (0 where masked), in place, for one query; updates its maximum and
 * sum, and returns what its earlier results are to be multiplied with. */
static float soften(float *weights, float scale, size_t from, size_t to, float *m, float *l)
{
    for (size_t j = 0; j < ATTENTION_BLOCK; j++)
        weights[j] = j >= from && j < to ? weights[j] * scale : -INFINITY;
    float32x4_t max = vdupq_n_f32(*m);
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES)
        max = vmaxnmq_f32(max, vld1q_f32(weights + j));
    const float new_m = vmaxnmvq_f32(max);
    if (from >= to) {
        memset(weights, 0, ATTENTION_BLOCK * sizeof *weights);
        return 1;
    }
    /* nothing but -inf and NaN so far: then -inf must give 0, and NaN show */
    const float base = new_m == -INFINITY ? 0 : new_m;
    float32x4_t total = vdupq_n_f32(0);
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES) {
        const float32x4_t e = exp_neon(vsubq_f32(vld1q_f32(weights + j), vdupq_n_f32(base)));
        vst1q_f32(weights + j, e);
        total = vaddq_f32(total, e);
    }
    const float keep = vgetq_lane_f32(exp_neon(vdupq_n_f32(*m - base)), 0);
    *m = new_m;
    *l = fmaf(*l, keep, vaddvq_f32(total));
    return keep;
}

/* Some columns of out [n_rows][value_dim]. */
static inline __attribute__((always_inline)) void
add_values(int n_rows, int n_vectors, size_t n_last, const float *const weights[ROWS],
           const float *keep, const float *v, size_t value_dim, float *out)
{
    float32x4_t sums[ROWS][VECTORS];
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_vectors; c++) {
            const float *at = out + (size_t)r * value_dim + c * LANES;
            const size_t lanes = c + 1 < n_vectors ? LANES : n_last;
            sums[r][c] = vmulq_n_f32(load_first(at, lanes, 0), keep[r]);
        }
    }
    multiply(n_rows, n_vectors, n_last, weights, ATTENTION_BLOCK, v, value_dim, sums);
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_vectors; c++)
            store_first(out + (size_t)r * value_dim + c * LANES, c + 1 < n_vectors ? LANES : n_last,
                        sums[r][c]);
    }
}

/* Queries [first, first + n_rows), n_rows a constant of at most ROWS. */
static inline __attribute__((always_inline)) void attend(const struct attention_args *args,
                                                         size_t first, int n_rows)
{
    const size_t value_dim = args->value_dim;
    float weights[ROWS][ATTENTION_BLOCK];
    const float *rows[ROWS];
    float keep[ROWS];
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
                vst1q_f32(weights[r] + column + c * LANES, sums[r][c]);
        }
    }
    for (int r = 0; r < n_rows; r++) {
        const size_t i = first + (size_t)r;
        rows[r] = weights[r];
        keep[r] =
            soften(weights[r], args->scale, args->from[i], args->to[i], &args->m[i], &args->l[i]);
    }

    float *out = args->out + first * value_dim;
    size_t d = 0;
    for (; d + COLUMNS <= value_dim; d += COLUMNS)
        add_values(n_rows, VECTORS, LANES, rows, keep, args->v + d, value_dim, out + d);
    for (; d < value_dim; d += LANES)
        add_values(n_rows, 1, value_dim - d < LANES ? value_dim - d : LANES, rows, keep,
                   args->v + d, value_dim, out + d);
}

void attention_block_neon(const struct attention_args *args)
{
    size_t i = 0;
    for (; i + ROWS <= args->n_q; i += ROWS)
        attend(args, i, ROWS);
    for (; i + 2 <= args->n_q; i += 2)
        attend(args, i, 2);
    if (i < args->n_q)
        attend(args, i, 1);
}
