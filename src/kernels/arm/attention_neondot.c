/* Rounded weights times rounded values with dot products of bytes; all else as with NEON. UDOT
 * multiplies unsigned bytes: packed values have 128 added, and sums begin at -128 times the sum of
 * the weights. */

#include "kernels/arm/attention_neon.h"
#include "kernels/kernels_list.h"

enum { UNIT = 4 };

/* Row [row]'s four keys: lane row % 4 of [in], an immediate of the instruction, hence a macro. */
#define DOT_ROW(row, in)                                                                           \
    if ((row) < n_rows) {                                                                          \
        for (int c = 0; c < VECTORS; c++)                                                          \
            sums[row][c] = vdotq_laneq_u32(sums[row][c], columns.val[c], in, (row) % 4);           \
    }

/* Columns [d, d + COLUMNS) of out [n_rows][value_dim]. */
static inline __attribute__((always_inline)) void
add_values(const struct attention_args *args, const struct weights *weights,
           const uint8_t u[ATTENTION_BLOCK * BYTE_ROWS], const uint32_t start[ROWS], int n_rows,
           size_t d, float *out)
{
    const size_t value_dim = args->value_dim;
    uint32x4_t sums[ROWS][VECTORS];
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < VECTORS; c++)
            sums[r][c] = vdupq_n_u32(start[r]);
    }
    const uint8_t *v = (const uint8_t *)args->v + UNIT * d;
    for (size_t j = 0; j < ATTENTION_BLOCK; j += UNIT, v += UNIT * value_dim) {
        const uint8x16x4_t columns = vld1q_u8_x4(v);
        const uint8x16_t low = vld1q_u8(u + j * BYTE_ROWS), high = vld1q_u8(u + j * BYTE_ROWS + 16);
        DOT_ROW(0, low)
        DOT_ROW(1, low)
        DOT_ROW(2, low)
        DOT_ROW(3, low)
        DOT_ROW(4, high)
        DOT_ROW(5, high)
    }
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < VECTORS; c++)
            add_scaled(weights, r, vcvtq_f32_s32(vreinterpretq_s32_u32(sums[r][c])),
                       out + (size_t)r * value_dim + c * LANES);
    }
}

/* -128 times the sum of a row's weights. */
static inline uint32_t start_of(const float w[ATTENTION_BLOCK])
{
    uint32x4_t sum = vdupq_n_u32(0);
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES)
        sum = vaddq_u32(sum, vcvtq_u32_f32(vld1q_f32(w + j)));
    return 0 - 128 * vaddvq_u32(sum);
}

/* Queries [first, first + n_rows), n_rows a constant of at most ROWS. */
static inline __attribute__((always_inline)) void attend(const struct attention_args *args,
                                                         size_t first, int n_rows)
{
    struct weights weights;
    uint8_t u[ATTENTION_BLOCK * BYTE_ROWS] = {0};
    uint32_t start[ROWS];
    score(args, first, n_rows, &weights);
    for (int r = 0; r < n_rows; r++) {
        soften(args, first + (size_t)r, r, &weights);
        round_weights(args, r, &weights);
        start[r] = start_of(weights.w[r]);
    }
    weights_to_bytes(&weights, n_rows, UNIT, u);
    for (size_t d = 0; d < args->value_dim; d += COLUMNS)
        add_values(args, &weights, u, start, n_rows, d, args->out + first * args->value_dim + d);
}

void attention_block_q8_neondot(const struct attention_args *args)
{
    attend_all(args, attend);
}

void attention_values_neondot(const int8_t *const *values, size_t n_keys, size_t value_dim,
                              void *packed)
{
    pack_values(values, n_keys, value_dim, packed, UNIT, 128);
}
