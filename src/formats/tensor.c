#include "formats/tensor.h"

#include <stddef.h>

/* ggml's type ids and block sizes (ggml.h, ggml-common.h). Types without sizes are known by name
 * only. */
static const struct tensor_type_info infos[TENSOR_TYPE_LIMIT] = {
    [TENSOR_F32] = {"F32", 1, 4},
    [TENSOR_F16] = {"F16", 1, 2},
    [TENSOR_Q4_0] = {"Q4_0", 32, 18}, /* f16 scale, 16 bytes */
    [TENSOR_Q4_1] = {"Q4_1", 32, 20}, /* f16 scale, f16 minimum, 16 bytes */
    [4] = {"Q4_2", 0, 0},
    [5] = {"Q4_3", 0, 0},
    [TENSOR_Q5_0] = {"Q5_0", 32, 22}, /* f16 scale, 4 bytes of fifth bits, 16 bytes */
    [TENSOR_Q5_1] = {"Q5_1", 32, 24}, /* f16 scale, f16 minimum, 4 + 16 bytes */
    [TENSOR_Q8_0] = {"Q8_0", 32, 34}, /* f16 scale, 32 bytes */
    [9] = {"Q8_1", 0, 0},
    [10] = {"Q2_K", 0, 0},
    [11] = {"Q3_K", 0, 0},
    [TENSOR_Q4_K] = {"Q4_K", 256, 144}, /* f16 scale, f16 minimum, 12 bytes of 6-bit scales, 128 */
    [TENSOR_Q5_K] = {"Q5_K", 256, 176}, /* as Q4_K with 32 bytes of fifth bits */
    [TENSOR_Q6_K] = {"Q6_K", 256, 210}, /* 128 + 64 bytes, 16 int8 scales, f16 scale */
    [15] = {"Q8_K", 0, 0},
    [16] = {"IQ2_XXS", 0, 0},
    [17] = {"IQ2_XS", 0, 0},
    [18] = {"IQ3_XXS", 0, 0},
    [19] = {"IQ1_S", 0, 0},
    [20] = {"IQ4_NL", 0, 0},
    [21] = {"IQ3_S", 0, 0},
    [22] = {"IQ2_S", 0, 0},
    [23] = {"IQ4_XS", 0, 0},
    [24] = {"I8", 0, 0},
    [25] = {"I16", 0, 0},
    [26] = {"I32", 0, 0},
    [27] = {"I64", 0, 0},
    [28] = {"F64", 0, 0},
    [29] = {"IQ1_M", 0, 0},
    [TENSOR_BF16] = {"BF16", 1, 2},
    [31] = {"Q4_0_4_4", 0, 0},
    [32] = {"Q4_0_4_8", 0, 0},
    [33] = {"Q4_0_8_8", 0, 0},
    [34] = {"TQ1_0", 0, 0},
    [35] = {"TQ2_0", 0, 0},
    [36] = {"IQ4_NL_4_4", 0, 0},
    [37] = {"IQ4_NL_4_8", 0, 0},
    [38] = {"IQ4_NL_8_8", 0, 0},
    [39] = {"MXFP4", 0, 0},
    [40] = {"NVFP4", 0, 0},
};

static const struct tensor_type_info unknown = {"unknown", 0, 0};

const struct tensor_type_info *tensor_type_info(uint32_t type)
{
    return type < TENSOR_TYPE_LIMIT && infos[type].name ? &infos[type] : &unknown;
}
