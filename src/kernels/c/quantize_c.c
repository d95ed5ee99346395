/* Rotating and rounding one row, and laying rows out for the GEMM: the meaning. */

#include "kernels/kernels_list.h"
#include "kernels/quantize.h"

#include <math.h>
#include <string.h>

/* Walsh-Hadamard transform of v [64], natural order, without its factor 1/8. The order of the
 * stages is part of the meaning: it decides how sums are rounded. */
static void rotate(float *v)
{
    for (uint32_t h = 1; h < QUANTIZE_LENGTH; h *= 2) {
        for (uint32_t i = 0; i < QUANTIZE_LENGTH; i += 2 * h) {
            for (uint32_t j = i; j < i + h; j++) {
                const float a = v[j], b = v[j + h];
                v[j] = a + b;
                v[j + h] = a - b;
            }
        }
    }
}

bool quantize_row_c(const struct quant_layout *layout, const float *x, int8_t *q, float *scales)
{
    const uint32_t group = layout->group;
    bool finite = true;
    for (uint32_t g = 0; g < layout->n_groups; g++) {
        const uint32_t begin = g * group;
        const uint32_t n = quantize_inputs(layout, begin);
        float v[QUANTIZE_GROUP_LIMIT] = {0};
        memcpy(v, x + begin, n * sizeof *v);
        for (uint32_t i = 0; i < group; i += QUANTIZE_LENGTH)
            rotate(v + i);

        uint32_t max_bits = 0; /* of |v|: as integers they order like the numbers, NaN above all */
        for (uint32_t i = 0; i < group; i++) {
            uint32_t bits;
            memcpy(&bits, &v[i], sizeof bits);
            bits &= 0x7fffffff;
            max_bits = bits > max_bits ? bits : max_bits;
        }
        float factor; /* from v to q */
        finite &= quantize_scale(max_bits, &factor, &scales[g]);
        for (uint32_t i = 0; i < group; i++)
            q[begin + i] = (int8_t)lrintf(v[i] * factor);
    }
    return finite;
}

void pack_tile_q8_c(const struct quant_layout *layout, int n_rows, const int8_t *q,
                    const float *scales, int8_t *tile_q, float *tile_scales)
{
    enum { MR = 4 };
    const uint32_t k_pad = layout->k_pad, n_groups = layout->n_groups;
    for (int r = 0; r < MR; r++) {
        for (uint32_t k = 0; k < k_pad; k++)
            tile_q[(k / 4 * MR + (uint32_t)r) * 4 + k % 4] =
                r < n_rows ? q[(size_t)r * k_pad + k] : 0;
        for (uint32_t g = 0; g < n_groups; g++)
            tile_scales[g * MR + (uint32_t)r] = r < n_rows ? scales[(size_t)r * n_groups + g] : 0;
    }
}
