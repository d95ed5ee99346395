/* Weights of every type to int8 panels: every variant against the plain C one bit for bit, and the
 * plain one against rotation in double of the weights that dequant gives. */

#include "variants.h"

struct unpack_variant {
    uint32_t type;
    const char *name, *isa;
    unsigned need;
    unpack_fn *fn;
    dequant_fn *dequant;
};

static const struct unpack_variant unpacks[] = {
#define AS_DATA(type, name, isa, need)                                                             \
    {type, #name, #isa, need, unpack_##name##_##isa, dequant_##name##_c},
    UNPACK_VARIANTS(AS_DATA)
#undef AS_DATA
};

enum { N_UNPACKS = sizeof unpacks / sizeof unpacks[0], MAX_NR = 32, ROW_PADDING = 7 };

/* Panels by the instruction set that a variant is named after. */
static struct gemm_shape shape_of(const char *isa)
{
#define SHAPE(name, rows, outputs, together, added, bytes, need)                                   \
    if (strcmp(isa, #name) == 0)                                                                   \
        return (struct gemm_shape){.mr = (rows),                                                   \
                                   .nr = (outputs),                                                \
                                   .unit = (together),                                             \
                                   .offset = (added),                                              \
                                   .value_bytes = (bytes)};
    GEMM_SHAPES(SHAPE)
#undef SHAPE
    abort();
}

/* A float type's values, or the f16 numbers of a block: where the upper bytes are that make them
 * large or not finite. */
static int half_offsets(uint32_t type, int offsets[2])
{
    offsets[0] = type == TENSOR_Q6_K ? 208 : type == TENSOR_F32 ? 2 : 0;
    offsets[1] = 2;
    return type == TENSOR_Q4_1 || type == TENSOR_Q5_1 || type == TENSOR_Q4_K || type == TENSOR_Q5_K
               ? 2
               : 1;
}

enum kind { ORDINARY, WILD, ZERO, EXTREME, N_KINDS };

/* Random blocks whose f16 numbers are finite. ORDINARY: of like size; WILD: anything finite. */
static void fill_blocks(uint32_t type, uint8_t *blocks, size_t n_bytes, enum kind kind,
                        struct rng *rng)
{
    const size_t block_bytes = tensor_type_info(type)->block_bytes;
    const uint8_t extreme = rng_below(rng, 2) ? 0xff : 0;
    int offsets[2];
    const int n_halves = half_offsets(type, offsets);
    for (size_t i = 0; i < n_bytes; i++)
        blocks[i] = kind == EXTREME ? (rng_below(rng, 50) ? extreme : (uint8_t)~extreme)
                                    : (uint8_t)rng_u64(rng);
    for (size_t b = 0; b < n_bytes; b += block_bytes) {
        for (int i = 0; i < n_halves; i++) {
            uint16_t half = (uint16_t)rng_u64(rng);
            if (kind == ZERO)
                half = 0;
            else if (kind == WILD)
                half &= 0xbbff; /* finite as f16, and far from the largest float */
            else if (type == TENSOR_F32 || type == TENSOR_BF16)
                half = (uint16_t)((half & 0x80ff) | 0x3c00);
            else
                half = (uint16_t)((half & 0x83ff) | 0x2400);
            memcpy(blocks + b + (size_t)offsets[i], &half, sizeof half);
        }
    }
}

struct panel_buffers {
    struct guarded w, scales, start;
    struct panel_q8 panel;
};

static struct panel_buffers panel_new(const struct quant_layout *layout, size_t nr)
{
    struct panel_buffers buffers = {guarded_new(nr * layout->k_pad),
                                    guarded_new(nr * layout->n_groups * sizeof(float)),
                                    guarded_new(nr * layout->n_groups * sizeof(int32_t)),
                                    {0}};
    buffers.panel = (struct panel_q8){buffers.w.data, buffers.scales.data, buffers.start.data};
    return buffers;
}

static void panel_free(struct panel_buffers *buffers)
{
    guarded_free(&buffers->w);
    guarded_free(&buffers->scales);
    guarded_free(&buffers->start);
}

static int8_t weight_at(const struct panel_q8 *panel, struct gemm_shape shape, size_t row, size_t k)
{
    const size_t nr = (size_t)shape.nr, unit = (size_t)shape.unit;
    return panel->w[(k / unit * nr + row) * unit + k % unit];
}

/* Rows of [k] weights of [type] as a variant's panel against those of the plain C one, whose panels
 * are narrower. */
static void check_unpack(const struct unpack_variant *v, const struct unpack_variant *plain,
                         uint32_t k, int n_rows, enum kind kind, struct rng *rng)
{
    const struct quant_layout layout = quant_layout(k);
    const struct gemm_shape shape = shape_of(v->isa), plain_shape = shape_of("c");
    const size_t nr = (size_t)shape.nr, plain_nr = (size_t)plain_shape.nr;
    const size_t used = tensor_row_bytes(tensor_type_info(v->type), k);
    const size_t row_bytes = used + ROW_PADDING;
    const size_t n_bytes = n_rows ? ((size_t)n_rows - 1) * row_bytes + used : 0;
    struct guarded blocks = guarded_new(n_bytes + 1);
    uint8_t *data = (uint8_t *)blocks.data + 1;
    for (int r = 0; r < n_rows; r++)
        fill_blocks(v->type, data + (size_t)r * row_bytes, used, kind, rng);
    struct panel_buffers got = panel_new(&layout, nr), expected = panel_new(&layout, plain_nr);
    CHECK(v->fn(&layout, &(struct weight_rows){data, row_bytes, n_rows}, &got.panel));
    for (size_t first = 0; first < nr; first += plain_nr) {
        const int left = n_rows - (int)first;
        const int n = left < 0 ? 0 : left < (int)plain_nr ? left : (int)plain_nr;
        const struct weight_rows rows = {n ? data + first * row_bytes : data, row_bytes, n};
        CHECK(plain->fn(&layout, &rows, &expected.panel));
        bool equal = true;
        for (size_t r = 0; r < plain_nr; r++) {
            for (size_t g = 0; g < layout.n_groups; g++) {
                int32_t sum = 0;
                for (size_t i = g * layout.group; i < (g + 1) * layout.group; i++) {
                    const int8_t q = weight_at(&got.panel, shape, first + r, i);
                    equal &= q == weight_at(&expected.panel, plain_shape, r, i);
                    sum += q;
                }
                const size_t at = g * nr + first + r;
                equal &= got.panel.start[at] == -shape.offset * sum;
                equal &= got.panel.scales[at] == expected.panel.scales[g * plain_nr + r];
            }
        }
        CHECK(equal);
    }
    panel_free(&got);
    panel_free(&expected);
    guarded_free(&blocks);
}

static const struct unpack_variant *plain_of(const struct unpack_variant *v)
{
    for (size_t i = 0; i < N_UNPACKS; i++) {
        if (unpacks[i].type == v->type && strcmp(unpacks[i].isa, "c") == 0)
            return &unpacks[i];
    }
    abort();
}

/* For all variants that this machine has. */
#define EACH_UNPACK(v)                                                                             \
    const struct unpack_variant *v = unpacks;                                                      \
    v < unpacks + N_UNPACKS; v++)                              \
        if ((cpu_features() & v->need) != v->need)                                                 \
    {                                                                                              \
    } else if (1

TEST(unpack_variants_agree)
{
    static const uint32_t lengths_1[] = {1, 5, 63, 64, 100, 128, 130, 192, 300, 576, 1000, 1024};
    static const uint32_t lengths_32[] = {32, 64, 96, 128, 192, 256, 320, 576, 896, 1024};
    static const uint32_t lengths_256[] = {256, 512, 1280};
    struct rng rng = rng_make(check_seed());
    for (EACH_UNPACK(v)) {
        const uint32_t block_len = tensor_type_info(v->type)->block_len;
        const uint32_t *widths = block_len == 1    ? lengths_1
                                 : block_len == 32 ? lengths_32
                                                   : lengths_256;
        const size_t n_widths = block_len == 1    ? sizeof lengths_1 / sizeof *widths
                                : block_len == 32 ? sizeof lengths_32 / sizeof *widths
                                                  : sizeof lengths_256 / sizeof *widths;
        const int nr = shape_of(v->isa).nr;
        for (size_t i = 0; i < n_widths; i++) {
            for (enum kind kind = 0; kind < N_KINDS; kind++) {
                const int some = (int)rng_between(&rng, 1, nr);
                check_case("unpack_%s_%s k %u rows %d kind %d", v->name, v->isa, widths[i], some,
                           (int)kind);
                check_unpack(v, plain_of(v), widths[i], nr, kind, &rng);
                check_unpack(v, plain_of(v), widths[i], some, kind, &rng);
            }
        }
    }
}

/* The group with the bad weight gets scale 0, all others what they have without it. */
TEST(unpack_refuses_what_is_not_finite)
{
    static const uint16_t bad_f16[] = {0x7c00, 0xfc00, 0x7e00, 0xffff},
                          bad_wide[] = {0x7f80, 0xff80, 0x7fc0, 0xffff};
    struct rng rng = rng_make(check_seed());
    for (EACH_UNPACK(v)) {
        check_case("unpack_%s_%s", v->name, v->isa);
        const struct quant_layout layout = quant_layout(512);
        const bool wide = v->type == TENSOR_F32 || v->type == TENSOR_BF16;
        const uint16_t *bad = wide ? bad_wide : bad_f16;
        const size_t nr = (size_t)shape_of(v->isa).nr, n_scales = nr * layout.n_groups;
        const struct tensor_type_info *info = tensor_type_info(v->type);
        const size_t row_bytes = tensor_row_bytes(info, 512),
                     blocks_per_row = 512 / info->block_len;
        uint8_t *data = malloc(nr * row_bytes);
        struct panel_buffers to = panel_new(&layout, nr);
        const struct weight_rows rows = {data, row_bytes, (int)nr};
        int offsets[2];
        const int n_halves = half_offsets(v->type, offsets);
        float *scales = malloc(n_scales * sizeof *scales); /* without bad weights */
        fill_blocks(v->type, data, nr * row_bytes, ORDINARY, &rng);
        CHECK(v->fn(&layout, &rows, &to.panel));
        memcpy(scales, to.panel.scales, n_scales * sizeof *scales);
        for (int i = 0; i < 20; i++) {
            const size_t r = rng_below(&rng, nr), block = rng_below(&rng, blocks_per_row);
            const size_t bad_scale = block * info->block_len / layout.group * nr + r;
            uint8_t *at = data + r * row_bytes + block * info->block_bytes +
                          offsets[rng_below(&rng, (uint32_t)n_halves)];
            uint8_t saved[2];
            memcpy(saved, at, 2);
            memcpy(at, &bad[i % 4], 2);
            CHECK(!v->fn(&layout, &rows, &to.panel));
            for (size_t s = 0; s < n_scales; s++)
                CHECK(to.panel.scales[s] == (s == bad_scale ? 0 : scales[s]));
            memcpy(at, saved, 2);
            CHECK(v->fn(&layout, &rows, &to.panel));
        }
        free(scales);
        free(data);
        panel_free(&to);
    }
}

/* The fixed point against the definition, x H / 8 rounded to int8 by group, in double: the plain
 * variant is within half a step and what four 16-bit roundings add. */
TEST(unpack_is_a_rotation)
{
    struct rng rng = rng_make(check_seed());
    const struct quant_layout layout = quant_layout(768);
    const size_t nr = (size_t)shape_of("c").nr;
    for (EACH_UNPACK(v)) {
        if (strcmp(v->isa, "c") != 0)
            continue;
        check_case("unpack_%s", v->name);
        const size_t row_bytes = tensor_row_bytes(tensor_type_info(v->type), 768);
        uint8_t *data = malloc(nr * row_bytes);
        float x[768];
        struct panel_buffers to = panel_new(&layout, nr);
        fill_blocks(v->type, data, nr * row_bytes, ORDINARY, &rng);
        CHECK(v->fn(&layout, &(struct weight_rows){data, row_bytes, (int)nr}, &to.panel));
        for (size_t r = 0; r < nr; r++) {
            v->dequant(data + r * row_bytes, x, 768);
            for (size_t i = 0; i < 768; i++) {
                double sum = 0;
                for (size_t j = 0; j < 64; j++)
                    sum += x[i / 64 * 64 + j] * (__builtin_popcountll(i % 64 & j) % 2 ? -1.0 : 1.0);
                const float scale = to.panel.scales[i / 256 * nr + r];
                CHECK_NEAR(weight_at(&to.panel, shape_of("c"), r, i) * scale, sum / 8, 0.6 * scale);
            }
        }
        free(data);
        panel_free(&to);
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
