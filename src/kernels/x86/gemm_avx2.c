/* GEMM micro-kernels for AVX2: a tile of 6 rows x a panel of 16 outputs.
 *
 * Signed bytes: vpmaddubsw multiplies unsigned by signed ones and adds pairs in 16 bits with
 * saturation. With |w| and a * sign(w) in [-127, 127] a pair is at most 2 * 127 * 127 = 32258, so
 * nothing saturates; it is widened to 32 bits at once. */

#include "kernels/kernels_list.h"

#include <immintrin.h>

enum { MR = 6, NR = 16, LANES = 8, PASS = 3 /* rows at a time: registers allow no more */ };

/* gcc 12 leaves arrays of accumulators in memory unless every loop over them is unrolled early. */
#define UNROLL _Pragma("GCC unroll 8")

/* sums[r][h] += 4 products per lane, over the steps of one group, for PASS rows. */
static inline void add_group(const int8_t *a, const int8_t *w, size_t steps, __m256i sums[PASS][2])
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i local[PASS][2];
    for (int r = 0; r < PASS; r++)
        local[r][0] = local[r][1] = _mm256_setzero_si256();
    for (size_t s = 0; s < steps; s++, a += MR * 4, w += NR * 4) {
        const __m256i w0 = _mm256_loadu_si256((const void *)w);
        const __m256i w1 = _mm256_loadu_si256((const void *)(w + 32));
        const __m256i size0 = _mm256_abs_epi8(w0), size1 = _mm256_abs_epi8(w1);
        for (int r = 0; r < PASS; r++) {
            const __m256i in = _mm256_broadcastd_epi32(_mm_loadu_si32(a + r * 4));
            const __m256i pairs0 = _mm256_maddubs_epi16(size0, _mm256_sign_epi8(in, w0));
            const __m256i pairs1 = _mm256_maddubs_epi16(size1, _mm256_sign_epi8(in, w1));
            local[r][0] = _mm256_add_epi32(local[r][0], _mm256_madd_epi16(pairs0, ones));
            local[r][1] = _mm256_add_epi32(local[r][1], _mm256_madd_epi16(pairs1, ones));
        }
    }
    for (int r = 0; r < PASS; r++) {
        sums[r][0] = local[r][0];
        sums[r][1] = local[r][1];
    }
}

void gemm_q8_avx2(const struct gemm_q8_args *args)
{
    const size_t group = args->layout->group;
    for (size_t g = args->g0; g < args->g1; g++) {
        const bool first = args->first && g == args->g0;
        const float *w_scales = args->panel.scales + g * NR;
        for (size_t pass = 0; pass < MR; pass += PASS) {
            __m256i sums[PASS][2];
            add_group(args->a + g * group * MR + pass * 4, args->panel.w + g * group * NR,
                      group / 4, sums);
            for (size_t r = 0; r < PASS; r++) {
                float *c = args->c + (pass + r) * args->ldc;
                const __m256 a_scale = _mm256_broadcast_ss(args->a_scales + g * MR + pass + r);
                for (size_t h = 0; h < 2; h++) {
                    const __m256 scale =
                        _mm256_mul_ps(a_scale, _mm256_loadu_ps(w_scales + h * LANES));
                    const __m256 from =
                        first ? _mm256_setzero_ps() : _mm256_loadu_ps(c + h * LANES);
                    _mm256_storeu_ps(c + h * LANES,
                                     _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[r][h]), scale, from));
                }
            }
        }
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
