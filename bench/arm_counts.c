/* One piece of work of one ARM64 level, done once between two marks, so that bench/arm_counts.sh
 * can count the instructions that an emulator executes between them. K is 4096.
 *
 *   arm_counts LEVEL gemm ROWS     rows, packed, times a panel, unpacked
 *   arm_counts LEVEL unpack TYPE   a panel
 *   arm_counts LEVEL round ROWS    rows to int8 and into tiles
 *   arm_counts LEVEL attention N   a block of keys, packed, for N queries; heads of 128
 *   arm_counts LEVEL values N      packing a block's values, whatever N
 *
 * All numbers are zero: no kernel's path depends on them. */

#include "kernels/kernels_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 4096, K_CHUNK = 1024 /* of sweep/products.c */, HEAD_DIM = 128 };

/* Called before and after the work; the script knows it by its name. */
__attribute__((noinline)) static void counting_mark(void)
{
    __asm__ volatile("" ::: "memory");
}

static void *allocate(size_t n_bytes)
{
    void *memory = calloc(1, n_bytes);
    if (!memory)
        abort();
    return memory;
}

struct work {
    const struct kernels *kernels;
    struct quant_layout layout;
    size_t n_tiles;
    struct panel_q8 panel;
    int8_t *q, *tiles;
    float *x, *scales, *tile_scales, *c;
    uint32_t type;
    uint8_t *weights;
    struct attention_args attention;
};

static void gemm(const struct work *work)
{
    const struct kernels *kernels = work->kernels;
    const struct quant_layout *layout = &work->layout;
    const size_t mr = (size_t)kernels->shape.mr, nr = (size_t)kernels->shape.nr;
    for (uint32_t k = 0; k < K; k += K_CHUNK) {
        for (size_t t = 0; t < work->n_tiles; t++) {
            const struct gemm_q8_args args = {
                .layout = layout,
                .a = work->tiles + t * mr * layout->k_pad,
                .a_scales = work->tile_scales + t * mr * layout->n_groups,
                .panel = work->panel,
                .g0 = k / layout->group,
                .g1 = (k + K_CHUNK) / layout->group,
                .c = work->c + t * mr * nr,
                .ldc = nr,
                .first = k == 0,
                .n_rows = (int)mr,
            };
            kernels->gemm_q8(&args);
        }
    }
}

static void unpack(const struct work *work)
{
    const struct weight_rows rows = {
        work->weights, tensor_row_bytes(tensor_type_info(work->type), K), work->kernels->shape.nr};
    work->kernels->unpack[work->type](&work->layout, &rows, &work->panel);
}

static void round_rows(const struct work *work)
{
    const struct kernels *kernels = work->kernels;
    const struct quant_layout *layout = &work->layout;
    const size_t mr = (size_t)kernels->shape.mr;
    for (size_t t = 0; t < work->n_tiles; t++) {
        for (size_t r = 0; r < mr; r++)
            kernels->quantize_row(layout, work->x, work->q + r * layout->k_pad,
                                  work->scales + r * layout->n_groups);
        kernels->pack_tile_q8(layout, (int)mr, work->q, work->scales, work->tiles,
                              work->tile_scales);
    }
}

/* Every key has the same value, and all queries are one. */
static void attend(const struct work *work)
{
    work->kernels->attention_block_q8(&work->attention);
}

static void pack_values(const struct work *work)
{
    const int8_t *values[ATTENTION_BLOCK];
    for (int j = 0; j < ATTENTION_BLOCK; j++)
        values[j] = work->q;
    work->kernels->attention_values(values, ATTENTION_BLOCK, HEAD_DIM, (void *)work->attention.v);
}

static struct attention_args attention_new(size_t n_q)
{
    const float **q = allocate(n_q * sizeof *q);
    const float *one = allocate(HEAD_DIM * sizeof *one);
    uint8_t *to = allocate(n_q);
    for (size_t i = 0; i < n_q; i++) {
        q[i] = one;
        to[i] = ATTENTION_BLOCK;
    }
    return (struct attention_args){
        .n_q = n_q,
        .head_dim = HEAD_DIM,
        .value_dim = HEAD_DIM,
        .q = q,
        .k_t = allocate(HEAD_DIM * ATTENTION_BLOCK * sizeof(float)),
        .v = allocate(HEAD_DIM * ATTENTION_BLOCK * sizeof(float)),
        .v_scales = allocate(ATTENTION_BLOCK * sizeof(float)),
        .from = allocate(n_q),
        .to = to,
        .scale = 1,
        .m = allocate(n_q * sizeof(float)),
        .l = allocate(n_q * sizeof(float)),
        .out = allocate(n_q * HEAD_DIM * sizeof(float)),
    };
}

static uint32_t type_of(const char *name)
{
    for (uint32_t type = 0; type < TENSOR_TYPE_LIMIT; type++) {
        if (strcmp(tensor_type_info(type)->name, name) == 0)
            return type;
    }
    return TENSOR_TYPE_LIMIT;
}

static struct work work_new(const struct kernels *kernels, size_t n_tiles, uint32_t type)
{
    const struct quant_layout layout = quant_layout(K);
    const size_t mr = (size_t)kernels->shape.mr, nr = (size_t)kernels->shape.nr;
    const size_t scales_bytes = layout.n_groups * sizeof(float);
    return (struct work){
        .kernels = kernels,
        .layout = layout,
        .n_tiles = n_tiles,
        .panel = {allocate(nr * K), allocate(nr * scales_bytes), allocate(nr * scales_bytes)},
        .q = allocate(mr * K),
        .tiles = allocate(n_tiles * mr * K),
        .x = allocate(K * sizeof(float)),
        .scales = allocate(mr * scales_bytes),
        .tile_scales = allocate(n_tiles * mr * scales_bytes),
        .c = allocate(n_tiles * mr * nr * sizeof(float)),
        .type = type,
        .weights = allocate(nr * tensor_row_bytes(tensor_type_info(type), K)),
        .attention = attention_new(n_tiles * mr),
    };
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const struct work *);
    } works[] = {{"gemm", gemm},
                 {"unpack", unpack},
                 {"round", round_rows},
                 {"attention", attend},
                 {"values", pack_values}};
    const struct cpu_level *level = argc == 4 ? cpu_level_find(argv[1]) : NULL;
    for (size_t i = 0; level && i < sizeof works / sizeof works[0]; i++) {
        if (strcmp(argv[2], works[i].name) != 0)
            continue;
        const uint32_t type = type_of(argv[3]);
        const size_t n_rows = type == TENSOR_TYPE_LIMIT ? (size_t)atoi(argv[3]) : 1;
        struct kernels kernels;
        kernels_init(&kernels, level);
        const size_t mr = (size_t)kernels.shape.mr;
        const struct work work = work_new(&kernels, (n_rows + mr - 1) / mr,
                                          type == TENSOR_TYPE_LIMIT ? (uint32_t)TENSOR_F32 : type);
        counting_mark();
        works[i].run(&work);
        counting_mark();
        return 0;
    }
    fprintf(stderr,
            "usage: arm_counts LEVEL gemm|round|attention|values ROWS | LEVEL unpack TYPE\n");
    return 2;
}
