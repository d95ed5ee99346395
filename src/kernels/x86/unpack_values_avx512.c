/* From float weights to int8 panels with AVX-512: rows are rotated one by one in registers, as
 * activations are, and transposed as bytes. With rows in lanes (unpack_lanes.inc) floats would be
 * transposed at four times the size, and rows that lie a power of two apart would drive each other
 * out of the first-level cache. Bits are the same: stages come in the same order. */

#include "kernels/kernels_list.h"
#include "kernels/quantize.h"
#include "kernels/x86/rotate_avx512.h"

enum { ROWS = 16, NR = 32, OFFSET = 128 };

/* 16 values from [from] on. */
typedef __m512 values_fn(const uint8_t *from);

static inline __m512 values_f32(const uint8_t *from)
{
    return _mm512_loadu_ps(from);
}

static inline __m512 values_f16(const uint8_t *from)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)from));
}

static inline __m512 values_bf16(const uint8_t *from)
{
    /* Word 2i + 1 is value i. */
    const __m512i order = _mm512_slli_epi32(
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), 16);
    const __m512i values = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)from));
    return _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(0xaaaaaaaa, order, values));
}

#define INLINE static inline __attribute__((always_inline))

/* Rotates [n] values, padded with zeros to [group], to v; returns the largest |v| as bits. */
INLINE uint32_t rotate_values(values_fn *load, size_t value_bytes, const uint8_t *from, uint32_t n,
                              uint32_t group, float *v)
{
    uint8_t padded[QUANTIZE_GROUP_LIMIT * sizeof(float)];
    if (n < group) {
        memset(padded, 0, group * value_bytes);
        memcpy(padded, from, n * value_bytes);
        from = padded;
    }
    __m512i max = _mm512_setzero_si512();
    for (uint32_t i = 0; i < group; i += QUANTIZE_LENGTH) {
        __m512 x[4];
        for (uint32_t j = 0; j < 4; j++)
            x[j] = load(from + (i + j * 16) * value_bytes);
        max = rotate_64(x, v + i, max);
    }
    return _mm512_reduce_max_epu32(max);
}

/* Rounds v [group] * factor to q, 64 by 64 as pack_64 does. */
static inline void pack_group(const float *v, float factor, uint32_t group, int8_t *q)
{
    for (uint32_t i = 0; i < group; i += 64)
        _mm512_storeu_si512(q + i, pack_64(v + i, _mm512_set1_ps(factor)));
}

/* Inputs of a row that are unpacked before the next row is, and bytes from row to row: rows a power
 * of two apart would share a set of the first-level cache. */
enum { RUN = 4096, STRIDE = RUN + 64 };

/* Bytes q [ROWS][STRIDE], as pack_64 leaves them, of groups [g0, g1) to their half of the panel,
 * with its start. */
static void put_groups(int8_t (*q)[STRIDE], const struct quant_layout *layout, int first,
                       uint32_t g0, uint32_t g1, const struct panel_q8 *panel)
{
    const uint32_t group = layout->group;
    for (uint32_t g = g0; g < g1; g++) {
        int8_t *w = panel->w + (size_t)g * group * NR + (size_t)first * 4;
        /* Two: a sum waits for the one before. */
        __m512i sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        for (uint32_t i = 0; i < group; i += 64) {
            __m512i units[16];
            for (int r = 0; r < ROWS; r++)
                units[r] = _mm512_load_si512(q[r] + (g - g0) * group + i);
            transpose(units);
            for (uint32_t u = 0; u < 16; u++) {
                const uint32_t of = u % 4 * 4 + u / 4;
                sums[u % 2] =
                    _mm512_dpbusd_epi32(sums[u % 2], _mm512_set1_epi8((char)OFFSET), units[u]);
                _mm512_storeu_si512(w + (i / 4 + of) * NR * 4, units[u]);
            }
        }
        _mm512_storeu_si512(
            panel->start + (size_t)g * NR + first,
            _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_add_epi32(sums[0], sums[1])));
    }
}

/* Groups [g0, g1) of row [r] to q [RUN] and the panel's scales. A group is rounded after the next
 * one was rotated: the division that it waits for takes as long as half a rotation. */
INLINE bool unpack_run(values_fn *load, size_t value_bytes, const struct quant_layout *layout,
                       const struct weight_rows *rows, int r, uint32_t g0, uint32_t g1,
                       const struct panel_q8 *panel, int8_t *q)
{
    const uint32_t group = layout->group;
    const uint8_t *row = rows->data + (size_t)r * rows->row_bytes;
    _Alignas(64) float v[2][QUANTIZE_GROUP_LIMIT];
    float factors[2] = {0, 0};
    bool finite = true;
    for (uint32_t g = g0; g < g1; g++) {
        const uint32_t n = quantize_inputs(layout, g * group);
        const uint8_t *from = row + (size_t)g * group * value_bytes;
        for (size_t at = 0; at < n * value_bytes; at += 64)
            __builtin_prefetch(from + rows->row_bytes + at, 0, 2);
        const uint32_t max = rotate_values(load, value_bytes, from, n, group, v[g % 2]);
        finite &= quantize_scale(max, &factors[g % 2], &panel->scales[(size_t)g * NR + (size_t)r]);
        if (g > g0)
            pack_group(v[(g - 1) % 2], factors[(g - 1) % 2], group, q + (g - 1 - g0) * group);
    }
    pack_group(v[(g1 - 1) % 2], factors[(g1 - 1) % 2], group, q + (g1 - 1 - g0) * group);
    return finite;
}

INLINE bool unpack_values(values_fn *load, size_t value_bytes, const struct quant_layout *layout,
                          const struct weight_rows *rows, const struct panel_q8 *panel)
{
    const uint32_t per_run = RUN / layout->group, n_groups = layout->n_groups;
    _Alignas(64) int8_t q[ROWS][STRIDE];
    bool finite = true;
    for (int first = 0; first < NR; first += ROWS) {
        for (uint32_t g0 = 0; g0 < n_groups; g0 += per_run) {
            const uint32_t g1 = g0 + per_run < n_groups ? g0 + per_run : n_groups;
            for (int r = 0; r < ROWS; r++) {
                if (first + r < rows->n) {
                    finite &=
                        unpack_run(load, value_bytes, layout, rows, first + r, g0, g1, panel, q[r]);
                    continue;
                }
                memset(q[r], 0, RUN);
                for (uint32_t g = g0; g < g1; g++)
                    panel->scales[(size_t)g * NR + (size_t)(first + r)] = 0;
            }
            put_groups(q, layout, first, g0, g1, panel);
        }
    }
    return finite;
}

#define UNPACK_VALUES(type, value_bytes)                                                           \
    bool unpack_##type##_avx512(const struct quant_layout *layout, const struct weight_rows *rows, \
                                const struct panel_q8 *panel)                                      \
    {                                                                                              \
        return unpack_values(values_##type, value_bytes, layout, rows, panel);                     \
    }

UNPACK_VALUES(f32, 4)
UNPACK_VALUES(f16, 2)
UNPACK_VALUES(bf16, 2)
