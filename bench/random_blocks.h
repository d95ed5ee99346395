#ifndef BENCH_RANDOM_BLOCKS_H
#define BENCH_RANDOM_BLOCKS_H
/* Quantised blocks of random weights, made as they lie in a file: every stored number is random,
 * the scales are such that the weights have mean 0 and a wanted standard deviation. Layouts:
 * src/kernels/blocks.h. */

#include "formats/tensor.h"
#include "support/quantize.h"
#include "support/rng.h"

#include <math.h>
#include <string.h>

/* Standard deviation of a number drawn evenly from 2^n_bits. */
static double spread_of_bits(int n_bits)
{
    double n = (double)(1u << n_bits);
    return sqrt((n * n - 1.0) / 12.0);
}

static void put_f16(uint8_t *to, double value)
{
    uint16_t half = quantize_f16((float)value);
    memcpy(to, &half, sizeof half);
}

static void fill_random(struct rng *rng, uint8_t *to, size_t n_bytes)
{
    size_t i = 0;
    for (; i + 8 <= n_bytes; i += 8) {
        uint64_t bits = rng_u64(rng);
        memcpy(to + i, &bits, 8);
    }
    uint64_t rest = rng_u64(rng);
    memcpy(to + i, &rest, n_bytes - i);
}

/* The twelve bytes of 6-bit scales and minimums: the minimums are made equal to the scales, so that
 * a common factor centres all sub-blocks. */
static void centre_sub_blocks(uint8_t *scales)
{
    memcpy(scales + 4, scales, 4);
    for (int i = 8; i < 12; i++)
        scales[i] = (uint8_t)((scales[i] & 15) | (scales[i] & 15) << 4);
}

/* Floats of any width as bits: sign and fraction random, the exponent that of [deviation] (they
 * spread over one octave, 1.53 of its start in the mean square). */
static uint32_t float_mask(int n_bits, int n_fraction)
{
    return (uint32_t)1 << (n_bits - 1) | (((uint32_t)1 << n_fraction) - 1);
}

static uint32_t float_exponent(double deviation, int bias, int n_fraction)
{
    return (uint32_t)(lround(log2(deviation / 1.53)) + bias) << n_fraction;
}

/* Fills [n_bytes], whole blocks of [type], with weights of [deviation]. */
static void random_blocks(struct rng *rng, enum tensor_type type, double deviation, uint8_t *to,
                          size_t n_bytes)
{
    const double scale_6_bits = sqrt(63.0 * 127.0 / 6.0), scale_8_bits = spread_of_bits(8);
    size_t step = tensor_type_info(type)->block_bytes;
    fill_random(rng, to, n_bytes);
    for (uint8_t *block = to; block < to + n_bytes; block += step) {
        double d;
        uint32_t bits = 0;
        switch (type) {
        case TENSOR_Q4_0:
            put_f16(block, deviation / spread_of_bits(4));
            break;
        case TENSOR_Q5_0:
            put_f16(block, deviation / spread_of_bits(5));
            break;
        case TENSOR_Q8_0:
            put_f16(block, deviation / spread_of_bits(8));
            break;
        case TENSOR_Q4_1:
        case TENSOR_Q5_1:
            d = deviation / spread_of_bits(type == TENSOR_Q4_1 ? 4 : 5);
            put_f16(block, d);
            put_f16(block + 2, type == TENSOR_Q4_1 ? -7.5 * d : -15.5 * d);
            break;
        case TENSOR_Q4_K:
        case TENSOR_Q5_K:
            d = deviation / scale_6_bits / spread_of_bits(type == TENSOR_Q4_K ? 4 : 5);
            put_f16(block, d);
            put_f16(block + 2, type == TENSOR_Q4_K ? 7.5 * d : 15.5 * d);
            centre_sub_blocks(block + 4);
            break;
        case TENSOR_Q6_K:
            put_f16(block + step - 2, deviation / scale_8_bits / spread_of_bits(6));
            break;
        case TENSOR_F16:
            memcpy(&bits, block, 2);
            bits = (bits & float_mask(16, 10)) | float_exponent(deviation, 15, 10);
            memcpy(block, &bits, 2);
            break;
        case TENSOR_BF16:
            memcpy(&bits, block, 2);
            bits = (bits & float_mask(16, 7)) | float_exponent(deviation, 127, 7);
            memcpy(block, &bits, 2);
            break;
        default:
            memcpy(&bits, block, 4);
            bits = (bits & float_mask(32, 23)) | float_exponent(deviation, 127, 23);
            memcpy(block, &bits, 4);
            break;
        }
    }
}

#endif
