#ifndef KERNELS_UNPACK_H
#define KERNELS_UNPACK_H
/* From quantised blocks to int8 panels in 16-bit fixed point: the constants that every variant of
 * unpack_fn shares. The plain C variant (c/unpack_c.c) is the meaning; unpack_lanes.inc is all the
 * others.
 *
 * Within a sub-block of L weights (32; 16 in Q6_K) a weight is s * u + m, with u an integer of a
 * few bits that the file stores and floats s, m of the sub-block. The Hadamard transform of 64
 * weights is taken in two parts. First inside each sub-block, on the integers, exactly:
 *     y = unit * H_L u,   unit a power of two such that |y| <= 2^15.
 * Then the sub-blocks are brought to one quantum t of the row's group and added up:
 *     z = (y * f + 2^14) >> 15,   f = round(s / t * 2^15 / unit),
 *     z_0 += o,                   o = round(m * L / t): a constant is all in the first coefficient,
 *     v = H_(64/L) z over the 64/L sub-blocks.
 * With B the largest |weight| that the group's sub-blocks could hold, |v| * t <= 64 B: t is chosen
 * such that this is UNPACK_LIMIT, so nothing overflows, and v of ordinary weights still has some
 * 11 bits, 4 more than what it is rounded to:
 *     q = (v * F + 2^14) >> 15,   F = floor(127 * 2^15 / max|v|), at most 2^15 - 1,
 *     scale = t * 2^15 / F / 8    (8: the transform's norm).
 * In float, with every operation rounded: k = (UNPACK_LIMIT * 512 / unit) / max(B, 2^-100);
 * f = s * k and o = m * (k * (L * unit / 2^15)) to nearest even; F = 127 * 2^15 / max|v| toward
 * zero; scale = B * (2^18 / UNPACK_LIMIT) / F. */

#include <stdbool.h>

#define UNPACK_LIMIT      30000.0f
#define UNPACK_LEAST      0x1p-100f /* smaller groups are zeros, so that quotients stay finite */
#define UNPACK_LEAST_BITS 0x0d800000

/* What a type is made of. [n_levels]: u is in 0 .. n_levels - 1, or (Q8_0) in -128 .. 127. */
struct unpack_type {
    int sub_block; /* L */
    int unit;
    float largest; /* |u| */
    bool has_m;    /* else m is 0 */
};

static const struct unpack_type unpack_q4 = {32, 64, 15, true}, unpack_q5 = {32, 32, 31, true},
                                unpack_q6 = {16, 32, 32, false}, unpack_q8 = {32, 8, 128, false};

#endif
