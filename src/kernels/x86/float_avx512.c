/* Norm, activation and log-sum-exp with AVX-512. The tails are masked, so that a row's length alone
 * decides the order of its sums. */

#include "kernels/kernels_list.h"
#include "kernels/x86/exp_avx512.h"

#include <math.h>

enum { LANES = 16 };

/* The lanes of the vector at [i] of [n] that exist. */
static inline __mmask16 lanes_at(size_t i, size_t n)
{
    return n - i >= LANES ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
}

void rms_norm_avx512(const float *x, const float *gamma, float eps, float *y, size_t n)
{
    __m512 sums[4]; /* vector i goes to sum i % 4 */
    for (int s = 0; s < 4; s++)
        sums[s] = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 4 * LANES) {
        for (size_t s = 0; s < 4 && i + s * LANES < n; s++) {
            const size_t at = i + s * LANES;
            const __m512 v = _mm512_maskz_loadu_ps(lanes_at(at, n), x + at);
            sums[s] = _mm512_fmadd_ps(v, v, sums[s]);
        }
    }
    const __m512 sum =
        _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));
    const __m512 factor = _mm512_set1_ps(1 / sqrtf(_mm512_reduce_add_ps(sum) / (float)n + eps));
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 lanes = lanes_at(i, n);
        const __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), factor);
        _mm512_mask_storeu_ps(y + i, lanes,
                              _mm512_mul_ps(v, _mm512_maskz_loadu_ps(lanes, gamma + i)));
    }
}

void swiglu_avx512(const float *gate, const float *up, float *y, size_t n)
{
    const __m512 one = _mm512_set1_ps(1);
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 lanes = lanes_at(i, n);
        const __m512 g = _mm512_maskz_loadu_ps(lanes, gate + i);
        const __m512 e = exp_avx512(_mm512_sub_ps(_mm512_setzero_ps(), g));
        const __m512 silu = _mm512_div_ps(g, _mm512_add_ps(one, e));
        _mm512_mask_storeu_ps(y + i, lanes,
                              _mm512_mul_ps(silu, _mm512_maskz_loadu_ps(lanes, up + i)));
    }
}

void max_sum_exp_avx512(const float *x, size_t n, float *max, float *sum)
{
    const __m512 least = _mm512_set1_ps(-INFINITY);
    __m512 maxima = least;
    for (size_t i = 0; i < n;
         i += LANES) /* of a NaN and a number, max_ps returns its second operand */
        maxima = _mm512_max_ps(_mm512_mask_loadu_ps(least, lanes_at(i, n), x + i), maxima);
    *max = _mm512_reduce_max_ps(maxima);
    if (*max == -INFINITY)
        *max = 0; /* so that -inf - max stays -inf; put right below */
    const __m512 largest = _mm512_set1_ps(*max);
    __m512 total = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += LANES) {
        const __m512 v = _mm512_mask_loadu_ps(least, lanes_at(i, n), x + i);
        total = _mm512_add_ps(total, exp_avx512(_mm512_sub_ps(v, largest)));
    }
    *sum = _mm512_reduce_add_ps(total);
    if (*sum == 0)
        *max = -INFINITY;
}
