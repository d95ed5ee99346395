/* Attention over blocks of 64 keys: every variant against a softmax in double, with values in float
 * and rounded, and against itself in other company. */

#include "variants.h"

/* Queries over [n_blocks] blocks of keys. */
struct problem {
    size_t n_q, head_dim, value_dim, n_blocks;
    float scale;
    struct guarded *q;      /* [n_q] of [head_dim] */
    struct guarded *k, *v;  /* [n_blocks] of [64][head_dim], [64][value_dim] */
    struct guarded *v_q8;   /* [n_blocks] v rounded: [64][value_dim] */
    struct guarded *scales; /* [n_blocks] of [64] */
    uint8_t *from, *to;     /* [n_blocks][n_q] */
};

static struct problem problem_new(size_t n_q, size_t head_dim, size_t value_dim, size_t n_blocks,
                                  struct rng *rng)
{
    struct problem p = {.n_q = n_q,
                        .head_dim = head_dim,
                        .value_dim = value_dim,
                        .n_blocks = n_blocks,
                        .scale = 1 / sqrtf((float)head_dim),
                        .q = malloc((n_q + 1) * sizeof(struct guarded)),
                        .k = malloc(n_blocks * sizeof(struct guarded)),
                        .v = malloc(n_blocks * sizeof(struct guarded)),
                        .v_q8 = malloc(n_blocks * sizeof(struct guarded)),
                        .scales = malloc(n_blocks * sizeof(struct guarded)),
                        .from = malloc(n_q * n_blocks + 1),
                        .to = malloc(n_q * n_blocks + 1)};
    for (size_t i = 0; i < n_q; i++)
        p.q[i] = guarded_normal(rng, head_dim, 2);
    for (size_t b = 0; b < n_blocks; b++) {
        p.k[b] = guarded_normal(rng, head_dim * ATTENTION_BLOCK, 2);
        p.v[b] = guarded_normal(rng, ATTENTION_BLOCK * value_dim, 1);
        p.v_q8[b] = guarded_new(ATTENTION_BLOCK * value_dim);
        p.scales[b] = guarded_new(ATTENTION_BLOCK * sizeof(float));
        for (size_t j = 0; j < ATTENTION_BLOCK; j++)
            CHECK(attention_round_c((float *)p.v[b].data + j * value_dim, value_dim,
                                    (int8_t *)p.v_q8[b].data + j * value_dim,
                                    (float *)p.scales[b].data + j));
        for (size_t i = 0; i < n_q; i++) {
            const uint64_t kind = rng_below(rng, 4); /* whole, none, any two */
            uint8_t x = (uint8_t)rng_below(rng, 65), y = (uint8_t)rng_below(rng, 65);
            p.from[b * n_q + i] = kind == 0 ? 0 : x < y ? x : y;
            p.to[b * n_q + i] = kind == 0 ? 64 : kind == 1 ? x < y ? x : y : x < y ? y : x;
        }
    }
    return p;
}

static void problem_free(struct problem *p)
{
    for (size_t i = 0; i < p->n_q; i++)
        guarded_free(&p->q[i]);
    for (size_t b = 0; b < p->n_blocks; b++) {
        guarded_free(&p->k[b]);
        guarded_free(&p->v[b]);
        guarded_free(&p->v_q8[b]);
        guarded_free(&p->scales[b]);
    }
    free(p->q);
    free(p->k);
    free(p->v);
    free(p->v_q8);
    free(p->scales);
    free(p->from);
    free(p->to);
}

/* A block of keys as attention_block takes them, by the plain C: what each variant of
 * attention_keys must give. */
static struct guarded transposed(const struct problem *p, size_t b)
{
    struct guarded k_t = guarded_new(p->head_dim * ATTENTION_BLOCK * sizeof(float));
    const float *keys[ATTENTION_BLOCK];
    for (size_t j = 0; j < ATTENTION_BLOCK; j++)
        keys[j] = (float *)p->k[b].data + j * p->head_dim;
    attention_keys_c(keys, ATTENTION_BLOCK, p->head_dim, k_t.data);
    return k_t;
}

/* Rounded values as the variant wants them. */
static struct guarded packed(const struct problem *p, size_t b, attention_values_fn *values)
{
    struct guarded v = guarded_new(ATTENTION_BLOCK * p->value_dim * sizeof(float));
    const int8_t *rows[ATTENTION_BLOCK];
    for (size_t j = 0; j < ATTENTION_BLOCK; j++)
        rows[j] = (int8_t *)p->v_q8[b].data + j * p->value_dim;
    values(rows, ATTENTION_BLOCK, p->value_dim, v.data);
    return v;
}

/* Queries [first, first + n_q) of the problem; state to m, l [n_q], out [n_q][value_dim]. With
 * [values] they are rounded. */
static void attend(const struct problem *p, attention_block_fn *fn, attention_values_fn *values,
                   size_t first, size_t n_q, float *m, float *l, float *out)
{
    const float *q[64];
    for (size_t i = 0; i < n_q; i++) {
        q[i] = p->q[first + i].data;
        m[i] = -INFINITY;
        l[i] = 0;
    }
    memset(out, 0, n_q * p->value_dim * sizeof *out);
    const size_t v_bytes = ATTENTION_BLOCK * p->value_dim * sizeof(float);
    for (size_t b = 0; b < p->n_blocks; b++) {
        struct guarded k_t = transposed(p, b);
        struct guarded v = values ? packed(p, b, values) : guarded_copy(&p->v[b], v_bytes);
        const struct attention_args args = {.n_q = n_q,
                                            .head_dim = p->head_dim,
                                            .value_dim = p->value_dim,
                                            .q = q,
                                            .k_t = k_t.data,
                                            .v = v.data,
                                            .v_scales = p->scales[b].data,
                                            .from = p->from + b * p->n_q + first,
                                            .to = p->to + b * p->n_q + first,
                                            .scale = p->scale,
                                            .m = m,
                                            .l = l,
                                            .out = out};
        fn(&args);
        guarded_free(&k_t);
        guarded_free(&v);
    }
}

/* One query's scores [n_blocks * 64] in powers of two; returns the largest of those it sees. */
static double expected_scores(const struct problem *p, size_t i, double *scores)
{
    double max = -INFINITY;
    for (size_t b = 0; b < p->n_blocks; b++) {
        for (size_t j = p->from[b * p->n_q + i]; j < p->to[b * p->n_q + i]; j++) {
            double dot = 0;
            for (size_t d = 0; d < p->head_dim; d++)
                dot += (double)((float *)p->q[i].data)[d] *
                       ((float *)p->k[b].data)[j * p->head_dim + d];
            scores[b * ATTENTION_BLOCK + j] = dot * p->scale;
            max = fmax(max, dot * p->scale);
        }
    }
    return max;
}

/* [rounded]: values and what they are multiplied with have 8 bits. */
static void check_query(const struct problem *p, size_t i, bool rounded, float m, float l,
                        const float *out)
{
    double scores[8 * ATTENTION_BLOCK], sum = 0;
    const double max = expected_scores(p, i, scores);
    if (max == -INFINITY) {
        CHECK(m == -INFINITY && l == 0);
        for (size_t d = 0; d < p->value_dim; d++)
            CHECK(out[d] == 0);
        return;
    }
    /* a score's error: head_dim roundings of terms of about 4 */
    const double bound = 0x1p-23 * (16 * (double)p->head_dim + 300);
    CHECK_NEAR(m, max, bound);
    double *expected = calloc(p->value_dim, sizeof *expected), slack = 0;
    for (size_t b = 0; b < p->n_blocks; b++) {
        double heaviest = 0;
        for (size_t j = p->from[b * p->n_q + i]; j < p->to[b * p->n_q + i]; j++) {
            const double e = exp2(scores[b * ATTENTION_BLOCK + j] - max);
            const double scale = ((float *)p->scales[b].data)[j];
            const int8_t *q8 = (int8_t *)p->v_q8[b].data + j * p->value_dim;
            const float *v = (float *)p->v[b].data + j * p->value_dim;
            sum += e;
            heaviest = fmax(heaviest, e * scale);
            for (size_t d = 0; d < p->value_dim; d++)
                expected[d] += e * (rounded ? q8[d] * scale : (double)v[d]);
        }
        slack += heaviest; /* a weight is off by half of a 255th of the block's heaviest */
    }
    CHECK_NEAR(l, sum, bound * sum);
    const double off = rounded ? slack / sum * ATTENTION_BLOCK * 127 * 0.5 / 255 : 0;
    for (size_t d = 0; d < p->value_dim; d++)
        CHECK_NEAR(out[d] / l, expected[d] / sum, 8 * bound + off);
    free(expected);
}

static const size_t dims[][2] = {{64, 64}, {128, 128}, {80, 80},   {96, 96}, {1, 1},    {3, 5},
                                 {17, 16}, {72, 33},   {256, 192}, {8, 130}, {576, 512}};

/* The next number of queries to try; with TEST_LIGHT set (emulators are slow) there are fewer. */
static size_t longer(size_t n)
{
    return getenv("TEST_LIGHT") ? n + 2 + n / 2 : n + 1 + n / 8;
}

/* A variant of attention_block, or with [values] one of attention_block_q8. */
static void check_queries(attention_block_fn *fn, attention_values_fn *values, size_t n_q,
                          const size_t dim[2], struct rng *rng)
{
    struct problem p = problem_new(n_q, dim[0], dim[1], 3, rng);
    struct guarded m = guarded_new(n_q * sizeof(float)), l = guarded_new(n_q * sizeof(float));
    struct guarded out = guarded_new(n_q * p.value_dim * sizeof(float));
    attend(&p, fn, values, 0, n_q, m.data, l.data, out.data);
    for (size_t j = 0; j < n_q; j++)
        check_query(&p, j, values != NULL, ((float *)m.data)[j], ((float *)l.data)[j],
                    (float *)out.data + j * p.value_dim);
    guarded_free(&m);
    guarded_free(&l);
    guarded_free(&out);
    problem_free(&p);
}

/* The attention_values that a level with this variant of attention_block_q8 has. */
static attention_values_fn *values_of(const struct variant *block)
{
    for (const struct variant *v = variants; v < variants + N_VARIANTS; v++) {
        if (strcmp(v->operation, "attention_values") == 0 && strcmp(v->isa, block->isa) == 0)
            return (attention_values_fn *)v->fn;
    }
    abort();
}

TEST(attention_is_near)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_block")) {
        for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
            for (size_t n_q = 0; n_q < 50; n_q = longer(n_q))
                check_queries((attention_block_fn *)v->fn, NULL, n_q, dims[i], &rng);
        }
    }
}

TEST(attention_with_rounded_values_is_near)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_block_q8")) {
        for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
            for (size_t n_q = 0; n_q < 50 && dims[i][1] % 16 == 0; n_q = longer(n_q))
                check_queries((attention_block_fn *)v->fn, values_of(v), n_q, dims[i], &rng);
        }
    }
}

/* Given the weights, sums are exact: what differs between variants is what their exponentials do.
 */
TEST(attention_with_equal_weights_is_exact)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_block_q8")) {
        struct problem p = problem_new(9, 64, 48, 1, &rng);
        for (size_t i = 0; i < p.n_q; i++)
            memset(p.q[i].data, 0, p.head_dim * sizeof(float));
        for (size_t j = 0; j < ATTENTION_BLOCK; j++)
            ((float *)p.scales[0].data)[j] = 0.5f;
        memset(p.from, 0, p.n_q);
        memset(p.to, ATTENTION_BLOCK, p.n_q);
        float m[9], l[9], out[9 * 48];
        attend(&p, (attention_block_fn *)v->fn, values_of(v), 0, 9, m, l, out);
        for (size_t d = 0; d < 48; d++) {
            int sum = 0;
            for (size_t j = 0; j < ATTENTION_BLOCK; j++)
                sum += 255 * ((int8_t *)p.v_q8[0].data)[j * 48 + d];
            for (size_t i = 0; i < 9; i++)
                CHECK(m[i] == 0 && l[i] == 64 &&
                      out[i * 48 + d] == (float)sum * (0.5f * (1.0f / 255)));
        }
        problem_free(&p);
    }
}

/* Levels of ARM64 differ in how whole numbers are added up, and in nothing else. */
TEST(attention_with_rounded_values_is_the_same_bits_with_all_of_neon)
{
    enum { N_Q = 19, DIM = 80 };
    struct rng rng = rng_make(check_seed());
    struct problem p = problem_new(N_Q, DIM, DIM, 3, &rng);
    float m[N_Q], l[N_Q], out[N_Q * DIM], first[N_Q * DIM];
    bool has_first = false;
    for (EACH_VARIANT(v, "attention_block_q8")) {
        if (strncmp(v->isa, "neon", 4) != 0)
            continue;
        attend(&p, (attention_block_fn *)v->fn, values_of(v), 0, N_Q, m, l, out);
        if (has_first)
            CHECK_BYTES(out, first, sizeof out);
        else
            memcpy(first, out, sizeof out);
        has_first = true;
    }
    problem_free(&p);
}

static void check_place(attention_block_fn *fn, attention_values_fn *values, const size_t dim[2],
                        struct rng *rng)
{
    enum { N_Q = 43, MAX_DIM = 128 };
    struct problem p = problem_new(N_Q, dim[0], dim[1], 2, rng);
    float m[N_Q], l[N_Q], out[N_Q * MAX_DIM], some_m[N_Q], some_l[N_Q], some_out[N_Q * MAX_DIM];
    attend(&p, fn, values, 0, N_Q, m, l, out);
    for (size_t first = 0; first < N_Q; first = longer(first)) {
        for (size_t n = 1; first + n <= N_Q; n = longer(n)) {
            attend(&p, fn, values, first, n, some_m, some_l, some_out);
            CHECK_BYTES(some_m, m + first, n * sizeof *m);
            CHECK_BYTES(some_l, l + first, n * sizeof *l);
            CHECK_BYTES(some_out, out + first * p.value_dim, n * p.value_dim * sizeof *out);
        }
    }
    problem_free(&p);
}

/* The same bits alone, and anywhere among others. */
TEST(attention_does_not_depend_on_place)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_block")) {
        for (size_t i = 0; i < 5; i++)
            check_place((attention_block_fn *)v->fn, NULL, dims[i], &rng);
    }
    for (EACH_VARIANT(v, "attention_block_q8")) {
        for (size_t i = 0; i < 4; i++)
            check_place((attention_block_fn *)v->fn, values_of(v), dims[i], &rng);
    }
}

/* A query that sees nothing of a block is left as it was, bit for bit. */
static void check_empty(attention_block_fn *fn, attention_values_fn *values, struct rng *rng)
{
    struct problem p = problem_new(3, 64, 64, 1, rng);
    struct guarded k_t = transposed(&p, 0);
    struct guarded v = values ? packed(&p, 0, values)
                              : guarded_copy(&p.v[0], ATTENTION_BLOCK * 64 * sizeof(float));
    const float *q[3] = {p.q[0].data, p.q[1].data, p.q[2].data};
    const uint8_t from[3] = {10, 64, 5}, to[3] = {10, 64, 2};
    float m[3] = {1, -INFINITY, 2}, l[3] = {3, 0, 4}, out[3 * 64], before[3 * 64];
    for (int i = 0; i < 3 * 64; i++)
        before[i] = out[i] = i / 64 == 1 ? 0 : rng_normal(rng);
    const struct attention_args args = {.n_q = 3,
                                        .head_dim = 64,
                                        .value_dim = 64,
                                        .q = q,
                                        .k_t = k_t.data,
                                        .v = v.data,
                                        .v_scales = p.scales[0].data,
                                        .from = from,
                                        .to = to,
                                        .scale = p.scale,
                                        .m = m,
                                        .l = l,
                                        .out = out};
    fn(&args);
    CHECK(m[0] == 1 && m[1] == -INFINITY && m[2] == 2 && l[0] == 3 && l[1] == 0 && l[2] == 4);
    CHECK_BYTES(out, before, sizeof out);
    guarded_free(&k_t);
    guarded_free(&v);
    problem_free(&p);
}

TEST(attention_empty_range_changes_nothing)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_block"))
        check_empty((attention_block_fn *)v->fn, NULL, &rng);
    for (EACH_VARIANT(v, "attention_block_q8"))
        check_empty((attention_block_fn *)v->fn, values_of(v), &rng);
}

/* Scores far apart: no infinity, no NaN; a NaN query gives NaN, here alone. */
static void check_extremes(attention_block_fn *fn, attention_values_fn *values, struct rng *rng)
{
    struct problem p = problem_new(7, 64, 64, 2, rng);
    memset(p.from, 0, 14);
    memset(p.to, 64, 14);
    p.scale = 1000;
    float m[7], l[7], out[7 * 64];
    attend(&p, fn, values, 0, 7, m, l, out);
    for (int i = 0; i < 7 * 64; i++)
        CHECK(isfinite(m[i / 64]) && l[i / 64] >= 1 && isfinite(out[i]));
    ((float *)p.q[3].data)[5] = NAN;
    attend(&p, fn, values, 0, 7, m, l, out);
    CHECK(isnan(l[3]));
    CHECK(isfinite(l[2]) && isfinite(out[2 * 64]) && isfinite(l[4]) && isfinite(out[4 * 64]));
    problem_free(&p);
}

TEST(attention_takes_extremes)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_block"))
        check_extremes((attention_block_fn *)v->fn, NULL, &rng);
    for (EACH_VARIANT(v, "attention_block_q8"))
        check_extremes((attention_block_fn *)v->fn, values_of(v), &rng);
}

TEST(attention_keys_are_transposed)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_keys")) {
        for (size_t n = 0; n <= ATTENTION_BLOCK; n += 1 + n / 3) {
            for (int i = 0; i < N_LENGTHS; i++) {
                const size_t dim = lengths[i];
                struct guarded keys[ATTENTION_BLOCK],
                    k_t = guarded_new(dim * ATTENTION_BLOCK * sizeof(float));
                const float *rows[ATTENTION_BLOCK];
                for (size_t j = 0; j < n; j++) {
                    keys[j] = guarded_normal(&rng, dim, 1);
                    rows[j] = keys[j].data;
                }
                ((attention_keys_fn *)v->fn)(rows, n, dim, k_t.data);
                for (size_t j = 0; j < ATTENTION_BLOCK; j++) {
                    for (size_t d = 0; d < dim; d++)
                        CHECK(((float *)k_t.data)[d * ATTENTION_BLOCK + j] ==
                              (j < n ? rows[j][d] : 0));
                }
                for (size_t j = 0; j < n; j++)
                    guarded_free(&keys[j]);
                guarded_free(&k_t);
            }
        }
    }
}

/* Packed values beyond the keys there are count as zeros: with some left out as with zeros. */
TEST(attention_values_beyond_are_zero)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_values")) {
        enum { DIM = 48, N_BYTES = ATTENTION_BLOCK * DIM * sizeof(float) };
        static const int8_t zeros[DIM];
        for (size_t n = 0; n <= ATTENTION_BLOCK; n++) {
            struct guarded values = guarded_new(ATTENTION_BLOCK * DIM), some = guarded_new(N_BYTES),
                           all = guarded_new(N_BYTES);
            const int8_t *rows[ATTENTION_BLOCK];
            memset(some.data, 0, N_BYTES);
            memset(all.data, 0, N_BYTES);
            for (size_t i = 0; i < ATTENTION_BLOCK * DIM; i++)
                ((int8_t *)values.data)[i] = (int8_t)((int)rng_below(&rng, 255) - 127);
            for (size_t j = 0; j < ATTENTION_BLOCK; j++)
                rows[j] = j < n ? (int8_t *)values.data + j * DIM : zeros;
            ((attention_values_fn *)v->fn)(rows, ATTENTION_BLOCK, DIM, all.data);
            ((attention_values_fn *)v->fn)(rows, n, DIM, some.data);
            CHECK_BYTES(some.data, all.data, N_BYTES);
            guarded_free(&values);
            guarded_free(&some);
            guarded_free(&all);
        }
    }
}

TEST(attention_round_is_near)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_round")) {
        attention_round_fn *fn = (attention_round_fn *)v->fn;
        for (int i = 0; i < N_LENGTHS; i++) {
            const size_t n = lengths[i];
            struct guarded x = guarded_normal(&rng, n, 3), q = guarded_new(n);
            float scale, largest = 0, scale_in_place;
            CHECK(fn(x.data, n, q.data, &scale));
            for (size_t j = 0; j < n; j++)
                largest = fmaxf(largest, fabsf(((float *)x.data)[j]));
            CHECK(scale == largest / 127);
            for (size_t j = 0; j < n; j++)
                CHECK_NEAR(((int8_t *)q.data)[j] * scale, ((float *)x.data)[j], 0.501 * scale);
            CHECK(fn(x.data, n, x.data, &scale_in_place) && scale_in_place == scale);
            CHECK_BYTES(x.data, q.data, n);
            float *bad = x.data;
            for (size_t j = 0; j < n; j++)
                bad[j] = 0;
            CHECK(fn(bad, n, q.data, &scale) && scale == 0);
            bad[n - 1] = i % 2 ? NAN : -INFINITY;
            CHECK(!fn(bad, n, q.data, &scale));
            guarded_free(&x);
            guarded_free(&q);
        }
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
