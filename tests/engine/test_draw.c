/* Drawn tokens: what is drawn, and what is read out beside it, against the naive forward with
 * biases, sorting and all; how often; and that whoever draws nothing does not notice. That the bits
 * are the same whatever else is run is in test_run.c. */

#include "engine/model.h"
#include "support/check.h"
#include "support/oracle.h"
#include "support/run_ids.h"
#include "support/tiny_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { N_VOCAB = 301, N_TOP = 5, MIB = 1 << 20, BUDGET = 1000 * MIB };

static struct trawl_model *open_tiny(const struct tiny_model *tiny)
{
    char path[512];
    snprintf(path, sizeof path, "%s/model.gguf", check_tmp_dir());
    tiny_model_write(tiny, path);
    struct error err = {0};
    struct trawl_model *model = trawl_model_open(&(struct trawl_model_options){.path = path}, &err);
    CHECK_TEXT(err.text, "");
    return model;
}

/* ---- The naive way ---- */

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* docs/numerics.md, "Draws". */
static double noise(uint64_t seed, uint32_t position, int id)
{
    uint64_t bits = mix(mix(mix(seed) + position) + (uint64_t)id) >> 11;
    return -log(-log(((double)bits + 0.5) / 9007199254740992.0));
}

struct scored {
    double logprob;
    int id;
};

static int by_logprob(const void *a, const void *b)
{
    const struct scored *one = a, *other = b;
    return one->logprob != other->logprob ? (one->logprob < other->logprob ? 1 : -1)
                                          : one->id - other->id;
}

/* Log-probabilities behind the sequence with its biases, the best first. */
static void naive(const struct trawl_model *model, const int32_t *ids, uint32_t n_ids,
                  const struct trawl_draw *draw, struct scored sorted[N_VOCAB])
{
    struct error err = {0};
    double *all = oracle_logprobs(&model->network, ids, n_ids, &err);
    REQUIRE(all != NULL);
    const double *last = all + (size_t)(n_ids - 1) * N_VOCAB;
    double total = 0.0;
    for (int i = 0; i < N_VOCAB; i++)
        sorted[i] = (struct scored){last[i], i};
    for (uint32_t b = 0; b < draw->n_biases; b++)
        sorted[draw->bias_ids[b]].logprob += (double)draw->biases[b];
    for (int i = 0; i < N_VOCAB; i++)
        total += exp(sorted[i].logprob);
    for (int i = 0; i < N_VOCAB; i++)
        sorted[i].logprob -= log(total);
    qsort(sorted, N_VOCAB, sizeof *sorted, by_logprob);
    free(all);
}

/* How many of the sorted ids may be drawn. */
static int nucleus(const struct scored *sorted, const struct trawl_draw *draw)
{
    double total = 0.0, sum = 0.0;
    if (draw->temperature == 0.0)
        return 1;
    for (int i = 0; i < N_VOCAB; i++)
        total += exp((sorted[i].logprob - sorted[0].logprob) / draw->temperature);
    int n = 0;
    do
        sum += exp((sorted[n++].logprob - sorted[0].logprob) / draw->temperature);
    while (n < N_VOCAB && sum < draw->top_p * total);
    return n;
}

/* The one drawn must be the naive one, or so near to it that rounding may decide. */
static void check_drawn(const struct scored *sorted, const struct trawl_draw *draw,
                        uint32_t position, int drawn)
{
    int n = nucleus(sorted, draw), place = -1;
    double best = -INFINITY, value = -INFINITY;
    for (int i = 0; i < n; i++) {
        double noisy = sorted[i].logprob;
        if (draw->temperature > 0.0)
            noisy = noisy / draw->temperature + noise(draw->seed, position, sorted[i].id);
        best = fmax(best, noisy);
        if (sorted[i].id == drawn) {
            place = i;
            value = noisy;
        }
    }
    CHECK(place >= 0);
    CHECK_NEAR(value, best, 1e-3);
}

/* ---- Tests ---- */

static const int32_t prompt[] = {5, 9, 2, 44, 17, 130, 7, 61, 200, 3};
enum { N_PROMPT = sizeof prompt / sizeof *prompt };

static struct run_ids make_run(const struct trawl_model *model, uint32_t n)
{
    struct run_ids run = {.model = model,
                          .max_tokens = 16,
                          .n = n,
                          .readout = {.next = true, .n_top = N_TOP, .draws = true},
                          .options = {.memory_bytes = BUDGET, .n_threads = 2, .exact = true}};
    for (uint32_t s = 0; s < n; s++) {
        run.ids[s] = prompt;
        run.n_ids[s] = 2 + s % (N_PROMPT - 1); /* several of each length: they share their rows */
        run.first_readout[s] = run.n_ids[s] - 1;
    }
    return run;
}

/* What a result of one read-out holds: count, next, top, ids. */
static void read_top(const struct bytes *result, float top[N_TOP], int32_t ids[N_TOP])
{
    const char *at = result->data + sizeof(uint32_t) + sizeof(float);
    memcpy(top, at, N_TOP * sizeof *top);
    memcpy(ids, at + N_TOP * sizeof *top, N_TOP * sizeof *ids);
}

TEST(draws_are_those_of_the_naive_way)
{
    static const double temperatures[] = {0.0, 0.4, 1.0, 3.0}, shares[] = {1.0, 0.95, 0.5, 0.0};
    static const int32_t bias_ids[] = {0, 7, 127, 128, 129, 255, 300};
    static const float biases[] = {2.5f, -100.0f, 1.0f, 3.0f, -3.0f, 4.0f, 100.0f};
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = check_seed()});
    REQUIRE(model != NULL);
    struct rng rng = rng_make(check_seed());
    struct trawl_draw draws[RUN_IDS_MOST];
    struct run_ids run = make_run(model, RUN_IDS_MOST);
    for (uint32_t s = 0; s < run.n; s++) {
        draws[s] =
            (struct trawl_draw){.bias_ids = bias_ids,
                                .biases = biases,
                                .n_biases = s % 3 == 0 ? 0 : 1 + (uint32_t)rng_below(&rng, 7),
                                .temperature = temperatures[s % 4],
                                .top_p = shares[s / 4 % 4],
                                .seed = rng_u64(&rng)};
        run.draws[s] = &draws[s];
    }
    struct error err = {0};
    CHECK_INT(run_ids(&run, &err), 0);
    CHECK_TEXT(err.text, "");
    int n_not_best = 0;
    for (uint32_t s = 0; s < run.n; s++) {
        struct scored sorted[N_VOCAB];
        float top[N_TOP];
        int32_t ids[N_TOP];
        check_case("sequence %u, temperature %g, top_p %g, %u biases", s, draws[s].temperature,
                   draws[s].top_p, draws[s].n_biases);
        naive(model, run.ids[s], run.n_ids[s], &draws[s], sorted);
        read_top(&run.results[s], top, ids);
        for (int i = 0; i < N_TOP; i++)
            CHECK_NEAR((double)top[i], sorted[i].logprob, 1e-3);
        check_drawn(sorted, &draws[s], run.n_ids[s], run.drawn[s]);
        for (int i = 0; i < N_VOCAB; i++)
            if (sorted[i].id == run.drawn[s])
                CHECK_NEAR((double)run.drawn_logprob[s], sorted[i].logprob, 1e-3);
        if (draws[s].temperature == 0.0 || draws[s].top_p == 0.0)
            CHECK_INT(run.drawn[s], ids[0]);
        if (run.drawn[s] == ids[0]) /* the same number, not nearly */
            CHECK(run.drawn_logprob[s] == top[0]);
        n_not_best += run.drawn[s] != ids[0];
    }
    CHECK(n_not_best > 10); /* else nothing was drawn */
    run_ids_deinit(&run);
    trawl_model_close(model);
}

/* Of many seeds each token comes as often as its probability says, within five standard
 * deviations. */
static void check_frequencies(const struct trawl_model *model, double temperature, double top_p)
{
    enum { ROUNDS = 60 };
    struct run_ids run = make_run(model, RUN_IDS_MOST);
    struct trawl_draw draws[RUN_IDS_MOST];
    struct scored sorted[N_VOCAB];
    int counts[N_VOCAB] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        for (uint32_t s = 0; s < run.n; s++) {
            run.n_ids[s] = N_PROMPT;
            run.first_readout[s] = N_PROMPT - 1;
            draws[s] = (struct trawl_draw){.temperature = temperature,
                                           .top_p = top_p,
                                           .seed = (uint64_t)round * RUN_IDS_MOST + s};
            run.draws[s] = &draws[s];
        }
        struct error err = {0};
        CHECK_INT(run_ids(&run, &err), 0);
        for (uint32_t s = 0; s < run.n; s++)
            counts[run.drawn[s]]++;
    }
    naive(model, prompt, N_PROMPT, &draws[0], sorted);
    int n = nucleus(sorted, &draws[0]), n_drawn = ROUNDS * RUN_IDS_MOST;
    double total = 0.0;
    for (int i = 0; i < n; i++)
        total += exp(sorted[i].logprob / temperature);
    for (int i = 0; i < N_VOCAB; i++) {
        double p = i < n ? exp(sorted[i].logprob / temperature) / total : 0.0;
        double deviation = sqrt(n_drawn * p * (1 - p)) + 0.5;
        CHECK_NEAR(counts[sorted[i].id], n_drawn * p, 5 * deviation);
    }
    run_ids_deinit(&run);
}

TEST(tokens_come_as_often_as_they_should)
{
    /* Small weights, so that no token has it all. */
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 11, .weight_scale = 0.5f});
    REQUIRE(model != NULL);
    check_frequencies(model, 1.0, 1.0);
    check_frequencies(model, 0.3, 1.0);
    check_frequencies(model, 0.5, 0.6);
    trawl_model_close(model);
}

TEST(who_draws_nothing_does_not_notice)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 12});
    REQUIRE(model != NULL);
    static const int32_t bias_id = 9;
    static const float bias = 50.0f;
    static const struct trawl_draw draw = {.bias_ids = &bias_id,
                                           .biases = &bias,
                                           .n_biases = 1,
                                           .temperature = 1.0,
                                           .top_p = 0.5,
                                           .seed = 3};
    struct run_ids plain = make_run(model, 20), mixed = make_run(model, 20);
    plain.readout.draws = false;
    for (uint32_t s = 1; s < mixed.n; s += 2)
        mixed.draws[s] = &draw;
    struct error err = {0};
    CHECK_INT(run_ids(&plain, &err), 0);
    CHECK_INT(run_ids(&mixed, &err), 0);
    CHECK_TEXT(err.text, "");
    for (uint32_t s = 0; s < mixed.n; s += 2) {
        CHECK_BYTES(mixed.results[s].data, plain.results[s].data, plain.results[s].n_bytes);
        CHECK_INT(mixed.drawn[s], -1);
    }
    for (uint32_t s = 1; s < mixed.n; s += 2)
        CHECK_INT(mixed.drawn[s], 9);
    run_ids_deinit(&plain);
    run_ids_deinit(&mixed);
    trawl_model_close(model);
}

/* All of the rows read out and a draw behind them: the fullest a batch can be. */
TEST(a_batch_as_full_as_it_can_be)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 13});
    REQUIRE(model != NULL);
    static const struct trawl_draw draw = {.temperature = 1.0, .top_p = 0.9, .seed = 1};
    struct run_ids run = make_run(model, 40), alone;
    run.max_tokens = run.options.n_rows = N_PROMPT;
    for (uint32_t s = 0; s < run.n; s++) {
        run.n_ids[s] = N_PROMPT - s % 2;
        run.first_readout[s] = 0;
        run.draws[s] = s % 3 ? &draw : NULL;
    }
    alone = run;
    alone.options.n_rows = 0;
    struct error err = {0};
    CHECK_INT(run_ids(&run, &err), 0);
    CHECK_TEXT(err.text, "");
    CHECK(run.stats.sweeps >= 20);
    CHECK_INT(run_ids(&alone, &err), 0);
    CHECK(run_ids_equal(&run, &alone));
    run_ids_deinit(&run);
    run_ids_deinit(&alone);
    trawl_model_close(model);
}

TEST(refuses_draws_that_make_no_sense)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 14});
    REQUIRE(model != NULL);
    static const int32_t outside = N_VOCAB, negative = -1, good = 3, twice[] = {4, 4};
    static const float biases[] = {1.0f, 2.0f}, endless = INFINITY;
    const struct {
        struct trawl_draw draw;
        const char *text;
    } cases[] = {
        {{.temperature = -1.0, .top_p = 1.0}, "temperature -1"},
        {{.temperature = INFINITY, .top_p = 1.0}, "temperature inf"},
        {{.temperature = NAN, .top_p = 1.0}, "make no draw"},
        {{.temperature = 1.0, .top_p = 1.5}, "top_p 1.5"},
        {{.temperature = 1.0, .top_p = NAN}, "make no draw"},
        {{.bias_ids = &outside, .biases = biases, .n_biases = 1}, "token id 301"},
        {{.bias_ids = &negative, .biases = biases, .n_biases = 1}, "token id -1"},
        {{.bias_ids = &good, .biases = &endless, .n_biases = 1}, "token id 3"},
        {{.bias_ids = twice, .biases = biases, .n_biases = 2}, "ascending order"},
    };
    for (size_t i = 0; i <= sizeof cases / sizeof *cases; i++) {
        bool none = i == sizeof cases / sizeof *cases;
        struct run_ids run = make_run(model, 1);
        struct error err = {0};
        run.draws[0] = &cases[none ? 0 : i].draw;
        run.readout.draws = !none;
        check_case("%s", none ? "no draws" : cases[i].text);
        CHECK_INT(run_ids(&run, &err), -1);
        CHECK_CONTAINS(err.text, none ? "a run without draws" : cases[i].text);
        run_ids_deinit(&run);
    }
    trawl_model_close(model);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
