/* Rotation and rounding, packing and the int8 GEMM: every variant against the plain C one, bit for
 * bit. */

#include "variants.h"

/* Lengths of rows: around groups of every size. */
static const uint32_t inputs[] = {1,   5,   60,  64,  65,  100, 128, 130,  192,
                                  200, 256, 300, 320, 512, 576, 770, 1024, 1536};
enum { N_INPUTS = sizeof inputs / sizeof inputs[0] };

TEST(layout_pads_and_cuts)
{
    for (uint32_t k = 1; k < 3000; k++) {
        const struct quant_layout layout = quant_layout(k);
        CHECK(layout.k_pad >= k && layout.k_pad < k + 64 && layout.k_pad % 64 == 0);
        CHECK(layout.group * layout.n_groups == layout.k_pad);
    }
    CHECK_UINT(quant_layout(576).group, 192);
    CHECK_UINT(quant_layout(4096).group, 256);
    CHECK_UINT(quant_layout(320).group, 64);
    CHECK_UINT(quant_layout(896).group, 128);
}

/* Numbers of a kind: normal, with outliers, zeros, large, tiny, subnormal. */
static float sample(struct rng *rng, int kind)
{
    const float v = rng_normal(rng);
    switch (kind) {
    case 1:
        return rng_below(rng, 40) == 0 ? v * 1000 : v;
    case 2:
        return 0;
    case 3:
        return v * 1e30f;
    case 4:
        return v * 1e-30f;
    case 5:
        return v * 1e-40f;
    default:
        return v;
    }
}

static void check_quantize(quantize_row_fn *fn, uint32_t k, int kind, struct rng *rng)
{
    const struct quant_layout layout = quant_layout(k);
    const size_t scale_bytes = layout.n_groups * sizeof(float);
    struct guarded x = guarded_new(k * sizeof(float));
    for (uint32_t i = 0; i < k; i++)
        ((float *)x.data)[i] = sample(rng, kind);
    struct guarded q = guarded_new(layout.k_pad), scales = guarded_new(scale_bytes);
    int8_t *q_plain = malloc(layout.k_pad);
    float *scales_plain = malloc(scale_bytes);
    CHECK(fn(&layout, x.data, q.data, scales.data));
    CHECK(quantize_row_c(&layout, x.data, q_plain, scales_plain));
    CHECK_BYTES(q.data, q_plain, layout.k_pad);
    CHECK_BYTES(scales.data, scales_plain, scale_bytes);

    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        float *at = (float *)x.data + rng_below(rng, k), saved = *at;
        *at = bad[i];
        CHECK(!fn(&layout, x.data, q.data, scales.data));
        *at = saved;
    }
    free(q_plain);
    free(scales_plain);
    guarded_free(&x);
    guarded_free(&q);
    guarded_free(&scales);
}

TEST(quantize_row_variants_agree)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "quantize_row")) {
        for (int i = 0; i < N_INPUTS; i++) {
            for (int kind = 0; kind < 6; kind++)
                check_quantize((quantize_row_fn *)v->fn, inputs[i], kind, &rng);
        }
    }
}

/* The plain variant against the definition: x H / sqrt(length), H[i][j] = (-1)^popcount(i & j), in
 * double. */
TEST(quantize_row_is_a_rotation)
{
    struct rng rng = rng_make(check_seed());
    for (int n = 0; n < N_INPUTS; n++) {
        const struct quant_layout layout = quant_layout(inputs[n]);
        const uint32_t length = 64;
        float x[2048] = {0}, scales[32];
        int8_t q[2048];
        for (uint32_t i = 0; i < layout.k; i++)
            x[i] = rng_normal(&rng);
        REQUIRE(quantize_row_c(&layout, x, q, scales));
        for (uint32_t i = 0; i < layout.k_pad; i++) {
            double sum = 0;
            for (uint32_t j = 0; j < length; j++)
                sum += x[i / length * length + j] *
                       (__builtin_popcount(i % length & j) % 2 ? -1.0 : 1.0);
            const float scale = scales[i / layout.group];
            CHECK_NEAR(q[i] * scale, sum / sqrt(length), 0.501 * scale);
        }
    }
}

TEST(quantize_row_refuses_overflow)
{
    for (EACH_VARIANT(v, "quantize_row")) {
        const struct quant_layout layout = quant_layout(64);
        float x[64], scale;
        int8_t q[64];
        for (int i = 0; i < 64; i++)
            x[i] = 3e38f;
        CHECK(!((quantize_row_fn *)v->fn)(&layout, x, q, &scale));
    }
}

struct operand {
    int n_rows;
    int8_t *q;     /* [n_rows][k_pad] */
    float *scales; /* [n_rows][n_groups] */
};

/* [extreme]: nothing but -127, 127 (and what is left of a random sign). */
static struct operand operand_new(const struct quant_layout *layout, int n_rows, bool extreme,
                                  struct rng *rng)
{
    struct operand operand = {n_rows, malloc((size_t)n_rows * layout->k_pad + 1),
                              malloc(((size_t)n_rows * layout->n_groups + 1) * sizeof(float))};
    for (size_t i = 0; i < (size_t)n_rows * layout->k_pad; i++)
        operand.q[i] = extreme ? (int8_t)(rng_below(rng, 20) ? 127 : -127)
                               : (int8_t)rng_between(rng, -127, 127);
    if (extreme && rng_below(rng, 2))
        for (size_t i = 0; i < (size_t)n_rows * layout->k_pad; i++)
            operand.q[i] = (int8_t)-operand.q[i];
    for (size_t i = 0; i < (size_t)n_rows * layout->n_groups; i++)
        operand.scales[i] = rng_unit(rng) + 0.01f;
    return operand;
}

static void operand_free(struct operand *operand)
{
    free(operand->q);
    free(operand->scales);
}

/* Rows of weights as a panel, by kernels.h; those beyond operand->n_rows are zero. */
static void pack_panel(const struct quant_layout *layout, struct gemm_shape shape,
                       const struct operand *operand, const struct panel_q8 *panel)
{
    const size_t nr = (size_t)shape.nr, unit = (size_t)shape.unit;
    const size_t n_rows = (size_t)operand->n_rows;
    const size_t n_groups = layout->n_groups, group = layout->group, k_pad = layout->k_pad;
    for (size_t j = 0; j < nr; j++) {
        for (size_t g = 0; g < n_groups; g++) {
            int32_t sum = 0;
            for (size_t k = g * group; k < (g + 1) * group; k++) {
                const int8_t q = j < n_rows ? operand->q[j * k_pad + k] : 0;
                panel->w[(k / unit * nr + j) * unit + k % unit] = q;
                sum += q;
            }
            panel->scales[g * nr + j] = j < n_rows ? operand->scales[j * n_groups + g] : 0;
            panel->start[g * nr + j] = -shape.offset * sum;
        }
    }
}

/* Groups [g0, g1) of row r of a times row j of w, added to c: as kernels.h says. */
static float product(const struct quant_layout *layout, const struct operand *a, int r,
                     const struct operand *w, int j, uint32_t g0, uint32_t g1, float c)
{
    for (uint32_t g = g0; g < g1 && r < a->n_rows && j < w->n_rows; g++) {
        int32_t sum = 0;
        for (uint32_t k = g * layout->group; k < (g + 1) * layout->group; k++)
            sum += a->q[(size_t)r * layout->k_pad + k] * w->q[(size_t)j * layout->k_pad + k];
        c = fmaf((float)sum,
                 a->scales[(size_t)r * layout->n_groups + g] *
                     w->scales[(size_t)j * layout->n_groups + g],
                 c);
    }
    return c;
}

/* One tile of [n_rows] x one panel of [n_outputs]: all groups at once, then split at a random
 * group. */
static void check_gemm_q8(const struct kernels *kernels, uint32_t k, int n_rows, int n_outputs,
                          bool extreme, struct rng *rng)
{
    const struct quant_layout layout = quant_layout(k);
    const size_t mr = (size_t)kernels->shape.mr, nr = (size_t)kernels->shape.nr;
    const size_t n_groups = layout.n_groups, k_pad = layout.k_pad;
    struct operand a = operand_new(&layout, n_rows, extreme, rng);
    struct operand w = operand_new(&layout, n_outputs, extreme, rng);
    struct guarded tile = guarded_new(gemm_tile_bytes(&kernels->shape, k_pad)),
                   tile_scales = guarded_new(mr * n_groups * sizeof(float));
    struct guarded panel_w = guarded_new(nr * k_pad),
                   panel_scales = guarded_new(nr * n_groups * sizeof(float));
    struct guarded start = guarded_new(nr * n_groups * sizeof(int32_t));
    const size_t ldc = nr + rng_below(rng, 20);
    struct guarded c = guarded_new(((mr - 1) * ldc + nr) * sizeof(float));
    const struct panel_q8 panel = {panel_w.data, panel_scales.data, start.data};
    kernels->pack_tile_q8(&layout, n_rows, a.q, a.scales, tile.data, tile_scales.data);
    pack_panel(&layout, kernels->shape, &w, &panel);

    const uint32_t split = (uint32_t)rng_below(rng, n_groups + 1);
    for (int pass = 0; pass < 2; pass++) {
        struct gemm_q8_args args = {.layout = &layout,
                                    .a = tile.data,
                                    .a_scales = tile_scales.data,
                                    .panel = panel,
                                    .g0 = 0,
                                    .g1 = pass ? split : (uint32_t)n_groups,
                                    .c = c.data,
                                    .ldc = ldc,
                                    .first = true,
                                    .n_rows = n_rows,
                                    .next = pass ? panel_w.data : NULL}; /* goes past the end */
        kernels->gemm_q8(&args);
        args.g0 = args.g1;
        args.g1 = (uint32_t)n_groups;
        args.first = args.g0 == 0;
        if (pass)
            kernels->gemm_q8(&args);
        for (size_t r = 0; r < (size_t)n_rows; r++) {
            for (size_t j = 0; j < nr; j++) {
                const float expected =
                    product(&layout, &a, (int)r, &w, (int)j, 0, layout.n_groups, 0);
                if (!CHECK(((float *)c.data)[r * ldc + j] == expected)) {
                    r = mr;
                    break;
                }
            }
        }
    }
    guarded_free(&tile);
    guarded_free(&tile_scales);
    guarded_free(&panel_w);
    guarded_free(&panel_scales);
    guarded_free(&start);
    guarded_free(&c);
    operand_free(&a);
    operand_free(&w);
}

TEST(gemm_q8_levels_agree)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_LEVEL(level)) {
        struct kernels kernels;
        kernels_init(&kernels, level);
        for (int i = 0; i < N_INPUTS; i++) {
            for (int rows = 1; rows <= kernels.shape.mr; rows++) {
                const int outputs = (int)rng_between(&rng, 0, kernels.shape.nr);
                check_case("gemm_q8 %s k %u rows %d outputs %d", level->name, inputs[i], rows,
                           outputs);
                check_gemm_q8(&kernels, inputs[i], rows, outputs, false, &rng);
                check_gemm_q8(&kernels, inputs[i], rows, kernels.shape.nr, true, &rng);
            }
        }
    }
}

/* A row's place in the tile, and what stands beside it, must not show. */
TEST(gemm_q8_does_not_depend_on_place)
{
    struct rng rng = rng_make(check_seed());
    const struct quant_layout layout = quant_layout(512);
    for (EACH_LEVEL(level)) {
        struct kernels kernels;
        kernels_init(&kernels, level);
        check_case("%s", level->name);
        const int mr = kernels.shape.mr, nr = kernels.shape.nr;
        struct operand a = operand_new(&layout, mr, false, &rng),
                       w = operand_new(&layout, nr, false, &rng);
        int8_t tile[2 * 16 * 512], panel_w[32 * 512];
        float tile_scales[16 * 2], panel_scales[32 * 2], c[16 * 32], alone[16 * 32];
        int32_t start[32 * 2];
        const struct panel_q8 panel = {panel_w, panel_scales, start};
        pack_panel(&layout, kernels.shape, &w, &panel);
        struct gemm_q8_args args = {.layout = &layout,
                                    .a = tile,
                                    .a_scales = tile_scales,
                                    .panel = panel,
                                    .g0 = 0,
                                    .g1 = 2,
                                    .c = c,
                                    .ldc = (size_t)nr,
                                    .first = true,
                                    .n_rows = mr};
        kernels.pack_tile_q8(&layout, mr, a.q, a.scales, tile, tile_scales);
        kernels.gemm_q8(&args);
        args.c = alone;
        args.n_rows = 1;
        for (int r = 0; r < mr; r++) {
            kernels.pack_tile_q8(&layout, 1, a.q + r * 512, a.scales + r * 2, tile, tile_scales);
            kernels.gemm_q8(&args);
            CHECK_BYTES(alone, c + r * nr, (size_t)nr * sizeof *c);
        }
        operand_free(&a);
        operand_free(&w);
    }
}

/* Gaussian weights and activations through rotation, rounding, packing and products: within 1.5 %
 * of the product in double, as the root of mean squares over a tile and a panel of every length. */
TEST(int8_path_is_accurate)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_LEVEL(level)) {
        struct kernels kernels;
        kernels_init(&kernels, level);
        double ratio = 0; /* of squares, summed over the lengths */
        for (int n = 0; n < N_INPUTS; n++) {
            const struct quant_layout layout = quant_layout(inputs[n]);
            const size_t mr = (size_t)kernels.shape.mr, nr = (size_t)kernels.shape.nr;
            const size_t k = layout.k, k_pad = layout.k_pad, n_groups = layout.n_groups;
            float *x = malloc(mr * k * sizeof *x), *weights = malloc(nr * k * sizeof *weights);
            float *scales = malloc(3 * 64 * n_groups * sizeof *scales),
                  *tile_scales = scales + 64 * n_groups;
            float *panel_scales = tile_scales + 64 * n_groups, c[16 * 32];
            int8_t *q = malloc(64 * k_pad), *tile = malloc(gemm_tile_bytes(&kernels.shape, k_pad)),
                   *panel_w = malloc(nr * k_pad);
            int32_t *start = malloc(nr * n_groups * sizeof *start);
            const struct panel_q8 panel = {panel_w, panel_scales, start};
            for (size_t i = 0; i < mr * k; i++)
                x[i] = rng_normal(&rng);
            for (size_t i = 0; i < nr * k; i++)
                weights[i] = rng_normal(&rng) * 0.02f;
            for (size_t r = 0; r < mr; r++)
                CHECK(
                    kernels.quantize_row(&layout, x + r * k, q + r * k_pad, scales + r * n_groups));
            kernels.pack_tile_q8(&layout, (int)mr, q, scales, tile, tile_scales);
            for (size_t j = 0; j < nr; j++)
                CHECK(kernels.quantize_row(&layout, weights + j * k, q + j * k_pad,
                                           scales + j * n_groups));
            pack_panel(&layout, kernels.shape, &(struct operand){(int)nr, q, scales}, &panel);
            const struct gemm_q8_args args = {.layout = &layout,
                                              .a = tile,
                                              .a_scales = tile_scales,
                                              .panel = panel,
                                              .g0 = 0,
                                              .g1 = layout.n_groups,
                                              .c = c,
                                              .ldc = nr,
                                              .first = true,
                                              .n_rows = (int)mr};
            kernels.gemm_q8(&args);
            double error = 0, size = 0;
            for (size_t r = 0; r < mr; r++) {
                for (size_t j = 0; j < nr; j++) {
                    double sum = 0;
                    for (size_t i = 0; i < k; i++)
                        sum += (double)x[r * k + i] * weights[j * k + i];
                    error += (c[r * nr + j] - sum) * (c[r * nr + j] - sum);
                    size += sum * sum;
                }
            }
            ratio += error / size;
            free(x);
            free(weights);
            free(scales);
            free(q);
            free(tile);
            free(panel_w);
            free(start);
        }
        check_case("%s", level->name);
        CHECK_NEAR(sqrt(ratio / N_INPUTS), 0, 0.015);
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
