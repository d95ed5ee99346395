#ifndef KERNELS_ROTATE_AVX512_H
#define KERNELS_ROTATE_AVX512_H
/* Rotating and rounding 64 floats that follow each other, and transposing rows of bytes: what rows
 * of activations and of float weights share on AVX-512. quantize_row_c has the meaning. */

#include <immintrin.h>
#include <stdint.h>

static inline void butterfly(__m512 *a, __m512 *b)
{
    const __m512 sum = _mm512_add_ps(*a, *b);
    *b = _mm512_sub_ps(*a, *b);
    *a = sum;
}

/* A vector's own stages, h = 1, 2, 4, 8: every lane and its partner. Lanes of a pair's second half
 * get first - second: an fma by +-1 rounds as the addition and the subtraction do. */
static inline __m512 rotate_vector(__m512 v)
{
    const __m512 sign_1 = _mm512_mask_blend_ps(0xaaaa, _mm512_set1_ps(1), _mm512_set1_ps(-1));
    const __m512 sign_2 = _mm512_mask_blend_ps(0xcccc, _mm512_set1_ps(1), _mm512_set1_ps(-1));
    const __m512 sign_4 = _mm512_mask_blend_ps(0xf0f0, _mm512_set1_ps(1), _mm512_set1_ps(-1));
    const __m512 sign_8 = _mm512_mask_blend_ps(0xff00, _mm512_set1_ps(1), _mm512_set1_ps(-1));
    v = _mm512_fmadd_ps(v, sign_1, _mm512_permute_ps(v, 0xb1));
    v = _mm512_fmadd_ps(v, sign_2, _mm512_permute_ps(v, 0x4e));
    v = _mm512_fmadd_ps(v, sign_4, _mm512_shuffle_f32x4(v, v, 0xb1));
    return _mm512_fmadd_ps(v, sign_8, _mm512_shuffle_f32x4(v, v, 0x4e));
}

/* Rotates the 64 values of v to y; returns [max] or the lanes' larger |y|, as bits. */
static inline __m512i rotate_64(__m512 v[4], float *y, __m512i max)
{
    for (int i = 0; i < 4; i++)
        v[i] = rotate_vector(v[i]);
    butterfly(&v[0], &v[1]);
    butterfly(&v[2], &v[3]);
    butterfly(&v[0], &v[2]);
    butterfly(&v[1], &v[3]);
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    for (int i = 0; i < 4; i++) {
        _mm512_store_ps(y + i * 16, v[i]);
        max = _mm512_max_epu32(max, _mm512_and_si512(_mm512_castps_si512(v[i]), magnitude));
    }
    return max;
}

/* v [64] * factor, rounded to bytes: four neighbours stay together, four of them lie as a matrix of
 * 4 x 4 would when transposed. */
static inline __m512i pack_64(const float *v, __m512 factor)
{
    __m512i part[4];
    for (int i = 0; i < 4; i++)
        part[i] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_load_ps(v + i * 16), factor));
    const __m512i low = _mm512_packs_epi32(part[0], part[1]);
    const __m512i high = _mm512_packs_epi32(part[2], part[3]);
    return _mm512_packs_epi16(low, high);
}

static inline void round_group(const float *v, float factor, uint32_t group, int8_t *q)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    for (uint32_t i = 0; i < group; i += 64) {
        const __m512i bytes = pack_64(v + i, _mm512_set1_ps(factor));
        _mm512_storeu_si512(q + i, _mm512_permutexvar_epi32(order, bytes));
    }
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

#endif
