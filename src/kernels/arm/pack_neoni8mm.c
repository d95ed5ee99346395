/* Laying rows out for matrix products: eight neighbouring inputs of a row side by side. */

#include "kernels/kernels_list.h"

#include <string.h>

enum { MR = 8, UNIT = 8 };

void pack_tile_q8_neoni8mm(const struct quant_layout *layout, int n_rows, const int8_t *q,
                           const float *scales, int8_t *tile_q, float *tile_scales)
{
    const size_t k_pad = layout->k_pad, n_groups = layout->n_groups;
    for (size_t r = 0; r < MR; r++) {
        const bool exists = (int)r < n_rows;
        for (size_t k = 0; k < k_pad; k += UNIT) {
            uint64_t unit = 0;
            if (exists)
                memcpy(&unit, q + r * k_pad + k, sizeof unit);
            memcpy(tile_q + k * MR + r * UNIT, &unit, sizeof unit);
        }
        for (size_t g = 0; g < n_groups; g++)
            tile_scales[g * MR + r] = exists ? scales[r * n_groups + g] : 0;
    }
}
