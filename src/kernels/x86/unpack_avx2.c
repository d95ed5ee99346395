/* Unpacking of quantised blocks with AVX2. */

#include "kernels/x86/lanes_avx2.h"

#define UNPACK_NAME(type) unpack_##type##_avx2
#define UNPACK_OFFSET     0
#include "kernels/unpack_lanes.inc"
