/* Online softmax over a block of 64 keys with AVX-512. Both products are one routine: up to six
 * rows times a matrix with 64 columns at a time, 24 accumulators; a row's sums run over k in
 * ascending order whatever stands beside it. */

#include "kernels/kernels_list.h"
#include "kernels/x86/exp_avx512.h"

#include <math.h>

enum { LANES = 16, ROWS = 6, COLUMNS = 64 };

/* sums[r][c] += a[r][k] * b[k][16 c + lane], k in [0, n_k), for n_rows x n_vectors, both constants.
 * [lanes]: of the last vector, those that exist. The sums are copied, so that the compiler keeps
 * them in registers. */
static inline __attribute__((always_inline)) void
multiply(int n_rows, int n_vectors, __mmask16 lanes, const float *const a[ROWS], size_t n_k,
         const float *b, size_t b_stride, __m512 sums[ROWS][4])
{
    __m512 local[ROWS][4];
    const float *from[ROWS];
    for (int r = 0; r < n_rows; r++) {
        from[r] = a[r];
        for (int c = 0; c < n_vectors; c++)
            local[r][c] = sums[r][c];
    }
    for (size_t k = 0; k < n_k; k++, b += b_stride) {
        __m512 row[4];
        for (int c = 0; c < n_vectors; c++)
            row[c] = c + 1 < n_vectors ? _mm512_loadu_ps(b + c * LANES)
                                       : _mm512_maskz_loadu_ps(lanes, b + c * LANES);
        for (int r = 0; r < n_rows; r++) {
            const __m512 factor = _mm512_set1_ps(from[r][k]);
            for (int c = 0; c < n_vectors; c++)
                local[r][c] = _mm512_fmadd_ps(factor, row[c], local[r][c]);
        }
    }
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_vectors; c++)
            sums[r][c] = local[r][c];
    }
}

/* Scores of one query against the block to weights [64] (0 where masked); updates its maximum and
 * sum, and returns what its earlier results are to be multiplied with. */
static inline float soften(const __m512 dots[4], float scale, unsigned from, unsigned to, float *m,
                           float *l, float *weights)
{
    const uint64_t below_to = to < 64 ? (UINT64_C(1) << to) - 1 : ~UINT64_C(0);
    const uint64_t keys = from < to ? below_to & (~UINT64_C(0) << from) : 0;
    const __m512 least = _mm512_set1_ps(-INFINITY);
    __m512 scores[4], max = _mm512_set1_ps(*m);
    for (int c = 0; c < 4; c++) {
        scores[c] = _mm512_mask_mul_ps(least, (__mmask16)(keys >> c * LANES), dots[c],
                                       _mm512_set1_ps(scale));
        max = _mm512_max_ps(scores[c], max);
    }
    const float new_m = _mm512_reduce_max_ps(max);
    if (keys == 0) {
        for (int c = 0; c < 4; c++)
            _mm512_store_ps(weights + c * LANES, _mm512_setzero_ps());
        return 1;
    }
    /* nothing but -inf and NaN so far: then -inf must give 0, and NaN show */
    const float base = new_m == -INFINITY ? 0 : new_m;
    __m512 total = _mm512_setzero_ps();
    for (int c = 0; c < 4; c++) {
        const __m512 e = exp_avx512(_mm512_sub_ps(scores[c], _mm512_set1_ps(base)));
        _mm512_store_ps(weights + c * LANES, e);
        total = _mm512_add_ps(total, e);
    }
    const float keep = _mm512_cvtss_f32(exp_avx512(_mm512_set1_ps(*m - base)));
    *m = new_m;
    *l = fmaf(*l, keep, _mm512_reduce_add_ps(total));
    return keep;
}

/* Columns [16 * n_vectors] from out, the last vector masked by [lanes]. */
static inline __attribute__((always_inline)) void
add_values(int n_rows, int n_vectors, __mmask16 lanes, const float *const weights[ROWS],
           const float *keep, const float *v, size_t value_dim, float *out)
{
    __m512 sums[ROWS][4];
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_vectors; c++) {
            const __mmask16 mask = c + 1 < n_vectors ? 0xffff : lanes;
            const float *from = out + (size_t)r * value_dim + (size_t)c * LANES;
            sums[r][c] = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, from), _mm512_set1_ps(keep[r]));
        }
    }
    multiply(n_rows, n_vectors, lanes, weights, ATTENTION_BLOCK, v, value_dim, sums);
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_vectors; c++) {
            const __mmask16 mask = c + 1 < n_vectors ? 0xffff : lanes;
            _mm512_mask_storeu_ps(out + (size_t)r * value_dim + (size_t)c * LANES, mask,
                                  sums[r][c]);
        }
    }
}

/* Queries [first, first + n_rows), n_rows a constant of at most ROWS. */
static inline __attribute__((always_inline)) void attend(const struct attention_args *args,
                                                         size_t first, int n_rows)
{
    const size_t value_dim = args->value_dim;
    __m512 dots[ROWS][4];
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < 4; c++)
            dots[r][c] = _mm512_setzero_ps();
    }
    multiply(n_rows, 4, 0xffff, args->q + first, args->head_dim, args->k_t, ATTENTION_BLOCK, dots);

    _Alignas(64) float weights[ROWS][ATTENTION_BLOCK];
    const float *rows[ROWS];
    float keep[ROWS];
    for (int r = 0; r < n_rows; r++) {
        const size_t i = first + (size_t)r;
        rows[r] = weights[r];
        keep[r] = soften(dots[r], args->scale, args->from[i], args->to[i], &args->m[i], &args->l[i],
                         weights[r]);
    }

    float *out = args->out + first * value_dim;
    size_t d = 0;
    for (; d + COLUMNS <= value_dim; d += COLUMNS)
        add_values(n_rows, 4, 0xffff, rows, keep, args->v + d, value_dim, out + d);
    for (; d < value_dim; d += LANES) {
        const size_t left = value_dim - d;
        const __mmask16 lanes = left >= LANES ? 0xffff : (__mmask16)((1u << left) - 1);
        add_values(n_rows, 1, lanes, rows, keep, args->v + d, value_dim, out + d);
    }
}

void attention_block_avx512(const struct attention_args *args)
{
    size_t i = 0;
    for (; i + ROWS <= args->n_q; i += ROWS)
        attend(args, i, ROWS);
    switch (args->n_q - i) {
    case 5:
        attend(args, i, 5);
        break;
    case 4:
        attend(args, i, 4);
        break;
    case 3:
        attend(args, i, 3);
        break;
    case 2:
        attend(args, i, 2);
        break;
    case 1:
        attend(args, i, 1);
        break;
    default:
        break;
    }
}
