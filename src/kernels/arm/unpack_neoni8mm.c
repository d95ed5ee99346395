/* Unpacking for matrix products: the panels of unpack_neon.c, then eight neighbouring
 * inputs of an output side by side instead of four. */

#include "kernels/kernels_list.h"

#include <arm_neon.h>

enum { NR = 8, WORDS = 4 /* a vector: four inputs of as many outputs */, STEP = NR * 4 };

/* Two steps of four inputs, in place. */
static inline void join_steps(int8_t *w)
{
    int32x4_t first[2], second[2];
    for (int half = 0; half < 2; half++) {
        first[half] = vreinterpretq_s32_s8(vld1q_s8(w + half * WORDS * 4));
        second[half] = vreinterpretq_s32_s8(vld1q_s8(w + STEP + half * WORDS * 4));
    }
    for (int half = 0; half < 2; half++) {
        int8_t *to = w + half * STEP;
        vst1q_s8(to, vreinterpretq_s8_s32(vzip1q_s32(first[half], second[half])));
        vst1q_s8(to + 16, vreinterpretq_s8_s32(vzip2q_s32(first[half], second[half])));
    }
}

static __attribute__((noinline)) void join_all(int8_t *w, size_t k_pad)
{
    for (const int8_t *end = w + k_pad * NR; w != end; w += 16 * STEP) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) /* 64 inputs, which k_pad is a multiple of */
            join_steps(w + i * 2 * STEP);
    }
}

#define UNPACK_JOINED(type, name, isa, need)                                                       \
    bool unpack_##name##_neoni8mm(const struct quant_layout *layout,                               \
                                  const struct weight_rows *rows, const struct panel_q8 *panel)    \
    {                                                                                              \
        const bool finite = unpack_##name##_neon(layout, rows, panel);                             \
        join_all(panel->w, layout->k_pad);                                                         \
        return finite;                                                                             \
    }
UNPACK_VARIANTS_OF(UNPACK_JOINED, neon, NEED_NEON)
