/* Unpacking of quantised blocks with AVX-512. */

#include "kernels/x86/lanes_avx512.h"

#define UNPACK_NAME(type) unpack_##type##_avx512
#define UNPACK_OFFSET     128
#include "kernels/unpack_lanes.inc"
