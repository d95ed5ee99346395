/* Unpacking of ggml's types (blocks.h has their layout): the meaning. */

#include "kernels/blocks.h"
#include "kernels/kernels_list.h"

void dequant_f32_c(const void *blocks, float *to, size_t n)
{
    memcpy(to, blocks, n * sizeof *to);
}

void dequant_f16_c(const void *blocks, float *to, size_t n)
{
    const uint8_t *from = blocks;
    for (size_t i = 0; i < n; i++)
        to[i] = load_f16(from + 2 * i);
}

/* bfloat16 is the upper half of a float. */
void dequant_bf16_c(const void *blocks, float *to, size_t n)
{
    const uint8_t *from = blocks;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)(from[2 * i] | from[2 * i + 1] << 8) << 16;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

void dequant_q8_0_c(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 34) {
        const float d = load_f16(block);
        for (int j = 0; j < 32; j++)
            to[i + (size_t)j] = d * (float)(int8_t)block[2 + j];
    }
}

/* The types of 32 weights and nibbles: to[j] = d * (q_j - offset) + m, with a fifth bit from
 * [high]. */
static void unpack_32(const uint8_t *nibbles, uint32_t high, float d, int offset, float m,
                      float *to)
{
    for (int j = 0; j < 16; j++) {
        const int low = (nibbles[j] & 15) | (int)(high >> j & 1) << 4;
        const int up = nibbles[j] >> 4 | (int)(high >> (j + 16) & 1) << 4;
        to[j] = d * (float)(low - offset) + m;
        to[j + 16] = d * (float)(up - offset) + m;
    }
}

void dequant_q4_0_c(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 18)
        unpack_32(block + 2, 0, load_f16(block), 8, 0, to + i);
}

void dequant_q4_1_c(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 20)
        unpack_32(block + 4, 0, load_f16(block), 0, load_f16(block + 2), to + i);
}

void dequant_q5_0_c(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 22)
        unpack_32(block + 6, load_u32(block + 2), load_f16(block), 16, 0, to + i);
}

void dequant_q5_1_c(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 32, block += 24)
        unpack_32(block + 8, load_u32(block + 4), load_f16(block), 0, load_f16(block + 2), to + i);
}

/* Q4_K ([high] NULL) and Q5_K: 256 weights in eight parts of 32, each with its scale and minimum.
 */
static void unpack_k(const uint8_t *block, const uint8_t *high, const uint8_t *nibbles, float *to)
{
    const float d = load_f16(block), dmin = load_f16(block + 2);
    uint64_t scales, mins;
    unpack_scales_k(block + 4, &scales, &mins);
    for (int s = 0; s < 8; s++) {
        const float scale = d * scale_k(scales, s), min = dmin * scale_k(mins, s);
        const uint8_t *q = nibbles + s / 2 * 32;
        for (int j = 0; j < 32; j++) {
            int value = s % 2 ? q[j] >> 4 : q[j] & 15;
            if (high)
                value |= (high[j] >> s & 1) << 4;
            to[s * 32 + j] = scale * (float)value - min;
        }
    }
}

void dequant_q4_k_c(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 256, block += 144)
        unpack_k(block, NULL, block + 16, to + i);
}

void dequant_q5_k_c(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 256, block += 176)
        unpack_k(block, block + 16, block + 48, to + i);
}

void dequant_q6_k_c(const void *blocks, float *to, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += 256, block += 210) {
        const float d = load_f16(block + 208);
        for (int part = 0; part < 8; part++) { /* 32 weights: quarter t of half h */
            const int h = part / 4, t = part % 4;
            const uint8_t *low = block + h * 64 + t % 2 * 32;
            const uint8_t *high = block + 128 + h * 32;
            const int8_t *scales = (const int8_t *)block + 192 + part * 2;
            for (int j = 0; j < 32; j++) {
                const int nibble = t >= 2 ? low[j] >> 4 : low[j] & 15;
                const int value = (nibble | (high[j] >> 2 * t & 3) << 4) - 32;
                to[i + (size_t)(part * 32 + j)] = d * scales[j / 16] * (float)value;
            }
        }
    }
}
