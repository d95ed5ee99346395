/* Rounded weights times rounded values with 256-bit 8-bit dot products; all else as with AVX2. */

#include "kernels/kernels_list.h"
#include "kernels/x86/attention_avx2.h"
#include "kernels/x86/attention_values.h"

#include <string.h>

/* Queries [first, first + n_rows), n_rows a constant of at most ROWS. */
static inline __attribute__((always_inline)) void attend(const struct attention_args *args,
                                                         size_t first, int n_rows)
{
    const size_t value_dim = args->value_dim;
    struct weights weights;
    _Alignas(32) uint8_t u[ROWS][ATTENTION_BLOCK];
    score(args, first, n_rows, &weights);
    for (int r = 0; r < n_rows; r++) {
        soften(args, first + (size_t)r, r, &weights);
        round_weights(args, r, &weights);
        for (int j = 0; j < ATTENTION_BLOCK; j++)
            u[r][j] = (uint8_t)(int)weights.w[r][j];
    }
    for (size_t d = 0; d < value_dim; d += COLUMNS) {
        __m256i sums[ROWS][2];
        for (int r = 0; r < n_rows; r++)
            sums[r][0] = sums[r][1] = _mm256_setzero_si256();
        const int8_t *v = (const int8_t *)args->v + 4 * d;
        for (size_t j = 0; j < ATTENTION_BLOCK; j += 4, v += 4 * value_dim) {
            const __m256i v0 = _mm256_loadu_si256((const __m256i *)v),
                          v1 = _mm256_loadu_si256((const __m256i *)(v + 4 * LANES));
            for (int r = 0; r < n_rows; r++) {
                int32_t four;
                memcpy(&four, u[r] + j, sizeof four);
                const __m256i factor = _mm256_set1_epi32(four);
                sums[r][0] = _mm256_dpbusd_avx_epi32(sums[r][0], factor, v0);
                sums[r][1] = _mm256_dpbusd_avx_epi32(sums[r][1], factor, v1);
            }
        }
        for (int r = 0; r < n_rows; r++) {
            float *out = args->out + (first + (size_t)r) * value_dim + d;
            add_scaled(&weights, r, _mm256_cvtepi32_ps(sums[r][0]), out);
            add_scaled(&weights, r, _mm256_cvtepi32_ps(sums[r][1]), out + LANES);
        }
    }
}

void attention_block_q8_avxvnni(const struct attention_args *args)
{
    attend_all(args, attend);
}

void attention_values_avxvnni(const int8_t *const *values, size_t n_keys, size_t value_dim,
                              void *packed)
{
    pack_values_by_four(values, n_keys, value_dim, packed);
}
