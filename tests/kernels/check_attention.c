/* Attention over blocks of 64 keys: every variant against a softmax in double, and against itself
 * in other company. */

#include "variants.h"

/* Queries over [n_blocks] blocks of keys. */
struct problem {
    size_t n_q, head_dim, value_dim, n_blocks;
    float scale;
    struct guarded *q;       /* [n_q] of [head_dim] */
    struct guarded *k_t, *v; /* [n_blocks] */
    uint8_t *from, *to;      /* [n_blocks][n_q] */
};

static struct problem problem_new(size_t n_q, size_t head_dim, size_t value_dim, size_t n_blocks,
                                  struct rng *rng)
{
    struct problem p = {n_q,
                        head_dim,
                        value_dim,
                        n_blocks,
                        1 / sqrtf((float)head_dim),
                        malloc((n_q + 1) * sizeof(struct guarded)),
                        malloc(n_blocks * sizeof(struct guarded)),
                        malloc(n_blocks * sizeof(struct guarded)),
                        malloc(n_q * n_blocks + 1),
                        malloc(n_q * n_blocks + 1)};
    for (size_t i = 0; i < n_q; i++)
        p.q[i] = guarded_normal(rng, head_dim, 2);
    for (size_t b = 0; b < n_blocks; b++) {
        p.k_t[b] = guarded_normal(rng, head_dim * ATTENTION_BLOCK, 2);
        p.v[b] = guarded_normal(rng, ATTENTION_BLOCK * value_dim, 1);
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
        guarded_free(&p->k_t[b]);
        guarded_free(&p->v[b]);
    }
    free(p->q);
    free(p->k_t);
    free(p->v);
    free(p->from);
    free(p->to);
}

/* Queries [first, first + n_q) of the problem; state to m, l [n_q], out [n_q][value_dim]. */
static void attend(const struct problem *p, attention_block_fn *fn, size_t first, size_t n_q,
                   float *m, float *l, float *out)
{
    const float *q[64];
    for (size_t i = 0; i < n_q; i++) {
        q[i] = p->q[first + i].data;
        m[i] = -INFINITY;
        l[i] = 0;
    }
    memset(out, 0, n_q * p->value_dim * sizeof *out);
    for (size_t b = 0; b < p->n_blocks; b++) {
        const struct attention_args args = {.n_q = n_q,
                                            .head_dim = p->head_dim,
                                            .value_dim = p->value_dim,
                                            .q = q,
                                            .k_t = p->k_t[b].data,
                                            .v = p->v[b].data,
                                            .from = p->from + b * p->n_q + first,
                                            .to = p->to + b * p->n_q + first,
                                            .scale = p->scale,
                                            .m = m,
                                            .l = l,
                                            .out = out};
        fn(&args);
    }
}

static void check_query(const struct problem *p, size_t i, float m, float l, const float *out)
{
    double scores[8 * ATTENTION_BLOCK], max = -INFINITY, sum = 0;
    for (size_t b = 0; b < p->n_blocks; b++) {
        for (size_t j = p->from[b * p->n_q + i]; j < p->to[b * p->n_q + i]; j++) {
            double dot = 0;
            for (size_t d = 0; d < p->head_dim; d++)
                dot += (double)((float *)p->q[i].data)[d] *
                       ((float *)p->k_t[b].data)[d * ATTENTION_BLOCK + j];
            scores[b * ATTENTION_BLOCK + j] = dot * p->scale;
            max = fmax(max, dot * p->scale);
        }
    }
    if (max == -INFINITY) {
        CHECK(m == -INFINITY && l == 0);
        for (size_t d = 0; d < p->value_dim; d++)
            CHECK(out[d] == 0);
        return;
    }
    /* a score's error: head_dim roundings of terms of about 4 */
    const double bound = 0x1p-23 * (16 * (double)p->head_dim + 300);
    CHECK_NEAR(m, max, bound);
    double *expected = calloc(p->value_dim, sizeof *expected);
    for (size_t b = 0; b < p->n_blocks; b++) {
        for (size_t j = p->from[b * p->n_q + i]; j < p->to[b * p->n_q + i]; j++) {
            const double e = exp(scores[b * ATTENTION_BLOCK + j] - max);
            sum += e;
            for (size_t d = 0; d < p->value_dim; d++)
                expected[d] += e * ((float *)p->v[b].data)[j * p->value_dim + d];
        }
    }
    CHECK_NEAR(l, sum, bound * sum);
    for (size_t d = 0; d < p->value_dim; d++)
        CHECK_NEAR(out[d] / l, expected[d] / sum, 8 * bound);
    free(expected);
}

static const size_t dims[][2] = {{64, 64}, {128, 128}, {80, 80},   {96, 96}, {1, 1},    {3, 5},
                                 {17, 16}, {72, 33},   {256, 192}, {8, 130}, {576, 512}};

TEST(attention_is_near)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_block")) {
        for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
            for (size_t n_q = 0; n_q < 15; n_q += 1 + n_q / 7) {
                struct problem p = problem_new(n_q, dims[i][0], dims[i][1], 3, &rng);
                struct guarded m = guarded_new(n_q * sizeof(float)),
                               l = guarded_new(n_q * sizeof(float));
                struct guarded out = guarded_new(n_q * p.value_dim * sizeof(float));
                attend(&p, (attention_block_fn *)v->fn, 0, n_q, m.data, l.data, out.data);
                for (size_t j = 0; j < n_q; j++)
                    check_query(&p, j, ((float *)m.data)[j], ((float *)l.data)[j],
                                (float *)out.data + j * p.value_dim);
                guarded_free(&m);
                guarded_free(&l);
                guarded_free(&out);
                problem_free(&p);
            }
        }
    }
}

/* The same bits alone, and anywhere among others. */
TEST(attention_does_not_depend_on_place)
{
    enum { N_Q = 13, MAX_DIM = 128 };
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_block")) {
        attention_block_fn *fn = (attention_block_fn *)v->fn;
        for (size_t i = 0; i < 5; i++) {
            struct problem p = problem_new(N_Q, dims[i][0], dims[i][1], 2, &rng);
            float m[N_Q], l[N_Q], out[N_Q * MAX_DIM], some_m[N_Q], some_l[N_Q],
                some_out[N_Q * MAX_DIM];
            attend(&p, fn, 0, N_Q, m, l, out);
            for (size_t first = 0; first < N_Q; first++) {
                for (size_t n = 1; first + n <= N_Q; n++) {
                    attend(&p, fn, first, n, some_m, some_l, some_out);
                    CHECK_BYTES(some_m, m + first, n * sizeof *m);
                    CHECK_BYTES(some_l, l + first, n * sizeof *l);
                    CHECK_BYTES(some_out, out + first * p.value_dim, n * p.value_dim * sizeof *out);
                }
            }
            problem_free(&p);
        }
    }
}

/* A query that sees nothing of a block is left as it was, bit for bit. */
TEST(attention_empty_range_changes_nothing)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_block")) {
        struct problem p = problem_new(3, 64, 64, 1, &rng);
        const float *q[3] = {p.q[0].data, p.q[1].data, p.q[2].data};
        const uint8_t from[3] = {10, 64, 5}, to[3] = {10, 64, 2};
        float m[3] = {1, -INFINITY, 2}, l[3] = {3, 0, 4}, out[3 * 64], before[3 * 64];
        for (int i = 0; i < 3 * 64; i++)
            before[i] = out[i] = i / 64 == 1 ? 0 : rng_normal(&rng);
        const struct attention_args args = {
            3, 64, 64, q, p.k_t[0].data, p.v[0].data, from, to, p.scale, m, l, out};
        ((attention_block_fn *)v->fn)(&args);
        CHECK(m[0] == 1 && m[1] == -INFINITY && m[2] == 2 && l[0] == 3 && l[1] == 0 && l[2] == 4);
        CHECK_BYTES(out, before, sizeof out);
        problem_free(&p);
    }
}

/* Scores far apart: no infinity, no NaN; a NaN query gives NaN. */
TEST(attention_takes_extremes)
{
    struct rng rng = rng_make(check_seed());
    for (EACH_VARIANT(v, "attention_block")) {
        struct problem p = problem_new(7, 64, 64, 2, &rng);
        memset(p.from, 0, 14);
        memset(p.to, 64, 14);
        p.scale = 1000;
        float m[7], l[7], out[7 * 64];
        attend(&p, (attention_block_fn *)v->fn, 0, 7, m, l, out);
        for (int i = 0; i < 7 * 64; i++)
            CHECK(isfinite(m[i / 64]) && l[i / 64] >= 1 && isfinite(out[i]));
        ((float *)p.q[3].data)[5] = NAN;
        attend(&p, (attention_block_fn *)v->fn, 0, 7, m, l, out);
        CHECK(isnan(l[3]) && isnan(out[3 * 64]));
        CHECK(isfinite(l[2]) && isfinite(out[2 * 64]) && isfinite(l[4]) && isfinite(out[4 * 64]));
        problem_free(&p);
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
