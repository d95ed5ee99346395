/* Unpacking of quantised blocks for 256-bit VNNI, whose tiles hold activations + 128. */

#include "kernels/x86/lanes_avx2.h"

#define UNPACK_NAME(type) unpack_##type##_avxvnni
#define UNPACK_OFFSET     128
#include "kernels/unpack_lanes.inc"
