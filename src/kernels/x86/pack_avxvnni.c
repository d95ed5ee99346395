/* Laying rows out for 256-bit VNNI: activations + 128. */

#include "kernels/kernels_list.h"
#include "kernels/x86/pack_avx2.h"

enum { OFFSET = 128 };

void pack_tile_q8_avxvnni(const struct quant_layout *layout, int n_rows, const int8_t *q,
                          const float *scales, int8_t *tile_q, float *tile_scales)
{
    pack_tile_ymm(layout, n_rows, q, scales, tile_q, tile_scales, OFFSET);
}
