/* Rounded weights times rounded values with matrix products of bytes (USMMLA: eight keys, two
 * queries, two columns); all else as with NEON. */

#include "kernels/arm/attention_neon.h"
#include "kernels/arm/squares.h"
#include "kernels/kernels_list.h"

enum { UNIT = 8, PAIRS = ROWS / 2, SQUARES = COLUMNS / 2 };

/* Columns [d, d + COLUMNS) of out [n_rows][value_dim]. */
static inline __attribute__((always_inline)) void
add_values(const struct attention_args *args, const struct weights *weights,
           const uint8_t u[ATTENTION_BLOCK * BYTE_ROWS], int n_rows, size_t d, float *out)
{
    const size_t value_dim = args->value_dim;
    const int n_pairs = (n_rows + 1) / 2;
    int32x4_t squares[PAIRS][SQUARES];
    for (int p = 0; p < n_pairs; p++) {
        for (int s = 0; s < SQUARES; s++)
            squares[p][s] = vdupq_n_s32(0);
    }
    const int8_t *v = (const int8_t *)args->v + UNIT * d;
    for (size_t j = 0; j < ATTENTION_BLOCK; j += UNIT, v += UNIT * value_dim) {
        uint8x16_t rows[PAIRS];
        for (int p = 0; p < n_pairs; p++)
            rows[p] = vld1q_u8(u + j * BYTE_ROWS + p * 2 * UNIT);
        for (int half = 0; half < 2; half++) {
            const int8x16x4_t columns = vld1q_s8_x4(v + half * 64);
            for (int p = 0; p < n_pairs; p++) {
                for (int s = 0; s < 4; s++)
                    squares[p][half * 4 + s] =
                        vusmmlaq_s32(squares[p][half * 4 + s], rows[p], columns.val[s]);
            }
        }
    }
    for (int p = 0; p < n_pairs; p++) {
        for (int c = 0; c < VECTORS; c++) {
            const int32x4_t *two = squares[p] + 2 * c;
            float *at = out + (size_t)(2 * p) * value_dim + c * LANES;
            add_scaled(weights, 2 * p, vcvtq_f32_s32(upper_row(two)), at);
            if (2 * p + 1 < n_rows)
                add_scaled(weights, 2 * p + 1, vcvtq_f32_s32(lower_row(two)), at + value_dim);
        }
    }
}

/* Queries [first, first + n_rows), n_rows a constant of at most ROWS. */
static inline __attribute__((always_inline)) void attend(const struct attention_args *args,
                                                         size_t first, int n_rows)
{
    struct weights weights;
    uint8_t u[ATTENTION_BLOCK * BYTE_ROWS];
    if (n_rows % 2)
        memset(u, 0, sizeof u); /* a pair without its second query */
    score(args, first, n_rows, &weights);
    for (int r = 0; r < n_rows; r++) {
        soften(args, first + (size_t)r, r, &weights);
        round_weights(args, r, &weights);
    }
    weights_to_bytes(&weights, n_rows, UNIT, u);
    for (size_t d = 0; d < args->value_dim; d += COLUMNS)
        add_values(args, &weights, u, n_rows, d, args->out + first * args->value_dim + d);
}

void attention_block_q8_neoni8mm(const struct attention_args *args)
{
    attend_all(args, attend);
}

void attention_values_neoni8mm(const int8_t *const *values, size_t n_keys, size_t value_dim,
                               void *packed)
{
    pack_values(values, n_keys, value_dim, packed, UNIT, 0);
}
