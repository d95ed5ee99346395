#ifndef KERNELS_EXP_NEON_H
#define KERNELS_EXP_NEON_H
/* e^x and 2^x for 4 floats within 2 units in the last place: a whole power of two times a
 * polynomial for the rest. Far below exactly 0 (so for -infinity), exactly 1 at 0, NaN stays. And
 * loads and stores of less than a vector. */

#include <arm_neon.h>
#include <stddef.h>
#include <string.h>

/* x = n ln 2 + r, |r| <= ln 2 / 2; polynomial for e^r: Cephes, expf. 0 below -104, infinity above
 * 89. */
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

/* For x <= 0, as attention has them, and NaN. x = n + r, |r| <= 1/2; polynomial for 2^r: least
 * largest relative error with 1 at 0. 0 below -125. */
static inline float32x4_t exp2_neon(float32x4_t x)
{
    const float32x4_t shift = vdupq_n_f32(0x1.8p23f); /* leaves n in the lowest bits */
    const float32x4_t shifted = vaddq_f32(x, shift);
    const float32x4_t r = vsubq_f32(x, vsubq_f32(shifted, shift));
    float32x4_t p = vdupq_n_f32(0x1.41fbbcp-13f);
    p = vfmaq_f32(vdupq_n_f32(0x1.5f3e54p-10f), p, r);
    p = vfmaq_f32(vdupq_n_f32(0x1.3b2d4cp-7f), p, r);
    p = vfmaq_f32(vdupq_n_f32(0x1.c6aee8p-5f), p, r);
    p = vfmaq_f32(vdupq_n_f32(0x1.ebfbdcp-3f), p, r);
    p = vfmaq_f32(vdupq_n_f32(0x1.62e43p-1f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1), p, r);
    const int32x4_t n = vshlq_n_s32(vreinterpretq_s32_f32(shifted), 23);
    const int32x4_t power = vaddq_s32(vreinterpretq_s32_f32(p), n);
    const uint32x4_t counts = vmvnq_u32(vcltq_f32(x, vdupq_n_f32(-125))); /* NaN too */
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_s32(power), counts));
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
