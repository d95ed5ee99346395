#ifndef KERNELS_GEMM_NEON_H
#define KERNELS_GEMM_NEON_H
/* What the int8 GEMM micro-kernels of NEON share: a tile of 8 rows x a panel of 8 outputs, and the
 * way of a group's sums into c. */

#include "kernels/kernels.h"

#include <arm_neon.h>

enum { MR = 8, NR = 8, LANES = 4 };

/* Unrolls the loop that follows: gcc 12 leaves arrays of accumulators in memory unless every loop
 * over them is unrolled early. */
#define UNROLL _Pragma("GCC unroll 8")

/* One group's operands, and where its products are added. */
struct gemm_group {
    const int8_t *a, *w;
    const float *a_scales, *w_scales;
    float *c;
    size_t ldc;
};

/* Calls [add] for each group of a tile and a panel. */
static inline __attribute__((always_inline)) void
each_group(const struct gemm_q8_args *args, void (*add)(struct gemm_group group, size_t n_inputs))
{
    const size_t n_inputs = args->layout->group, g0 = args->g0, n = args->g1 - g0;
    struct gemm_group group = {
        .a = args->a + g0 * n_inputs * MR,
        .w = args->panel.w + g0 * n_inputs * NR,
        .a_scales = args->a_scales + g0 * MR,
        .w_scales = args->panel.scales + g0 * NR,
        .c = args->c,
        .ldc = args->ldc,
    };
    if (args->first) {
        UNROLL
        for (size_t r = 0; r < MR; r++) {
            vst1q_f32(group.c + r * group.ldc, vdupq_n_f32(0));
            vst1q_f32(group.c + r * group.ldc + LANES, vdupq_n_f32(0));
        }
    }
    for (size_t g = 0; g < n; g++) {
        add(group, n_inputs);
        group.a += n_inputs * MR;
        group.w += n_inputs * NR;
        group.a_scales += MR;
        group.w_scales += NR;
    }
}

/* A group's scales, read before c is written: else the compiler must think that they change. */
struct gemm_scales {
    float32x4_t w[2];
    float a[MR];
};

static inline struct gemm_scales load_scales(const struct gemm_group *group)
{
    struct gemm_scales scales = {{vld1q_f32(group->w_scales), vld1q_f32(group->w_scales + LANES)},
                                 {0}};
    UNROLL
    for (int r = 0; r < MR; r++)
        scales.a[r] = group->a_scales[r];
    return scales;
}

/* Row [r] of c += sums of outputs 0 .. 3 and 4 .. 7. */
static inline void add_row(const struct gemm_group *group, const struct gemm_scales *scales, int r,
                           int32x4_t left, int32x4_t right)
{
    float *c = group->c + (size_t)r * group->ldc;
    const float32x4_t c0 = vld1q_f32(c), c1 = vld1q_f32(c + LANES);
    const float32x4_t scale0 = vmulq_n_f32(scales->w[0], scales->a[r]);
    const float32x4_t scale1 = vmulq_n_f32(scales->w[1], scales->a[r]);
    vst1q_f32(c, vfmaq_f32(c0, vcvtq_f32_s32(left), scale0));
    vst1q_f32(c + LANES, vfmaq_f32(c1, vcvtq_f32_s32(right), scale1));
}

#endif
