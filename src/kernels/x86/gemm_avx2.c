/* GEMM micro-kernels for AVX2: a tile of 6 rows x a panel of 16 outputs, 12 accumulators.
 *
 * Products of words, vpmaddwd, whose pairs are 32 bits wide at once: two instructions for 16
 * products. vpmaddubsw takes 32 bytes, but wants one side unsigned, saturates and has to be
 * widened: four for 32, three of them on the ports of multiplications. Activations lie in the tile
 * as words, the even ones of a unit first; weights are bytes and become words here, once for all
 * rows: a shift for the odd ones, two for the even ones.
 *
 * Inline assembly, because gcc 12 keeps the accumulators in memory. Registers: ymm 2r and 2r+1 are
 * row r's sums; 12 and 13 the weights' words of one step, 14 the broadcast activations, 15 a
 * product. */

#include "kernels/kernels_list.h"

#include <immintrin.h>

enum { MR = 6, NR = 16, LANES = 8 };

/* gcc 12 leaves arrays of accumulators in memory unless every loop over them is unrolled early. */
#define UNROLL _Pragma("GCC unroll 8")

/* clang-format off */
/* Expands X(at, row, left accumulator, right accumulator) for the first rows of a tile. */
#define ROWS_2(X, at) X(at, 0, 0, 1) X(at, 1, 2, 3)
#define ROWS_4(X, at) ROWS_2(X, at) X(at, 2, 4, 5) X(at, 3, 6, 7)
#define ROWS_6(X, at) ROWS_4(X, at) X(at, 4, 8, 9) X(at, 5, 10, 11)

#define ALL_YMM                                                                                    \
    "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10",       \
        "ymm11", "ymm12", "ymm13", "ymm14", "ymm15"

#define CLEAR_ROW(at, r, left, right)                                                              \
    "vpxor %%ymm" #left ", %%ymm" #left ", %%ymm" #left "\n\t"                                     \
    "vpxor %%ymm" #right ", %%ymm" #right ", %%ymm" #right "\n\t"

/* Two activations of a row, [at] bytes on, times their words of 16 outputs. */
#define DOT_ROW(at, r, left, right)                                                                \
    "vpbroadcastd " #at "+" #r "*8(%[a]), %%ymm14\n\t"                                             \
    "vpmaddwd %%ymm12, %%ymm14, %%ymm15\n\t"                                                       \
    "vpmaddwd %%ymm13, %%ymm14, %%ymm14\n\t"                                                       \
    "vpaddd %%ymm15, %%ymm" #left ", %%ymm" #left "\n\t"                                           \
    "vpaddd %%ymm14, %%ymm" #right ", %%ymm" #right "\n\t"

/* Four inputs, at step [u] of an unrolled loop: 48 bytes of the tile, 64 of the panel, and a line of
 * what is needed next. */
#define DOT_STEP(rows, u)                                                                          \
    "vmovdqu " #u "*64(%[w]), %%ymm12\n\t"                                                         \
    "vmovdqu " #u "*64+32(%[w]), %%ymm13\n\t"                                                      \
    "vpsllw $8, %%ymm12, %%ymm12\n\t"                                                              \
    "vpsllw $8, %%ymm13, %%ymm13\n\t"                                                              \
    "vpsraw $8, %%ymm12, %%ymm12\n\t"                                                              \
    "vpsraw $8, %%ymm13, %%ymm13\n\t"                                                              \
    rows(DOT_ROW, u*48)                                                                            \
    "vmovdqu " #u "*64(%[w]), %%ymm12\n\t"                                                         \
    "vmovdqu " #u "*64+32(%[w]), %%ymm13\n\t"                                                      \
    "prefetcht1 " #u "*64(%[next])\n\t"                                                            \
    "vpsraw $8, %%ymm12, %%ymm12\n\t"                                                              \
    "vpsraw $8, %%ymm13, %%ymm13\n\t"                                                              \
    rows(DOT_ROW, u*48+4)

#define STORE_ROW(at, r, left, right)                                                              \
    "vmovdqa %%ymm" #left ", " #r "*64(%[sums])\n\t"                                               \
    "vmovdqa %%ymm" #right ", " #r "*64+32(%[sums])\n\t"

/* Defines the products of one group, [n] times 16 inputs, for the first rows of a tile. [next] moves
 * on by [step] bytes, four lines or none, after 16 inputs. */
#define ADD_GROUP(n_rows, rows)                                                                    \
    static inline void add_group_##n_rows(const int8_t *a, const int8_t *w, size_t n,              \
                                          const uint8_t *next, size_t step, int32_t *sums)         \
    {                                                                                              \
        __asm__ volatile(                                                                          \
            rows(CLEAR_ROW, 0)                                                                     \
            ".p2align 4\n"                                                                         \
            "1:\n\t"                                                                               \
            DOT_STEP(rows, 0)                                                                      \
            DOT_STEP(rows, 1)                                                                      \
            DOT_STEP(rows, 2)                                                                      \
            DOT_STEP(rows, 3)                                                                      \
            "add $192, %[a]\n\t"                                                                   \
            "add $256, %[w]\n\t"                                                                   \
            "add %[step], %[next]\n\t"                                                             \
            "dec %[n]\n\t"                                                                         \
            "jnz 1b\n\t"                                                                           \
            rows(STORE_ROW, 0)                                                                     \
            : [a] "+r"(a), [w] "+r"(w), [n] "+r"(n), [next] "+r"(next)                             \
            : [step] "r"(step), [sums] "r"(sums)                                                   \
            : "memory", "cc", ALL_YMM);                                                            \
    }

ADD_GROUP(2, ROWS_2)
ADD_GROUP(4, ROWS_4)
ADD_GROUP(6, ROWS_6)
/* clang-format on */

/* c = (float)sum * (a_scale * w_scale) + c. */
static inline void scale_row(const int32_t *sums, float a_scale, const float *w_scales, bool first,
                             float *c)
{
    for (int h = 0; h < NR; h += LANES) {
        const __m256 scale = _mm256_mul_ps(_mm256_set1_ps(a_scale), _mm256_loadu_ps(w_scales + h));
        const __m256 from = first ? _mm256_setzero_ps() : _mm256_loadu_ps(c + h);
        const __m256 sum = _mm256_cvtepi32_ps(_mm256_load_si256((const void *)(sums + h)));
        _mm256_storeu_ps(c + h, _mm256_fmadd_ps(sum, scale, from));
    }
}

/* Rows come by two: what a tile has less is not paid for. */
void gemm_q8_avx2(const struct gemm_q8_args *args)
{
    const size_t group = args->layout->group;
    const int n_rows = (args->n_rows + 1) / 2 * 2;
    const size_t step = args->next ? 16 * GEMM_NEXT_BYTES : 0;
    const uint8_t *next = args->next ? args->next : (const uint8_t *)args->a;
    _Alignas(32) int32_t sums[MR * NR];
    for (size_t g = args->g0; g < args->g1; g++) {
        const int8_t *a = args->a + g * group * MR * 2, *w = args->panel.w + g * group * NR;
        if (n_rows == 6)
            add_group_6(a, w, group / 16, next, step, sums);
        else if (n_rows == 4)
            add_group_4(a, w, group / 16, next, step, sums);
        else
            add_group_2(a, w, group / 16, next, step, sums);
        next += group / 16 * step;
        for (size_t r = 0; r < (size_t)n_rows; r++)
            scale_row(sums + r * NR, args->a_scales[g * MR + r], args->panel.scales + g * NR,
                      args->first && g == args->g0, args->c + r * args->ldc);
    }
}

void gemm_f32_avx2(const struct gemm_f32_args *args)
{
    const __m256 keep = _mm256_castsi256_ps(_mm256_set1_epi32(args->first ? 0 : -1));
    __m256 sums[MR][2];
    UNROLL
    for (int r = 0; r < MR; r++) {
        const float *c = args->c + (size_t)r * args->ldc;
        sums[r][0] = _mm256_and_ps(_mm256_loadu_ps(c), keep);
        sums[r][1] = _mm256_and_ps(_mm256_loadu_ps(c + LANES), keep);
    }
    const float *a = args->a + (size_t)args->k0 * MR, *w = args->w + (size_t)args->k0 * NR;
    for (uint32_t k = args->k0; k < args->k1; k++, a += MR, w += NR) {
        const __m256 w0 = _mm256_loadu_ps(w), w1 = _mm256_loadu_ps(w + LANES);
        UNROLL
        for (int r = 0; r < MR; r++) {
            const __m256 in = _mm256_broadcast_ss(a + r);
            sums[r][0] = _mm256_fmadd_ps(in, w0, sums[r][0]);
            sums[r][1] = _mm256_fmadd_ps(in, w1, sums[r][1]);
        }
    }
    UNROLL
    for (int r = 0; r < MR; r++) {
        float *c = args->c + (size_t)r * args->ldc;
        _mm256_storeu_ps(c, sums[r][0]);
        _mm256_storeu_ps(c + LANES, sums[r][1]);
    }
}
