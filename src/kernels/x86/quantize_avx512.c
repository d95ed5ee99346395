/* Rotating, rounding and laying out rows with AVX-512. */

#include "kernels/kernels_list.h"
#include "kernels/quantize.h"
#include "kernels/x86/rotate_avx512.h"

enum { MR = 12, OFFSET = 128 };

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
    for (uint32_t i = 0; i < group; i += QUANTIZE_LENGTH) {
        __m512 values[4];
        for (uint32_t j = 0; j < 4; j++)
            values[j] = _mm512_loadu_ps(from + i + j * 16);
        max = rotate_64(values, v + i, max);
    }
    return quantize_scale(_mm512_reduce_max_epu32(max), factor, scale);
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
