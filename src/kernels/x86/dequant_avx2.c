/* Unpacking with AVX2; blocks.h has the layouts. Every type is brought to 32 small integers in a
 * register first. */

#include "kernels/blocks.h"
#include "kernels/kernels_list.h"

#include <immintrin.h>

enum { LANES = 8 };

static inline float f16_at(const uint8_t *bytes)
{
    uint16_t half;
    memcpy(&half, bytes, sizeof half);
    return _cvtsh_ss(half);
}

/* to [8] = d * q + m from the low eight signed bytes of q. */
static inline void scale_8(__m128i q, __m256 d, __m256 m, float *to)
{
    _mm256_storeu_ps(to, _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)), m));
}

/* to [16] = d * q + m. */
static inline void scale_16(__m128i q, __m256 d, __m256 m, float *to)
{
    scale_8(q, d, m, to);
    scale_8(_mm_srli_si128(q, 8), d, m, to + LANES);
}

static inline void scale_32(__m256i q, float d, float m, float *to)
{
    const __m256 all_d = _mm256_set1_ps(d), all_m = _mm256_set1_ps(m);
    scale_16(_mm256_castsi256_si128(q), all_d, all_m, to);
    scale_16(_mm256_extracti128_si256(q, 1), all_d, all_m, to + 16);
}

/* 16 bytes of nibbles: the low ones, then the high ones. */
static inline __m256i spread_nibbles(const uint8_t *nibbles)
{
    const __m128i packed = _mm_loadu_si128((const void *)nibbles);
    const __m256i both =
        _mm256_inserti128_si256(_mm256_castsi128_si256(packed), _mm_srli_epi16(packed, 4), 1);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* 16 in byte j where bit j is set. */
static inline __m256i spread_fifth_bits(uint32_t bits)
{
    const __m256i byte_of =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit_of = _mm256_set1_epi64x((long long)0x8040201008040201);
    const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), byte_of);
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit_of), bit_of);
    return _mm256_and_si256(set, _mm256_set1_epi8(16));
}

void dequant_f16_avx2(const void *blocks, float *to, size_t n)
{
    const uint8_t *from = blocks;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(from + 2 * i))));
    for (; i < n; i++)
        to[i] = f16_at(from + 2 * i);
}

void dequant_q8_0_avx2(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 34)
        scale_32(_mm256_loadu_si256((const void *)(block + 2)), f16_at(block), 0, to + i);
}

void dequant_q4_0_avx2(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 18)
        scale_32(_mm256_sub_epi8(spread_nibbles(block + 2), _mm256_set1_epi8(8)), f16_at(block), 0,
                 to + i);
}

void dequant_q4_1_avx2(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 20)
        scale_32(spread_nibbles(block + 4), f16_at(block), f16_at(block + 2), to + i);
}

void dequant_q5_0_avx2(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 22) {
        const __m256i q =
            _mm256_or_si256(spread_nibbles(block + 6), spread_fifth_bits(load_u32(block + 2)));
        scale_32(_mm256_sub_epi8(q, _mm256_set1_epi8(16)), f16_at(block), 0, to + i);
    }
}

void dequant_q5_1_avx2(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 24) {
        const __m256i q =
            _mm256_or_si256(spread_nibbles(block + 8), spread_fifth_bits(load_u32(block + 4)));
        scale_32(q, f16_at(block), f16_at(block + 2), to + i);
    }
}

/* The nibbles of part s of a Q4_K or Q5_K block. */
static inline __m256i part_nibbles(const uint8_t *nibbles, int s)
{
    const __m256i packed = _mm256_loadu_si256((const void *)(nibbles + s / 2 * 32));
    return _mm256_and_si256(s % 2 ? _mm256_srli_epi16(packed, 4) : packed, _mm256_set1_epi8(15));
}

void dequant_q4_k_avx2(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 256, block += 144) {
        const float d = f16_at(block), dmin = f16_at(block + 2);
        uint64_t scales, mins;
        unpack_scales_k(block + 4, &scales, &mins);
        for (int s = 0; s < 8; s++)
            scale_32(part_nibbles(block + 16, s), d * scale_k(scales, s),
                     -(dmin * scale_k(mins, s)), to + i + s * 32);
    }
}

void dequant_q5_k_avx2(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 256, block += 176) {
        const float d = f16_at(block), dmin = f16_at(block + 2);
        uint64_t scales, mins;
        unpack_scales_k(block + 4, &scales, &mins);
        const __m256i high = _mm256_loadu_si256((const void *)(block + 16));
        for (int s = 0; s < 8; s++) {
            const __m256i bit = _mm256_set1_epi8((char)(1 << s));
            const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(high, bit), bit);
            const __m256i fifth = _mm256_and_si256(set, _mm256_set1_epi8(16));
            scale_32(_mm256_or_si256(part_nibbles(block + 48, s), fifth), d * scale_k(scales, s),
                     -(dmin * scale_k(mins, s)), to + i + s * 32);
        }
    }
}

void dequant_q6_k_avx2(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    const __m256i nibble = _mm256_set1_epi8(15), top = _mm256_set1_epi8(0x30);
    const __m256 zero = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 256, block += 210) {
        const float d = f16_at(block + 208);
        for (int part = 0; part < 8; part++) { /* 32 weights: quarter t of half h */
            const int h = part / 4, t = part % 4;
            const __m256i packed = _mm256_loadu_si256((const void *)(block + h * 64 + t % 2 * 32));
            const __m256i high = _mm256_loadu_si256((const void *)(block + 128 + h * 32));
            const __m256i low = t >= 2 ? _mm256_srli_epi16(packed, 4) : packed;
            const __m256i bits =
                t < 2 ? _mm256_slli_epi16(high, 4 - 2 * t) : _mm256_srli_epi16(high, 2 * t - 4);
            const __m256i six =
                _mm256_or_si256(_mm256_and_si256(low, nibble), _mm256_and_si256(bits, top));
            const __m256i q = _mm256_sub_epi8(six, _mm256_set1_epi8(32));
            const int8_t *scales = (const int8_t *)block + 192 + part * 2;
            float *at = to + i + part * 32;
            scale_16(_mm256_castsi256_si128(q), _mm256_set1_ps(d * scales[0]), zero, at);
            scale_16(_mm256_extracti128_si256(q, 1), _mm256_set1_ps(d * scales[1]), zero, at + 16);
        }
    }
}
