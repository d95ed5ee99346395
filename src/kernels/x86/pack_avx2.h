#ifndef KERNELS_PACK_AVX2_H
#define KERNELS_PACK_AVX2_H
/* Laying rows out for the tiles of 6 rows of AVX2, as words, and of 256-bit VNNI, as bytes. */

#include "kernels/kernels.h"

#include <immintrin.h>

enum { YMM_MR = 6 };

/* 32 bytes of [n_rows] <= 8 rows that lie [stride] apart, the others zero, transposed in units of 4
 * bytes: units[u] has unit u of every row. */
static inline void load_transposed(const int8_t *q, size_t stride, int n_rows, __m256i units[8])
{
    __m256i rows[8], pairs[8], quads[8];
    for (int r = 0; r < 8; r++)
        rows[r] = r < n_rows ? _mm256_loadu_si256((const void *)(q + (size_t)r * stride))
                             : _mm256_setzero_si256();
    for (int r = 0; r < 8; r += 2) {
        pairs[r] = _mm256_unpacklo_epi32(rows[r], rows[r + 1]);
        pairs[r + 1] = _mm256_unpackhi_epi32(rows[r], rows[r + 1]);
    }
    for (int b = 0; b < 8; b += 4) {
        quads[b] = _mm256_unpacklo_epi64(pairs[b], pairs[b + 2]);
        quads[b + 1] = _mm256_unpackhi_epi64(pairs[b], pairs[b + 2]);
        quads[b + 2] = _mm256_unpacklo_epi64(pairs[b + 1], pairs[b + 3]);
        quads[b + 3] = _mm256_unpackhi_epi64(pairs[b + 1], pairs[b + 3]);
    }
    for (int u = 0; u < 4; u++) {
        units[u] = _mm256_permute2x128_si256(quads[u], quads[u + 4], 0x20);
        units[u + 4] = _mm256_permute2x128_si256(quads[u], quads[u + 4], 0x31);
    }
}

static inline void pack_scales_ymm(const struct quant_layout *layout, int n_rows,
                                   const float *scales, float *tile_scales)
{
    const size_t n_groups = layout->n_groups;
    for (size_t g = 0; g < n_groups; g++) {
        for (size_t r = 0; r < YMM_MR; r++)
            tile_scales[g * YMM_MR + r] = r < (size_t)n_rows ? scales[r * n_groups + g] : 0;
    }
}

#endif
