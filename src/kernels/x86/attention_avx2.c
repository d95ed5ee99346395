/* Online softmax over a block of 64 keys with AVX2. Both products are one routine: up to six rows
 * times 16 columns of a matrix, 12 accumulators; a row's sums run over k in ascending order
 * whatever stands beside it. */

#include "kernels/kernels_list.h"
#include "kernels/x86/exp_avx2.h"

#include <math.h>

enum { LANES = 8, ROWS = 6, COLUMNS = 16 };

/* sums[r][c] += a[r][k] * b[k][8 c + lane], k in [0, n_k), for n_rows rows, a constant. [lanes]:
 * those of each vector that exist. */
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

/* From products to weights [64] (0 where masked), in place, for one query; updates its maximum and
 * sum, and returns what its earlier results are to be multiplied with. */
static float soften(float *weights, float scale, unsigned from, unsigned to, float *m, float *l)
{
    __m256 scores[8], max = _mm256_set1_ps(*m);
    for (int c = 0; c < 8; c++) {
        const __m256i key = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                                             _mm256_set1_epi32(c * LANES));
        const __m256i masked =
            _mm256_or_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)from), key),
                            _mm256_cmpgt_epi32(key, _mm256_set1_epi32((int)to - 1)));
        scores[c] = _mm256_mul_ps(_mm256_load_ps(weights + c * LANES), _mm256_set1_ps(scale));
        scores[c] =
            _mm256_blendv_ps(scores[c], _mm256_set1_ps(-INFINITY), _mm256_castsi256_ps(masked));
        max = _mm256_max_ps(scores[c], max);
    }
    const float new_m = max_lanes(max);
    if (from >= to) {
        for (int c = 0; c < 8; c++)
            _mm256_store_ps(weights + c * LANES, _mm256_setzero_ps());
        return 1;
    }
    /* nothing but -inf and NaN so far: then -inf must give 0, and NaN show */
    const float base = new_m == -INFINITY ? 0 : new_m;
    __m256 total = _mm256_setzero_ps();
    for (int c = 0; c < 8; c++) {
        const __m256 e = exp_avx2(_mm256_sub_ps(scores[c], _mm256_set1_ps(base)));
        _mm256_store_ps(weights + c * LANES, e);
        total = _mm256_add_ps(total, e);
    }
    const float keep = _mm256_cvtss_f32(exp_avx2(_mm256_set1_ps(*m - base)));
    *m = new_m;
    *l = fmaf(*l, keep, sum_lanes(total));
    return keep;
}

/* Columns of out [n_rows][value_dim] from [out], 16 of them ([whole]) or those of [lanes]. */
static inline __attribute__((always_inline)) void
add_values(int n_rows, const __m256i lanes[2], bool whole, const float *const weights[ROWS],
           const float *keep, const float *v, size_t value_dim, float *out)
{
    __m256 sums[ROWS][2];
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < 2; c++)
            sums[r][c] =
                _mm256_mul_ps(_mm256_maskload_ps(out + (size_t)r * value_dim + c * LANES, lanes[c]),
                              _mm256_set1_ps(keep[r]));
    }
    multiply(n_rows, lanes, whole, weights, ATTENTION_BLOCK, v, value_dim, sums);
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < 2; c++)
            _mm256_maskstore_ps(out + (size_t)r * value_dim + c * LANES, lanes[c], sums[r][c]);
    }
}

/* Queries [first, first + n_rows), n_rows a constant of at most ROWS. */
static inline __attribute__((always_inline)) void attend(const struct attention_args *args,
                                                         size_t first, int n_rows)
{
    const size_t value_dim = args->value_dim;
    const __m256i all[2] = {first_lanes(LANES), first_lanes(LANES)};
    _Alignas(32) float weights[ROWS][ATTENTION_BLOCK];
    const float *rows[ROWS];
    float keep[ROWS];
    for (int column = 0; column < ATTENTION_BLOCK; column += COLUMNS) {
        __m256 sums[ROWS][2];
        for (int r = 0; r < n_rows; r++)
            sums[r][0] = sums[r][1] = _mm256_setzero_ps();
        multiply(n_rows, all, true, args->q + first, args->head_dim, args->k_t + column,
                 ATTENTION_BLOCK, sums);
        for (int r = 0; r < n_rows; r++) {
            _mm256_store_ps(weights[r] + column, sums[r][0]);
            _mm256_store_ps(weights[r] + column + LANES, sums[r][1]);
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
        add_values(n_rows, all, true, rows, keep, args->v + d, value_dim, out + d);
    if (d < value_dim) {
        const size_t left = value_dim - d, low = left < LANES ? left : LANES;
        const __m256i lanes[2] = {first_lanes(low), first_lanes(left - low)};
        add_values(n_rows, lanes, false, rows, keep, args->v + d, value_dim, out + d);
    }
}

void attention_block_avx2(const struct attention_args *args)
{
    size_t i = 0;
    for (; i + ROWS <= args->n_q; i += ROWS)
        attend(args, i, ROWS);
    for (; i + 2 <= args->n_q; i += 2)
        attend(args, i, 2);
    if (i < args->n_q)
        attend(args, i, 1);
}
