/* Rotating, rounding and laying out rows with AVX2. */

#include "kernels/kernels_list.h"
#include "kernels/quantize.h"
#include "kernels/x86/pack_avx2.h"

enum { LANES = 8 };

/* A vector's own stages, h = 1, 2, 4. Lanes of a pair's second half get first - second: an fma by
 * +-1 rounds as the addition and the subtraction do. */
static inline __m256 load_rotated(const float *x)
{
    const __m256 sign_1 = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1);
    const __m256 sign_2 = _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1);
    const __m256 sign_4 = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1);
    const __m256 in = _mm256_loadu_ps(x);
    __m256 v = _mm256_fmadd_ps(_mm256_movehdup_ps(in), sign_1, _mm256_moveldup_ps(in));
    v = _mm256_fmadd_ps(v, sign_2, _mm256_permute_ps(v, 0x4e));
    return _mm256_fmadd_ps(v, sign_4, _mm256_permute2f128_ps(v, v, 1));
}

/* Stages between registers [h] apart. */
static inline void stage(__m256 v[8], int h)
{
    for (int i = 0; i < 8; i++) {
        if (i & h)
            continue;
        const __m256 a = v[i], b = v[i + h];
        v[i] = _mm256_add_ps(a, b);
        v[i + h] = _mm256_sub_ps(a, b);
    }
}

/* Rotates x [64] to y. */
static inline void rotate(const float *x, float *y)
{
    __m256 v[8];
    for (int i = 0; i < 8; i++)
        v[i] = load_rotated(x + i * LANES);
    stage(v, 1);
    stage(v, 2);
    stage(v, 4);
    for (int i = 0; i < 8; i++)
        _mm256_store_ps(y + i * LANES, v[i]);
}

/* The largest |v| as bits. */
static uint32_t largest(const float *v, size_t n)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i max = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += LANES) {
        const __m256i bits = _mm256_load_si256((const void *)(v + i));
        max = _mm256_max_epu32(max, _mm256_and_si256(bits, magnitude));
    }
    __m128i four = _mm_max_epu32(_mm256_castsi256_si128(max), _mm256_extracti128_si256(max, 1));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(four);
}

/* Rounds v [32] * factor to q. */
static inline void round_32(const float *v, __m256 factor, int8_t *q)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i part[4];
    for (int i = 0; i < 4; i++)
        part[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_load_ps(v + i * LANES), factor));
    const __m256i low = _mm256_packs_epi32(part[0], part[1]);
    const __m256i high = _mm256_packs_epi32(part[2], part[3]);
    const __m256i bytes = _mm256_packs_epi16(low, high);
    _mm256_storeu_si256((void *)q, _mm256_permutevar8x32_epi32(bytes, order));
}

bool quantize_row_avx2(const struct quant_layout *layout, const float *x, int8_t *q, float *scales)
{
    const uint32_t group = layout->group;
    bool finite = true;
    for (uint32_t g = 0; g < layout->n_groups; g++) {
        const uint32_t begin = g * group, n = quantize_inputs(layout, begin);
        _Alignas(32) float v[QUANTIZE_GROUP_LIMIT];
        float padded[QUANTIZE_GROUP_LIMIT];
        const float *from = x + begin;
        if (n < group) {
            memset(padded, 0, sizeof padded);
            memcpy(padded, from, n * sizeof *padded);
            from = padded;
        }
        for (uint32_t i = 0; i < group; i += QUANTIZE_LENGTH)
            rotate(from + i, v + i);
        float factor;
        finite &= quantize_scale(largest(v, group), &factor, &scales[g]);
        for (uint32_t i = 0; i < group; i += 32)
            round_32(v + i, _mm256_set1_ps(factor), q + begin + i);
    }
    return finite;
}

void pack_tile_q8_avx2(const struct quant_layout *layout, int n_rows, const int8_t *q,
                       const float *scales, int8_t *tile_q, float *tile_scales)
{
    for (size_t k = 0; k < layout->k_pad; k += 32) {
        __m256i units[8];
        load_transposed(q + k, layout->k_pad, n_rows, units);
        for (size_t u = 0; u < 8; u++) {
            const __m256i odd = _mm256_srai_epi16(units[u], 8);
            const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(units[u], 8), 8);
            const __m256i rows_0145 = _mm256_unpacklo_epi32(even, odd);
            const __m256i rows_2367 = _mm256_unpackhi_epi32(even, odd);
            __m128i *to = (void *)(tile_q + (k / 4 + u) * YMM_MR * 8);
            _mm_storeu_si128(to, _mm256_castsi256_si128(rows_0145));
            _mm_storeu_si128(to + 1, _mm256_castsi256_si128(rows_2367));
            _mm_storeu_si128(to + 2, _mm256_extracti128_si256(rows_0145, 1));
        }
    }
    pack_scales_ymm(layout, n_rows, scales, tile_scales);
}
