/* GEMM micro-kernels for NEON without dot product.
 *
 * A product of bytes is at most 127 * 127, so the 16-bit products of one widening multiply are
 * exact; pairs of them are added into 32-bit lanes at once. A lane then holds half of an output's
 * sum: pairs of lanes are added at the end of a group. */

#include "kernels/arm/gemm_neon.h"
#include "kernels/kernels_list.h"

enum { UNIT = 4, PASS = 4 /* rows at a time: 16 accumulators */ };

/* sums[r][h]: outputs 4h .. 4h + 3 of row r of a group, for PASS rows from [a] on. */
static inline void add_rows(const int8_t *a, const int8_t *w, size_t n_inputs,
                            int32x4_t sums[PASS][2])
{
    int32x4_t halves[PASS][4]; /* lanes (2i, 2i + 1) of vector v: output 2v + i */
    for (int r = 0; r < PASS; r++) {
        for (int v = 0; v < 4; v++)
            halves[r][v] = vdupq_n_s32(0);
    }
    const int8_t *end = w + n_inputs * NR;
    do {
        const int8x16x2_t outputs = vld1q_s8_x2(w);
        const int8x16_t w0 = outputs.val[0], w1 = outputs.val[1];
        const int32x4x4_t rows = vld4q_dup_s32((const int32_t *)(const void *)a);
        UNROLL
        for (int r = 0; r < PASS; r++) {
            const int8x16_t in = vreinterpretq_s8_s32(rows.val[r]);
            halves[r][0] = vpadalq_s16(halves[r][0], vmull_s8(vget_low_s8(w0), vget_low_s8(in)));
            halves[r][1] = vpadalq_s16(halves[r][1], vmull_high_s8(w0, in));
            halves[r][2] = vpadalq_s16(halves[r][2], vmull_s8(vget_low_s8(w1), vget_low_s8(in)));
            halves[r][3] = vpadalq_s16(halves[r][3], vmull_high_s8(w1, in));
        }
        a += MR * UNIT;
        w += NR * UNIT;
    } while (w != end);
    for (int r = 0; r < PASS; r++) {
        sums[r][0] = vpaddq_s32(halves[r][0], halves[r][1]);
        sums[r][1] = vpaddq_s32(halves[r][2], halves[r][3]);
    }
}

static inline void add_group(struct gemm_group group, size_t n_inputs)
{
    const struct gemm_scales scales = load_scales(&group);
    UNROLL
    for (int pass = 0; pass < MR; pass += PASS) {
        int32x4_t sums[PASS][2];
        add_rows(group.a + pass * UNIT, group.w, n_inputs, sums);
        UNROLL
        for (int r = 0; r < PASS; r++)
            add_row(&group, &scales, pass + r, sums[r][0], sums[r][1]);
    }
}

void gemm_q8_neon(const struct gemm_q8_args *args)
{
    each_group(args, add_group);
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
