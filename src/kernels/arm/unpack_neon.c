/* Unpacking of weights with NEON. */

#include "kernels/arm/lanes_neon.h"

#define UNPACK_NAME(type) unpack_##type##_neon
#define UNPACK_OFFSET     0
#include "kernels/unpack_lanes.inc"
