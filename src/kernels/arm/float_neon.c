/* Norm, activation and log-sum-exp with NEON; a row's length alone decides the order of its sums.
 */

#include "kernels/arm/exp_neon.h"
#include "kernels/kernels_list.h"

#include <math.h>

enum { LANES = 4 };

static inline size_t lanes_at(size_t i, size_t n)
{
    return n - i < LANES ? n - i : LANES;
}

void rms_norm_neon(const float *x, const float *gamma, float eps, float *y, size_t n)
{
    float32x4_t sums[4]; /* vector i goes to sum i % 4, those of the tail to sum 0 */
    for (int s = 0; s < 4; s++)
        sums[s] = vdupq_n_f32(0);
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        for (size_t s = 0; s < 4; s++) {
            const float32x4_t v = vld1q_f32(x + i + s * LANES);
            sums[s] = vfmaq_f32(sums[s], v, v);
        }
    }
    for (; i < n; i += LANES) {
        const float32x4_t v = load_first(x + i, lanes_at(i, n), 0);
        sums[0] = vfmaq_f32(sums[0], v, v);
    }
    const float sum =
        vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3])));
    const float factor = 1 / sqrtf(sum / (float)n + eps);
    for (i = 0; i < n; i++)
        y[i] = x[i] * factor * gamma[i];
}

void swiglu_neon(const float *gate, const float *up, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t lanes = lanes_at(i, n);
        const float32x4_t g = load_first(gate + i, lanes, 0);
        const float32x4_t silu = vdivq_f32(g, vaddq_f32(vdupq_n_f32(1), exp_neon(vnegq_f32(g))));
        store_first(y + i, lanes, vmulq_f32(silu, load_first(up + i, lanes, 0)));
    }
}

void max_sum_exp_neon(const float *x, size_t n, float *max, float *sum)
{
    float32x4_t maxima = vdupq_n_f32(-INFINITY);
    for (size_t i = 0; i < n; i += LANES) /* maxnm ignores NaN */
        maxima = vmaxnmq_f32(maxima, load_first(x + i, lanes_at(i, n), -INFINITY));
    *max = vmaxnmvq_f32(maxima);
    if (*max == -INFINITY)
        *max = 0; /* so that -inf - max stays -inf; put right below */
    const float32x4_t largest = vdupq_n_f32(*max);
    float32x4_t total = vdupq_n_f32(0);
    for (size_t i = 0; i < n; i += LANES) {
        const float32x4_t v = load_first(x + i, lanes_at(i, n), -INFINITY);
        total = vaddq_f32(total, exp_neon(vsubq_f32(v, largest)));
    }
    *sum = vaddvq_f32(total);
    if (*sum == 0)
        *max = -INFINITY;
}
