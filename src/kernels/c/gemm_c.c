/* The two GEMM micro-kernels: the meaning. Sums of products inside a group are exact integers, so
 * that their order does not matter; everything in float happens in the order kernels.h gives. */

#include "kernels/kernels_list.h"

#include <math.h>

enum { MR = 4, NR = 8 };

void gemm_q8_c(const struct gemm_q8_args *args)
{
    const uint32_t steps = args->layout->group / 4;
    for (uint32_t g = args->g0; g < args->g1; g++) {
        const int8_t *a = args->a + (size_t)g * steps * MR * 4;
        const int8_t *w = args->panel.w + (size_t)g * steps * NR * 4;
        int32_t sum[MR][NR] = {{0}};
        for (uint32_t s = 0; s < steps; s++, a += MR * 4, w += NR * 4) {
            for (int r = 0; r < MR; r++) {
                for (int j = 0; j < NR; j++) {
                    for (int i = 0; i < 4; i++)
                        sum[r][j] += a[r * 4 + i] * w[j * 4 + i];
                }
            }
        }
        for (int r = 0; r < MR; r++) {
            float *c = args->c + (size_t)r * args->ldc;
            for (int j = 0; j < NR; j++) {
                const float scale =
                    args->a_scales[g * MR + (uint32_t)r] * args->panel.scales[g * NR + (uint32_t)j];
                const float from = args->first && g == args->g0 ? 0 : c[j];
                c[j] = fmaf((float)sum[r][j], scale, from);
            }
        }
    }
}

void gemm_f32_c(const struct gemm_f32_args *args)
{
    for (int r = 0; r < MR; r++) {
        float *c = args->c + (size_t)r * args->ldc;
        for (int j = 0; j < NR; j++) {
            float sum = args->first ? 0 : c[j];
            for (uint32_t k = args->k0; k < args->k1; k++)
                sum = fmaf(args->a[(size_t)k * MR + (size_t)r], args->w[(size_t)k * NR + (size_t)j],
                           sum);
            c[j] = sum;
        }
    }
}
