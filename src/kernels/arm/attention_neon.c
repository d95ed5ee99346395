/* Online softmax over a block of 64 keys with NEON. Both products are one routine: up to six rows
 * times 16 columns of a matrix, 24 accumulators; a row's sums run over k in ascending order
 * whatever stands beside it. Rounded values stay whole numbers in floats: their sums, below 2^24,
 * are exact. */

#include "kernels/arm/attention_neon.h"
#include "kernels/kernels_list.h"

/* Values in float: some columns of out [n_rows][value_dim] at [d]. */
static inline __attribute__((always_inline)) void
add_values(int n_rows, int n_vectors, size_t n_last, const struct attention_args *args,
           const struct weights *weights, size_t d, float *out)
{
    float32x4_t sums[ROWS][VECTORS];
    const float *rows[ROWS];
    for (int r = 0; r < n_rows; r++) {
        rows[r] = weights->w[r];
        for (int c = 0; c < n_vectors; c++) {
            const float *at = out + (size_t)r * args->value_dim + c * LANES;
            const size_t lanes = c + 1 < n_vectors ? LANES : n_last;
            sums[r][c] = vmulq_n_f32(load_first(at, lanes, 0), weights->keep[r]);
        }
    }
    multiply(n_rows, n_vectors, n_last, rows, ATTENTION_BLOCK, (const float *)args->v + d,
             args->value_dim, sums);
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_vectors; c++)
            store_first(out + (size_t)r * args->value_dim + c * LANES,
                        c + 1 < n_vectors ? LANES : n_last, sums[r][c]);
    }
}

/* Rounded values: 16 columns at [d]. */
static inline __attribute__((always_inline)) void add_rounded(int n_rows,
                                                              const struct attention_args *args,
                                                              const struct weights *weights,
                                                              size_t d, float *out)
{
    float32x4_t sums[ROWS][VECTORS];
    const float *rows[ROWS];
    for (int r = 0; r < n_rows; r++) {
        rows[r] = weights->w[r];
        for (int c = 0; c < VECTORS; c++)
            sums[r][c] = vdupq_n_f32(0);
    }
    multiply(n_rows, VECTORS, LANES, rows, ATTENTION_BLOCK, (const float *)args->v + d,
             args->value_dim, sums);
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < VECTORS; c++)
            add_scaled(weights, r, sums[r][c], out + (size_t)r * args->value_dim + c * LANES);
    }
}

/* Queries [first, first + n_rows), both constants. */
static inline __attribute__((always_inline)) void attend(const struct attention_args *args,
                                                         size_t first, int n_rows, bool rounds)
{
    const size_t value_dim = args->value_dim;
    struct weights weights;
    score(args, first, n_rows, &weights);
    for (int r = 0; r < n_rows; r++) {
        soften(args, first + (size_t)r, r, &weights);
        if (rounds)
            round_weights(args, r, &weights);
    }

    float *out = args->out + first * value_dim;
    size_t d = 0;
    for (; d + COLUMNS <= value_dim; d += COLUMNS) {
        if (rounds)
            add_rounded(n_rows, args, &weights, d, out + d);
        else
            add_values(n_rows, VECTORS, LANES, args, &weights, d, out + d);
    }
    for (; d < value_dim; d += LANES)
        add_values(n_rows, 1, value_dim - d < LANES ? value_dim - d : LANES, args, &weights, d,
                   out + d);
}

static inline __attribute__((always_inline)) void attend_floats(const struct attention_args *args,
                                                                size_t first, int n_rows)
{
    attend(args, first, n_rows, false);
}

static inline __attribute__((always_inline)) void attend_rounded(const struct attention_args *args,
                                                                 size_t first, int n_rows)
{
    attend(args, first, n_rows, true);
}

void attention_block_neon(const struct attention_args *args)
{
    attend_all(args, attend_floats);
}

void attention_block_q8_neon(const struct attention_args *args)
{
    attend_all(args, attend_rounded);
}

/* [64][value_dim] floats. */
void attention_values_neon(const int8_t *const *values, size_t n_keys, size_t value_dim,
                           void *packed)
{
    float *to = packed;
    for (size_t j = 0; j < ATTENTION_BLOCK; j++) {
        for (size_t d = 0; d < value_dim; d++)
            *to++ = j < n_keys ? values[j][d] : 0;
    }
}
