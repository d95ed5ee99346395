#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H
/* What the processor could do at most: loops of independent multiply-adds on registers, in
 * assembly, because compilers spill such loops. A peak is named by the CPU level whose kernels it
 * bounds. */

#include "kernels/kernels_list.h"

/* Runs [n] iterations; returns the operations done (a multiply and an add are two). */
typedef double peak_fn(long n);

struct peak {
    const char *level;
    unsigned need;
    peak_fn *int8, *f32;
};

#define REPEAT_12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

#if defined(__x86_64__)

#define VECTOR_REGISTERS                                                                           \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

#define LOOP(zero, body)                                                                           \
    __asm__ volatile(zero "1:\n\t" body "dec %[n]\n\tjnz 1b\n\tvzeroupper"                         \
                     : [n] "+r"(n)                                                                 \
                     :                                                                             \
                     : "cc", VECTOR_REGISTERS)

#define ZERO_YMM(r)  "vpxor %%ymm" #r ", %%ymm" #r ", %%ymm" #r "\n\t"
#define ZERO_ALL_YMM REPEAT_12(ZERO_YMM) ZERO_YMM(12) ZERO_YMM(13) ZERO_YMM(14) ZERO_YMM(15)
#define ZERO_ZMM(r)  "vpxord %%zmm" #r ", %%zmm" #r ", %%zmm" #r "\n\t"
#define ZERO_ALL_ZMM REPEAT_12(ZERO_ZMM) ZERO_ZMM(12) ZERO_ZMM(13)

#define DOT_ZMM(r) "vpdpbusd %%zmm12, %%zmm13, %%zmm" #r "\n\t"
#define FMA_ZMM(r) "vfmadd231ps %%zmm12, %%zmm13, %%zmm" #r "\n\t"
#define DOT_YMM(r) "%{vex%} vpdpbusd %%ymm12, %%ymm13, %%ymm" #r "\n\t"
#define FMA_YMM(r) "vfmadd231ps %%ymm12, %%ymm13, %%ymm" #r "\n\t"

/* 16 products of signed bytes as words, which AVX2 does best without saturation. */
#define WORDS_YMM(r)                                                                               \
    "vpmaddwd %%ymm12, %%ymm13, %%ymm14\n\t"                                                       \
    "vpaddd %%ymm14, %%ymm" #r ", %%ymm" #r "\n\t"

static double peak_int8_avx512(long n)
{
    const double ops = 12.0 * 128 * (double)n;
    LOOP(ZERO_ALL_ZMM, REPEAT_12(DOT_ZMM));
    return ops;
}

static double peak_f32_avx512(long n)
{
    const double ops = 12.0 * 32 * (double)n;
    LOOP(ZERO_ALL_ZMM, REPEAT_12(FMA_ZMM));
    return ops;
}

static double peak_int8_avxvnni(long n)
{
    const double ops = 12.0 * 64 * (double)n;
    LOOP(ZERO_ALL_YMM, REPEAT_12(DOT_YMM));
    return ops;
}

static double peak_int8_avx2(long n)
{
    const double ops = 12.0 * 32 * (double)n;
    LOOP(ZERO_ALL_YMM, REPEAT_12(WORDS_YMM));
    return ops;
}

static double peak_f32_avx2(long n)
{
    const double ops = 12.0 * 16 * (double)n;
    LOOP(ZERO_ALL_YMM, REPEAT_12(FMA_YMM));
    return ops;
}

static const struct peak peaks[] = {
    {"avx2", NEED_AVX2, peak_int8_avx2, peak_f32_avx2},
    {"avxvnni", NEED_AVXVNNI, peak_int8_avxvnni, peak_f32_avx2},
    {"avx512", NEED_AVX512, peak_int8_avx512, peak_f32_avx512},
};

#elif defined(__aarch64__)

#define VECTOR_REGISTERS                                                                           \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14"

#define LOOP(body)                                                                                 \
    __asm__ volatile(".arch armv8.2-a+dotprod+i8mm\n1:\n\t" body "subs %[n], %[n], #1\n\tb.ne 1b"  \
                     : [n] "+r"(n)                                                                 \
                     :                                                                             \
                     : "cc", VECTOR_REGISTERS)

#define DOT_V(r)    "sdot v" #r ".4s, v12.16b, v13.16b\n\t"
#define SQUARE_V(r) "smmla v" #r ".4s, v12.16b, v13.16b\n\t"
#define FMA_V(r)    "fmla v" #r ".4s, v12.4s, v13.4s\n\t"
#define LONG_V(r)   "smull v14.8h, v12.8b, v13.8b\n\tsadalp v" #r ".4s, v14.8h\n\t"

static double peak_int8_neon(long n)
{
    const double ops = 12.0 * 16 * (double)n;
    LOOP(REPEAT_12(LONG_V));
    return ops;
}

static double peak_int8_neondot(long n)
{
    const double ops = 12.0 * 32 * (double)n;
    LOOP(REPEAT_12(DOT_V));
    return ops;
}

static double peak_int8_neoni8mm(long n)
{
    const double ops = 12.0 * 64 * (double)n;
    LOOP(REPEAT_12(SQUARE_V));
    return ops;
}

static double peak_f32_neon(long n)
{
    const double ops = 12.0 * 8 * (double)n;
    LOOP(REPEAT_12(FMA_V));
    return ops;
}

static const struct peak peaks[] = {
    {"neon", NEED_NEON, peak_int8_neon, peak_f32_neon},
    {"neondot", NEED_NEONDOT, peak_int8_neondot, peak_f32_neon},
    {"neoni8mm", NEED_NEONI8MM, peak_int8_neoni8mm, peak_f32_neon},
};

#else
static const struct peak peaks[] = {{"none", ~0u, NULL, NULL}};
#endif

enum { N_PEAKS = sizeof peaks / sizeof peaks[0] };

#endif
