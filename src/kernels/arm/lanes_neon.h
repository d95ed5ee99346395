#ifndef KERNELS_LANES_NEON_H
#define KERNELS_LANES_NEON_H
/* The lanes of unpack_lanes.inc on NEON: 4 rows, one to each 32-bit lane. */

#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 4 };
typedef int32x4_t lanes;
typedef float32x4_t lanes_float;

#define BYTES(a) vreinterpretq_s8_s32(a)
#define WORDS(a) vreinterpretq_s16_s32(a)
#define BITS(a)  vreinterpretq_u32_s32(a)

static inline lanes lanes_load(const void *from)
{
    return vld1q_s32(from);
}

/* Any alignment. */
static inline void lanes_store(void *to, lanes a)
{
    vst1q_u8(to, vreinterpretq_u8_s32(a));
}

static inline lanes lanes_set_32(int32_t a)
{
    return vdupq_n_s32(a);
}

static inline lanes lanes_and(lanes a, lanes b)
{
    return vandq_s32(a, b);
}

static inline lanes lanes_or(lanes a, lanes b)
{
    return vorrq_s32(a, b);
}

static inline lanes lanes_shift_left(lanes a, unsigned n)
{
    return a << n;
}

static inline lanes lanes_shift_right(lanes a, unsigned n)
{
    return vreinterpretq_s32_u32(BITS(a) >> n);
}

static inline lanes lanes_shift_right_signed(lanes a, unsigned n)
{
    return a >> n;
}

static inline lanes lanes_add_8(lanes a, lanes b)
{
    return vreinterpretq_s32_s8(vaddq_s8(BYTES(a), BYTES(b)));
}

static inline lanes lanes_sub_8(lanes a, lanes b)
{
    return vreinterpretq_s32_s8(vsubq_s8(BYTES(a), BYTES(b)));
}

static inline lanes lanes_add_16(lanes a, lanes b)
{
    return vreinterpretq_s32_s16(vaddq_s16(WORDS(a), WORDS(b)));
}

static inline lanes lanes_sub_16(lanes a, lanes b)
{
    return vreinterpretq_s32_s16(vsubq_s16(WORDS(a), WORDS(b)));
}

static inline lanes lanes_sub_32(lanes a, lanes b)
{
    return vsubq_s32(a, b);
}

static inline lanes lanes_abs_16(lanes a)
{
    return vreinterpretq_s32_s16(vabsq_s16(WORDS(a)));
}

static inline lanes lanes_max_16(lanes a, lanes b)
{
    return vreinterpretq_s32_s16(vmaxq_s16(WORDS(a), WORDS(b)));
}

static inline lanes lanes_max_32(lanes a, lanes b)
{
    return vmaxq_s32(a, b);
}

static inline lanes lanes_min_32(lanes a, lanes b)
{
    return vminq_s32(a, b);
}

/* The low word in both. */
static inline lanes lanes_both_words(lanes a)
{
    return vreinterpretq_s32_s16(vtrn1q_s16(WORDS(a), WORDS(a)));
}

/* n * (low + high) of a lane's words. */
static inline lanes lanes_times_sum_16(int n, lanes a)
{
    return vmulq_n_s32(vpaddlq_s16(WORDS(a)), n);
}

/* (a * b + 2^14) >> 15 of words. */
static inline lanes lanes_scale_16(lanes a, lanes b)
{
    return vreinterpretq_s32_s16(vqrdmulhq_s16(WORDS(a), WORDS(b)));
}

/* The stage between a lane's words: (low + high, low - high), of their bytes or of the words. */
static inline lanes lanes_halves_8(lanes a)
{
    const int8x16_t low = vreinterpretq_s8_s16(vtrn1q_s16(WORDS(a), WORDS(a)));
    const int8x16_t high = vreinterpretq_s8_s16(vtrn2q_s16(WORDS(a), WORDS(a)));
    const int8x16_t signs = BYTES(vdupq_n_s32((int32_t)0xffff0101));
    return vreinterpretq_s32_s8(vmlaq_s8(low, high, signs));
}

static inline lanes lanes_halves_16(lanes a)
{
    const int16x8_t low = vtrn1q_s16(WORDS(a), WORDS(a)), high = vtrn2q_s16(WORDS(a), WORDS(a));
    return vreinterpretq_s32_s16(vmlaq_s16(low, high, WORDS(vdupq_n_s32((int32_t)0xffff0001))));
}

/* The stage between the bytes of words, signed, widened and times [unit], a power of two. */
static inline void lanes_widen(lanes a, int unit, lanes *sum, lanes *difference)
{
    const int16x8_t high = vshrq_n_s16(WORDS(a), 8);
    const int16x8_t both = vpaddlq_s8(BYTES(a)) << __builtin_ctz((unsigned)unit);
    *sum = vreinterpretq_s32_s16(both);
    *difference = vreinterpretq_s32_s16(vmlsq_n_s16(both, high, (int16_t)(2 * unit)));
}

/* The low bytes of the words of both: a's at even places, b's at odd ones. */
static inline lanes lanes_merge(lanes a, lanes b)
{
    return vreinterpretq_s32_s16(vsliq_n_s16(WORDS(a), WORDS(b), 8));
}

/* The low bytes of four, in this order. */
static inline lanes lanes_join(const lanes parts[4])
{
    lanes all = vandq_s32(parts[0], vdupq_n_s32(255));
    all = vsliq_n_s32(all, parts[1], 8);
    all = vsliq_n_s32(all, parts[2], 16);
    return vsliq_n_s32(all, parts[3], 24);
}

/* Sets [bit] of byte i of every lane where bit i + 4 * n of [bits]' lane is set. */
static inline lanes lanes_or_bits(lanes a, lanes bits, int n, int bit)
{
    static const uint8_t first[16] = {0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12};
    const uint8x16_t order = vaddq_u8(vld1q_u8(first), vdupq_n_u8((uint8_t)(n / 2)));
    const uint8x16_t masks = vreinterpretq_u8_u32(vdupq_n_u32(n % 2 ? 0x80402010 : 0x08040201));
    const uint8x16_t set = vtstq_u8(vqtbl1q_u8(vreinterpretq_u8_s32(bits), order), masks);
    return vorrq_s32(a, vreinterpretq_s32_u8(vandq_u8(set, vdupq_n_u8((uint8_t)bit))));
}

/* 16 bytes of every row, transposed: units[u] has bytes 4u .. 4u + 3 of each. */
static inline void lanes_load_units(const uint8_t *const rows[LANES], size_t offset, lanes units[4])
{
    int32x4_t in[4];
    for (int r = 0; r < LANES; r++)
        in[r] = vreinterpretq_s32_u8(vld1q_u8(rows[r] + offset));
    const int64x2_t a = vreinterpretq_s64_s32(vtrn1q_s32(in[0], in[1]));
    const int64x2_t b = vreinterpretq_s64_s32(vtrn2q_s32(in[0], in[1]));
    const int64x2_t c = vreinterpretq_s64_s32(vtrn1q_s32(in[2], in[3]));
    const int64x2_t d = vreinterpretq_s64_s32(vtrn2q_s32(in[2], in[3]));
    units[0] = vreinterpretq_s32_s64(vtrn1q_s64(a, c));
    units[1] = vreinterpretq_s32_s64(vtrn1q_s64(b, d));
    units[2] = vreinterpretq_s32_s64(vtrn2q_s64(a, c));
    units[3] = vreinterpretq_s32_s64(vtrn2q_s64(b, d));
}

/* 32 bytes of every row, likewise. */
static inline void lanes_load_8_units(const uint8_t *const rows[LANES], size_t offset,
                                      lanes units[8])
{
    lanes_load_units(rows, offset, units);
    lanes_load_units(rows, offset + 16, units + 4);
}

/* All bits of the lanes that are at least [limit]. */
static inline lanes lanes_at_least(lanes a, int32_t limit)
{
    return vreinterpretq_s32_u32(vcgeq_s32(a, vdupq_n_s32(limit)));
}

/* Is any lane not zero? */
static inline bool lanes_any(lanes a)
{
    return vmaxvq_u32(BITS(a)) != 0;
}

/* a + 128 times the sum of the lane's signed bytes. */
static inline lanes lanes_add_offset(lanes a, lanes bytes)
{
    return vaddq_s32(a, vshlq_n_s32(vpaddlq_s16(vpaddlq_s8(BYTES(bytes))), 7));
}

static inline lanes_float lanes_float_set(float a)
{
    return vdupq_n_f32(a);
}

static inline lanes_float lanes_float_of(lanes a)
{
    return vcvtq_f32_s32(a);
}

/* The same bits. */
static inline lanes_float lanes_as_float(lanes a)
{
    return vreinterpretq_f32_s32(a);
}

static inline lanes lanes_as_bits(lanes_float a)
{
    return vreinterpretq_s32_f32(a);
}

/* To nearest even; toward zero. */
static inline lanes lanes_round(lanes_float a)
{
    return vcvtnq_s32_f32(a);
}

static inline lanes lanes_truncate(lanes_float a)
{
    return vcvtq_s32_f32(a);
}

/* f16 in the low half of every lane. */
static inline lanes_float lanes_half(lanes low_words)
{
    return vcvt_f32_f16(vreinterpret_f16_s16(vmovn_s32(low_words)));
}

static inline lanes_float lanes_float_add(lanes_float a, lanes_float b)
{
    return vaddq_f32(a, b);
}

static inline lanes_float lanes_float_sub(lanes_float a, lanes_float b)
{
    return vsubq_f32(a, b);
}

static inline lanes_float lanes_float_mul(lanes_float a, lanes_float b)
{
    return vmulq_f32(a, b);
}

static inline lanes_float lanes_float_div(lanes_float a, lanes_float b)
{
    return vdivq_f32(a, b);
}

static inline void lanes_float_store(float *to, lanes_float a)
{
    vst1q_f32(to, a);
}

#undef BYTES
#undef WORDS
#undef BITS

#endif
