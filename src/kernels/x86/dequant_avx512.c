/* Unpacking with AVX-512; blocks.h has the layouts. Weights of 4 bits are looked up: vpermps takes
 * one of 16 floats by the low four bits of an index, so a table of a block's 16 possible values
 * replaces masking, converting and multiplying. */

#include "kernels/blocks.h"
#include "kernels/kernels_list.h"

#include <immintrin.h>

enum { LANES = 16 };

static inline __m512 numbers(void)
{
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

static inline __mmask16 tail_mask(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

/* The f16 number at [bytes] in all lanes. */
static inline __m512 broadcast_f16(const uint8_t *bytes)
{
    uint16_t half;
    memcpy(&half, bytes, sizeof half);
    return _mm512_cvtph_ps(_mm256_set1_epi16((short)half));
}

static inline __m512i widen_u8(const void *bytes)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(bytes));
}

void dequant_f16_avx512(const void *blocks, float *to, size_t n)
{
    const uint16_t *from = blocks;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm512_storeu_ps(to + i, _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(from + i))));
    if (i < n) {
        const __mmask16 mask = tail_mask(n - i);
        _mm512_mask_storeu_ps(to + i, mask,
                              _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, from + i)));
    }
}

static inline __m512 widen_bf16(__m256i halves)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

void dequant_bf16_avx512(const void *blocks, float *to, size_t n)
{
    const uint16_t *from = blocks;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm512_storeu_ps(to + i, widen_bf16(_mm256_loadu_si256((const void *)(from + i))));
    if (i < n) {
        const __mmask16 mask = tail_mask(n - i);
        _mm512_mask_storeu_ps(to + i, mask, widen_bf16(_mm256_maskz_loadu_epi16(mask, from + i)));
    }
}

void dequant_q8_0_avx512(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 34) {
        const __m512 d = broadcast_f16(block);
        for (int half = 0; half < 2; half++) {
            const __m128i bytes = _mm_loadu_si128((const void *)(block + 2 + half * 16));
            const __m512 q = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
            _mm512_storeu_ps(to + i + half * LANES, _mm512_mul_ps(d, q));
        }
    }
}

/* 16 bytes of nibbles: the low ones and the high ones, each a row of the table. */
static inline void look_up_32(const uint8_t *nibbles, __m512 table, float *to)
{
    const __m512i q = widen_u8(nibbles);
    _mm512_storeu_ps(to, _mm512_permutexvar_ps(q, table));
    _mm512_storeu_ps(to + LANES, _mm512_permutexvar_ps(_mm512_srli_epi32(q, 4), table));
}

void dequant_q4_0_avx512(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    const __m512 values = _mm512_sub_ps(numbers(), _mm512_set1_ps(8));
    for (size_t i = 0; i < n; i += 32, block += 18)
        look_up_32(block + 2, _mm512_mul_ps(broadcast_f16(block), values), to + i);
}

void dequant_q4_1_avx512(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 20) {
        const __m512 table =
            _mm512_fmadd_ps(broadcast_f16(block), numbers(), broadcast_f16(block + 2));
        look_up_32(block + 4, table, to + i);
    }
}

/* Nibbles of 16 bytes with their fifth bits: 32 numbers of 0..31. */
static inline __m256i join_32(const uint8_t *nibbles, uint32_t high)
{
    const __m128i packed = _mm_loadu_si128((const void *)nibbles);
    const __m256i both =
        _mm256_inserti128_si256(_mm256_castsi128_si256(packed), _mm_srli_epi16(packed, 4), 1);
    const __m256i fifth = _mm256_maskz_set1_epi8(high, 16);
    return _mm256_or_si256(_mm256_and_si256(both, _mm256_set1_epi8(15)), fifth);
}

/* to [32] = d * q + m, q signed bytes. */
static inline void scale_32(__m256i q, __m512 d, __m512 m, float *to)
{
    const __m512i low = _mm512_cvtepi8_epi32(_mm256_castsi256_si128(q));
    const __m512i high = _mm512_cvtepi8_epi32(_mm256_extracti128_si256(q, 1));
    _mm512_storeu_ps(to, _mm512_fmadd_ps(d, _mm512_cvtepi32_ps(low), m));
    _mm512_storeu_ps(to + LANES, _mm512_fmadd_ps(d, _mm512_cvtepi32_ps(high), m));
}

void dequant_q5_0_avx512(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 22) {
        const __m256i q = join_32(block + 6, load_u32(block + 2));
        scale_32(_mm256_sub_epi8(q, _mm256_set1_epi8(16)), broadcast_f16(block),
                 _mm512_setzero_ps(), to + i);
    }
}

void dequant_q5_1_avx512(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 24)
        scale_32(join_32(block + 8, load_u32(block + 4)), broadcast_f16(block),
                 broadcast_f16(block + 2), to + i);
}

/* The scales d * sc and minimums dmin * mn of a Q4_K or Q5_K block, in memory also for the
 * compiler: a broadcast from there takes no shuffle, which is what the unpackers are short of. */
static inline void load_scales_k(const uint8_t *block, float scales[8], float mins[8])
{
    uint64_t sc, mn;
    unpack_scales_k(block + 4, &sc, &mn);
    const __m256 d = _mm512_castps512_ps256(broadcast_f16(block));
    const __m256 dmin = _mm512_castps512_ps256(broadcast_f16(block + 2));
    const __m256i wide_sc = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)sc));
    const __m256i wide_mn = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)mn));
    _mm256_storeu_ps(scales, _mm256_mul_ps(d, _mm256_cvtepi32_ps(wide_sc)));
    _mm256_storeu_ps(mins, _mm256_mul_ps(dmin, _mm256_cvtepi32_ps(wide_mn)));
    __asm__("" : "+m"(*(float(*)[8])scales), "+m"(*(float(*)[8])mins));
}

void dequant_q4_k_avx512(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 256, block += 144) {
        float scales[8], mins[8];
        load_scales_k(block, scales, mins);
        for (int c = 0; c < 4;
             c++) { /* 64 weights: parts 2c in the low, 2c + 1 in the high nibbles */
            const __m512 low = _mm512_fmsub_ps(_mm512_set1_ps(scales[2 * c]), numbers(),
                                               _mm512_set1_ps(mins[2 * c]));
            const __m512 high = _mm512_fmsub_ps(_mm512_set1_ps(scales[2 * c + 1]), numbers(),
                                                _mm512_set1_ps(mins[2 * c + 1]));
            for (int half = 0; half < 2; half++) {
                const __m512i q = widen_u8(block + 16 + c * 32 + half * 16);
                float *at = to + i + c * 64 + half * LANES;
                _mm512_storeu_ps(at, _mm512_permutexvar_ps(q, low));
                _mm512_storeu_ps(at + 32, _mm512_permutexvar_ps(_mm512_srli_epi32(q, 4), high));
            }
        }
    }
}

void dequant_q5_k_avx512(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    const __m256i nibble = _mm256_set1_epi8(15), fifth = _mm256_set1_epi8(16);
    const __m512 zero = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 256, block += 176) {
        float scales[8], mins[8];
        load_scales_k(block, scales, mins);
        const __m256i high = _mm256_loadu_si256((const void *)(block + 16));
        for (int s = 0; s < 8; s++) {
            const __m256i packed = _mm256_loadu_si256((const void *)(block + 48 + s / 2 * 32));
            const __m256i low = s % 2 ? _mm256_srli_epi16(packed, 4) : packed;
            const __mmask32 bits = _mm256_test_epi8_mask(high, _mm256_set1_epi8((char)(1 << s)));
            const __m256i q =
                _mm256_or_si256(_mm256_and_si256(low, nibble), _mm256_maskz_mov_epi8(bits, fifth));
            scale_32(q, _mm512_set1_ps(scales[s]), _mm512_sub_ps(zero, _mm512_set1_ps(mins[s])),
                     to + i + s * 32);
        }
    }
}

void dequant_q6_k_avx512(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    const __m256i nibble = _mm256_set1_epi8(15), top = _mm256_set1_epi8(0x30);
    const __m256i middle = _mm256_set1_epi8(32);
    for (size_t i = 0; i < n; i += 256, block += 210) {
        const __m128i sc = _mm_loadu_si128((const void *)(block + 192));
        float scales[16];
        _mm512_storeu_ps(scales, _mm512_mul_ps(broadcast_f16(block + 208),
                                               _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sc))));
        for (int part = 0; part < 8; part++) { /* 32 weights: quarter t of half h */
            const int h = part / 4, t = part % 4;
            const __m256i packed = _mm256_loadu_si256((const void *)(block + h * 64 + t % 2 * 32));
            const __m256i high = _mm256_loadu_si256((const void *)(block + 128 + h * 32));
            const __m256i low = t >= 2 ? _mm256_srli_epi16(packed, 4) : packed;
            const __m256i bits =
                t < 2 ? _mm256_slli_epi16(high, 4 - 2 * t) : _mm256_srli_epi16(high, 2 * t - 4);
            const __m256i q = _mm256_sub_epi8(
                _mm256_or_si256(_mm256_and_si256(low, nibble), _mm256_and_si256(bits, top)),
                middle);
            const __m512i q0 = _mm512_cvtepi8_epi32(_mm256_castsi256_si128(q));
            const __m512i q1 = _mm512_cvtepi8_epi32(_mm256_extracti128_si256(q, 1));
            float *at = to + i + part * 32;
            _mm512_storeu_ps(
                at, _mm512_mul_ps(_mm512_set1_ps(scales[2 * part]), _mm512_cvtepi32_ps(q0)));
            _mm512_storeu_ps(at + LANES, _mm512_mul_ps(_mm512_set1_ps(scales[2 * part + 1]),
                                                       _mm512_cvtepi32_ps(q1)));
        }
    }
}
