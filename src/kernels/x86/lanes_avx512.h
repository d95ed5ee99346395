#ifndef KERNELS_LANES_AVX512_H
#define KERNELS_LANES_AVX512_H
/* The lanes of unpack_lanes.inc on AVX-512: 16 rows, one to each 32-bit lane. */

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 16 };
typedef __m512i lanes;
typedef __m512 lanes_float;

static inline lanes lanes_load(const void *from)
{
    return _mm512_load_si512(from);
}

static inline void lanes_store(void *to, lanes a)
{
    _mm512_storeu_si512(to, a);
}

static inline lanes lanes_set_32(int32_t a)
{
    return _mm512_set1_epi32(a);
}

static inline lanes lanes_and(lanes a, lanes b)
{
    return _mm512_and_si512(a, b);
}

static inline lanes lanes_or(lanes a, lanes b)
{
    return _mm512_or_si512(a, b);
}

static inline lanes lanes_shift_left(lanes a, unsigned n)
{
    return _mm512_slli_epi32(a, n);
}

static inline lanes lanes_shift_right(lanes a, unsigned n)
{
    return _mm512_srli_epi32(a, n);
}

static inline lanes lanes_shift_right_signed(lanes a, unsigned n)
{
    return _mm512_srai_epi32(a, n);
}

static inline lanes lanes_add_8(lanes a, lanes b)
{
    return _mm512_add_epi8(a, b);
}

static inline lanes lanes_sub_8(lanes a, lanes b)
{
    return _mm512_sub_epi8(a, b);
}

static inline lanes lanes_add_16(lanes a, lanes b)
{
    return _mm512_add_epi16(a, b);
}

static inline lanes lanes_sub_16(lanes a, lanes b)
{
    return _mm512_sub_epi16(a, b);
}

static inline lanes lanes_sub_32(lanes a, lanes b)
{
    return _mm512_sub_epi32(a, b);
}

static inline lanes lanes_abs_16(lanes a)
{
    return _mm512_abs_epi16(a);
}

static inline lanes lanes_max_16(lanes a, lanes b)
{
    return _mm512_max_epi16(a, b);
}

static inline lanes lanes_max_32(lanes a, lanes b)
{
    return _mm512_max_epi32(a, b);
}

static inline lanes lanes_min_32(lanes a, lanes b)
{
    return _mm512_min_epi32(a, b);
}

/* The low word in both. */
static inline lanes lanes_both_words(lanes a)
{
    return _mm512_shuffle_epi8(a,
                               _mm512_set4_epi32(0x0d0c0d0c, 0x09080908, 0x05040504, 0x01000100));
}

/* n * (low + high) of a lane's words. */
static inline lanes lanes_times_sum_16(int n, lanes a)
{
    return _mm512_madd_epi16(a, _mm512_set1_epi16((short)n));
}

/* (a * b + 2^14) >> 15 of words. */
static inline lanes lanes_scale_16(lanes a, lanes b)
{
    return _mm512_mulhrs_epi16(a, b);
}

/* The stage between a lane's words: (low + high, low - high), of their bytes or of the words. */
static inline lanes lanes_halves_8(lanes a)
{
    const lanes other = _mm512_rol_epi32(a, 16);
    return _mm512_mask_sub_epi8(_mm512_add_epi8(a, other), 0xcccccccccccccccc, other, a);
}

static inline lanes lanes_halves_16(lanes a)
{
    const lanes other = _mm512_rol_epi32(a, 16);
    return _mm512_mask_sub_epi16(_mm512_add_epi16(a, other), 0xaaaaaaaa, other, a);
}

/* The stage between the bytes of words, signed, widened and times [unit]. */
static inline void lanes_widen(lanes a, int unit, lanes *sum, lanes *difference)
{
    const lanes alternating = _mm512_set1_epi16((short)(unit - (unit << 8)));
    const lanes offset = _mm512_xor_si512(a, _mm512_set1_epi8((char)128));
    *sum = _mm512_maddubs_epi16(_mm512_set1_epi8((char)unit), a);
    *difference = _mm512_maddubs_epi16(offset, alternating);
}

/* The low bytes of the words of both: a's at even places, b's at odd ones. */
static inline lanes lanes_merge(lanes a, lanes b)
{
    const lanes order = _mm512_set4_epi32(0x0e0e0c0c, 0x0a0a0808, 0x06060404, 0x02020000);
    return _mm512_mask_shuffle_epi8(a, 0xaaaaaaaaaaaaaaaa, b, order);
}

/* Sets [bit] of byte i of every lane where bit i + 4 * n of [bits]' lane is set. */
static inline lanes lanes_or_bits(lanes a, lanes bits, int n, int bit)
{
    /* Entry i: [bit] in byte j where i has bit j; a lane's lowest four bits choose. */
    const lanes set = _mm512_maskz_set1_epi8(0xfedcba9876543210, (char)bit);
    return lanes_or(a, _mm512_permutexvar_epi32(lanes_shift_right(bits, (unsigned)(4 * n)), set));
}

static inline lanes lanes_insert(lanes a, __mmask16 part, const void *from)
{
    return _mm512_mask_broadcast_i32x4(a, part, _mm_loadu_si128(from));
}

/* 16 bytes of every row, transposed: units[u] has bytes 4u .. 4u + 3 of each. */
static inline void lanes_load_units(const uint8_t *const rows[LANES], size_t offset, lanes units[4])
{
    lanes four[4], pairs[4];
    for (int i = 0; i < 4; i++) {
        four[i] = _mm512_castsi128_si512(_mm_loadu_si128((const void *)(rows[i] + offset)));
        four[i] = lanes_insert(four[i], 0x00f0, rows[i + 4] + offset);
        four[i] = lanes_insert(four[i], 0x0f00, rows[i + 8] + offset);
        four[i] = lanes_insert(four[i], 0xf000, rows[i + 12] + offset);
    }
    pairs[0] = _mm512_unpacklo_epi32(four[0], four[1]);
    pairs[1] = _mm512_unpackhi_epi32(four[0], four[1]);
    pairs[2] = _mm512_unpacklo_epi32(four[2], four[3]);
    pairs[3] = _mm512_unpackhi_epi32(four[2], four[3]);
    units[0] = _mm512_unpacklo_epi64(pairs[0], pairs[2]);
    units[1] = _mm512_unpackhi_epi64(pairs[0], pairs[2]);
    units[2] = _mm512_unpacklo_epi64(pairs[1], pairs[3]);
    units[3] = _mm512_unpackhi_epi64(pairs[1], pairs[3]);
}

/* 32 bytes of every row, likewise: half as many loads. */
static inline void lanes_load_8_units(const uint8_t *const rows[LANES], size_t offset,
                                      lanes units[8])
{
    lanes two[8], pairs[8];
    for (int i = 0; i < 8; i++) { /* rows i and i + 4; 4 + i and .. */
        const int r = i + (i & 4);
        two[i] = _mm512_inserti64x4(
            _mm512_castsi256_si512(_mm256_loadu_si256((const void *)(rows[r] + offset))),
            _mm256_loadu_si256((const void *)(rows[r + 4] + offset)), 1);
    }
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm512_unpacklo_epi32(two[i], two[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(two[i], two[i + 1]);
    }
    for (int i = 0; i < 4; i++) { /* units i and i + 4 of rows 0 .. 7 and of the others */
        const int p = i / 2;
        const lanes a = i % 2 ? _mm512_unpackhi_epi64(pairs[p], pairs[p + 2])
                              : _mm512_unpacklo_epi64(pairs[p], pairs[p + 2]);
        const lanes b = i % 2 ? _mm512_unpackhi_epi64(pairs[p + 4], pairs[p + 6])
                              : _mm512_unpacklo_epi64(pairs[p + 4], pairs[p + 6]);
        units[i] = _mm512_shuffle_i32x4(a, b, 0x88);
        units[i + 4] = _mm512_shuffle_i32x4(a, b, 0xdd);
    }
}

/* All bits of the lanes that are at least [limit]. */
static inline lanes lanes_at_least(lanes a, int32_t limit)
{
    return _mm512_movm_epi32(_mm512_cmpge_epi32_mask(a, _mm512_set1_epi32(limit)));
}

/* Is any lane not zero? */
static inline bool lanes_any(lanes a)
{
    return _mm512_test_epi32_mask(a, a) != 0;
}

/* The low bytes of four, in this order. */
static inline lanes lanes_join(const lanes parts[4])
{
    const lanes low =
        _mm512_mask_mov_epi8(_mm512_slli_epi32(parts[1], 8), 0x1111111111111111, parts[0]);
    const lanes high =
        _mm512_mask_mov_epi8(_mm512_slli_epi32(parts[3], 8), 0x1111111111111111, parts[2]);
    return _mm512_mask_blend_epi16(0xaaaaaaaa, low, _mm512_slli_epi32(high, 16));
}

/* a + 128 times the sum of the lane's signed bytes. */
static inline lanes lanes_add_offset(lanes a, lanes bytes)
{
    return _mm512_dpbusd_epi32(a, _mm512_set1_epi8((char)128), bytes);
}

static inline lanes_float lanes_float_set(float a)
{
    return _mm512_set1_ps(a);
}

static inline lanes_float lanes_float_of(lanes a)
{
    return _mm512_cvtepi32_ps(a);
}

/* The same bits. */
static inline lanes_float lanes_as_float(lanes a)
{
    return _mm512_castsi512_ps(a);
}

static inline lanes lanes_as_bits(lanes_float a)
{
    return _mm512_castps_si512(a);
}

/* To nearest even; toward zero. */
static inline lanes lanes_round(lanes_float a)
{
    return _mm512_cvtps_epi32(a);
}

static inline lanes lanes_truncate(lanes_float a)
{
    return _mm512_cvttps_epi32(a);
}

static inline lanes_float lanes_half(lanes low_words) /* f16 in the low half of every lane */
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(low_words));
}

static inline lanes_float lanes_float_add(lanes_float a, lanes_float b)
{
    return _mm512_add_ps(a, b);
}

static inline lanes_float lanes_float_sub(lanes_float a, lanes_float b)
{
    return _mm512_sub_ps(a, b);
}

static inline lanes_float lanes_float_mul(lanes_float a, lanes_float b)
{
    return _mm512_mul_ps(a, b);
}

static inline lanes_float lanes_float_div(lanes_float a, lanes_float b)
{
    return _mm512_div_ps(a, b);
}

static inline void lanes_float_store(float *to, lanes_float a)
{
    _mm512_storeu_ps(to, a);
}

#endif
