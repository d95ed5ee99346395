#ifndef KERNELS_EXP_NEON_H
#define KERNELS_EXP_NEON_H
/* e^x for 4 floats within 2 units in the last place: x = n ln 2 + r, |r| <= ln 2 / 2, a polynomial
 * for e^r (Cephes, expf), times 2^n. Below -104 exactly 0 (so for -infinity), above 89 infinity,
 * e^0 exactly 1, NaN stays. And loads and stores of less than a vector. */

#include <arm_neon.h>
#include <stddef.h>
#include <string.h>

static inline float32x4_t exp_neon(float32x4_t x)
{
    x = vmaxq_f32(vdupq_n_f32(-104), vminq_f32(vdupq_n_f32(89), x));
    const float32x4_t n = vrndnq_f32(vmulq_n_f32(x, 0x1.715476p0f));
    float32x4_t r = vfmsq_n_f32(x, n, 0x1.62e4p-1f); /* ln 2 in two parts */
    r = vfmsq_n_f32(r, n, 0x1.7f7d1cp-20f);
    float32x4_t p = vdupq_n_f32(1.9875691500e-4f);
    p = vfmaq_f32(vdupq_n_f32(1.3981999507e-3f), p, r);
    p = vfmaq_f32(vdupq_n_f32(8.3334519073e-3f), p, r);
    p = vfmaq_f32(vdupq_n_f32(4.1665795894e-2f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.6666665459e-1f), p, r);
    p = vfmaq_f32(vdupq_n_f32(5.0000001201e-1f), p, r);
    p = vfmaq_f32(vaddq_f32(r, vdupq_n_f32(1)), p, vmulq_f32(r, r));
    /* 2^n in two factors: n is in -150..128 */
    const int32x4_t whole = vcvtq_s32_f32(n), half = vshrq_n_s32(whole, 1);
    const int32x4_t bias = vdupq_n_s32(127);
    const int32x4_t a = vshlq_n_s32(vaddq_s32(half, bias), 23);
    const int32x4_t b = vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), bias), 23);
    return vmulq_f32(vmulq_f32(p, vreinterpretq_f32_s32(a)), vreinterpretq_f32_s32(b));
}

/* The first [n] <= 4 floats of x, the other lanes [fill]. */
static inline float32x4_t load_first(const float *x, size_t n, float fill)
{
    if (n == 4)
        return vld1q_f32(x);
    float lanes[4] = {fill, fill, fill, fill};
    memcpy(lanes, x, n * sizeof *x);
    return vld1q_f32(lanes);
}

static inline void store_first(float *to, size_t n, float32x4_t v)
{
    float lanes[4];
    vst1q_f32(lanes, v);
    memcpy(to, lanes, n * sizeof *to);
}

#endif
