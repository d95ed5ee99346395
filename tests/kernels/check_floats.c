/* The kernels in float, except attention: every variant against sums in double, with bounds from
 * the length of the sum; and the table of kernels itself. */

#include "variants.h"

static const double epsilon = 0x1p-23;

TEST(levels_and_table)
{
    const unsigned features = cpu_features();
    CHECK(cpu_level_find("no such level") == NULL);
    CHECK(cpu_level_find("c") == &cpu_levels[0]);
    const struct cpu_level *best = cpu_level_best();
    CHECK((features & best->features) == best->features);
    const char *known = getenv("TEST_BEST_LEVEL"); /* of an emulated machine */
    if (known)
        CHECK_TEXT(best->name, known);
    for (const struct cpu_level *level = cpu_levels; level->name; level++) {
        const bool has = (features & level->features) == level->features;
        CHECK(cpu_level_find(level->name) == (has ? level : NULL));
    }
    for (EACH_LEVEL(level)) {
        check_case("%s", level->name);
        struct kernels kernels;
        kernels_init(&kernels, level);
        CHECK(kernels.level == level);
        CHECK(kernels.shape.mr > 0 && 32 % kernels.shape.nr == 0);
        CHECK(kernels.shape.unit == 4 || kernels.shape.unit == 8);
        CHECK(kernels.quantize_row && kernels.pack_tile_q8);
        CHECK(kernels.gemm_q8 && kernels.gemm_f32 && kernels.rms_norm && kernels.rope_half);
        CHECK(kernels.rope_interleaved && kernels.swiglu && kernels.attention_keys);
        CHECK(kernels.attention_round && kernels.attention_values);
        CHECK(kernels.attention_block && kernels.attention_block_q8);
        CHECK(kernels.max_sum_exp && kernels.axpy);
        static const int readable[] = {TENSOR_F32,  TENSOR_F16,  TENSOR_BF16, TENSOR_Q8_0,
                                       TENSOR_Q4_0, TENSOR_Q4_1, TENSOR_Q5_0, TENSOR_Q5_1,
                                       TENSOR_Q4_K, TENSOR_Q5_K, TENSOR_Q6_K};
        int n_readable = 0;
        for (int type = 0; type < TENSOR_TYPE_LIMIT; type++)
            n_readable += kernels.dequant[type] != NULL;
        CHECK_INT(n_readable, sizeof readable / sizeof readable[0]);
        for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++)
            CHECK(kernels.dequant[readable[i]] != NULL);
    }
}

static void check_gemm_f32(const struct kernels *kernels, uint32_t k, struct rng *rng)
{
    const size_t mr = (size_t)kernels->shape.mr, nr = (size_t)kernels->shape.nr;
    struct guarded a = guarded_normal(rng, k * mr, 1), w = guarded_normal(rng, k * nr, 1);
    const size_t ldc = nr + rng_below(rng, 20);
    struct guarded c = guarded_normal(rng, (mr - 1) * ldc + nr, 1);
    const float *from = a.data, *with = w.data, *got = c.data;
    const uint32_t split = (uint32_t)rng_below(rng, k + 1);
    struct gemm_f32_args args = {
        .a = a.data, .w = w.data, .k0 = 0, .k1 = split, .c = c.data, .ldc = ldc, .first = true};
    kernels->gemm_f32(&args);
    args.k0 = split;
    args.k1 = k;
    args.first = false;
    kernels->gemm_f32(&args);
    for (size_t r = 0; r < mr; r++) {
        for (size_t j = 0; j < nr; j++) {
            float expected = 0; /* the order is part of the contract: the same bits */
            for (size_t i = 0; i < k; i++)
                expected = fmaf(from[i * mr + r], with[i * nr + j], expected);
            CHECK(got[r * ldc + j] == expected);
        }
    }
    guarded_free(&a);
    guarded_free(&w);
    guarded_free(&c);
}

TEST(gemm_f32_levels_agree)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_LEVEL(level)) {
        struct kernels kernels;
        kernels_init(&kernels, level);
        for (int i = 0; i < N_LENGTHS; i++) {
            check_case("gemm_f32 %s k %zu", level->name, lengths[i]);
            check_gemm_f32(&kernels, (uint32_t)lengths[i], &rng);
        }
    }
}

TEST(rms_norm_is_near)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "rms_norm")) {
        rms_norm_fn *rms_norm = (rms_norm_fn *)v->fn;
        for (int i = 0; i < N_LENGTHS; i++) {
            const size_t n = lengths[i];
            struct guarded x = guarded_normal(&rng, n, 3), gamma = guarded_normal(&rng, n, 1);
            struct guarded y = guarded_new(n * sizeof(float));
            const float *in = x.data, *factor = gamma.data, *out = y.data, eps = 1e-5f;
            rms_norm(in, factor, eps, y.data, n);
            double sum = 0;
            for (size_t j = 0; j < n; j++)
                sum += (double)in[j] * in[j];
            const double root = sqrt(sum / (double)n + eps);
            for (size_t j = 0; j < n; j++)
                CHECK_NEAR(out[j], in[j] / root * factor[j],
                           ((double)n + 8) * epsilon * fabs(in[j] / root * factor[j]));
            rms_norm(in, factor, eps, x.data, n); /* in place: the same */
            CHECK_BYTES(x.data, y.data, n * sizeof(float));
            guarded_free(&x);
            guarded_free(&gamma);
            guarded_free(&y);
        }
    }
}

static void check_rope(rope_fn *rope, bool interleaved, size_t n_rot, struct rng *rng)
{
    struct guarded x = guarded_normal(rng, n_rot, 2), cos_sin = guarded_new(n_rot * sizeof(float));
    float *table = cos_sin.data;
    const size_t half = n_rot / 2;
    for (size_t i = 0; i < half; i++) {
        const double angle = rng_unit(rng) * 100;
        table[i] = (float)cos(angle);
        table[half + i] = (float)sin(angle);
    }
    struct guarded before = guarded_copy(&x, n_rot * sizeof(float));
    const float *in = before.data, *out = x.data;
    rope(x.data, table, n_rot);
    for (size_t i = 0; i < half; i++) {
        const size_t first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + half;
        const double a = in[first], b = in[second], c = table[i], s = table[half + i];
        const double bound = 2 * epsilon * (fabs(a) + fabs(b));
        CHECK_NEAR(out[first], a * c - b * s, bound);
        CHECK_NEAR(out[second], a * s + b * c, bound);
    }
    guarded_free(&x);
    guarded_free(&before);
    guarded_free(&cos_sin);
}

TEST(rope_is_near)
{
    struct rng rng = rng_make(check_seed());
    for (size_t n_rot = 2; n_rot < 140; n_rot += 2) {
        for (EACH_VARIANT(v, "rope_interleaved"))
            check_rope((rope_fn *)v->fn, true, n_rot, &rng);
        for (EACH_VARIANT(v, "rope_half"))
            check_rope((rope_fn *)v->fn, false, n_rot, &rng);
    }
}

TEST(swiglu_is_near)
{
    struct rng rng = rng_make(check_seed());
    static const float special[] = {0,     -0.0f,  1e-40f, -1e-40f, 87,     -87,
                                    88.5f, -88.5f, 89,     -89.1f,  103.5f, -104,
                                    -150,  1e30f,  -1e30f, 3e38f,   -3e38f};
    enum { N_SPECIAL = sizeof special / sizeof special[0] };
    for (EACH_VARIANT(v, "swiglu")) {
        swiglu_fn *swiglu = (swiglu_fn *)v->fn;
        for (int i = 0; i < N_LENGTHS; i++) {
            const size_t n = lengths[i];
            struct guarded gate = guarded_normal(&rng, n, 10), up = guarded_normal(&rng, n, 1);
            struct guarded y = guarded_new(n * sizeof(float));
            for (size_t j = 0; j < n && i % 2; j++)
                ((float *)gate.data)[j] = special[j % N_SPECIAL];
            const float *g = gate.data, *u = up.data, *out = y.data;
            swiglu(g, u, y.data, n);
            for (size_t j = 0; j < n; j++) {
                const double expected = g[j] / (1 + exp(-(double)g[j])) * u[j];
                CHECK(!isnan(out[j]));
                if (fabs(expected) < 3.4e38)
                    CHECK_NEAR(out[j], expected, 8 * epsilon * fabs(expected) + 1e-36 * fabs(u[j]));
            }
            swiglu(g, u, gate.data, n);
            CHECK_BYTES(gate.data, y.data, n * sizeof(float));
            guarded_free(&gate);
            guarded_free(&up);
            guarded_free(&y);
        }
    }
}

TEST(max_sum_exp_is_near)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "max_sum_exp")) {
        max_sum_exp_fn *max_sum_exp = (max_sum_exp_fn *)v->fn;
        for (int i = 0; i < N_LENGTHS; i++) {
            const size_t n = lengths[i];
            struct guarded x = guarded_normal(&rng, n, i % 3 ? 5 : 60);
            float *in = x.data, max, sum;
            max_sum_exp(in, n, &max, &sum);
            double largest = -INFINITY, total = 0;
            for (size_t j = 0; j < n; j++)
                largest = in[j] > largest ? in[j] : largest;
            for (size_t j = 0; j < n; j++)
                total += exp(in[j] - largest);
            CHECK(max == largest);
            CHECK_NEAR(sum, total, ((double)n + 80) * epsilon * total);

            in[rng_below(&rng, n)] = NAN;
            max_sum_exp(in, n, &max, &sum);
            CHECK(isnan(sum));
            for (size_t j = 0; j < n; j++)
                in[j] = -INFINITY;
            max_sum_exp(in, n, &max, &sum);
            CHECK(max == -INFINITY && sum == 0);
            in[rng_below(&rng, n)] = -300;
            max_sum_exp(in, n, &max, &sum);
            CHECK(max == -300 && sum == 1);
            guarded_free(&x);
        }
    }
}

/* One logit far above one other: the sum is 1 + e^-d, which shows the exponential's own error. */
TEST(exponential_is_near)
{
    for (EACH_VARIANT(v, "max_sum_exp")) {
        for (int i = 0; i <= 110000; i++) {
            const float x[2] = {0, -(float)i * 1e-3f};
            float max, sum;
            ((max_sum_exp_fn *)v->fn)(x, 2, &max, &sum);
            const double e = exp((double)x[1]);
            CHECK_NEAR(sum, 1 + e, 2 * epsilon * e + 0.51 * epsilon * (1 + e));
        }
    }
}

TEST(axpy_is_exact)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "axpy")) {
        for (int i = 0; i < N_LENGTHS; i++) {
            const size_t n = lengths[i];
            struct guarded x = guarded_normal(&rng, n, 1), y = guarded_normal(&rng, n, 1);
            struct guarded before = guarded_copy(&y, n * sizeof(float));
            const float a = rng_normal(&rng);
            ((axpy_fn *)v->fn)(a, x.data, y.data, n);
            for (size_t j = 0; j < n; j++)
                CHECK(((float *)y.data)[j] ==
                      fmaf(a, ((float *)x.data)[j], ((float *)before.data)[j]));
            guarded_free(&x);
            guarded_free(&y);
            guarded_free(&before);
        }
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
