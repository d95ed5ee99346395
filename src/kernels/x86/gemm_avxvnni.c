/* The int8 GEMM micro-kernel for 256-bit VNNI (VEX coded; laptops without AVX-512): a tile of 6
 * rows x a panel of 16 outputs, 12 accumulators, in inline assembly for the reason given in
 * gemm_avx512.c. The tile holds activations + 128, the sums start at panel->start. Registers: ymm
 * 2r and 2r + 1 are row r's sums, 12 and 13 the weights, 14 and 15 scratch. */

#include "kernels/kernels_list.h"

enum { MR = 6, NR = 16 };

/* clang-format off */
#define ALL_ROWS(X) X(0, 0, 1) X(1, 2, 3) X(2, 4, 5) X(3, 6, 7) X(4, 8, 9) X(5, 10, 11)
/* clang-format on */

#define START_ROW(r, left, right)                                                                  \
    "vmovdqa %%ymm12, %%ymm" #left "\n\t"                                                          \
    "vmovdqa %%ymm13, %%ymm" #right "\n\t"

/* Four inputs, at step [u] of an unrolled loop: 24 bytes of the tile, 64 of the panel. */
#define DOT_ROW(u, r, left, right)                                                                 \
    "vpbroadcastd " #u "*24+" #r "*4(%[a]), %%ymm14\n\t"                                           \
    "%{vex%} vpdpbusd %%ymm12, %%ymm14, %%ymm" #left "\n\t"                                        \
    "%{vex%} vpdpbusd %%ymm13, %%ymm14, %%ymm" #right "\n\t"
#define DOT_ROW_0(r, left, right) DOT_ROW(0, r, left, right)
#define DOT_ROW_1(r, left, right) DOT_ROW(1, r, left, right)
#define DOT_ROW_2(r, left, right) DOT_ROW(2, r, left, right)
#define DOT_ROW_3(r, left, right) DOT_ROW(3, r, left, right)
#define DOT_STEP(u)                                                                                \
    "vmovdqu " #u "*64(%[w]), %%ymm12\n\t"                                                         \
    "vmovdqu " #u "*64+32(%[w]), %%ymm13\n\t" ALL_ROWS(DOT_ROW_##u)

/* c = (float)sum * (a_scale * w_scale) + c, then c moves on to the next row. */
#define SCALE_ROW(r, left, right)                                                                  \
    "vbroadcastss " #r "*4(%[a_scales]), %%ymm14\n\t"                                              \
    "vmulps %%ymm12, %%ymm14, %%ymm15\n\t"                                                         \
    "vmulps %%ymm13, %%ymm14, %%ymm14\n\t"                                                         \
    "vcvtdq2ps %%ymm" #left ", %%ymm" #left "\n\t"                                                 \
    "vcvtdq2ps %%ymm" #right ", %%ymm" #right "\n\t"                                               \
    "vfmadd213ps (%[c]), %%ymm15, %%ymm" #left "\n\t"                                              \
    "vfmadd213ps 32(%[c]), %%ymm14, %%ymm" #right "\n\t"                                           \
    "vmovups %%ymm" #left ", (%[c])\n\t"                                                           \
    "vmovups %%ymm" #right ", 32(%[c])\n\t"                                                        \
    "add %[ldc_bytes], %[c]\n\t"

/* One group: [n_unrolled] times 16 inputs. */
static inline void add_group(const int8_t *a, const int8_t *w, size_t n_unrolled,
                             const int32_t *start, const float *a_scales, const float *w_scales,
                             float *c, size_t ldc)
{
    /* clang-format off */
    __asm__ volatile(
        "vmovdqu (%[start]), %%ymm12\n\t"
        "vmovdqu 32(%[start]), %%ymm13\n\t"
        ALL_ROWS(START_ROW)
        ".p2align 4\n"
        "1:\n\t"
        DOT_STEP(0)
        DOT_STEP(1)
        DOT_STEP(2)
        DOT_STEP(3)
        "add $96, %[a]\n\t"
        "add $256, %[w]\n\t"
        "dec %[n]\n\t"
        "jnz 1b\n\t"
        "vmovups (%[w_scales]), %%ymm12\n\t"
        "vmovups 32(%[w_scales]), %%ymm13\n\t"
        ALL_ROWS(SCALE_ROW)
        : [a] "+r"(a), [w] "+r"(w), [n] "+r"(n_unrolled), [c] "+r"(c)
        : [start] "r"(start), [a_scales] "r"(a_scales), [w_scales] "r"(w_scales),
          [ldc_bytes] "r"(ldc * sizeof *c)
        : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
          "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    /* clang-format on */
}

void gemm_q8_avxvnni(const struct gemm_q8_args *args)
{
    const size_t group = args->layout->group;
    for (size_t r = 0; args->first && r < MR; r++) {
        for (size_t j = 0; j < NR; j++)
            args->c[r * args->ldc + j] = 0;
    }
    for (size_t g = args->g0; g < args->g1; g++) {
        add_group(args->a + g * group * MR, args->panel.w + g * group * NR, group / 16,
                  args->panel.start + g * NR, args->a_scales + g * MR, args->panel.scales + g * NR,
                  args->c, args->ldc);
    }
}
