/* Float rows -> packed activations, whole or a group of columns at a time. */

#include "sweep/steps.h"

/* A group by itself is a layout of its own: inside a tile the groups lie one after the other. */
static struct quant_layout one_group(const struct quant_layout *layout)
{
    return (struct quant_layout){layout->group, layout->group, layout->group, 1};
}

static void pack_floats(const struct sweep *sweep, float *tile, int n_rows, const float *rows,
                        size_t stride, uint32_t first, uint32_t n)
{
    int mr = sweep->shape.kernels->shape.mr;
    for (uint32_t k = 0; k < n; k++)
        for (int r = 0; r < mr; r++)
            tile[(size_t)(first + k) * mr + r] = r < n_rows ? rows[(size_t)r * stride + k] : 0.0f;
}

bool pack_rows(const struct sweep *sweep, struct scratch *scratch, const struct packed *packed,
               uint32_t k, size_t tile, int n_rows, const float *rows, size_t stride)
{
    const struct kernels *kernels = sweep->shape.kernels;
    size_t mr = (size_t)kernels->shape.mr;
    if (sweep->shape.exact) {
        pack_floats(sweep, packed->x + tile * mr * k, n_rows, rows, stride, 0, k);
        return true;
    }
    struct quant_layout layout = quant_layout(k);
    bool finite = true;
    for (int r = 0; r < n_rows; r++)
        finite &= kernels->quantize_row(&layout, rows + (size_t)r * stride,
                                        scratch->q + (size_t)r * layout.k_pad,
                                        scratch->q_scales + (size_t)r * layout.n_groups);
    kernels->pack_tile_q8(&layout, n_rows, scratch->q, scratch->q_scales,
                          packed->q + gemm_tile_bytes(&kernels->shape, tile * layout.k_pad),
                          packed->scales + tile * mr * layout.n_groups);
    return finite;
}

bool pack_columns(const struct sweep *sweep, struct scratch *scratch, const struct packed *packed,
                  uint32_t k, size_t tile, int n_rows, const float *rows, size_t stride,
                  uint32_t first, uint32_t n)
{
    const struct kernels *kernels = sweep->shape.kernels;
    size_t mr = (size_t)kernels->shape.mr;
    if (sweep->shape.exact) {
        pack_floats(sweep, packed->x + tile * mr * k, n_rows, rows, stride, first, n);
        return true;
    }
    struct quant_layout layout = quant_layout(k), group = one_group(&layout);
    group.k = n; /* the last group may be short: the kernel fills it up with zeros */
    size_t g = first / layout.group;
    bool finite = true;
    for (int r = 0; r < n_rows; r++)
        finite &=
            kernels->quantize_row(&group, rows + (size_t)r * stride,
                                  scratch->q + (size_t)r * layout.group, scratch->q_scales + r);
    kernels->pack_tile_q8(&group, n_rows, scratch->q, scratch->q_scales,
                          packed->q + gemm_tile_bytes(&kernels->shape, tile * layout.k_pad + first),
                          packed->scales + tile * mr * layout.n_groups + g * mr);
    return finite;
}
