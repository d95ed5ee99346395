/* The int8 GEMM micro-kernel for NEON with dot product, on the tiles and panels of gemm_neon.c: 8
 * rows x 8 outputs, 16 accumulators; one SDOT takes four inputs of four outputs and of one row, a
 * lane of the tile's vector. */

#include "kernels/kernels_list.h"

#include <arm_neon.h>

enum { MR = 8, NR = 8, LANES = 4 };

/* Row [row] of the tile, lane row % 4 of [in]: an immediate of the instruction, hence a macro. */
#define DOT_ROW(row, in)                                                                           \
    sums[row][0] = vdotq_laneq_s32(sums[row][0], w0, in, (row) % 4);                               \
    sums[row][1] = vdotq_laneq_s32(sums[row][1], w1, in, (row) % 4);

void gemm_q8_neondot(const struct gemm_q8_args *args)
{
    const size_t group = args->layout->group;
    for (size_t g = args->g0; g < args->g1; g++) {
        const int8_t *a = args->a + g * group * MR, *w = args->panel.w + g * group * NR;
        int32x4_t sums[MR][2];
        for (int r = 0; r < MR; r++)
            sums[r][0] = sums[r][1] = vdupq_n_s32(0);
        for (size_t s = 0; s < group / 4; s++, a += MR * 4, w += NR * 4) {
            const int8x16_t w0 = vld1q_s8(w), w1 = vld1q_s8(w + 16);
            const int8x16_t low = vld1q_s8(a), high = vld1q_s8(a + 16);
            DOT_ROW(0, low)
            DOT_ROW(1, low)
            DOT_ROW(2, low)
            DOT_ROW(3, low)
            DOT_ROW(4, high)
            DOT_ROW(5, high)
            DOT_ROW(6, high)
            DOT_ROW(7, high)
        }
        const bool first = args->first && g == args->g0;
        const float *w_scales = args->panel.scales + g * NR;
        for (size_t r = 0; r < MR; r++) {
            float *c = args->c + r * args->ldc;
            for (size_t h = 0; h < 2; h++) {
                const float32x4_t scale =
                    vmulq_n_f32(vld1q_f32(w_scales + h * LANES), args->a_scales[g * MR + r]);
                const float32x4_t from = first ? vdupq_n_f32(0) : vld1q_f32(c + h * LANES);
                vst1q_f32(c + h * LANES, vfmaq_f32(from, vcvtq_f32_s32(sums[r][h]), scale));
            }
        }
    }
}
