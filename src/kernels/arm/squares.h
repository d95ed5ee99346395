#ifndef KERNELS_SQUARES_H
#define KERNELS_SQUARES_H
/* What matrix products (SMMLA, USMMLA) leave: squares of 2 rows x 2 columns. Two of them, side by
 * side, to four columns of their upper or lower rows. */

#include <arm_neon.h>

static inline int32x4_t upper_row(const int32x4_t squares[2])
{
    return vreinterpretq_s32_s64(
        vtrn1q_s64(vreinterpretq_s64_s32(squares[0]), vreinterpretq_s64_s32(squares[1])));
}

static inline int32x4_t lower_row(const int32x4_t squares[2])
{
    return vreinterpretq_s32_s64(
        vtrn2q_s64(vreinterpretq_s64_s32(squares[0]), vreinterpretq_s64_s32(squares[1])));
}

#endif
