/* Online softmax over a block of 64 keys with AVX2. Rounded values stay whole numbers in floats:
 * without 8-bit dot products nothing is faster, and their sums, below 2^24, are as exact. */

#include "kernels/kernels_list.h"
#include "kernels/x86/attention_avx2.h"

/* Values in float: 16 columns of out [n_rows][value_dim] at [d], or those of [lanes]. */
static inline __attribute__((always_inline)) void
add_values(int n_rows, const __m256i lanes[2], bool whole, const struct attention_args *args,
           const struct weights *weights, size_t d, float *out)
{
    __m256 sums[ROWS][2];
    const float *rows[ROWS];
    for (int r = 0; r < n_rows; r++) {
        rows[r] = weights->w[r];
        for (int c = 0; c < 2; c++)
            sums[r][c] = _mm256_mul_ps(
                _mm256_maskload_ps(out + (size_t)r * args->value_dim + c * LANES, lanes[c]),
                _mm256_set1_ps(weights->keep[r]));
    }
    multiply(n_rows, lanes, whole, rows, ATTENTION_BLOCK, (const float *)args->v + d,
             args->value_dim, sums);
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < 2; c++)
            _mm256_maskstore_ps(out + (size_t)r * args->value_dim + c * LANES, lanes[c],
                                sums[r][c]);
    }
}

/* Queries [first, first + n_rows), n_rows a constant of at most ROWS. */
static inline __attribute__((always_inline)) void attend(const struct attention_args *args,
                                                         size_t first, int n_rows)
{
    const size_t value_dim = args->value_dim;
    struct weights weights;
    score(args, first, n_rows, &weights);
    for (int r = 0; r < n_rows; r++)
        soften(args, first + (size_t)r, r, &weights);

    float *out = args->out + first * value_dim;
    const __m256i all[2] = {first_lanes(LANES), first_lanes(LANES)};
    size_t d = 0;
    for (; d + COLUMNS <= value_dim; d += COLUMNS)
        add_values(n_rows, all, true, args, &weights, d, out + d);
    if (d < value_dim) {
        const size_t left = value_dim - d, low = left < LANES ? left : LANES;
        const __m256i lanes[2] = {first_lanes(low), first_lanes(left - low)};
        add_values(n_rows, lanes, false, args, &weights, d, out + d);
    }
}

void attention_block_avx2(const struct attention_args *args)
{
    attend_all(args, attend);
}

static inline __attribute__((always_inline)) void attend_q8(const struct attention_args *args,
                                                            size_t first, int n_rows)
{
    const size_t value_dim = args->value_dim;
    const __m256i all[2] = {first_lanes(LANES), first_lanes(LANES)};
    struct weights weights;
    const float *rows[ROWS];
    score(args, first, n_rows, &weights);
    for (int r = 0; r < n_rows; r++) {
        rows[r] = weights.w[r];
        soften(args, first + (size_t)r, r, &weights);
        round_weights(args, r, &weights);
    }
    for (size_t d = 0; d < value_dim; d += COLUMNS) {
        __m256 sums[ROWS][2];
        for (int r = 0; r < n_rows; r++)
            sums[r][0] = sums[r][1] = _mm256_setzero_ps();
        multiply(n_rows, all, true, rows, ATTENTION_BLOCK, (const float *)args->v + d, value_dim,
                 sums);
        for (int r = 0; r < n_rows; r++) {
            float *out = args->out + (first + (size_t)r) * value_dim + d;
            add_scaled(&weights, r, sums[r][0], out);
            add_scaled(&weights, r, sums[r][1], out + LANES);
        }
    }
}

void attention_block_q8_avx2(const struct attention_args *args)
{
    attend_all(args, attend_q8);
}

/* [64][value_dim] floats. */
void attention_values_avx2(const int8_t *const *values, size_t n_keys, size_t value_dim,
                           void *packed)
{
    float *to = packed;
    for (size_t j = 0; j < ATTENTION_BLOCK; j++) {
        for (size_t d = 0; d < value_dim; d += LANES, to += LANES) {
            const __m128i bytes = j < n_keys ? _mm_loadl_epi64((const __m128i *)(values[j] + d))
                                             : _mm_setzero_si128();
            _mm256_storeu_ps(to, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)));
        }
    }
}

/* 8 rows of 8 floats, row r in t[r], to columns. */
static inline void transpose(__m256 t[LANES])
{
    __m256 s[LANES];
    for (int i = 0; i < LANES; i += 2) {
        s[i] = _mm256_unpacklo_ps(t[i], t[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(t[i], t[i + 1]);
    }
    for (int half = 0; half < 2; half++) { /* rows 4 half .. 4 half + 3 */
        const __m256 *p = s + 4 * half;
        t[4 * half] = _mm256_shuffle_ps(p[0], p[2], 0x44);
        t[4 * half + 1] = _mm256_shuffle_ps(p[0], p[2], 0xee);
        t[4 * half + 2] = _mm256_shuffle_ps(p[1], p[3], 0x44);
        t[4 * half + 3] = _mm256_shuffle_ps(p[1], p[3], 0xee);
    }
    for (int c = 0; c < 4; c++) {
        s[c] = _mm256_permute2f128_ps(t[c], t[4 + c], 0x20);
        s[4 + c] = _mm256_permute2f128_ps(t[c], t[4 + c], 0x31);
    }
    for (int i = 0; i < LANES; i++)
        t[i] = s[i];
}

void attention_keys_avx2(const float *const *keys, size_t n_keys, size_t head_dim, float *k_t)
{
    for (size_t d = 0; d < head_dim; d += LANES) {
        const size_t n = head_dim - d < LANES ? head_dim - d : LANES;
        const __m256i lanes = first_lanes(n);
        for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES) {
            __m256 t[LANES];
            for (size_t i = 0; i < LANES; i++)
                t[i] = j + i < n_keys ? _mm256_maskload_ps(keys[j + i] + d, lanes)
                                      : _mm256_setzero_ps();
            transpose(t);
            for (size_t i = 0; i < n; i++)
                _mm256_storeu_ps(k_t + (d + i) * ATTENTION_BLOCK + j, t[i]);
        }
    }
}
