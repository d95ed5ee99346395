/* How K inputs are padded and cut into the groups that share a scale: see the numerics in
 * kernels.h. */

#include "kernels/kernels.h"

struct quant_layout quant_layout(uint32_t k)
{
    static const uint32_t groups[] = {256, 192, 128, 64};
    struct quant_layout layout = {.k = k, .k_pad = (k + 63) / 64 * 64};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (layout.k_pad % groups[i] == 0) {
            layout.group = groups[i];
            break;
        }
    }
    layout.n_groups = layout.k_pad / layout.group;
    return layout;
}
