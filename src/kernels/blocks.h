#ifndef KERNELS_BLOCKS_H
#define KERNELS_BLOCKS_H
/* The blocks of ggml's quantised types as they lie in a file (little-endian, no alignment): byte
 * offsets and the small fields that every unpacker reads. f16 numbers are IEEE 754 binary16.
 *
 *   type   weights bytes  at 0, 2, ...
 *   Q8_0     32     34    d f16; q i8[32]                                  w = d * q
 *   Q4_0     32     18    d f16; q u8[16]                                  w = d * (q - 8)
 *   Q4_1     32     20    d f16; m f16; q u8[16]                           w = d * q + m
 *   Q5_0     32     22    d f16; high u32; q u8[16]                        w = d * (q - 16)
 *   Q5_1     32     24    d f16; m f16; high u32; q u8[16]                 w = d * q + m
 *   Q4_K    256    144    d f16; dmin f16; scales u8[12]; q u8[128]        w = d*sc * q - dmin*mn
 *   Q5_K    256    176    d f16; dmin f16; scales u8[12]; high u8[32]; q u8[128]   same
 *   Q6_K    256    210    q u8[128]; high u8[64]; sc i8[16]; d f16         w = d*sc * (q - 32)
 *
 * In the types of 32, byte j of q holds weight j in its low nibble and weight j + 16 in its high
 * one; bit j of [high] is the fifth bit of weight j. In Q4_K and Q5_K, bytes 32c..32c+31 of q hold
 * weights 64c.. in the low and 64c+32.. in the high nibbles; bit s of byte j of [high] is the fifth
 * bit of weight 32s + j; every 32 weights have a scale sc and a minimum mn of 6 bits. Q6_K: half h
 * (128 weights) has 64 bytes of q, 32 of high and 8 sc; quarter t of it (32 weights) has its low
 * nibbles in q byte 32 * (t % 2) + j, the high nibble if t >= 2, and two bits at 2t of high byte j;
 * every 16 weights have one sc.
 *
 * d * sc is exact in float (11 + 8 bits at most), and so is d * sc * q for all types but Q6_K: a
 * fused and a plain multiply-add give the same bits, and all variants must. */

#include <stdint.h>
#include <string.h>

/* Any binary16 as float; NaN stays NaN. */
static inline float f16_to_f32(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
    uint32_t bits;
    float value;
    if (magnitude >= 0x0f800000) { /* infinity or NaN */
        bits = magnitude + 0x70000000;
    } else if (magnitude >= 0x00800000) {
        bits = magnitude + 0x38000000; /* exponent bias 127 - 15 */
    } else {
        value = (float)(half & 0x7fff) * 0x1p-24f; /* subnormal: a multiple of 2^-24 */
        memcpy(&bits, &value, sizeof bits);
    }
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float load_f16(const uint8_t *bytes)
{
    return f16_to_f32((uint16_t)(bytes[0] | bytes[1] << 8));
}

static inline uint32_t load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* The eight 6-bit scales and minimums of a Q4_K or Q5_K block, from their 12 bytes: the low six
 * bits of bytes 0-3 and 4-7 are the first four of each; a nibble of bytes 8-11 and the two top bits
 * of bytes 0-7 make the others. Number i comes as byte i, the lowest first. */
static inline void unpack_scales_k(const uint8_t packed[12], uint64_t *scales, uint64_t *mins)
{
    const uint32_t a = load_u32(packed), b = load_u32(packed + 4), c = load_u32(packed + 8);
    *scales = (a & 0x3f3f3f3f) | (uint64_t)((c & 0x0f0f0f0f) | (a >> 2 & 0x30303030)) << 32;
    *mins = (b & 0x3f3f3f3f) | (uint64_t)((c >> 4 & 0x0f0f0f0f) | (b >> 2 & 0x30303030)) << 32;
}

/* Number [i] of eight. */
static inline float scale_k(uint64_t numbers, int i)
{
    return (float)(numbers >> 8 * i & 0xff);
}

#endif
