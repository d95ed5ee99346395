#ifndef KERNELS_ATTENTION_NEON_H
#define KERNELS_ATTENTION_NEON_H
/* What the variants of attention with NEON share: scores and their softmax, for up to six queries
 * at once; values and weights as bytes, for products of bytes. Sums of floats run in ascending
 * order, whatever stands beside them. */

#include "kernels/arm/exp_neon.h"
#include "kernels/attention_rows.h"

#include <math.h>

enum { LANES = 4, VECTORS = 4, COLUMNS = LANES * VECTORS };

/* Up to six queries between the two products. */
struct weights {
    float w[ROWS][ATTENTION_BLOCK]; /* products, then 2^(score - maximum) */
    float keep[ROWS];               /* what earlier results are to be multiplied with */
    float scale[ROWS];              /* after round_weights */
};

/* sums[r][c] += a[r][k] * b[k][4 c + lane], k in [0, n_k), for n_rows x n_vectors, constants. Of
 * the last vector [n_last] lanes exist. */
static inline __attribute__((always_inline)) void multiply(int n_rows, int n_vectors, size_t n_last,
                                                           const float *const a[ROWS], size_t n_k,
                                                           const float *b, size_t b_stride,
                                                           float32x4_t sums[ROWS][VECTORS])
{
    float32x4_t local[ROWS][VECTORS];
    const float *from[ROWS];
    for (int r = 0; r < n_rows; r++) {
        from[r] = a[r];
        for (int c = 0; c < n_vectors; c++)
            local[r][c] = sums[r][c];
    }
    for (size_t k = 0; k < n_k; k++, b += b_stride) {
        float32x4_t row[VECTORS];
        for (int c = 0; c < n_vectors; c++)
            row[c] = load_first(b + c * LANES, c + 1 < n_vectors ? LANES : n_last, 0);
        for (int r = 0; r < n_rows; r++) {
            for (int c = 0; c < n_vectors; c++)
                local[r][c] = vfmaq_n_f32(local[r][c], row[c], from[r][k]);
        }
    }
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_vectors; c++)
            sums[r][c] = local[r][c];
    }
}

/* Products of queries [first, first + n_rows) with all keys. */
static inline __attribute__((always_inline)) void
score(const struct attention_args *args, size_t first, int n_rows, struct weights *weights)
{
    for (int column = 0; column < ATTENTION_BLOCK; column += COLUMNS) {
        float32x4_t sums[ROWS][VECTORS];
        for (int r = 0; r < n_rows; r++) {
            for (int c = 0; c < VECTORS; c++)
                sums[r][c] = vdupq_n_f32(0);
        }
        multiply(n_rows, VECTORS, LANES, args->q + first, args->head_dim, args->k_t + column,
                 ATTENTION_BLOCK, sums);
        for (int r = 0; r < n_rows; r++) {
            for (int c = 0; c < VECTORS; c++)
                vst1q_f32(weights->w[r] + column + c * LANES, sums[r][c]);
        }
    }
}

/* From products to weights (0 where masked), in place, for row [r], which is query [i]; updates its
 * maximum and sum. */
static void soften(const struct attention_args *args, size_t i, int r, struct weights *weights)
{
    float *w = weights->w[r];
    const size_t from = args->from[i], to = args->to[i];
    if (from >= to) {
        memset(w, 0, ATTENTION_BLOCK * sizeof *w);
        weights->keep[r] = 1;
        return;
    }
    for (size_t j = 0; j < ATTENTION_BLOCK; j++)
        w[j] = j >= from && j < to ? w[j] * args->scale : -INFINITY;
    float32x4_t max = vdupq_n_f32(args->m[i]);
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES)
        max = vmaxnmq_f32(max, vld1q_f32(w + j));
    const float new_m = vmaxnmvq_f32(max);
    /* nothing but -inf and NaN so far: then -inf must give 0, and NaN show */
    const float32x4_t base = vdupq_n_f32(new_m == -INFINITY ? 0 : new_m);
    float32x4_t total = vdupq_n_f32(0);
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES) {
        const float32x4_t e = exp2_neon(vsubq_f32(vld1q_f32(w + j), base));
        vst1q_f32(w + j, e);
        total = vaddq_f32(total, e);
    }
    const float keep = vgetq_lane_f32(exp2_neon(vsubq_f32(vdupq_n_f32(args->m[i]), base)), 0);
    args->m[i] = new_m;
    args->l[i] = fmaf(args->l[i], keep, vaddvq_f32(total));
    weights->keep[r] = keep;
}

/* Row [r] times v_scales to whole numbers 0..255, still floats, in place; sets its scale. */
static void round_weights(const struct attention_args *args, int r, struct weights *weights)
{
    float *w = weights->w[r];
    float32x4_t max = vdupq_n_f32(0);
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES) {
        const float32x4_t scaled = vmulq_f32(vld1q_f32(w + j), vld1q_f32(args->v_scales + j));
        vst1q_f32(w + j, scaled);
        max = vmaxnmq_f32(max, scaled);
    }
    const float largest = vmaxnmvq_f32(max);
    const float factor = largest < ATTENTION_LEAST ? 0 : 255 / largest;
    for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES)
        vst1q_f32(w + j, vrndnq_f32(vmulq_n_f32(vld1q_f32(w + j), factor)));
    weights->scale[r] = largest * (1.0f / 255);
}

/* Row [r] of out, columns of [sums]: times keep, plus sums times scale. */
static inline void add_scaled(const struct weights *weights, int r, float32x4_t sums, float *at)
{
    vst1q_f32(at,
              vfmaq_n_f32(vmulq_n_f32(vld1q_f32(at), weights->keep[r]), sums, weights->scale[r]));
}

/* ---- Bytes: [unit] keys, 4 or 8, side by side ---- */

enum { BYTE_ROWS = 8 /* of u, of which ROWS are used */ };

/* Rounded weights of [n_rows] rows -> u [64/unit][BYTE_ROWS][unit]. */
static inline void weights_to_bytes(const struct weights *weights, int n_rows, size_t unit,
                                    uint8_t u[ATTENTION_BLOCK * BYTE_ROWS])
{
    for (int r = 0; r < n_rows; r++) {
        uint8_t row[ATTENTION_BLOCK];
        for (size_t j = 0; j < ATTENTION_BLOCK; j += 16) {
            uint16x4_t part[4];
            for (size_t i = 0; i < 4; i++)
                part[i] = vmovn_u32(vcvtq_u32_f32(vld1q_f32(weights->w[r] + j + i * LANES)));
            vst1q_u8(row + j, vcombine_u8(vmovn_u16(vcombine_u16(part[0], part[1])),
                                          vmovn_u16(vcombine_u16(part[2], part[3]))));
        }
        for (size_t j = 0; j < ATTENTION_BLOCK; j += unit)
            memcpy(u + j * BYTE_ROWS + (size_t)r * unit, row + j, unit);
    }
}

/* Values, their bits [flip] turned over -> [64/unit][value_dim][unit]. */
static inline __attribute__((always_inline)) void pack_values(const int8_t *const *values,
                                                              size_t n_keys, size_t value_dim,
                                                              void *packed, size_t unit,
                                                              uint8_t flip)
{
    uint8_t *to = packed;
    for (size_t j = 0; j < ATTENTION_BLOCK; j += unit) {
        for (size_t d = 0; d < value_dim; d += 16, to += 16 * unit) {
            uint8x16_t rows[8], mixed[8];
            for (size_t r = 0; r < unit; r++) {
                const uint8x16_t row = j + r < n_keys
                                           ? vreinterpretq_u8_s8(vld1q_s8(values[j + r] + d))
                                           : vdupq_n_u8(0);
                rows[r] = veorq_u8(row, vdupq_n_u8(flip));
            }
            for (size_t h = 1; h < unit; h *= 2) { /* each turns the address of a byte by a bit */
                for (size_t i = 0; i < unit / 2; i++) {
                    mixed[2 * i] = vzip1q_u8(rows[i], rows[i + unit / 2]);
                    mixed[2 * i + 1] = vzip2q_u8(rows[i], rows[i + unit / 2]);
                }
                memcpy(rows, mixed, sizeof rows);
            }
            for (size_t r = 0; r < unit; r++)
                vst1q_u8(to + r * 16, rows[r]);
        }
    }
}

#endif
