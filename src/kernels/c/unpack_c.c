/* From quantised blocks to int8 panels in fixed point (unpack.h): the meaning. One row and group at
 * a time: integers, transform inside sub-blocks, quanta, transform across them, rounding. */

#include "kernels/blocks.h"
#include "kernels/kernels_list.h"
#include "kernels/quantize.h"
#include "kernels/unpack.h"

#include <math.h>
#include <stdlib.h>

enum { NR = 8, LENGTH = 64, GROUP_LIMIT = 256 };

/* One group of one row as the file has it: weight i is s * u[i] + m of its sub-block. */
struct numbers {
    int u[GROUP_LIMIT];
    float s[GROUP_LIMIT / 16], m[GROUP_LIMIT / 16]; /* zero where the group is padding */
};

/* Reads [n] weights, whole blocks. */
typedef void read_fn(const uint8_t *blocks, uint32_t n, struct numbers *to);

static void read_q8_0(const uint8_t *block, uint32_t n, struct numbers *to)
{
    for (uint32_t i = 0; i < n; i += 32, block += 34) {
        to->s[i / 32] = load_f16(block);
        for (int j = 0; j < 32; j++)
            to->u[i + (uint32_t)j] = (int8_t)block[2 + j];
    }
}

/* 16 bytes of nibbles, fifth bits in [high]. */
static void read_32(const uint8_t *nibbles, uint32_t high, int u[32])
{
    for (int j = 0; j < 16; j++) {
        u[j] = (nibbles[j] & 15) | (int)(high >> j & 1) << 4;
        u[j + 16] = nibbles[j] >> 4 | (int)(high >> (j + 16) & 1) << 4;
    }
}

static void read_q4_0(const uint8_t *block, uint32_t n, struct numbers *to)
{
    for (uint32_t i = 0; i < n; i += 32, block += 18) {
        to->s[i / 32] = load_f16(block);
        to->m[i / 32] = to->s[i / 32] * -8;
        read_32(block + 2, 0, to->u + i);
    }
}

static void read_q4_1(const uint8_t *block, uint32_t n, struct numbers *to)
{
    for (uint32_t i = 0; i < n; i += 32, block += 20) {
        to->s[i / 32] = load_f16(block);
        to->m[i / 32] = load_f16(block + 2);
        read_32(block + 4, 0, to->u + i);
    }
}

static void read_q5_0(const uint8_t *block, uint32_t n, struct numbers *to)
{
    for (uint32_t i = 0; i < n; i += 32, block += 22) {
        to->s[i / 32] = load_f16(block);
        to->m[i / 32] = to->s[i / 32] * -16;
        read_32(block + 6, load_u32(block + 2), to->u + i);
    }
}

static void read_q5_1(const uint8_t *block, uint32_t n, struct numbers *to)
{
    for (uint32_t i = 0; i < n; i += 32, block += 24) {
        to->s[i / 32] = load_f16(block);
        to->m[i / 32] = load_f16(block + 2);
        read_32(block + 8, load_u32(block + 4), to->u + i);
    }
}

/* Q4_K ([high] NULL) and Q5_K: a group is a block. */
static void read_k(const uint8_t *block, const uint8_t *high, const uint8_t *nibbles,
                   struct numbers *to)
{
    const float d = load_f16(block), dmin = load_f16(block + 2);
    uint64_t scales, mins;
    unpack_scales_k(block + 4, &scales, &mins);
    for (int s = 0; s < 8; s++) {
        to->s[s] = d * scale_k(scales, s);
        to->m[s] = -dmin * scale_k(mins, s);
        for (int j = 0; j < 32; j++) {
            const uint8_t byte = nibbles[s / 2 * 32 + j];
            to->u[s * 32 + j] = (s % 2 ? byte >> 4 : byte & 15) | (high ? high[j] >> s & 1 : 0)
                                                                      << 4;
        }
    }
}

static void read_q4_k(const uint8_t *block, uint32_t n, struct numbers *to)
{
    (void)n;
    read_k(block, NULL, block + 16, to);
}

static void read_q5_k(const uint8_t *block, uint32_t n, struct numbers *to)
{
    (void)n;
    read_k(block, block + 16, block + 48, to);
}

static void read_q6_k(const uint8_t *block, uint32_t n, struct numbers *to)
{
    const float d = load_f16(block + 208);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t h = i / 128, t = i / 32 % 4, j = i % 32;
        const int nibble = block[h * 64 + t % 2 * 32 + j] >> (t >= 2 ? 4 : 0) & 15;
        to->u[i] = (nibble | (block[128 + h * 32 + j] >> 2 * t & 3) << 4) - 32;
        to->s[i / 16] = d * (int8_t)block[192 + i / 16];
    }
}

/* Walsh-Hadamard transform of n integers, natural order. */
static void transform(int *v, int n)
{
    for (int h = 1; h < n; h *= 2) {
        for (int i = 0; i < n; i++) {
            if (i & h)
                continue;
            const int a = v[i], b = v[i + h];
            v[i] = a + b;
            v[i + h] = a - b;
        }
    }
}

/* (a * b + 2^14) >> 15; the shift rounds down. */
static int scale_16(int a, int b)
{
    return (a * b + (1 << 14)) >> 15;
}

static float largest_weight(struct unpack_type type, const struct numbers *numbers, int n_parts)
{
    uint32_t largest = 0; /* as bits: NaN above all */
    for (int p = 0; p < n_parts; p++) {
        const float ends[2] = {numbers->s[p] * type.largest + numbers->m[p], numbers->m[p]};
        for (int i = 0; i < 2; i++) {
            uint32_t bits;
            memcpy(&bits, &ends[i], sizeof bits);
            bits &= 0x7fffffff;
            largest = bits > largest ? bits : largest;
        }
    }
    float bound;
    memcpy(&bound, &largest, sizeof bound);
    return bound;
}

/* One group: numbers -> q [group], scale. False, with zeros, when a weight is not finite. */
static bool quantize(struct unpack_type type, const struct numbers *numbers, int group, int8_t *q,
                     float *scale)
{
    const int L = type.sub_block, n_parts = group / L;
    const float bound = largest_weight(type, numbers, n_parts);
    memset(q, 0, (size_t)group);
    *scale = 0;
    if (!isfinite(bound))
        return false;
    const float k = UNPACK_LIMIT * 512 / (float)type.unit / fmaxf(bound, UNPACK_LEAST);
    const float k_offset = k * ((float)(L * type.unit) * 0x1p-15f);
    int v[GROUP_LIMIT], max = 1;
    for (int p = 0; p < n_parts; p++) {
        int *part = v + p * L;
        const int f = (int)lrintf(numbers->s[p] * k);
        memcpy(part, numbers->u + p * L, (size_t)L * sizeof *v);
        transform(part, L);
        for (int i = 0; i < L; i++)
            part[i] = scale_16(part[i] * type.unit, f);
        part[0] += (int)lrintf(numbers->m[p] * k_offset);
    }
    for (int i = 0; i < group; i += LENGTH) {
        for (int j = 0; j < L; j++) { /* across the sub-blocks */
            int across[LENGTH / 16];
            for (int p = 0; p < LENGTH / L; p++)
                across[p] = v[i + p * L + j];
            transform(across, LENGTH / L);
            for (int p = 0; p < LENGTH / L; p++) {
                v[i + p * L + j] = across[p];
                max = abs(across[p]) > max ? abs(across[p]) : max;
            }
        }
    }
    int factor = (int)(127 * 32768.0f / (float)max);
    factor = factor < 32767 ? factor : 32767;
    for (int i = 0; i < group; i++)
        q[i] = (int8_t)scale_16(v[i], factor);
    *scale = bound * (0x1p18f / UNPACK_LIMIT) / (float)factor;
    return true;
}

/* One group of one row into a panel. */
static void put_group(const int8_t *q, uint32_t group, uint32_t g, uint32_t row,
                      const struct panel_q8 *panel)
{
    for (uint32_t i = g * group; i < (g + 1) * group; i++)
        panel->w[(i / 4 * NR + row) * 4 + i % 4] = q[i - g * group];
}

static void clear_panel(const struct quant_layout *layout, const struct panel_q8 *panel)
{
    memset(panel->w, 0, (size_t)layout->k_pad * NR);
    memset(panel->scales, 0, (size_t)layout->n_groups * NR * sizeof *panel->scales);
    memset(panel->start, 0, (size_t)layout->n_groups * NR * sizeof *panel->start);
}

static bool unpack_blocks(struct unpack_type type, read_fn *read, uint32_t block_len,
                          size_t block_bytes, const struct quant_layout *layout,
                          const struct weight_rows *rows, const struct panel_q8 *panel)
{
    const uint32_t group = layout->group;
    bool finite = true;
    clear_panel(layout, panel);
    for (uint32_t i = 0; i < layout->n_groups * (uint32_t)rows->n; i++) {
        const uint32_t g = i % layout->n_groups, row = i / layout->n_groups;
        struct numbers numbers = {0};
        int8_t q[GROUP_LIMIT];
        read(rows->data + row * rows->row_bytes + g * group / block_len * block_bytes,
             quantize_inputs(layout, g * group), &numbers);
        finite &= quantize(type, &numbers, (int)group, q, &panel->scales[g * NR + row]);
        put_group(q, group, g, row, panel);
    }
    return finite;
}

/* Floats are rotated and rounded as activations are. */
static bool unpack_values(dequant_fn *dequant, size_t value_bytes,
                          const struct quant_layout *layout, const struct weight_rows *rows,
                          const struct panel_q8 *panel)
{
    const uint32_t group = layout->group;
    bool finite = true;
    clear_panel(layout, panel);
    for (uint32_t i = 0; i < layout->n_groups * (uint32_t)rows->n; i++) {
        const uint32_t g = i % layout->n_groups, row = i / layout->n_groups;
        const uint32_t n = quantize_inputs(layout, g * group);
        const struct quant_layout one = {n, group, group, 1};
        float x[GROUP_LIMIT];
        int8_t q[GROUP_LIMIT];
        dequant(rows->data + row * rows->row_bytes + g * group * value_bytes, x, n);
        finite &= quantize_row_c(&one, x, q, &panel->scales[g * NR + row]);
        put_group(q, group, g, row, panel);
    }
    return finite;
}

#define UNPACK_BLOCKS(type, numbers, block_len, block_bytes)                                       \
    bool unpack_##type##_c(const struct quant_layout *layout, const struct weight_rows *rows,      \
                           const struct panel_q8 *panel)                                           \
    {                                                                                              \
        return unpack_blocks(numbers, read_##type, block_len, block_bytes, layout, rows, panel);   \
    }

#define UNPACK_VALUES(type, value_bytes)                                                           \
    bool unpack_##type##_c(const struct quant_layout *layout, const struct weight_rows *rows,      \
                           const struct panel_q8 *panel)                                           \
    {                                                                                              \
        return unpack_values(dequant_##type##_c, value_bytes, layout, rows, panel);                \
    }

UNPACK_VALUES(f32, 4)
UNPACK_VALUES(f16, 2)
UNPACK_VALUES(bf16, 2)
UNPACK_BLOCKS(q8_0, unpack_q8, 32, 34)
UNPACK_BLOCKS(q4_0, unpack_q4, 32, 18)
UNPACK_BLOCKS(q4_1, unpack_q4, 32, 20)
UNPACK_BLOCKS(q5_0, unpack_q5, 32, 22)
UNPACK_BLOCKS(q5_1, unpack_q5, 32, 24)
UNPACK_BLOCKS(q4_k, unpack_q4, 256, 144)
UNPACK_BLOCKS(q5_k, unpack_q5, 256, 176)
UNPACK_BLOCKS(q6_k, unpack_q6, 256, 210)
