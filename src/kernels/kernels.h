#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H
/* Every compute kernel: its contract and the list of its variants. The plain C version (c/) is the
 * meaning; each other variant is checked against it by tests/kernels at every CPU level. Callers
 * see only the table that kernels_init fills. Nothing here allocates, locks or fails.
 *
 * Words. M rows (token positions), K inputs, N outputs. A *tile* is `mr` rows, a *panel* `nr`
 * outputs; both belong to the level (struct gemm_shape), so packed data is only understood by the
 * level that packed it.
 *
 * Numerics of the int8 path ("int8 with large groups needs a rotation", docs/numerics.md): x.W =
 * (xH).(WH) with H an orthonormal Hadamard transform inside each group of inputs; both sides are
 * then rounded to int8 symmetric in [-127, 127] with one float scale per row and group. K is padded
 * with zeros to a multiple of 64 (K_pad) and cut in equal groups of `group` = the largest of 256,
 * 192, 128, 64 that divides K_pad. The transform's length is 64, natural (Sylvester) order, factor
 * 1/8: a group has several, one after the other. Activations and float weights are transformed in
 * float, quantised weights in 16-bit integers (unpack.h). Products are summed exactly in int32
 * inside a group, then acc = fma((float)sum, a_scale * w_scale, acc), groups in ascending order,
 * starting from 0: the same bits for any tile position, thread count or number of rows. */

#include "formats/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cpu_feature {
    CPU_AVX2 = 1 << 0,     /* AVX2, FMA, F16C */
    CPU_AVX_VNNI = 1 << 1, /* 256-bit vpdpbusd, VEX coded: not implied by AVX512_VNNI */
    CPU_AVX512 = 1 << 2,   /* F, BW, VL, DQ */
    CPU_AVX512_VNNI = 1 << 3,
    CPU_NEON = 1 << 4,      /* ARMv8 Advanced SIMD */
    CPU_NEON_DOT = 1 << 5,  /* SDOT */
    CPU_NEON_I8MM = 1 << 6, /* SMMLA */
};

/* A level is a name and the set of features it may use: what --cpu takes. Ascending within an
 * architecture: c, avx2, avxvnni, avx512 | c, neon, neondot, neoni8mm. */
struct cpu_level {
    const char *name;
    unsigned features;
};

/* All levels of this architecture, ended by a NULL name; the machine's best is the last one whose
 * features are all present. */
extern const struct cpu_level cpu_levels[];
unsigned cpu_features(void); /* what this machine has */
/* NULL: there is no such level on this architecture, or the machine lacks it. */
const struct cpu_level *cpu_level_find(const char *name);
const struct cpu_level *cpu_level_best(void);

struct gemm_shape {
    int mr;     /* rows of a tile */
    int nr;     /* outputs of a panel; divides 32 */
    int unit;   /* neighbouring inputs that lie together in an int8 tile or panel: 4 or 8 */
    int offset; /* added to activations in a tile: 128 where products take them unsigned, else 0 */
    int value_bytes; /* of an activation in a tile: 1, or 2 where products take words */
};

/* Bytes of an int8 tile of [k] inputs, or from its begin to its input [k], a multiple of unit. */
static inline size_t gemm_tile_bytes(const struct gemm_shape *shape, size_t k)
{
    return (size_t)shape->mr * k * (size_t)shape->value_bytes;
}

/* How K inputs are cut. Made by quant_layout(); the same for activations and weights. */
struct quant_layout {
    uint32_t k;     /* inputs as in the model */
    uint32_t k_pad; /* multiple of 64 */
    uint32_t group; /* 256, 192, 128 or 64; divides k_pad */
    uint32_t n_groups;
};
struct quant_layout quant_layout(uint32_t k);

/* Packed int8 activations: tiles of mr rows; tile t at q + t * gemm_tile_bytes(k_pad) and scales +
 * t * mr * n_groups. Inside a tile [k_pad/unit][mr][unit] bytes, the level's offset added, and
 * scales [n_groups][mr]; where value_bytes is 2 words instead, and of a unit of 4 the first and
 * third before the second and fourth. Rows beyond M in the last tile are zero (scale 0). Packed
 * f32 activations (--exact): tile t at x + t * mr * k, inside [k][mr]. */

/* Packed weights of one panel, int8: w [k_pad/unit][nr][unit], scales [n_groups][nr] floats, start
 * [n_groups][nr] int32: where the level's products begin, which takes its offset back: -offset *
 * the sum of the output's weights in the group. f32: w [k][nr]. Outputs beyond N are zero. */

struct panel_q8 {
    int8_t *w;
    float *scales;
    int32_t *start;
};

/* The operations. Float buffers need the alignment of a float only, blocks none. */

/* Weights of one type to float: [n] weights, a multiple of the type's block, from [blocks] (any
 * alignment) to [to]. */
typedef void dequant_fn(const void *blocks, float *to, size_t n);

/* Rotates and rounds one row: x [k] floats -> q [k_pad] int8 in plain order, scales [n_groups].
 * With v the group after the stages h = 1, 2, 4, ... 32 of additions and subtractions: q = v * (127
 * / max|v|) rounded to nearest even, scale = max|v| * (1/8 / 127). The same bits at every level. A
 * group with max|v| < 2^-100 has scale 0 and zeros. Returns false when any input is NaN or
 * infinite, or a sum overflows: then q and scales are written, but mean nothing. */
typedef bool quantize_row_fn(const struct quant_layout *layout, const float *x, int8_t *q,
                             float *scales);

/* Puts [n_rows] <= mr quantised rows q [n_rows][k_pad], scales [n_rows][n_groups] into one tile;
 * missing rows become zero. */
typedef void pack_tile_q8_fn(const struct quant_layout *layout, int n_rows, const int8_t *q,
                             const float *scales, int8_t *tile_q, float *tile_scales);

/* Weight rows as a file has them. */
struct weight_rows {
    const uint8_t *data; /* any alignment */
    size_t row_bytes;    /* from one row to the next */
    int n;
};

/* Weights of one type -> a panel, all its groups: 1 <= rows->n <= nr, others become zero. Blocks by
 * unpack.h's arithmetic, floats as quantize_row does it: the same bits at every level. Returns
 * false when a weight is NaN or infinite: then its group has scale 0. */
typedef bool unpack_fn(const struct quant_layout *layout, const struct weight_rows *rows,
                       const struct panel_q8 *panel);

/* c[r * ldc + j] (+)= over groups [g0, g1) of one tile of activations x one panel, r < mr, j < nr
 * (all of them: c has room for whole tiles). `first`: c is written, else added to, in the order of
 * the numerics above. Scales and start point at group 0. */
struct gemm_q8_args {
    const struct quant_layout *layout;
    const int8_t *a;       /* tile */
    const float *a_scales; /* [n_groups][mr] */
    struct panel_q8 panel;
    uint32_t g0, g1;
    float *c;
    size_t ldc;
    bool first;
    int n_rows;          /* of the tile that exist, at least 1: others may be left out */
    const uint8_t *next; /* GEMM_NEXT_BYTES * (g1 - g0) * group bytes of what is needed next,
                            fetched beside; or NULL */
};
#define GEMM_NEXT_BYTES 16
typedef void gemm_q8_fn(const struct gemm_q8_args *args);

/* f32: c (+)= sum over k in [k0, k1) ascending of fma(a[k][r], w[k][j], c). */
struct gemm_f32_args {
    const float *a; /* tile [k][mr] */
    const float *w; /* panel [k][nr] */
    uint32_t k0, k1;
    float *c;
    size_t ldc;
    bool first;
};
typedef void gemm_f32_fn(const struct gemm_f32_args *args);

/* RMS norm: y = x / sqrt(mean(x^2) + eps) * gamma; x, gamma, y [n]; y may be x. The sum runs in a
 * fixed order of the level. */
typedef void rms_norm_fn(const float *x, const float *gamma, float eps, float *y, size_t n);

/* Rotary embedding of one head vector x [n_rot] in place by cos/sin [n_rot/2]. interleaved: pairs
 * (2i, 2i+1); half: pairs (i, i + n_rot/2). */
typedef void rope_fn(float *x, const float *cos_sin /* [2][n_rot/2] */, size_t n_rot);

/* y = silu(gate) * up, all [n]; y may be gate. silu(x) = x / (1 + exp(-x)), never NaN for finite
 * input. */
typedef void swiglu_fn(const float *gate, const float *up, float *y, size_t n);

/* One block of 64 keys (ATTENTION_BLOCK, an absolute multiple of 64 of the sequence's position)
 * against [n_q] queries of one head group: online softmax (Milakov & Gimelshein 2018) in powers of
 * two. State per query: running maximum m, sum l, and out [value_dim] unnormalised. For query i:
 * s_j = scale * (q_i . k_j) for j in [from[i], to[i]), else masked; new_m = max(m, max s); l = l *
 * 2^(m - new_m) + sum_j w_j with w_j = 2^(s_j - new_m); out = out * 2^(m - new_m) + sum_j w_j v_j.
 * An empty range leaves the state as it was. Start state: m = -INFINITY, l = 0, out = 0. A NaN
 * score makes l NaN.
 *
 * attention_block takes values as floats. attention_block_q8 takes them as attention_values packed
 * them, and rounds what they are multiplied with: u_j = w_j * v_scales[j] * 255 / max_j(w_j *
 * v_scales[j]), 0 to 255, to nearest even; products are summed exactly, then out = fma((float)sum,
 * max / 255, out * 2^(m - new_m)).
 *
 * Any query's result is the same bits whatever n_q and its place in it. Masked keys still pass
 * through the arithmetic with weight 0, so all of k_t, v and v_scales must be finite. */
#define ATTENTION_BLOCK 64
/* What is smaller than this is taken for zeros when it is rounded: 255 / max must stay finite. */
#define ATTENTION_LEAST 0x1p-100f
struct attention_args {
    size_t n_q;
    size_t head_dim;       /* of q and k; any >= 1 */
    size_t value_dim;      /* of v and out; of attention_block_q8 a multiple of 16 */
    const float *const *q; /* [n_q] pointers to [head_dim] */
    const float *k_t;      /* [head_dim][64], see attention_keys */
    const void *v;         /* attention_block: floats [64][value_dim]; _q8: see attention_values */
    const float *v_scales; /* attention_block_q8: [64] */
    const uint8_t *from, *to; /* [n_q] in 0..64 */
    float scale;              /* of the products, to powers of two: log2(e) is in it */
    float *m, *l;             /* [n_q] */
    float *out;               /* [n_q][value_dim] */
};
typedef void attention_block_fn(const struct attention_args *args);

/* Transposes keys: [n_keys] <= 64 pointers to [head_dim] -> k_t [head_dim][64], columns beyond
 * n_keys zero. */
typedef void attention_keys_fn(const float *const *keys, size_t n_keys, size_t head_dim,
                               float *k_t);

/* Rounds a value vector x [n] to int8 q [n] with one scale, max|x| / 127, to nearest even. q may
 * begin where x does. False when any is NaN or infinite: then q and scale mean nothing. */
typedef bool attention_round_fn(const float *x, size_t n, int8_t *q, float *scale);

/* Packs rounded values: [n_keys] <= 64 pointers to [value_dim], a multiple of 16, as the level's
 * attention_block_q8 wants them, zero beyond n_keys; 64 * value_dim floats always suffice. */
typedef void attention_values_fn(const int8_t *const *values, size_t n_keys, size_t value_dim,
                                 void *packed);

/* max and sum of exp(x - max) of [n] floats, for log-sum-exp; n >= 1. NaN anywhere gives a NaN sum;
 * -inf adds 0 (nothing but -inf: max -inf, sum 0). */
typedef void max_sum_exp_fn(const float *x, size_t n, float *max, float *sum);

/* y += a * x, [n], by fma. */
typedef void axpy_fn(float a, const float *x, float *y, size_t n);

/* The variants of one level: of every operation the last one of kernels_list.h that the level
 * allows. The list is expanded by this table, the tests and the benches. */
struct kernels {
    const struct cpu_level *level;
    struct gemm_shape shape;
    dequant_fn *dequant[TENSOR_TYPE_LIMIT]; /* NULL for types that cannot be read */
    unpack_fn *unpack[TENSOR_TYPE_LIMIT];   /* likewise */
    quantize_row_fn *quantize_row;
    pack_tile_q8_fn *pack_tile_q8;
    gemm_q8_fn *gemm_q8;
    gemm_f32_fn *gemm_f32;
    rms_norm_fn *rms_norm;
    rope_fn *rope_interleaved;
    rope_fn *rope_half;
    swiglu_fn *swiglu;
    attention_keys_fn *attention_keys;
    attention_round_fn *attention_round;
    attention_values_fn *attention_values;
    attention_block_fn *attention_block;
    attention_block_fn *attention_block_q8;
    max_sum_exp_fn *max_sum_exp;
    axpy_fn *axpy;
};

/* Fills the table for [level]. */
void kernels_init(struct kernels *kernels, const struct cpu_level *level);

#endif
