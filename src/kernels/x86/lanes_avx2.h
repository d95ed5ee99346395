#ifndef KERNELS_LANES_AVX2_H
#define KERNELS_LANES_AVX2_H
/* The lanes of unpack_lanes.inc on AVX2: 8 rows, one to each 32-bit lane. lanes_avx512.h says what
 * is not obvious. */

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 8 };
typedef __m256i lanes;
typedef __m256 lanes_float;

static inline lanes lanes_load(const void *from)
{
    return _mm256_load_si256(from);
}

static inline void lanes_store(void *to, lanes a)
{
    _mm256_storeu_si256(to, a);
}

static inline lanes lanes_set_32(int32_t a)
{
    return _mm256_set1_epi32(a);
}

static inline lanes lanes_and(lanes a, lanes b)
{
    return _mm256_and_si256(a, b);
}

static inline lanes lanes_or(lanes a, lanes b)
{
    return _mm256_or_si256(a, b);
}

static inline lanes lanes_shift_left(lanes a, unsigned n)
{
    return _mm256_slli_epi32(a, (int)n);
}

static inline lanes lanes_shift_right(lanes a, unsigned n)
{
    return _mm256_srli_epi32(a, (int)n);
}

static inline lanes lanes_shift_right_signed(lanes a, unsigned n)
{
    return _mm256_srai_epi32(a, (int)n);
}

static inline lanes lanes_add_8(lanes a, lanes b)
{
    return _mm256_add_epi8(a, b);
}

static inline lanes lanes_add_16(lanes a, lanes b)
{
    return _mm256_add_epi16(a, b);
}

static inline lanes lanes_sub_8(lanes a, lanes b)
{
    return _mm256_sub_epi8(a, b);
}

static inline lanes lanes_sub_16(lanes a, lanes b)
{
    return _mm256_sub_epi16(a, b);
}

static inline lanes lanes_sub_32(lanes a, lanes b)
{
    return _mm256_sub_epi32(a, b);
}

static inline lanes lanes_abs_16(lanes a)
{
    return _mm256_abs_epi16(a);
}

static inline lanes lanes_max_16(lanes a, lanes b)
{
    return _mm256_max_epi16(a, b);
}

static inline lanes lanes_max_32(lanes a, lanes b)
{
    return _mm256_max_epi32(a, b);
}

static inline lanes lanes_min_32(lanes a, lanes b)
{
    return _mm256_min_epi32(a, b);
}

static inline lanes lanes_scale_16(lanes a, lanes b)
{
    return _mm256_mulhrs_epi16(a, b);
}

static inline lanes lanes_both_words(lanes a)
{
    const lanes order = _mm256_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13, 0, 1,
                                         0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13);
    return _mm256_shuffle_epi8(a, order);
}

static inline lanes lanes_times_sum_16(int n, lanes a)
{
    return _mm256_madd_epi16(a, _mm256_set1_epi16((short)n));
}

/* The halves of every lane exchanged. */
static inline lanes lanes_swap(lanes a)
{
    const lanes order = _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3,
                                         0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    return _mm256_shuffle_epi8(a, order);
}

static inline lanes lanes_halves_8(lanes a)
{
    const lanes other = lanes_swap(a);
    return _mm256_blend_epi16(_mm256_add_epi8(a, other), _mm256_sub_epi8(other, a), 0xaa);
}

static inline lanes lanes_halves_16(lanes a)
{
    const lanes other = lanes_swap(a);
    return _mm256_blend_epi16(_mm256_add_epi16(a, other), _mm256_sub_epi16(other, a), 0xaa);
}

static inline void lanes_widen(lanes a, int unit, lanes *sum, lanes *difference)
{
    const lanes alternating = _mm256_set1_epi16((short)(unit - (unit << 8)));
    const lanes offset = _mm256_xor_si256(a, _mm256_set1_epi8((char)128));
    *sum = _mm256_maddubs_epi16(_mm256_set1_epi8((char)unit), a);
    *difference = _mm256_maddubs_epi16(offset, alternating);
}

static inline lanes lanes_merge(lanes a, lanes b)
{
    const lanes low = _mm256_and_si256(a, _mm256_set1_epi16(255));
    return _mm256_or_si256(low, _mm256_slli_epi16(b, 8));
}

static inline lanes lanes_or_bits(lanes a, lanes bits, int n, int bit)
{
    const lanes first = _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0, 0x04040404,
                                          0x08080808, 0x0c0c0c0c);
    const lanes order = _mm256_add_epi8(first, _mm256_set1_epi8((char)(n / 2)));
    const lanes masks = _mm256_set1_epi32(n % 2 ? (int)0x80402010 : 0x08040201);
    const lanes some = _mm256_and_si256(_mm256_shuffle_epi8(bits, order), masks);
    const lanes set = _mm256_cmpeq_epi8(some, masks);
    return _mm256_or_si256(a, _mm256_and_si256(set, _mm256_set1_epi8((char)bit)));
}

static inline lanes load_two(const uint8_t *low, const uint8_t *high)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)low)),
                                   _mm_loadu_si128((const void *)high), 1);
}

static inline void lanes_load_units(const uint8_t *const rows[LANES], size_t offset, lanes units[4])
{
    const lanes a = load_two(rows[0] + offset, rows[4] + offset);
    const lanes b = load_two(rows[1] + offset, rows[5] + offset);
    const lanes c = load_two(rows[2] + offset, rows[6] + offset);
    const lanes d = load_two(rows[3] + offset, rows[7] + offset);
    const lanes ab_low = _mm256_unpacklo_epi32(a, b), ab_high = _mm256_unpackhi_epi32(a, b);
    const lanes cd_low = _mm256_unpacklo_epi32(c, d), cd_high = _mm256_unpackhi_epi32(c, d);
    units[0] = _mm256_unpacklo_epi64(ab_low, cd_low);
    units[1] = _mm256_unpackhi_epi64(ab_low, cd_low);
    units[2] = _mm256_unpacklo_epi64(ab_high, cd_high);
    units[3] = _mm256_unpackhi_epi64(ab_high, cd_high);
}

static inline lanes lanes_at_least(lanes a, int32_t limit)
{
    return _mm256_cmpgt_epi32(a, _mm256_set1_epi32(limit - 1));
}

static inline void lanes_load_8_units(const uint8_t *const rows[LANES], size_t offset,
                                      lanes units[8])
{
    lanes_load_units(rows, offset, units);
    lanes_load_units(rows, offset + 16, units + 4);
}

static inline bool lanes_any(lanes a)
{
    return !_mm256_testz_si256(a, a);
}

static inline lanes lanes_join(const lanes parts[4])
{
    const lanes bytes = _mm256_set1_epi32(255);
    const lanes low = _mm256_or_si256(_mm256_and_si256(parts[0], bytes),
                                      _mm256_slli_epi32(_mm256_and_si256(parts[1], bytes), 8));
    const lanes high =
        _mm256_or_si256(_mm256_and_si256(parts[2], bytes), _mm256_slli_epi32(parts[3], 8));
    return _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa);
}

static inline lanes lanes_add_offset(lanes a, lanes bytes)
{
    const lanes pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
    return _mm256_add_epi32(a, _mm256_madd_epi16(pairs, _mm256_set1_epi16(128)));
}

static inline lanes_float lanes_float_set(float a)
{
    return _mm256_set1_ps(a);
}

static inline lanes_float lanes_float_of(lanes a)
{
    return _mm256_cvtepi32_ps(a);
}

static inline lanes_float lanes_as_float(lanes a)
{
    return _mm256_castsi256_ps(a);
}

static inline lanes lanes_as_bits(lanes_float a)
{
    return _mm256_castps_si256(a);
}

static inline lanes lanes_round(lanes_float a)
{
    return _mm256_cvtps_epi32(a);
}

static inline lanes lanes_truncate(lanes_float a)
{
    return _mm256_cvttps_epi32(a);
}

static inline lanes_float lanes_half(lanes low_words)
{
    const lanes words = _mm256_and_si256(low_words, _mm256_set1_epi32(0xffff));
    const __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
    return _mm256_cvtph_ps(_mm_packus_epi32(low, high));
}

static inline lanes_float lanes_float_add(lanes_float a, lanes_float b)
{
    return _mm256_add_ps(a, b);
}

static inline lanes_float lanes_float_sub(lanes_float a, lanes_float b)
{
    return _mm256_sub_ps(a, b);
}

static inline lanes_float lanes_float_mul(lanes_float a, lanes_float b)
{
    return _mm256_mul_ps(a, b);
}

static inline lanes_float lanes_float_div(lanes_float a, lanes_float b)
{
    return _mm256_div_ps(a, b);
}

static inline void lanes_float_store(float *to, lanes_float a)
{
    _mm256_storeu_ps(to, a);
}

#endif
