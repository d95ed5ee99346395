#include "support/quantize.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint16_t quantize_f16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    float magnitude = fabsf(x);
    if (isnan(x))
        return sign | 0x7e00;
    if (magnitude >= 65520.0f) /* halfway from the largest to the next power */
        return sign | 0x7c00;
    if (magnitude < 0x1p-14f) /* subnormal: a multiple of 2^-24 */
        return (uint16_t)(sign | (uint16_t)lrintf(magnitude * 0x1p24f));
    uint32_t rest = bits & 0x1fff, half = (bits & 0x7fffffff) - (112u << 23);
    half >>= 13;
    if (rest > 0x1000 || (rest == 0x1000 && (half & 1)))
        half++;
    return (uint16_t)(sign | half);
}

uint16_t quantize_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isnan(x))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* What the reader will see: scales are rounded before the weights are divided by them. */
static float f16_value(uint16_t half)
{
    uint32_t magnitude = half & 0x7fff;
    float x = magnitude >> 10
                  ? ldexpf((float)((magnitude & 0x3ff) | 0x400), (int)(magnitude >> 10) - 25)
                  : ldexpf((float)magnitude, -24);
    return half & 0x8000 ? -x : x;
}

static uint8_t *put_f16(uint8_t *to, float x, float *rounded)
{
    uint16_t half = quantize_f16(x);
    memcpy(to, &half, sizeof half);
    *rounded = f16_value(half);
    return to + sizeof half;
}

/* round((x - low) / step) in [0, most]. */
static uint8_t level(float x, float low, float step, int most)
{
    float q = step != 0 ? rintf((x - low) / step) : 0;
    return (uint8_t)(q < 0 ? 0 : q > (float)most ? (float)most : q);
}

struct range {
    float low, high;
    float extreme; /* the one farthest from zero */
};

static struct range find_range(const float *x, int n)
{
    struct range range = {x[0], x[0], x[0]};
    for (int i = 1; i < n; i++) {
        range.low = fminf(range.low, x[i]);
        range.high = fmaxf(range.high, x[i]);
        if (fabsf(x[i]) > fabsf(range.extreme))
            range.extreme = x[i];
    }
    return range;
}

static void quantize_q8_0(const float *x, uint8_t *to)
{
    float d;
    int8_t *q = (int8_t *)put_f16(to, fabsf(find_range(x, 32).extreme) / 127, &d);
    for (int i = 0; i < 32; i++) {
        float value = d != 0 ? rintf(x[i] / d) : 0;
        q[i] = (int8_t)fmaxf(-127, fminf(127, value));
    }
}

/* Q4_0, Q4_1, Q5_0, Q5_1: scale, perhaps a minimum, perhaps fifth bits, nibbles. */
static void quantize_32(const float *x, uint8_t *to, int n_bits, bool has_minimum)
{
    const int most = (1 << n_bits) - 1, middle = 1 << (n_bits - 1);
    struct range range = find_range(x, 32);
    float step, low;
    if (has_minimum) {
        to = put_f16(to, (range.high - range.low) / (float)most, &step);
        to = put_f16(to, range.low, &low);
    } else {
        to = put_f16(to, -range.extreme / (float)middle, &step); /* the extreme lands on level 0 */
        low = -(float)middle * step;
    }
    uint32_t high = 0;
    uint8_t *nibbles = n_bits == 5 ? to + 4 : to;
    memset(nibbles, 0, 16);
    for (int i = 0; i < 32; i++) {
        uint8_t q = level(x[i], low, step, most);
        nibbles[i % 16] |= (uint8_t)((q & 15) << (i < 16 ? 0 : 4));
        high |= (uint32_t)(q >> 4) << i;
    }
    if (n_bits == 5)
        memcpy(to, &high, sizeof high);
}

/* Six bits each for eight scales and eight minimums in 12 bytes. */
static void pack_scales(const uint8_t scales[8], const uint8_t mins[8], uint8_t *to)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(scales[i] | scales[i + 4] >> 4 << 6);
        to[i + 4] = (uint8_t)(mins[i] | mins[i + 4] >> 4 << 6);
        to[i + 8] = (uint8_t)((scales[i + 4] & 15) | (mins[i + 4] & 15) << 4);
    }
}

static void quantize_q45_k(const float *x, uint8_t *to, int n_bits)
{
    const int most = (1 << n_bits) - 1;
    float steps[8], lows[8], largest_step = 0, largest_low = 0;
    for (int b = 0; b < 8; b++) {
        struct range range = find_range(x + 32 * b, 32);
        lows[b] = fmaxf(0, -range.low); /* subtracted, never negative */
        steps[b] = fmaxf(0, range.high + lows[b]) / (float)most;
        largest_step = fmaxf(largest_step, steps[b]);
        largest_low = fmaxf(largest_low, lows[b]);
    }
    float d, dmin;
    to = put_f16(to, largest_step / 63, &d);
    to = put_f16(to, largest_low / 63, &dmin);
    uint8_t scales[8], mins[8];
    for (int b = 0; b < 8; b++) {
        scales[b] = level(steps[b], 0, d, 63);
        mins[b] = level(lows[b], 0, dmin, 63);
    }
    pack_scales(scales, mins, to);
    uint8_t *high = to + 12, *nibbles = n_bits == 5 ? high + 32 : high;
    memset(high, 0, (size_t)(nibbles - high) + 128);
    for (int i = 0; i < 256; i++) {
        int b = i / 32, j = i % 32;
        uint8_t q = level(x[i], -dmin * mins[b], d * scales[b], most);
        nibbles[b / 2 * 32 + j] |= (uint8_t)((q & 15) << (b % 2 * 4));
        if (n_bits == 5)
            high[j] |= (uint8_t)(q >> 4 << b);
    }
}

static void quantize_q6_k(const float *x, uint8_t *to)
{
    uint8_t *nibbles = to, *high = to + 128;
    int8_t *scales = (int8_t *)(to + 192);
    float steps[16], largest = 0, d;
    for (int b = 0; b < 16; b++) {
        steps[b] = -find_range(x + 16 * b, 16).extreme / 32; /* the extreme lands on level 0 */
        largest = fmaxf(largest, fabsf(steps[b]));
    }
    put_f16(to + 208, largest / 127, &d);
    memset(to, 0, 192);
    for (int i = 0; i < 256; i++) {
        int b = i / 16, quarter = i / 32 % 4, j = i % 32, half = i / 128;
        float scale = d != 0 ? fmaxf(-127, fminf(127, rintf(steps[b] / d))) : 0;
        scales[b] = (int8_t)scale;
        uint8_t q = level(x[i], -32 * d * scale, d * scale, 63);
        nibbles[half * 64 + quarter % 2 * 32 + j] |= (uint8_t)((q & 15) << (quarter / 2 * 4));
        high[half * 32 + j] |= (uint8_t)(q >> 4 << (2 * quarter));
    }
}

static void quantize_block(enum tensor_type type, const float *x, uint8_t *to)
{
    uint16_t half;
    switch (type) {
    case TENSOR_F32:
        memcpy(to, x, sizeof *x);
        return;
    case TENSOR_F16:
    case TENSOR_BF16:
        half = type == TENSOR_F16 ? quantize_f16(*x) : quantize_bf16(*x);
        memcpy(to, &half, sizeof half);
        return;
    case TENSOR_Q8_0:
        quantize_q8_0(x, to);
        return;
    case TENSOR_Q4_0:
        quantize_32(x, to, 4, false);
        return;
    case TENSOR_Q4_1:
        quantize_32(x, to, 4, true);
        return;
    case TENSOR_Q5_0:
        quantize_32(x, to, 5, false);
        return;
    case TENSOR_Q5_1:
        quantize_32(x, to, 5, true);
        return;
    case TENSOR_Q4_K:
        quantize_q45_k(x, to, 4);
        return;
    case TENSOR_Q5_K:
        quantize_q45_k(x, to, 5);
        return;
    case TENSOR_Q6_K:
        quantize_q6_k(x, to);
        return;
    case TENSOR_TYPE_LIMIT:
        break;
    }
    fprintf(stderr, "no quantiser for type %d\n", (int)type);
    abort();
}

void quantize_weights(enum tensor_type type, const float *x, size_t n, uint8_t *to)
{
    const struct tensor_type_info *info = tensor_type_info(type);
    for (size_t i = 0; i < n; i += info->block_len, to += info->block_bytes)
        quantize_block(type, x + i, to);
}
