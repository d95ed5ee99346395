/* Online softmax over a block of 64 keys with AVX-512. Queries go through in chunks: scores of all
 * of a chunk, their softmax, then values, so that what a tile of eight queries is multiplied with
 * (32 columns of keys, 32 of values) stays in the first-level cache for the whole chunk. A query's
 * sums run over dimensions and keys in ascending order whatever stands beside it. */

#include "kernels/kernels_list.h"
#include "kernels/x86/attention_values.h"
#include "kernels/x86/exp_avx512.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, ROWS = 8, COLUMNS = 2 * LANES, CHUNK = 4 * ROWS };

/* A chunk of queries between the two products. */
struct weights {
    _Alignas(64) float w[CHUNK][ATTENTION_BLOCK]; /* products; scores; weights */
    _Alignas(64) uint8_t u[CHUNK][ATTENTION_BLOCK];
    _Alignas(64) float max[CHUNK]; /* of the scores, then of weights times v_scales */
    float sum[CHUNK];              /* of the weights */
    float keep[CHUNK];             /* what earlier results are to be multiplied with */
    float factor[CHUNK];           /* to u */
    float scale[CHUNK];            /* of u */
};

/* ---- Scores */

/* to[r][0..32) = q[r] . 32 columns of k_t, n_rows a constant. */
static inline __attribute__((always_inline)) void score_rows(int n_rows, const float *const q[],
                                                             size_t head_dim, const float *k_t,
                                                             float (*to)[ATTENTION_BLOCK])
{
    __m512 sums[ROWS][2];
    const float *from[ROWS];
    for (int r = 0; r < n_rows; r++) {
        from[r] = q[r];
        sums[r][0] = sums[r][1] = _mm512_setzero_ps();
    }
    for (size_t d = 0; d < head_dim; d++, k_t += ATTENTION_BLOCK) {
        const __m512 k0 = _mm512_loadu_ps(k_t), k1 = _mm512_loadu_ps(k_t + LANES);
        for (int r = 0; r < n_rows; r++) {
            const __m512 factor = _mm512_set1_ps(from[r][d]);
            sums[r][0] = _mm512_fmadd_ps(factor, k0, sums[r][0]);
            sums[r][1] = _mm512_fmadd_ps(factor, k1, sums[r][1]);
        }
    }
    for (int r = 0; r < n_rows; r++) {
        _mm512_storeu_ps(to[r], sums[r][0]);
        _mm512_storeu_ps(to[r] + LANES, sums[r][1]);
    }
}

static void score(const struct attention_args *args, size_t first, size_t n,
                  struct weights *weights)
{
    for (size_t column = 0; column < ATTENTION_BLOCK; column += COLUMNS) {
        const float *const *q = args->q + first;
        const float *k_t = args->k_t + column;
        size_t i = 0;
        for (; i + ROWS <= n; i += ROWS)
            score_rows(ROWS, q + i, args->head_dim, k_t,
                       (float(*)[ATTENTION_BLOCK]) & weights->w[i][column]);
        for (; i + 2 <= n; i += 2)
            score_rows(2, q + i, args->head_dim, k_t,
                       (float(*)[ATTENTION_BLOCK]) & weights->w[i][column]);
        if (i < n)
            score_rows(1, q + i, args->head_dim, k_t,
                       (float(*)[ATTENTION_BLOCK]) & weights->w[i][column]);
    }
}

/* ---- Softmax: a chain of dependent steps, so each goes over the whole chunk by itself */

/* The queries at [i] of [n] that exist, of 16. */
static inline __mmask16 queries_at(size_t i, size_t n)
{
    return n - i >= LANES ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
}

/* From products to scores of query [i] of the chunk that begins at [first], -infinity where masked,
 * and their maximum with the one so far. */
static inline void mask_scores(const struct attention_args *args, size_t first, size_t i,
                               struct weights *weights)
{
    const unsigned from = args->from[first + i], to = args->to[first + i];
    const uint64_t below_to = to < 64 ? (UINT64_C(1) << to) - 1 : ~UINT64_C(0);
    const uint64_t keys = from < to ? below_to & (~UINT64_C(0) << from) : 0;
    __m512 max = _mm512_set1_ps(args->m[first + i]);
    for (int c = 0; c < 4; c++) {
        float *w = weights->w[i] + c * LANES;
        const __m512 scores =
            _mm512_mask_mul_ps(_mm512_set1_ps(-INFINITY), (__mmask16)(keys >> c * LANES),
                               _mm512_load_ps(w), _mm512_set1_ps(args->scale));
        _mm512_store_ps(w, scores);
        max = _mm512_max_ps(scores, max);
    }
    weights->max[i] = _mm512_reduce_max_ps(max);
}

/* New maxima take the place of the old ones, m [n]. */
static void update_maxima(size_t n, float *m, struct weights *weights)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 queries = queries_at(i, n);
        const __m512 max = _mm512_maskz_loadu_ps(queries, weights->max + i);
        const __m512 least = _mm512_set1_ps(-INFINITY);
        /* nothing but -inf and NaN so far: then -inf must give 0, and NaN show */
        const __m512 base = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(max, least, _CMP_NEQ_UQ), max);
        const __m512 old = _mm512_maskz_loadu_ps(queries, m + i);
        _mm512_storeu_ps(weights->keep + i, exp2_avx512(_mm512_sub_ps(old, base)));
        _mm512_storeu_ps(weights->max + i, base);
        _mm512_mask_storeu_ps(m + i, queries, max);
    }
}

/* From scores to weights of query [i], times v_scales if they are to be rounded. */
static inline void weigh(const float *v_scales, size_t i, struct weights *weights)
{
    const __m512 base = _mm512_set1_ps(weights->max[i]);
    __m512 total = _mm512_setzero_ps(), max = _mm512_setzero_ps();
    for (int c = 0; c < 4; c++) {
        float *w = weights->w[i] + c * LANES;
        __m512 e = exp2_avx512(_mm512_sub_ps(_mm512_load_ps(w), base));
        total = _mm512_add_ps(total, e);
        if (v_scales) {
            e = _mm512_mul_ps(e, _mm512_loadu_ps(v_scales + c * LANES));
            max = _mm512_max_ps(e, max);
        }
        _mm512_store_ps(w, e);
    }
    weights->sum[i] = _mm512_reduce_add_ps(total);
    if (v_scales)
        weights->max[i] = _mm512_reduce_max_ps(max);
}

static void update_sums(size_t n, float *l, struct weights *weights)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 queries = queries_at(i, n);
        const __m512 old = _mm512_maskz_loadu_ps(queries, l + i);
        _mm512_mask_storeu_ps(l + i, queries,
                              _mm512_fmadd_ps(old, _mm512_loadu_ps(weights->keep + i),
                                              _mm512_maskz_loadu_ps(queries, weights->sum + i)));
    }
}

/* Weights to 0..255. */
static void round_weights(size_t n, struct weights *weights)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __m512 max = _mm512_maskz_loadu_ps(queries_at(i, n), weights->max + i);
        const __mmask16 counts =
            _mm512_cmp_ps_mask(max, _mm512_set1_ps(ATTENTION_LEAST), _CMP_GE_OQ);
        _mm512_storeu_ps(weights->factor + i,
                         _mm512_maskz_div_ps(counts, _mm512_set1_ps(255), max));
        _mm512_storeu_ps(weights->scale + i, _mm512_mul_ps(max, _mm512_set1_ps(1.0f / 255)));
    }
    for (size_t i = 0; i < n; i++) {
        const __m512 factor = _mm512_set1_ps(weights->factor[i]);
        for (int c = 0; c < 4; c++) {
            const __m512 scaled = _mm512_mul_ps(_mm512_load_ps(weights->w[i] + c * LANES), factor);
            _mm_store_si128((__m128i *)(weights->u[i] + c * LANES),
                            _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(scaled)));
        }
    }
}

/* From products to weights, for [n] queries from [first]; updates their maxima and sums. */
static inline __attribute__((always_inline)) void soften(const struct attention_args *args,
                                                         size_t first, size_t n, bool rounds,
                                                         struct weights *weights)
{
    for (size_t i = 0; i < n; i++)
        mask_scores(args, first, i, weights);
    update_maxima(n, args->m + first, weights);
    for (size_t i = 0; i < n; i++)
        weigh(rounds ? args->v_scales : NULL, i, weights);
    update_sums(n, args->l + first, weights);
    if (rounds)
        round_weights(n, weights);
}

/* ---- Values in float */

/* out[r][0..32) += w[r] . v, n_rows a constant; [lanes] of the two vectors exist. */
static inline __attribute__((always_inline)) void
add_values(int n_rows, const __mmask16 lanes[2], const struct attention_args *args, size_t d,
           const float (*w)[ATTENTION_BLOCK], const float *keep, float *out)
{
    const size_t stride = args->value_dim;
    __m512 sums[ROWS][2];
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < 2; c++)
            sums[r][c] =
                _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes[c], out + (size_t)r * stride + c * LANES),
                              _mm512_set1_ps(keep[r]));
    }
    const float *v = (const float *)args->v + d;
    for (size_t j = 0; j < ATTENTION_BLOCK; j++, v += stride) {
        const __m512 v0 = _mm512_maskz_loadu_ps(lanes[0], v),
                     v1 = _mm512_maskz_loadu_ps(lanes[1], v + LANES);
        for (int r = 0; r < n_rows; r++) {
            const __m512 factor = _mm512_set1_ps(w[r][j]);
            sums[r][0] = _mm512_fmadd_ps(factor, v0, sums[r][0]);
            sums[r][1] = _mm512_fmadd_ps(factor, v1, sums[r][1]);
        }
    }
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < 2; c++)
            _mm512_mask_storeu_ps(out + (size_t)r * stride + c * LANES, lanes[c], sums[r][c]);
    }
}

void attention_block_avx512(const struct attention_args *args)
{
    struct weights weights;
    for (size_t first = 0; first < args->n_q; first += CHUNK) {
        const size_t n = args->n_q - first < CHUNK ? args->n_q - first : CHUNK;
        score(args, first, n, &weights);
        soften(args, first, n, false, &weights);
        for (size_t d = 0; d < args->value_dim; d += COLUMNS) {
            const size_t left = args->value_dim - d;
            const uint32_t all = left < COLUMNS ? (UINT32_C(1) << left) - 1 : ~UINT32_C(0);
            const __mmask16 lanes[2] = {(__mmask16)all, (__mmask16)(all >> LANES)};
            float *out = args->out + first * args->value_dim + d;
            size_t i = 0;
            for (; i + ROWS <= n; i += ROWS)
                add_values(ROWS, lanes, args, d, weights.w + i, weights.keep + i,
                           out + i * args->value_dim);
            for (; i < n; i++)
                add_values(1, lanes, args, d, weights.w + i, weights.keep + i,
                           out + i * args->value_dim);
        }
    }
}

/* ---- Values in int8 */

/* In assembly: compilers move accumulators of the intrinsic from register to register and spill. */
static inline __m512i dot_bytes(__m512i sum, __m512i u, __m512i v)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(v));
    return sum;
}

/* out[r][0..16 n_vectors) += scale[r] * (u[r] . v), n_rows and n_vectors constants. */
static inline __attribute__((always_inline)) void add_values_q8(int n_rows, int n_vectors,
                                                                size_t value_dim, const int8_t *v,
                                                                const uint8_t (*u)[ATTENTION_BLOCK],
                                                                const float *scale,
                                                                const float *keep, float *out)
{
    __m512i sums[ROWS][2];
    for (int r = 0; r < n_rows; r++)
        sums[r][0] = sums[r][1] = _mm512_setzero_si512();
    for (size_t j = 0; j < ATTENTION_BLOCK; j += 4, v += 4 * value_dim) {
        __m512i row[2];
        for (int c = 0; c < n_vectors; c++)
            row[c] = _mm512_loadu_si512(v + c * 4 * LANES);
        for (int r = 0; r < n_rows; r++) {
            int32_t four;
            memcpy(&four, u[r] + j, sizeof four);
            const __m512i factor = _mm512_set1_epi32(four);
            for (int c = 0; c < n_vectors; c++)
                sums[r][c] = dot_bytes(sums[r][c], factor, row[c]);
        }
    }
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_vectors; c++) {
            float *to = out + (size_t)r * value_dim + c * LANES;
            const __m512 kept = _mm512_mul_ps(_mm512_loadu_ps(to), _mm512_set1_ps(keep[r]));
            const __m512 sum = _mm512_cvtepi32_ps(sums[r][c]);
            _mm512_storeu_ps(to, _mm512_fmadd_ps(sum, _mm512_set1_ps(scale[r]), kept));
        }
    }
}

void attention_block_q8_avx512(const struct attention_args *args)
{
    struct weights weights;
    const size_t value_dim = args->value_dim;
    for (size_t first = 0; first < args->n_q; first += CHUNK) {
        const size_t n = args->n_q - first < CHUNK ? args->n_q - first : CHUNK;
        score(args, first, n, &weights);
        soften(args, first, n, true, &weights);
        for (size_t i = 0; i < n;) {
            float *out = args->out + (first + i) * value_dim;
            const size_t step = i + ROWS <= n ? ROWS : 1;
            for (size_t d = 0; d < value_dim; d += COLUMNS) {
                const int8_t *v = (const int8_t *)args->v + 4 * d;
                const bool wide = d + COLUMNS <= value_dim;
                if (step == ROWS && wide)
                    add_values_q8(ROWS, 2, value_dim, v, weights.u + i, weights.scale + i,
                                  weights.keep + i, out + d);
                else if (step == ROWS)
                    add_values_q8(ROWS, 1, value_dim, v, weights.u + i, weights.scale + i,
                                  weights.keep + i, out + d);
                else
                    add_values_q8(1, wide ? 2 : 1, value_dim, v, weights.u + i, weights.scale + i,
                                  weights.keep + i, out + d);
            }
            i += step;
        }
    }
}

/* ---- Keys and values on their way in */

/* 16 rows of 16 floats, row r in t[r], to columns. */
static inline void transpose(__m512 t[LANES])
{
    __m512 s[LANES];
    for (int i = 0; i < LANES; i += 2) {
        s[i] = _mm512_unpacklo_ps(t[i], t[i + 1]);
        s[i + 1] = _mm512_unpackhi_ps(t[i], t[i + 1]);
    }
    for (int i = 0; i < LANES; i += 4) {
        for (int half = 0; half < 2; half++) {
            const __m512d a = _mm512_castps_pd(s[i + half]), b = _mm512_castps_pd(s[i + half + 2]);
            t[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            t[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    }
    /* t[4 g + c]: of rows 4 g .. 4 g + 3 the columns c, c + 4, c + 8, c + 12, a quarter each */
    for (int c = 0; c < 4; c++) {
        const __m512 low01 = _mm512_shuffle_f32x4(t[c], t[4 + c], 0x88),
                     high01 = _mm512_shuffle_f32x4(t[c], t[4 + c], 0xdd),
                     low23 = _mm512_shuffle_f32x4(t[8 + c], t[12 + c], 0x88),
                     high23 = _mm512_shuffle_f32x4(t[8 + c], t[12 + c], 0xdd);
        s[c] = _mm512_shuffle_f32x4(low01, low23, 0x88);
        s[8 + c] = _mm512_shuffle_f32x4(low01, low23, 0xdd);
        s[4 + c] = _mm512_shuffle_f32x4(high01, high23, 0x88);
        s[12 + c] = _mm512_shuffle_f32x4(high01, high23, 0xdd);
    }
    for (int i = 0; i < LANES; i++)
        t[i] = s[i];
}

void attention_keys_avx512(const float *const *keys, size_t n_keys, size_t head_dim, float *k_t)
{
    for (size_t d = 0; d < head_dim; d += LANES) {
        const size_t n = head_dim - d < LANES ? head_dim - d : LANES;
        const __mmask16 lanes = n == LANES ? 0xffff : (__mmask16)((1u << n) - 1);
        for (size_t j = 0; j < ATTENTION_BLOCK; j += LANES) {
            __m512 t[LANES];
            for (size_t i = 0; i < LANES; i++)
                t[i] = j + i < n_keys ? _mm512_maskz_loadu_ps(lanes, keys[j + i] + d)
                                      : _mm512_setzero_ps();
            transpose(t);
            for (size_t i = 0; i < n; i++)
                _mm512_storeu_ps(k_t + (d + i) * ATTENTION_BLOCK + j, t[i]);
        }
    }
}

void attention_values_avx512(const int8_t *const *values, size_t n_keys, size_t value_dim,
                             void *packed)
{
    pack_values_by_four(values, n_keys, value_dim, packed);
}
