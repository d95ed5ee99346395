/* The int8 GEMM micro-kernel for NEON with dot product: 16 accumulators; one SDOT takes four inputs
 * of four outputs and of one row, a lane of the tile's vector. */

#include "kernels/arm/gemm_neon.h"
#include "kernels/kernels_list.h"

enum { UNIT = 4, STEPS = 2 /* of UNIT inputs in a turn of the loop */ };

/* Row [row] of the tile, lane row % 4 of [in]: an immediate of the instruction, hence a macro. */
#define DOT_ROW(row, in)                                                                           \
    sums[row][0] = vdotq_laneq_s32(sums[row][0], w.val[2 * step], in, (row) % 4);                  \
    sums[row][1] = vdotq_laneq_s32(sums[row][1], w.val[2 * step + 1], in, (row) % 4);

static inline void add_group(struct gemm_group group, size_t n_inputs)
{
    int32x4_t sums[MR][2];
    for (int r = 0; r < MR; r++)
        sums[r][0] = sums[r][1] = vdupq_n_s32(0);
    const int8_t *end = group.a + n_inputs * MR;
    do {
        const int8x16x4_t a = vld1q_s8_x4(group.a), w = vld1q_s8_x4(group.w);
        UNROLL
        for (int step = 0; step < STEPS; step++) {
            DOT_ROW(0, a.val[2 * step])
            DOT_ROW(1, a.val[2 * step])
            DOT_ROW(2, a.val[2 * step])
            DOT_ROW(3, a.val[2 * step])
            DOT_ROW(4, a.val[2 * step + 1])
            DOT_ROW(5, a.val[2 * step + 1])
            DOT_ROW(6, a.val[2 * step + 1])
            DOT_ROW(7, a.val[2 * step + 1])
        }
        group.a += STEPS * MR * UNIT;
        group.w += STEPS * NR * UNIT;
    } while (group.a != end);

    const struct gemm_scales scales = load_scales(&group);
    UNROLL
    for (int r = 0; r < MR; r++)
        add_row(&group, &scales, r, sums[r][0], sums[r][1]);
}

void gemm_q8_neondot(const struct gemm_q8_args *args)
{
    each_group(args, add_group);
}
