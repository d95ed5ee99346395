/* Unpacking of quantised blocks with AVX-512. */

#include "kernels/x86/lanes_avx512.h"

#define UNPACK_NAME(type)  unpack_##type##_avx512
#define UNPACK_OFFSET      128
#define UNPACK_BLOCKS_ONLY /* unpack_values_avx512.c */
#include "kernels/unpack_lanes.inc"
