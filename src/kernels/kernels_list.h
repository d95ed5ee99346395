#ifndef KERNELS_KERNELS_LIST_H
#define KERNELS_KERNELS_LIST_H
/* Every kernel variant there is, one line each, slowest first within an operation. The table
 * (dispatch.c), the tests and the benches all expand these lists: what is not listed cannot be
 * used, what is listed cannot go untested.
 *
 *   S(isa, mr, nr, unit, offset, need)
 *                              struct gemm_shape of a level: its pack_tile, unpack and gemm
 *                              variants belong together
 *   V(operation, isa, need)    function operation_isa, usable when all of [need] is allowed
 *   D(type, name, isa, need)   function dequant_name_isa for tensors of [type]
 *   U(type, name, isa, need)   function unpack_name_isa, likewise */

#include "kernels/kernels.h"

#define NEED_C        0
#define NEED_AVX2     CPU_AVX2
#define NEED_AVXVNNI  (CPU_AVX2 | CPU_AVX_VNNI)
#define NEED_AVX512   (CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI)
#define NEED_NEON     CPU_NEON
#define NEED_NEONDOT  (CPU_NEON | CPU_NEON_DOT)
#define NEED_NEONI8MM (CPU_NEON | CPU_NEON_DOT | CPU_NEON_I8MM)

#define GEMM_SHAPES_C(S) S(c, 4, 8, 4, 0, 1, NEED_C)

#define KERNEL_VARIANTS_C(V)                                                                       \
    V(quantize_row, c, NEED_C)                                                                     \
    V(pack_tile_q8, c, NEED_C)                                                                     \
    V(gemm_q8, c, NEED_C)                                                                          \
    V(gemm_f32, c, NEED_C)                                                                         \
    V(rms_norm, c, NEED_C)                                                                         \
    V(rope_interleaved, c, NEED_C)                                                                 \
    V(rope_half, c, NEED_C)                                                                        \
    V(swiglu, c, NEED_C)                                                                           \
    V(attention_keys, c, NEED_C)                                                                   \
    V(attention_round, c, NEED_C)                                                                  \
    V(attention_values, c, NEED_C)                                                                 \
    V(attention_block, c, NEED_C)                                                                  \
    V(attention_block_q8, c, NEED_C)                                                               \
    V(max_sum_exp, c, NEED_C)                                                                      \
    V(axpy, c, NEED_C)

#define DEQUANT_VARIANTS_C(D)                                                                      \
    D(TENSOR_F32, f32, c, NEED_C)                                                                  \
    D(TENSOR_F16, f16, c, NEED_C)                                                                  \
    D(TENSOR_BF16, bf16, c, NEED_C)                                                                \
    D(TENSOR_Q8_0, q8_0, c, NEED_C)                                                                \
    D(TENSOR_Q4_0, q4_0, c, NEED_C)                                                                \
    D(TENSOR_Q4_1, q4_1, c, NEED_C)                                                                \
    D(TENSOR_Q5_0, q5_0, c, NEED_C)                                                                \
    D(TENSOR_Q5_1, q5_1, c, NEED_C)                                                                \
    D(TENSOR_Q4_K, q4_k, c, NEED_C)                                                                \
    D(TENSOR_Q5_K, q5_k, c, NEED_C)                                                                \
    D(TENSOR_Q6_K, q6_k, c, NEED_C)

/* All types of one instruction set. */
#define UNPACK_VARIANTS_OF(U, isa, need)                                                           \
    U(TENSOR_F32, f32, isa, need)                                                                  \
    U(TENSOR_F16, f16, isa, need)                                                                  \
    U(TENSOR_BF16, bf16, isa, need)                                                                \
    U(TENSOR_Q8_0, q8_0, isa, need)                                                                \
    U(TENSOR_Q4_0, q4_0, isa, need)                                                                \
    U(TENSOR_Q4_1, q4_1, isa, need)                                                                \
    U(TENSOR_Q5_0, q5_0, isa, need)                                                                \
    U(TENSOR_Q5_1, q5_1, isa, need)                                                                \
    U(TENSOR_Q4_K, q4_k, isa, need)                                                                \
    U(TENSOR_Q5_K, q5_k, isa, need)                                                                \
    U(TENSOR_Q6_K, q6_k, isa, need)

#if defined(__x86_64__)
#define UNPACK_VARIANTS_ARCH(U)                                                                    \
    UNPACK_VARIANTS_OF(U, avx2, NEED_AVX2)                                                         \
    UNPACK_VARIANTS_OF(U, avxvnni, NEED_AVXVNNI)                                                   \
    UNPACK_VARIANTS_OF(U, avx512, NEED_AVX512)
#define GEMM_SHAPES_ARCH(S)                                                                        \
    S(avx2, 6, 16, 4, 0, 2, NEED_AVX2)                                                             \
    S(avxvnni, 6, 16, 4, 128, 1, NEED_AVXVNNI)                                                     \
    S(avx512, 12, 32, 4, 128, 1, NEED_AVX512)
#define KERNEL_VARIANTS_ARCH(V)                                                                    \
    V(quantize_row, avx2, NEED_AVX2)                                                               \
    V(pack_tile_q8, avx2, NEED_AVX2)                                                               \
    V(gemm_q8, avx2, NEED_AVX2)                                                                    \
    V(gemm_f32, avx2, NEED_AVX2)                                                                   \
    V(rms_norm, avx2, NEED_AVX2)                                                                   \
    V(rope_interleaved, avx2, NEED_AVX2)                                                           \
    V(rope_half, avx2, NEED_AVX2)                                                                  \
    V(swiglu, avx2, NEED_AVX2)                                                                     \
    V(attention_keys, avx2, NEED_AVX2)                                                             \
    V(attention_values, avx2, NEED_AVX2)                                                           \
    V(attention_block, avx2, NEED_AVX2)                                                            \
    V(attention_block_q8, avx2, NEED_AVX2)                                                         \
    V(max_sum_exp, avx2, NEED_AVX2)                                                                \
    V(axpy, avx2, NEED_AVX2)                                                                       \
    V(pack_tile_q8, avxvnni, NEED_AVXVNNI)                                                         \
    V(gemm_q8, avxvnni, NEED_AVXVNNI)                                                              \
    V(attention_values, avxvnni, NEED_AVXVNNI)                                                     \
    V(attention_block_q8, avxvnni, NEED_AVXVNNI)                                                   \
    V(quantize_row, avx512, NEED_AVX512)                                                           \
    V(pack_tile_q8, avx512, NEED_AVX512)                                                           \
    V(gemm_q8, avx512, NEED_AVX512)                                                                \
    V(gemm_f32, avx512, NEED_AVX512)                                                               \
    V(rms_norm, avx512, NEED_AVX512)                                                               \
    V(swiglu, avx512, NEED_AVX512)                                                                 \
    V(attention_keys, avx512, NEED_AVX512)                                                         \
    V(attention_values, avx512, NEED_AVX512)                                                       \
    V(attention_block, avx512, NEED_AVX512)                                                        \
    V(attention_block_q8, avx512, NEED_AVX512)                                                     \
    V(max_sum_exp, avx512, NEED_AVX512)
#define DEQUANT_VARIANTS_ARCH(D)                                                                   \
    D(TENSOR_F16, f16, avx2, NEED_AVX2)                                                            \
    D(TENSOR_Q8_0, q8_0, avx2, NEED_AVX2)                                                          \
    D(TENSOR_Q4_0, q4_0, avx2, NEED_AVX2)                                                          \
    D(TENSOR_Q4_1, q4_1, avx2, NEED_AVX2)                                                          \
    D(TENSOR_Q5_0, q5_0, avx2, NEED_AVX2)                                                          \
    D(TENSOR_Q5_1, q5_1, avx2, NEED_AVX2)                                                          \
    D(TENSOR_Q4_K, q4_k, avx2, NEED_AVX2)                                                          \
    D(TENSOR_Q5_K, q5_k, avx2, NEED_AVX2)                                                          \
    D(TENSOR_Q6_K, q6_k, avx2, NEED_AVX2)                                                          \
    D(TENSOR_F16, f16, avx512, NEED_AVX512)                                                        \
    D(TENSOR_BF16, bf16, avx512, NEED_AVX512)                                                      \
    D(TENSOR_Q8_0, q8_0, avx512, NEED_AVX512)                                                      \
    D(TENSOR_Q4_0, q4_0, avx512, NEED_AVX512)                                                      \
    D(TENSOR_Q4_1, q4_1, avx512, NEED_AVX512)                                                      \
    D(TENSOR_Q5_0, q5_0, avx512, NEED_AVX512)                                                      \
    D(TENSOR_Q5_1, q5_1, avx512, NEED_AVX512)                                                      \
    D(TENSOR_Q4_K, q4_k, avx512, NEED_AVX512)                                                      \
    D(TENSOR_Q5_K, q5_k, avx512, NEED_AVX512)                                                      \
    D(TENSOR_Q6_K, q6_k, avx512, NEED_AVX512)
#elif defined(__aarch64__)
/* What is not listed here the compiler vectorises well from the plain C. */
#define UNPACK_VARIANTS_ARCH(U)                                                                    \
    UNPACK_VARIANTS_OF(U, neon, NEED_NEON)                                                         \
    UNPACK_VARIANTS_OF(U, neoni8mm, NEED_NEONI8MM)
#define GEMM_SHAPES_ARCH(S)                                                                        \
    S(neon, 8, 8, 4, 0, 1, NEED_NEON)                                                              \
    S(neoni8mm, 8, 8, 8, 0, 1, NEED_NEONI8MM)
#define KERNEL_VARIANTS_ARCH(V)                                                                    \
    V(quantize_row, neon, NEED_NEON)                                                               \
    V(pack_tile_q8, neon, NEED_NEON)                                                               \
    V(gemm_q8, neon, NEED_NEON)                                                                    \
    V(gemm_f32, neon, NEED_NEON)                                                                   \
    V(rms_norm, neon, NEED_NEON)                                                                   \
    V(swiglu, neon, NEED_NEON)                                                                     \
    V(attention_values, neon, NEED_NEON)                                                           \
    V(attention_block, neon, NEED_NEON)                                                            \
    V(attention_block_q8, neon, NEED_NEON)                                                         \
    V(max_sum_exp, neon, NEED_NEON)                                                                \
    V(gemm_q8, neondot, NEED_NEONDOT)                                                              \
    V(attention_values, neondot, NEED_NEONDOT)                                                     \
    V(attention_block_q8, neondot, NEED_NEONDOT)                                                   \
    V(pack_tile_q8, neoni8mm, NEED_NEONI8MM)                                                       \
    V(gemm_q8, neoni8mm, NEED_NEONI8MM)                                                            \
    V(attention_values, neoni8mm, NEED_NEONI8MM)                                                   \
    V(attention_block_q8, neoni8mm, NEED_NEONI8MM)
#define DEQUANT_VARIANTS_ARCH(D)
#else
#define UNPACK_VARIANTS_ARCH(U)
#define GEMM_SHAPES_ARCH(S)
#define KERNEL_VARIANTS_ARCH(V)
#define DEQUANT_VARIANTS_ARCH(D)
#endif

#define GEMM_SHAPES(S)      GEMM_SHAPES_C(S) GEMM_SHAPES_ARCH(S)
#define KERNEL_VARIANTS(V)  KERNEL_VARIANTS_C(V) KERNEL_VARIANTS_ARCH(V)
#define UNPACK_VARIANTS(U)  UNPACK_VARIANTS_OF(U, c, NEED_C) UNPACK_VARIANTS_ARCH(U)
#define DEQUANT_VARIANTS(D) DEQUANT_VARIANTS_C(D) DEQUANT_VARIANTS_ARCH(D)

/* The declarations of all of them. */
#define DECLARE_KERNEL(operation, isa, need)   operation##_fn operation##_##isa;
#define DECLARE_DEQUANT(type, name, isa, need) dequant_fn dequant_##name##_##isa;
#define DECLARE_UNPACK(type, name, isa, need)  unpack_fn unpack_##name##_##isa;
typedef rope_fn rope_interleaved_fn;
typedef rope_fn rope_half_fn;
typedef attention_block_fn attention_block_q8_fn;
KERNEL_VARIANTS(DECLARE_KERNEL)
DEQUANT_VARIANTS(DECLARE_DEQUANT)
UNPACK_VARIANTS(DECLARE_UNPACK)
#undef DECLARE_UNPACK
#undef DECLARE_KERNEL
#undef DECLARE_DEQUANT

#endif
