/* GEMM micro-kernels for AVX-512 with VNNI: a tile of 12 rows x a panel of 32 outputs, 24 zmm
 * accumulators.
 *
 * Inline assembly, because gcc 12 keeps the accumulators of the dot-product intrinsic in memory: 42
 * % of the peak rate instead of over 85 %. vpdpbusd multiplies unsigned by signed bytes, so the
 * tile holds activations + 128 and the sums start at -128 times the sum of the weights
 * (panel->start). Registers: zmm 2r and 2r+1 are row r's sums; 24 and 25 the weights of one step,
 * 26 the broadcast activation. */

#include "kernels/kernels_list.h"

enum { MR = 12, NR = 32 };

/* clang-format off */
/* Expands X(row, left accumulator, right accumulator) for the first rows of a tile. */
#define ROWS_4(X)  X(0, 0, 1) X(1, 2, 3) X(2, 4, 5) X(3, 6, 7)
#define ROWS_8(X)  ROWS_4(X) X(4, 8, 9) X(5, 10, 11) X(6, 12, 13) X(7, 14, 15)
#define ROWS_12(X) ROWS_8(X) X(8, 16, 17) X(9, 18, 19) X(10, 20, 21) X(11, 22, 23)

#define ALL_ZMM                                                                                    \
    "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10",       \
        "zmm11", "zmm12", "zmm13", "zmm14", "zmm15", "zmm16", "zmm17", "zmm18", "zmm19", "zmm20",  \
        "zmm21", "zmm22", "zmm23", "zmm24", "zmm25", "zmm26", "zmm27", "zmm28"

#define START_ROW(r, left, right)                                                                  \
    "vmovdqa64 %%zmm24, %%zmm" #left "\n\t"                                                        \
    "vmovdqa64 %%zmm25, %%zmm" #right "\n\t"

/* Four inputs, at step [u] of an unrolled loop: 48 bytes of the tile, 128 of the panel, and a line of
 * what is needed next. */
#define DOT_ROW(u, r, left, right)                                                                 \
    "vpbroadcastd " #u "*48+" #r "*4(%[a]), %%zmm26\n\t"                                           \
    "vpdpbusd %%zmm24, %%zmm26, %%zmm" #left "\n\t"                                                \
    "vpdpbusd %%zmm25, %%zmm26, %%zmm" #right "\n\t"
#define DOT_ROW_0(r, left, right) DOT_ROW(0, r, left, right)
#define DOT_ROW_1(r, left, right) DOT_ROW(1, r, left, right)
#define DOT_ROW_2(r, left, right) DOT_ROW(2, r, left, right)
#define DOT_ROW_3(r, left, right) DOT_ROW(3, r, left, right)
#define DOT_STEP(rows, u)                                                                          \
    "vmovdqu64 " #u "*128(%[w]), %%zmm24\n\t"                                                      \
    "vmovdqu64 " #u "*128+64(%[w]), %%zmm25\n\t"                                                   \
    "prefetcht0 " #u "*128+1024(%[w])\n\t"                                                         \
    "prefetcht0 " #u "*128+1088(%[w])\n\t"                                                         \
    "prefetcht1 " #u "*64(%[next])\n\t"                                                            \
    rows(DOT_ROW_##u)

/* c = (float)sum * (a_scale * w_scale) + c, then c moves on to the next row. */
#define SCALE_ROW(r, left, right)                                                                  \
    "vbroadcastss " #r "*4(%[a_scales]), %%zmm26\n\t"                                              \
    "vmulps %%zmm24, %%zmm26, %%zmm27\n\t"                                                         \
    "vmulps %%zmm25, %%zmm26, %%zmm28\n\t"                                                         \
    "vcvtdq2ps %%zmm" #left ", %%zmm" #left "\n\t"                                                 \
    "vcvtdq2ps %%zmm" #right ", %%zmm" #right "\n\t"                                               \
    "vfmadd213ps (%[c]), %%zmm27, %%zmm" #left "\n\t"                                              \
    "vfmadd213ps 64(%[c]), %%zmm28, %%zmm" #right "\n\t"                                           \
    "vmovups %%zmm" #left ", (%[c])\n\t"                                                           \
    "vmovups %%zmm" #right ", 64(%[c])\n\t"                                                        \
    "add %[ldc_bytes], %[c]\n\t"

/* Defines the product of one group, [n] times 16 inputs, for the first rows of a tile. [next] moves
 * on by [step] bytes, four lines or none, after 16 inputs. */
#define ADD_GROUP(n_rows, rows)                                                                    \
    static inline void add_group_##n_rows(const int8_t *a, const int8_t *w, size_t n,              \
                                          const int32_t *start, const float *a_scales,             \
                                          const float *w_scales, float *c, size_t ldc,             \
                                          const uint8_t *next, size_t step)                        \
    {                                                                                              \
        __asm__ volatile(                                                                          \
            "vmovdqu64 (%[start]), %%zmm24\n\t"                                                    \
            "vmovdqu64 64(%[start]), %%zmm25\n\t"                                                  \
            rows(START_ROW)                                                                        \
            ".p2align 4\n"                                                                         \
            "1:\n\t"                                                                               \
            DOT_STEP(rows, 0)                                                                      \
            DOT_STEP(rows, 1)                                                                      \
            DOT_STEP(rows, 2)                                                                      \
            DOT_STEP(rows, 3)                                                                      \
            "add $192, %[a]\n\t"                                                                   \
            "add $512, %[w]\n\t"                                                                   \
            "add %[step], %[next]\n\t"                                                             \
            "dec %[n]\n\t"                                                                         \
            "jnz 1b\n\t"                                                                           \
            "vmovups (%[w_scales]), %%zmm24\n\t"                                                   \
            "vmovups 64(%[w_scales]), %%zmm25\n\t"                                                 \
            rows(SCALE_ROW)                                                                        \
            : [a] "+r"(a), [w] "+r"(w), [n] "+r"(n), [c] "+r"(c), [next] "+r"(next)                \
            : [step] "r"(step), [start] "r"(start), [a_scales] "r"(a_scales), [w_scales] "r"(w_scales),              \
              [ldc_bytes] "r"(ldc * sizeof *c)                                                     \
            : "memory", "cc", ALL_ZMM);                                                            \
    }

ADD_GROUP(4, ROWS_4)
ADD_GROUP(8, ROWS_8)
ADD_GROUP(12, ROWS_12)
/* clang-format on */

static void clear_tile(float *c, size_t ldc, int n_rows)
{
    for (int r = 0; r < n_rows; r++) {
        for (int j = 0; j < NR; j++)
            c[(size_t)r * ldc + (size_t)j] = 0;
    }
}

/* Rows come by four: what a tile has less is not paid for. */
void gemm_q8_avx512(const struct gemm_q8_args *args)
{
    const size_t group = args->layout->group;
    const int n_rows = (args->n_rows + 3) / 4 * 4;
    const size_t step = args->next ? 16 * GEMM_NEXT_BYTES : 0;
    const uint8_t *next = args->next ? args->next : (const uint8_t *)args->a;
    if (args->first)
        clear_tile(args->c, args->ldc, n_rows);
    for (size_t g = args->g0; g < args->g1; g++) {
        const int8_t *a = args->a + g * group * MR, *w = args->panel.w + g * group * NR;
        const int32_t *start = args->panel.start + g * NR;
        const float *a_scales = args->a_scales + g * MR, *w_scales = args->panel.scales + g * NR;
        if (n_rows == 12)
            add_group_12(a, w, group / 16, start, a_scales, w_scales, args->c, args->ldc, next,
                         step);
        else if (n_rows == 8)
            add_group_8(a, w, group / 16, start, a_scales, w_scales, args->c, args->ldc, next,
                        step);
        else
            add_group_4(a, w, group / 16, start, a_scales, w_scales, args->c, args->ldc, next,
                        step);
        next += group / 16 * step;
    }
}

#define LOAD_ROW(r, left, right)                                                                   \
    "vmovups (%[row]), %%zmm" #left "\n\t"                                                         \
    "vmovups 64(%[row]), %%zmm" #right "\n\t"                                                      \
    "add %[ldc_bytes], %[row]\n\t"

#define FMA_ROW(r, left, right)                                                                    \
    "vbroadcastss " #r "*4(%[a]), %%zmm26\n\t"                                                     \
    "vfmadd231ps %%zmm24, %%zmm26, %%zmm" #left "\n\t"                                             \
    "vfmadd231ps %%zmm25, %%zmm26, %%zmm" #right "\n\t"

#define STORE_ROW(r, left, right)                                                                  \
    "vmovups %%zmm" #left ", (%[c])\n\t"                                                           \
    "vmovups %%zmm" #right ", 64(%[c])\n\t"                                                        \
    "add %[ldc_bytes], %[c]\n\t"

void gemm_f32_avx512(const struct gemm_f32_args *args)
{
    const float *a = args->a + (size_t)args->k0 * MR;
    const float *w = args->w + (size_t)args->k0 * NR;
    float *c = args->c, *row = args->c;
    size_t n = args->k1 - args->k0;
    if (args->first)
        clear_tile(args->c, args->ldc, MR);
    if (n == 0)
        return;
    __asm__ volatile(ROWS_12(LOAD_ROW) ".p2align 4\n"
                                       "1:\n\t"
                                       "vmovups (%[w]), %%zmm24\n\t"
                                       "vmovups 64(%[w]), %%zmm25\n\t" ROWS_12(
                                           FMA_ROW) "add $48, %[a]\n\t"
                                                    "add $128, %[w]\n\t"
                                                    "dec %[n]\n\t"
                                                    "jnz 1b\n\t" ROWS_12(STORE_ROW)
                     : [a] "+r"(a), [w] "+r"(w), [n] "+r"(n), [c] "+r"(c), [row] "+r"(row)
                     : [ldc_bytes] "r"(args->ldc * sizeof *c)
                     : "memory", "cc", ALL_ZMM);
}
