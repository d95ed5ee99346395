/* Rotating, rounding and laying out rows with AVX-512. */

#include "kernels/kernels_list.h"
#include "kernels/quantize.h"

#include <immintrin.h>

enum { MR = 12, LANES = 16, OFFSET = 128 };

static inline void butterfly(__m512 *a, __m512 *b)
{
    const __m512 sum = _mm512_add_ps(*a, *b);
    *b = _mm512_sub_ps(*a, *b);
    *a = sum;
}

/* A vector's own stages, h = 1, 2, 4, 8, from memory. Lanes of a pair's second half get first -
 * second: an fma by +-1 rounds as the addition and the subtraction do. */
static inline __m512 load_rotated(const float *x)
{
    const __m512 sign_1 = _mm512_castsi512_ps(_mm512_set1_epi64((long long)0xbf8000003f800000));
    const __m512 sign_2 = _mm512_mask_blend_ps(0xcccc, _mm512_set1_ps(1), _mm512_set1_ps(-1));
    const __m512 sign_4 = _mm512_mask_blend_ps(0xf0f0, _mm512_set1_ps(1), _mm512_set1_ps(-1));
    const __m512 sign_8 = _mm512_mask_blend_ps(0xff00, _mm512_set1_ps(1), _mm512_set1_ps(-1));
    const __m512 in = _mm512_loadu_ps(x);
    __m512 v = _mm512_fmadd_ps(_mm512_movehdup_ps(in), sign_1, _mm512_moveldup_ps(in));
    v = _mm512_fmadd_ps(v, sign_2, _mm512_permute_ps(v, 0x4e));
    v = _mm512_fmadd_ps(v, sign_4, _mm512_shuffle_f32x4(v, v, 0xb1));
    return _mm512_fmadd_ps(v, sign_8, _mm512_shuffle_f32x4(v, v, 0x4e));
}

/* Rotates x [64] to y; returns the lanes' largest |y| as bits. */
static inline __m512i rotate(const float *x, float *y)
{
    enum { N = QUANTIZE_LENGTH / LANES };
    __m512 v[N];
    for (int i = 0; i < N; i++)
        v[i] = load_rotated(x + i * LANES);
    butterfly(&v[0], &v[1]);
    butterfly(&v[2], &v[3]);
    butterfly(&v[0], &v[2]);
    butterfly(&v[1], &v[3]);
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i max = _mm512_setzero_si512();
    for (int i = 0; i < N; i++) {
        _mm512_store_ps(y + i * LANES, v[i]);
        max = _mm512_max_epu32(max, _mm512_and_si512(_mm512_castps_si512(v[i]), magnitude));
    }
    return max;
}

/* Rounds v [64] * factor to q. */
static inline void round_64(const float *v, __m512 factor, int8_t *q)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i part[4];
    for (int i = 0; i < 4; i++)
        part[i] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_load_ps(v + i * LANES), factor));
    const __m512i low = _mm512_packs_epi32(part[0], part[1]);
    const __m512i high = _mm512_packs_epi32(part[2], part[3]);
    const __m512i bytes = _mm512_packs_epi16(low, high);
    _mm512_storeu_si512(q, _mm512_permutexvar_epi32(order, bytes));
}

/* Rotates group [g] of x to v [group] and finds its scale and the factor from v to int8. */
static inline bool rotate_group(const struct quant_layout *layout, const float *x, uint32_t g,
                                float *v, float *factor, float *scale)
{
    const uint32_t group = layout->group;
    const uint32_t n = quantize_inputs(layout, g * group);
    const float *from = x + g * group;
    float padded[QUANTIZE_GROUP_LIMIT];
    if (n < group) {
        memset(padded, 0, sizeof padded);
        memcpy(padded, from, n * sizeof *padded);
        from = padded;
    }
    __m512i max = _mm512_setzero_si512();
    for (uint32_t i = 0; i < group; i += QUANTIZE_LENGTH)
        max = _mm512_max_epu32(max, rotate(from + i, v + i));
    return quantize_scale(_mm512_reduce_max_epu32(max), factor, scale);
}

static inline void round_group(const float *v, float factor, uint32_t group, int8_t *q)
{
    for (uint32_t i = 0; i < group; i += 64)
        round_64(v + i, _mm512_set1_ps(factor), q + i);
}

/* A group is rounded after the next one was rotated: the division that it waits for takes as long
 * as half a rotation. */
bool quantize_row_avx512(const struct quant_layout *layout, const float *x, int8_t *q,
                         float *scales)
{
    const uint32_t group = layout->group, last = layout->n_groups - 1;
    _Alignas(64) float v[2][QUANTIZE_GROUP_LIMIT];
    float factors[2];
    bool finite = rotate_group(layout, x, 0, v[0], &factors[0], &scales[0]);
    for (uint32_t g = 1; g <= last; g++) {
        finite &= rotate_group(layout, x, g, v[g % 2], &factors[g % 2], &scales[g]);
        round_group(v[(g - 1) % 2], factors[(g - 1) % 2], group, q + (g - 1) * group);
    }
    round_group(v[last % 2], factors[last % 2], group, q + last * group);
    return finite;
}

/* Transposes 16 x 16 units of 4 bytes in place: afterwards rows[i] has unit i of every row. */
static inline void transpose(__m512i rows[16])
{
    __m512i pairs[16], quads[16];
    for (int i = 0; i < 16; i += 2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    /* quads[4b + u]: in every 128-bit lane l, unit 4l + u of the rows 4b .. 4b + 3 */
    for (int b = 0; b < 16; b += 4) {
        quads[b] = _mm512_unpacklo_epi64(pairs[b], pairs[b + 2]);
        quads[b + 1] = _mm512_unpackhi_epi64(pairs[b], pairs[b + 2]);
        quads[b + 2] = _mm512_unpacklo_epi64(pairs[b + 1], pairs[b + 3]);
        quads[b + 3] = _mm512_unpackhi_epi64(pairs[b + 1], pairs[b + 3]);
    }
    for (int u = 0; u < 4; u++) {
        const __m512i low_01 = _mm512_shuffle_i32x4(quads[u], quads[u + 4], 0x44);
        const __m512i high_01 = _mm512_shuffle_i32x4(quads[u], quads[u + 4], 0xee);
        const __m512i low_23 = _mm512_shuffle_i32x4(quads[u + 8], quads[u + 12], 0x44);
        const __m512i high_23 = _mm512_shuffle_i32x4(quads[u + 8], quads[u + 12], 0xee);
        rows[u] = _mm512_shuffle_i32x4(low_01, low_23, 0x88);
        rows[u + 4] = _mm512_shuffle_i32x4(low_01, low_23, 0xdd);
        rows[u + 8] = _mm512_shuffle_i32x4(high_01, high_23, 0x88);
        rows[u + 12] = _mm512_shuffle_i32x4(high_01, high_23, 0xdd);
    }
}

/* 64 bytes of [n_rows] <= 16 rows that lie [stride] apart, the others zero, transposed. */
static inline void load_transposed(const int8_t *q, size_t stride, int n_rows, __m512i units[16])
{
    for (int r = 0; r < 16; r++)
        units[r] = r < n_rows ? _mm512_loadu_si512(q + (size_t)r * stride) : _mm512_setzero_si512();
    transpose(units);
}

void pack_tile_q8_avx512(const struct quant_layout *layout, int n_rows, const int8_t *q,
                         const float *scales, int8_t *tile_q, float *tile_scales)
{
    const size_t k_pad = layout->k_pad, n_groups = layout->n_groups;
    const __m512i offset = _mm512_set1_epi8((char)OFFSET);
    for (size_t k = 0; k < k_pad; k += 64) {
        __m512i units[16];
        load_transposed(q + k, k_pad, n_rows, units);
        for (size_t u = 0; u < 16; u++)
            _mm512_mask_storeu_epi32(tile_q + (k / 4 + u) * MR * 4, 0x0fff,
                                     _mm512_xor_si512(units[u], offset));
    }
    for (size_t g = 0; g < n_groups; g++) {
        for (size_t r = 0; r < MR; r++)
            tile_scales[g * MR + r] = r < (size_t)n_rows ? scales[r * n_groups + g] : 0;
    }
}
