/* Fills the table of kernels for a level: of each operation the last listed variant whose needs the
 * level allows. */

#include "kernels/kernels_list.h"

#include <string.h>

void kernels_init(struct kernels *kernels, const struct cpu_level *level)
{
    const unsigned allowed = level->features;
    memset(kernels, 0, sizeof *kernels);
    kernels->level = level;

#define TAKE_SHAPE(isa, rows, outputs, together, added, bytes, need)                               \
    if ((allowed & (need)) == (need))                                                              \
        kernels->shape = (struct gemm_shape){.mr = (rows),                                         \
                                             .nr = (outputs),                                      \
                                             .unit = (together),                                   \
                                             .offset = (added),                                    \
                                             .value_bytes = (bytes)};
#define TAKE_KERNEL(operation, isa, need)                                                          \
    if ((allowed & (need)) == (need))                                                              \
        kernels->operation = operation##_##isa;
#define TAKE_DEQUANT(type, name, isa, need)                                                        \
    if ((allowed & (need)) == (need))                                                              \
        kernels->dequant[type] = dequant_##name##_##isa;

#define TAKE_UNPACK(type, name, isa, need)                                                         \
    if ((allowed & (need)) == (need))                                                              \
        kernels->unpack[type] = unpack_##name##_##isa;

    GEMM_SHAPES(TAKE_SHAPE)
    KERNEL_VARIANTS(TAKE_KERNEL)
    DEQUANT_VARIANTS(TAKE_DEQUANT)
    UNPACK_VARIANTS(TAKE_UNPACK)
}
