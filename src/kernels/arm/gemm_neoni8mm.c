/* The int8 GEMM micro-kernel for NEON with matrix products (ARMv8.6 I8MM). One SMMLA takes eight
 * inputs of two rows and of two outputs, which is why eight neighbouring inputs lie together; an
 * accumulator is a square of 2 rows x 2 outputs, put into rows at the end of a group. Sums are
 * exact and become floats as at the other levels: the same bits. */

#include "kernels/arm/gemm_neon.h"
#include "kernels/arm/squares.h"
#include "kernels/kernels_list.h"

enum { UNIT = 8, PAIRS = 4 /* of rows, and of outputs */ };

/* Loads of four vectors are one instruction, which gcc 12 cannot take apart. */
static inline void add_group(struct gemm_group group, size_t n_inputs)
{
    int32x4_t squares[PAIRS][PAIRS];
    for (int p = 0; p < PAIRS; p++) {
        for (int o = 0; o < PAIRS; o++)
            squares[p][o] = vdupq_n_s32(0);
    }
    const int8_t *end = group.a + n_inputs * MR;
    do {
        const int8x16x4_t rows = vld1q_s8_x4(group.a), outputs = vld1q_s8_x4(group.w);
        for (int p = 0; p < PAIRS; p++) {
            for (int o = 0; o < PAIRS; o++)
                squares[p][o] = vmmlaq_s32(squares[p][o], rows.val[p], outputs.val[o]);
        }
        group.a += MR * UNIT;
        group.w += NR * UNIT;
    } while (group.a != end);

    const struct gemm_scales scales = load_scales(&group);
    UNROLL
    for (int p = 0; p < PAIRS; p++) {
        const int32x4_t *of = squares[p];
        add_row(&group, &scales, 2 * p, upper_row(of), upper_row(of + 2));
        add_row(&group, &scales, 2 * p + 1, lower_row(of), lower_row(of + 2));
    }
}

void gemm_q8_neoni8mm(const struct gemm_q8_args *args)
{
    each_group(args, add_group);
}
