/* Norm, rotary embedding, activation, log-sum-exp and scaled addition with AVX2. The tails are
 * masked, so that a row's length alone decides the order of its sums. */

#include "kernels/kernels_list.h"
#include "kernels/x86/exp_avx2.h"

#include <math.h>

enum { LANES = 8 };

/* The lanes of the vector at [i] of [n] that exist. */
static inline __m256i lanes_at(size_t i, size_t n)
{
    return first_lanes(n - i < LANES ? n - i : LANES);
}

void rms_norm_avx2(const float *x, const float *gamma, float eps, float *y, size_t n)
{
    __m256 sums[4]; /* vector i goes to sum i % 4, those of the tail to sum 0 */
    for (int s = 0; s < 4; s++)
        sums[s] = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        for (size_t s = 0; s < 4; s++) {
            const __m256 v = _mm256_loadu_ps(x + i + s * LANES);
            sums[s] = _mm256_fmadd_ps(v, v, sums[s]);
        }
    }
    for (; i < n; i += LANES) {
        const __m256 v = _mm256_maskload_ps(x + i, lanes_at(i, n));
        sums[0] = _mm256_fmadd_ps(v, v, sums[0]);
    }
    const __m256 sum =
        _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    const float factor = 1 / sqrtf(sum_lanes(sum) / (float)n + eps);
    for (i = 0; i < n; i++)
        y[i] = x[i] * factor * gamma[i];
}

void rope_interleaved_avx2(float *x, const float *cos_sin, size_t n_rot)
{
    const float *cos = cos_sin, *sin = cos_sin + n_rot / 2;
    for (size_t i = 0; i < n_rot / 2; i++) {
        const float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cos[i] - b * sin[i];
        x[2 * i + 1] = a * sin[i] + b * cos[i];
    }
}

void rope_half_avx2(float *x, const float *cos_sin, size_t n_rot)
{
    const size_t half = n_rot / 2;
    const float *cos = cos_sin, *sin = cos_sin + half;
    for (size_t i = 0; i < half; i++) {
        const float a = x[i], b = x[i + half];
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = a * sin[i] + b * cos[i];
    }
}

void swiglu_avx2(const float *gate, const float *up, float *y, size_t n)
{
    const __m256 one = _mm256_set1_ps(1);
    for (size_t i = 0; i < n; i += LANES) {
        const __m256i lanes = lanes_at(i, n);
        const __m256 g = _mm256_maskload_ps(gate + i, lanes);
        const __m256 e = exp_avx2(_mm256_sub_ps(_mm256_setzero_ps(), g));
        const __m256 silu = _mm256_div_ps(g, _mm256_add_ps(one, e));
        _mm256_maskstore_ps(y + i, lanes, _mm256_mul_ps(silu, _mm256_maskload_ps(up + i, lanes)));
    }
}

/* [n] numbers from x + i, -inf beyond the end. */
static inline __m256 load_or_least(const float *x, size_t i, size_t n)
{
    const __m256i lanes = lanes_at(i, n);
    return _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), _mm256_maskload_ps(x + i, lanes),
                            _mm256_castsi256_ps(lanes));
}

void max_sum_exp_avx2(const float *x, size_t n, float *max, float *sum)
{
    __m256 maxima = _mm256_set1_ps(-INFINITY);
    for (size_t i = 0; i < n;
         i += LANES) /* of a NaN and a number, max_ps returns its second operand */
        maxima = _mm256_max_ps(load_or_least(x, i, n), maxima);
    *max = max_lanes(maxima);
    if (*max == -INFINITY)
        *max = 0; /* so that -inf - max stays -inf; put right below */
    const __m256 largest = _mm256_set1_ps(*max);
    __m256 total = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += LANES)
        total = _mm256_add_ps(total, exp_avx2(_mm256_sub_ps(load_or_least(x, i, n), largest)));
    *sum = sum_lanes(total);
    if (*sum == 0)
        *max = -INFINITY;
}

void axpy_avx2(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fmaf(a, x[i], y[i]);
}
