/* GEMM micro-kernels for NEON without dot product: a tile of 8 rows x a panel of 8 outputs.
 *
 * A product of bytes is at most 127 * 127, so the 16-bit products of one widening multiply are
 * exact; pairs of them are added into 32-bit lanes at once. A lane then holds half of an output's
 * sum: pairs of lanes are added at the end of a group. */

#include "kernels/kernels_list.h"

#include <arm_neon.h>
#include <string.h>

enum { MR = 8, NR = 8, LANES = 4, PASS = 4 /* rows at a time: 16 accumulators */ };

/* gcc 12 leaves arrays of accumulators in memory unless every loop over them is unrolled early. */
#define UNROLL _Pragma("GCC unroll 8")

static inline int8x16_t broadcast_4_bytes(const int8_t *bytes)
{
    int32_t all;
    memcpy(&all, bytes, sizeof all);
    return vreinterpretq_s8_s32(vdupq_n_s32(all));
}

/* sums[r][h]: outputs 4h .. 4h + 3 of row r over the steps of one group, for PASS rows. */
static inline void add_group(const int8_t *a, const int8_t *w, size_t steps,
                             int32x4_t sums[PASS][2])
{
    int32x4_t halves[PASS][4]; /* lanes (2i, 2i + 1) of vector v: output 2v + i */
    for (int r = 0; r < PASS; r++) {
        for (int v = 0; v < 4; v++)
            halves[r][v] = vdupq_n_s32(0);
    }
    for (size_t s = 0; s < steps; s++, a += MR * 4, w += NR * 4) {
        const int8x16_t w0 = vld1q_s8(w), w1 = vld1q_s8(w + 16);
        for (int r = 0; r < PASS; r++) {
            const int8x16_t in = broadcast_4_bytes(a + r * 4);
            halves[r][0] = vpadalq_s16(halves[r][0], vmull_s8(vget_low_s8(w0), vget_low_s8(in)));
            halves[r][1] = vpadalq_s16(halves[r][1], vmull_high_s8(w0, in));
            halves[r][2] = vpadalq_s16(halves[r][2], vmull_s8(vget_low_s8(w1), vget_low_s8(in)));
            halves[r][3] = vpadalq_s16(halves[r][3], vmull_high_s8(w1, in));
        }
    }
    for (int r = 0; r < PASS; r++) {
        sums[r][0] = vpaddq_s32(halves[r][0], halves[r][1]);
        sums[r][1] = vpaddq_s32(halves[r][2], halves[r][3]);
    }
}

void gemm_q8_neon(const struct gemm_q8_args *args)
{
    const size_t group = args->layout->group;
    for (size_t g = args->g0; g < args->g1; g++) {
        const bool first = args->first && g == args->g0;
        const float *w_scales = args->panel.scales + g * NR;
        for (size_t pass = 0; pass < MR; pass += PASS) {
            int32x4_t sums[PASS][2];
            add_group(args->a + g * group * MR + pass * 4, args->panel.w + g * group * NR,
                      group / 4, sums);
            for (size_t r = 0; r < PASS; r++) {
                float *c = args->c + (pass + r) * args->ldc;
                const float a_scale = args->a_scales[g * MR + pass + r];
                for (size_t h = 0; h < 2; h++) {
                    const float32x4_t scale = vmulq_n_f32(vld1q_f32(w_scales + h * LANES), a_scale);
                    const float32x4_t from = first ? vdupq_n_f32(0) : vld1q_f32(c + h * LANES);
                    vst1q_f32(c + h * LANES, vfmaq_f32(from, vcvtq_f32_s32(sums[r][h]), scale));
                }
            }
        }
    }
}

void gemm_f32_neon(const struct gemm_f32_args *args)
{
    float32x4_t sums[MR][2];
    UNROLL
    for (int r = 0; r < MR; r++) {
        const float *c = args->c + (size_t)r * args->ldc;
        sums[r][0] = args->first ? vdupq_n_f32(0) : vld1q_f32(c);
        sums[r][1] = args->first ? vdupq_n_f32(0) : vld1q_f32(c + LANES);
    }
    const float *a = args->a + (size_t)args->k0 * MR, *w = args->w + (size_t)args->k0 * NR;
    for (uint32_t k = args->k0; k < args->k1; k++, a += MR, w += NR) {
        const float32x4_t w0 = vld1q_f32(w), w1 = vld1q_f32(w + LANES);
        UNROLL
        for (int r = 0; r < MR; r++) {
            sums[r][0] = vfmaq_n_f32(sums[r][0], w0, a[r]);
            sums[r][1] = vfmaq_n_f32(sums[r][1], w1, a[r]);
        }
    }
    UNROLL
    for (int r = 0; r < MR; r++) {
        float *c = args->c + (size_t)r * args->ldc;
        vst1q_f32(c, sums[r][0]);
        vst1q_f32(c + LANES, sums[r][1]);
    }
}
