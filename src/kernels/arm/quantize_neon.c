/* Rotating, rounding and laying out rows with NEON. */

#include "kernels/kernels_list.h"
#include "kernels/quantize.h"

#include <arm_neon.h>

enum { LANES = 4, MR = 8 };

/* A vector's own stages, h = 1, 2. Lanes of a pair's second half get first - second: an fma by +-1
 * rounds as the addition and the subtraction do. */
static inline float32x4_t load_rotated(const float *x)
{
    static const float sign_1[4] = {1, -1, 1, -1}, sign_2[4] = {1, 1, -1, -1};
    float32x4_t v = vld1q_f32(x);
    v = vfmaq_f32(vtrn1q_f32(v, v), vtrn2q_f32(v, v), vld1q_f32(sign_1));
    return vfmaq_f32(vcombine_f32(vget_low_f32(v), vget_low_f32(v)),
                     vcombine_f32(vget_high_f32(v), vget_high_f32(v)), vld1q_f32(sign_2));
}

/* Stages h and 2h, h at least a vector, of v [64] in place. */
static inline void two_stages(float *v, size_t h)
{
    for (size_t i = 0; i < QUANTIZE_LENGTH; i += 4 * h) {
        for (size_t j = i; j < i + h; j += LANES) {
            const float32x4_t a = vld1q_f32(v + j), b = vld1q_f32(v + j + h);
            const float32x4_t c = vld1q_f32(v + j + 2 * h), d = vld1q_f32(v + j + 3 * h);
            const float32x4_t ab = vaddq_f32(a, b), a_b = vsubq_f32(a, b);
            const float32x4_t cd = vaddq_f32(c, d), c_d = vsubq_f32(c, d);
            vst1q_f32(v + j, vaddq_f32(ab, cd));
            vst1q_f32(v + j + h, vaddq_f32(a_b, c_d));
            vst1q_f32(v + j + 2 * h, vsubq_f32(ab, cd));
            vst1q_f32(v + j + 3 * h, vsubq_f32(a_b, c_d));
        }
    }
}

/* Rotates x [64] to v. */
static void rotate(const float *x, float *v)
{
    for (size_t i = 0; i < QUANTIZE_LENGTH; i += LANES)
        vst1q_f32(v + i, load_rotated(x + i));
    two_stages(v, 4);
    two_stages(v, 16);
}

/* The largest |v| as bits. */
static uint32_t largest(const float *v, size_t n)
{
    uint32x4_t max = vdupq_n_u32(0);
    for (size_t i = 0; i < n; i += LANES)
        max = vmaxq_u32(max, vreinterpretq_u32_f32(vabsq_f32(vld1q_f32(v + i))));
    return vmaxvq_u32(max);
}

/* Rounds v [16] * factor to q. */
static inline void round_16(const float *v, float factor, int8_t *q)
{
    int32x4_t part[4];
    for (int i = 0; i < 4; i++)
        part[i] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(v + i * LANES), factor));
    const int16x8_t low = vcombine_s16(vqmovn_s32(part[0]), vqmovn_s32(part[1]));
    const int16x8_t high = vcombine_s16(vqmovn_s32(part[2]), vqmovn_s32(part[3]));
    vst1q_s8(q, vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)));
}

bool quantize_row_neon(const struct quant_layout *layout, const float *x, int8_t *q, float *scales)
{
    const uint32_t group = layout->group;
    bool finite = true;
    for (uint32_t g = 0; g < layout->n_groups; g++) {
        const uint32_t begin = g * group, n = quantize_inputs(layout, begin);
        float v[QUANTIZE_GROUP_LIMIT], padded[QUANTIZE_GROUP_LIMIT];
        const float *from = x + begin;
        if (n < group) {
            memset(padded, 0, sizeof padded);
            memcpy(padded, from, n * sizeof *padded);
            from = padded;
        }
        for (uint32_t i = 0; i < group; i += QUANTIZE_LENGTH)
            rotate(from + i, v + i);
        float factor;
        finite &= quantize_scale(largest(v, group), &factor, &scales[g]);
        for (uint32_t i = 0; i < group; i += 16)
            round_16(v + i, factor, q + begin + i);
    }
    return finite;
}

void pack_tile_q8_neon(const struct quant_layout *layout, int n_rows, const int8_t *q,
                       const float *scales, int8_t *tile_q, float *tile_scales)
{
    const size_t k_pad = layout->k_pad, n_groups = layout->n_groups;
    for (size_t r = 0; r < MR; r++) {
        const bool exists = (int)r < n_rows;
        for (size_t k = 0; k < k_pad; k += 4) {
            uint32_t unit = 0;
            if (exists)
                memcpy(&unit, q + r * k_pad + k, sizeof unit);
            memcpy(tile_q + (k / 4 * MR + r) * 4, &unit, sizeof unit);
        }
        for (size_t g = 0; g < n_groups; g++)
            tile_scales[g * MR + r] = exists ? scales[r * n_groups + g] : 0;
    }
}
