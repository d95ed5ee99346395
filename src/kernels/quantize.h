#ifndef KERNELS_QUANTIZE_H
#define KERNELS_QUANTIZE_H
/* What all variants of quantize_row share, so that they agree bit for bit: everything but the
 * loops. */

#include "kernels/kernels.h"

#include <string.h>

#define QUANTIZE_GROUP_LIMIT 256

/* A group whose largest rotated value is below this is taken for zeros: 127 / max must stay finite.
 */
#define QUANTIZE_LEAST 0x1p-100f

#define QUANTIZE_LENGTH 64 /* of the transform; divides every group */

/* How many of the inputs of the group at [begin] exist; the others are padding. */
static inline uint32_t quantize_inputs(const struct quant_layout *layout, uint32_t begin)
{
    const uint32_t left = layout->k - begin;
    return left < layout->group ? left : layout->group;
}

/* From the bits of max|v| of a rotated group (v without the transform's 1/8) to the
 * factor that takes v to int8 and the scale that takes int8 back to rotated values. False, with
 * zeros, when the maximum is not finite. */
static inline bool quantize_scale(uint32_t max_bits, float *factor, float *scale)
{
    *factor = 0;
    *scale = 0;
    if (max_bits >= 0x7f800000)
        return false;
    float max;
    memcpy(&max, &max_bits, sizeof max);
    if (max < QUANTIZE_LEAST)
        return true;
    *factor = 127.0f / max;
    *scale = max * (0.125f / 127.0f);
    return true;
}

#endif
