/* Laying rows out for 256-bit VNNI: activations + 128. */

#include "kernels/kernels_list.h"
#include "kernels/x86/pack_avx2.h"

enum { OFFSET = 128 };

void pack_tile_q8_avxvnni(const struct quant_layout *layout, int n_rows, const int8_t *q,
                          const float *scales, int8_t *tile_q, float *tile_scales)
{
    const __m256i flip = _mm256_set1_epi8((char)OFFSET);
    for (size_t k = 0; k < layout->k_pad; k += 32) {
        __m256i units[8];
        load_transposed(q + k, layout->k_pad, n_rows, units);
        for (size_t u = 0; u < 8; u++) {
            const __m256i unit = _mm256_xor_si256(units[u], flip);
            int8_t *to = tile_q + (k / 4 + u) * YMM_MR * 4;
            _mm_storeu_si128((void *)to, _mm256_castsi256_si128(unit));
            _mm_storel_epi64((void *)(to + 16), _mm256_extracti128_si256(unit, 1));
        }
    }
    pack_scales_ymm(layout, n_rows, scales, tile_scales);
}
