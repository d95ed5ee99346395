#ifndef KERNELS_ATTENTION_VALUES_H
#define KERNELS_ATTENTION_VALUES_H
/* Values for 8-bit dot products: [64/4][value_dim][4], four keys beside each other. */

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

static inline void pack_values_by_four(const int8_t *const *values, size_t n_keys, size_t value_dim,
                                       int8_t *to)
{
    for (size_t j = 0; j < 64; j += 4) {
        for (size_t d = 0; d < value_dim; d += 16, to += 64) {
            __m128i row[4];
            for (size_t r = 0; r < 4; r++)
                row[r] = j + r < n_keys ? _mm_loadu_si128((const __m128i *)(values[j + r] + d))
                                        : _mm_setzero_si128();
            const __m128i low01 = _mm_unpacklo_epi8(row[0], row[1]),
                          low23 = _mm_unpacklo_epi8(row[2], row[3]),
                          high01 = _mm_unpackhi_epi8(row[0], row[1]),
                          high23 = _mm_unpackhi_epi8(row[2], row[3]);
            _mm_storeu_si128((__m128i *)to, _mm_unpacklo_epi16(low01, low23));
            _mm_storeu_si128((__m128i *)(to + 16), _mm_unpackhi_epi16(low01, low23));
            _mm_storeu_si128((__m128i *)(to + 32), _mm_unpacklo_epi16(high01, high23));
            _mm_storeu_si128((__m128i *)(to + 48), _mm_unpackhi_epi16(high01, high23));
        }
    }
}

#endif
