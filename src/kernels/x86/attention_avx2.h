#ifndef KERNELS_ATTENTION_AVX2_H
#define KERNELS_ATTENTION_AVX2_H
/* What the variants of attention with 256-bit vectors share: scores and their softmax, for up to
 * six queries at once. Sums run over dimensions in ascending order, whatever stands beside them. */

#include "kernels/attention_rows.h"
#include "kernels/x86/exp_avx2.h"

#include <math.h>

enum { LANES = 8, COLUMNS = 2 * LANES };

/* Up to six queries between the two products. */
struct weights {
    _Alignas(32) float w[ROWS][ATTENTION_BLOCK]; /* products, then 2^(score - maximum) */
    float keep[ROWS];  /* what earlier results are to be multiplied with */
    float scale[ROWS]; /* after round_weights */
};

/* sums[r][c] += a[r][k] * b[k][8 c + lane], k in [0, n_k), for n_rows rows, a constant. [lanes]:
 * those of each vector that exist; all of them: [whole]. */
static inline __attribute__((always_inline)) void multiply(int n_rows, const __m256i lanes[2],
                                                           bool whole, const float *const a[ROWS],
                                                           size_t n_k, const float *b,
                                                           size_t b_stride, __m256 sums[ROWS][2])
{
    __m256 local[ROWS][2];
    const float *from[ROWS];
    for (int r = 0; r < n_rows; r++) {
        from[r] = a[r];
        local[r][0] = sums[r][0];
        local[r][1] = sums[r][1];
    }
    for (size_t k = 0; k < n_k; k++, b += b_stride) {
        const __m256 b0 = whole ? _mm256_loadu_ps(b) : _mm256_maskload_ps(b, lanes[0]);
        const __m256 b1 =
            whole ? _mm256_loadu_ps(b + LANES) : _mm256_maskload_ps(b + LANES, lanes[1]);
        for (int r = 0; r < n_rows; r++) {
            const __m256 factor = _mm256_broadcast_ss(from[r] + k);
            local[r][0] = _mm256_fmadd_ps(factor, b0, local[r][0]);
            local[r][1] = _mm256_fmadd_ps(factor, b1, local[r][1]);
        }
    }
    for (int r = 0; r < n_rows; r++) {
        sums[r][0] = local[r][0];
        sums[r][1] = local[r][1];
    }
}

/* Products of queries [first, first + n_rows) with all keys. */
static inline __attribute__((always_inline)) void
score(const struct attention_args *args, size_t first, int n_rows, struct weights *weights)
{
    const __m256i all[2] = {first_lanes(LANES), first_lanes(LANES)};
    for (int column = 0; column < ATTENTION_BLOCK; column += COLUMNS) {
        __m256 sums[ROWS][2];
        for (int r = 0; r < n_rows; r++)
            sums[r][0] = sums[r][1] = _mm256_setzero_ps();
        multiply(n_rows, all, true, args->q + first, args->head_dim, args->k_t + column,
                 ATTENTION_BLOCK, sums);
        for (int r = 0; r < n_rows; r++) {
            _mm256_store_ps(weights->w[r] + column, sums[r][0]);
            _mm256_store_ps(weights->w[r] + column + LANES, sums[r][1]);
        }
    }
}

/* From products to weights (0 where masked), in place, for row [r], which is query [i]; updates its
 * maximum and sum. */
static inline void soften(const struct attention_args *args, size_t i, int r,
                          struct weights *weights)
{
    float *w = weights->w[r];
    const int from = args->from[i], to = args->to[i];
    __m256 scores[8], max = _mm256_set1_ps(args->m[i]);
    for (int c = 0; c < 8; c++) {
        const __m256i key = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                                             _mm256_set1_epi32(c * LANES));
        const __m256i masked = _mm256_or_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(from), key),
                                               _mm256_cmpgt_epi32(key, _mm256_set1_epi32(to - 1)));
        scores[c] = _mm256_mul_ps(_mm256_load_ps(w + c * LANES), _mm256_set1_ps(args->scale));
        scores[c] =
            _mm256_blendv_ps(scores[c], _mm256_set1_ps(-INFINITY), _mm256_castsi256_ps(masked));
        max = _mm256_max_ps(scores[c], max);
    }
    const float new_m = max_lanes(max);
    if (from >= to) {
        for (int c = 0; c < 8; c++)
            _mm256_store_ps(w + c * LANES, _mm256_setzero_ps());
        weights->keep[r] = 1;
        return;
    }
    /* nothing but -inf and NaN so far: then -inf must give 0, and NaN show */
    const __m256 base = _mm256_set1_ps(new_m == -INFINITY ? 0 : new_m);
    __m256 total = _mm256_setzero_ps();
    for (int c = 0; c < 8; c++) {
        const __m256 e = exp2_avx2(_mm256_sub_ps(scores[c], base));
        _mm256_store_ps(w + c * LANES, e);
        total = _mm256_add_ps(total, e);
    }
    const float keep = _mm256_cvtss_f32(exp2_avx2(_mm256_sub_ps(_mm256_set1_ps(args->m[i]), base)));
    args->m[i] = new_m;
    args->l[i] = fmaf(args->l[i], keep, sum_lanes(total));
    weights->keep[r] = keep;
}

/* Row [r] times v_scales to whole numbers 0..255, still floats, in place; sets its scale. */
static inline void round_weights(const struct attention_args *args, int r, struct weights *weights)
{
    float *w = weights->w[r];
    __m256 max = _mm256_setzero_ps();
    for (int j = 0; j < ATTENTION_BLOCK; j += LANES) {
        const __m256 scaled =
            _mm256_mul_ps(_mm256_load_ps(w + j), _mm256_loadu_ps(args->v_scales + j));
        _mm256_store_ps(w + j, scaled);
        max = _mm256_max_ps(scaled, max);
    }
    const float largest = max_lanes(max);
    const __m256 factor = _mm256_set1_ps(largest < ATTENTION_LEAST ? 0 : 255 / largest);
    for (int j = 0; j < ATTENTION_BLOCK; j += LANES) {
        const __m256 scaled = _mm256_mul_ps(_mm256_load_ps(w + j), factor);
        const __m256 positive = _mm256_max_ps(scaled, _mm256_setzero_ps()); /* NaN: 0 */
        _mm256_store_ps(w + j, _mm256_round_ps(positive, ROUND_NEAREST));
    }
    weights->scale[r] = largest * (1.0f / 255);
}

/* out[r][8] = out[r][8] * keep[r] + sum * scale[r]. */
static inline void add_scaled(const struct weights *weights, int r, __m256 sum, float *out)
{
    const __m256 kept = _mm256_mul_ps(_mm256_loadu_ps(out), _mm256_set1_ps(weights->keep[r]));
    _mm256_storeu_ps(out, _mm256_fmadd_ps(sum, _mm256_set1_ps(weights->scale[r]), kept));
}

#endif
