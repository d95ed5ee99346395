/* Runs through the public header: the same bits whatever the memory, rows, threads, reader, order
 * and neighbours; batches that fill from a stream; stopping; dry runs. */

#include "base/pool.h"
#include "kernels/kernels.h"
#include "support/check.h"
#include "support/run_ids.h"
#include "support/tiny_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    MAX_TOKENS = 96,
    N_SEQUENCES = 24,
    MIB = 1 << 20,
    BUDGET = 1000 * MIB
}; /* a sanitizer takes hundreds */

static int32_t words[N_SEQUENCES][MAX_TOKENS];
static const int32_t wanted[] = {3, 17, 200, 44};

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

/* Of every kind: greedy, biased, hot, among some of the tokens only; none. */
static struct trawl_draw draws[N_SEQUENCES];
static int32_t bias_ids[N_SEQUENCES][3];
static float biases[N_SEQUENCES][3];

static const struct trawl_draw *make_draw(uint32_t s, struct rng *rng)
{
    static const double temperatures[] = {0.0, 0.7, 1.0, 2.5}, shares[] = {1.0, 0.9, 0.3, 0.0};
    if (rng_below(rng, 3) == 0)
        return NULL;
    for (int i = 0; i < 3; i++) {
        bias_ids[s][i] = 100 * i + (int)rng_below(rng, 100);
        biases[s][i] = (float)rng_between(rng, 0, 20) - 10.0f;
    }
    draws[s] = (struct trawl_draw){.bias_ids = bias_ids[s],
                                   .biases = biases[s],
                                   .n_biases = (uint32_t)rng_below(rng, 4),
                                   .temperature = temperatures[rng_below(rng, 4)],
                                   .top_p = shares[rng_below(rng, 4)],
                                   .seed = rng_u64(rng)};
    return &draws[s];
}

/* Random sequences, most of which begin as an earlier one does. */
static void fill(struct run_ids *run, const struct trawl_model *model, struct rng *rng)
{
    *run = (struct run_ids){
        .model = model,
        .max_tokens = MAX_TOKENS,
        .n = N_SEQUENCES,
        .readout = {.wanted = wanted, .n_wanted = 4, .next = true, .n_top = 3, .draws = true},
        .options = {.memory_bytes = BUDGET, .n_threads = 2}};
    for (uint32_t s = 0; s < run->n; s++) {
        run->n_ids[s] = (uint32_t)rng_between(rng, 1, MAX_TOKENS);
        for (uint32_t i = 0; i < run->n_ids[s]; i++)
            words[s][i] = (int32_t)rng_below(rng, 301);
        if (s > 0 && rng_below(rng, 4)) {
            uint32_t other = (uint32_t)rng_below(rng, s);
            uint32_t shared = (uint32_t)rng_below(rng, run->n_ids[other] + 1);
            shared = shared < run->n_ids[s] ? shared : run->n_ids[s];
            memcpy(words[s], words[other], shared * sizeof **words);
        }
        run->ids[s] = words[s];
        run->first_readout[s] =
            rng_below(rng, 2) ? run->n_ids[s] - 1 : (uint32_t)rng_below(rng, run->n_ids[s]);
        run->draws[s] = make_draw(s, rng);
    }
}

static void shuffle(struct run_ids *run, struct rng *rng)
{
    for (uint32_t i = 0; i < run->n; i++)
        run->order[i] = i;
    for (uint32_t i = run->n - 1; i > 0; i--) {
        uint32_t j = (uint32_t)rng_below(rng, i + 1), kept = run->order[i];
        run->order[i] = run->order[j];
        run->order[j] = kept;
    }
}

static const struct way {
    const char *name, *reader;
    uint64_t memory_bytes;
    uint32_t n_rows, most_in_batch;
    int n_threads;
    bool shuffled, pauses;
} ways[] = {
    {.name = "one thread", .n_threads = 1},
    {.name = "three threads", .n_threads = 3},
    {.name = "pread", .reader = "pread"},
    {.name = "small batches", .n_rows = MAX_TOKENS},
    {.name = "rows and pread", .n_rows = 150, .reader = "pread", .n_threads = 1},
    {.name = "alone", .most_in_batch = 1},
    {.name = "in twos, shuffled", .most_in_batch = 2, .shuffled = true},
    {.name = "shuffled", .shuffled = true},
    {.name = "shuffled small batches", .shuffled = true, .n_rows = 111, .n_threads = 3},
    {.name = "least memory", .memory_bytes = 1},
    {.name = "pauses", .pauses = true},
    {.name = "pauses, small batches, pread", .pauses = true, .n_rows = 111, .reader = "pread"},
    {.name = "pauses, least memory", .pauses = true, .memory_bytes = 1},
    {.name = "least memory, shuffled", .memory_bytes = 1, .shuffled = true, .n_threads = 1},
};

static void check_ways(const struct tiny_model *tiny, bool exact)
{
    struct rng rng = rng_make(check_seed());
    struct trawl_model *model = open_tiny(tiny);
    REQUIRE(model != NULL);
    struct run_ids expected, got;
    struct error err = {0};
    fill(&expected, model, &rng);
    expected.options.exact = exact;
    got = expected;
    CHECK_INT(run_ids(&expected, &err), 0);
    CHECK_TEXT(err.text, "");
    CHECK(!expected.out_of_order);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        const struct way *way = &ways[w];
        check_case("%s%s", way->name, exact ? ", exact" : "");
        memset(got.order, 0, sizeof got.order);
        if (way->shuffled)
            shuffle(&got, &rng);
        got.most_in_batch = way->most_in_batch;
        got.pauses = way->pauses;
        got.options = (struct trawl_run_options){.memory_bytes = BUDGET,
                                                 .n_rows = way->n_rows,
                                                 .reader = way->reader,
                                                 .n_threads = way->n_threads ? way->n_threads : 2,
                                                 .exact = exact};
        if (way->memory_bytes) { /* what a refusal says is the least must do */
            got.options.memory_bytes = way->memory_bytes;
            CHECK_INT(run_ids(&got, &err), -1);
            CHECK_INT(err.kind, ERROR_LIMIT);
            CHECK_CONTAINS(err.text, "the least that would do");
            got.options.memory_bytes = got.stats.plan.least_bytes + MIB;
            err = (struct error){0};
        }
        CHECK_INT(run_ids(&got, &err), 0);
        CHECK_TEXT(err.text, "");
        CHECK(!got.out_of_order);
        CHECK(run_ids_equal(&got, &expected));
        CHECK_UINT(got.n_pauses,
                   way->pauses ? got.stats.sweeps * (tiny->n_layers ? tiny->n_layers : 2) : 0);
        CHECK_UINT(got.stats.sequences, N_SEQUENCES);
        CHECK_UINT(got.stats.prompt_tokens, expected.stats.prompt_tokens);
        CHECK_UINT(got.stats.rows + got.stats.shared_tokens, got.stats.prompt_tokens);
        CHECK(got.stats.plan.memory_bytes <= got.options.memory_bytes);
    }
    run_ids_deinit(&expected);
    run_ids_deinit(&got);
    trawl_model_close(model);
}

/* Cores that nobody asked for stay idle where their scratch does not fit. */
TEST(fewer_threads_where_memory_is_short)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.arch = "llama"});
    REQUIRE(model != NULL);
    struct trawl_run_options options = {.memory_bytes = 1};
    struct trawl_plan one, all, plan;
    struct error err = {0};
    int n_cores = pool_cores_available();
    options.n_threads = 1;
    CHECK_INT(trawl_plan(model, &options, 512, &one, &err), -1);
    options.n_threads = n_cores;
    CHECK_INT(trawl_plan(model, &options, 512, &all, &err), -1);
    if (n_cores > 1 && CHECK(all.least_bytes > one.least_bytes)) {
        options.memory_bytes = (one.least_bytes + all.least_bytes) / 2;
        CHECK_INT(trawl_plan(model, &options, 512, &plan, &err), -1);
        CHECK_CONTAINS(err.text, "the least that would do");
        options.n_threads = 0;
        CHECK_INT(trawl_plan(model, &options, 512, &plan, &err), 0);
        CHECK(plan.n_threads >= 1 && plan.n_threads < n_cores);
    }
    options = (struct trawl_run_options){.memory_bytes = BUDGET};
    CHECK_INT(trawl_plan(model, &options, 512, &plan, &err), 0);
    CHECK_INT(plan.n_threads, n_cores);
    trawl_model_close(model);
    if (n_cores == 1)
        SKIP("one core");
}

/* Also where all slices nearly fit: floats stay as panels, and are read through the ring once. */
TEST(a_plan_has_no_more_than_its_budget)
{
    static const enum tensor_type types[] = {TENSOR_F32, TENSOR_Q4_K};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct trawl_model *model = open_tiny(
            &(struct tiny_model){.type = types[i], .n_layers = 4, .dim = 768, .n_heads = 8});
        REQUIRE(model != NULL);
        struct trawl_run_options options = {.memory_bytes = 1, .n_threads = 2, .n_rows = 600};
        struct trawl_plan plan;
        struct error err = {0};
        int n_partly = 0, n_whole = 0;
        CHECK_INT(trawl_plan(model, &options, 512, &plan, &err), -1);
        options.memory_bytes = plan.least_bytes + MIB;
        for (; n_whole < 3 && options.memory_bytes < BUDGET; options.memory_bytes += MIB / 2) {
            if (trawl_plan(model, &options, 512, &plan, &err) < 0)
                continue; /* fewer rows than asked for */
            check_case("type %zu, %llu bytes", i, (unsigned long long)options.memory_bytes);
            CHECK(plan.process_bytes + plan.model_bytes + plan.ring_bytes + plan.scratch_bytes +
                      plan.rows_bytes + plan.input_bytes + plan.pinned_bytes <=
                  options.memory_bytes);
            bool whole = plan.bytes_per_sweep == 0;
            n_partly += plan.pinned_bytes > 0 && !whole;
            n_whole += whole;
            if (whole)
                CHECK((plan.ring_bytes > 0) == (types[i] == TENSOR_F32));
        }
        CHECK(n_partly > 3 && n_whole == 3);
        trawl_model_close(model);
    }
}

TEST(same_bits_whatever_memory_rows_threads_reader_order_and_neighbours)
{
    static const struct tiny_model models[] = {
        {.arch = "llama",
         .dim = 256,
         .n_heads = 4,
         .n_kv_heads = 2,
         .type = TENSOR_Q4_K,
         .n_layers = 3},
        {.arch = "qwen3",
         .dim = 96,
         .n_heads = 3,
         .n_kv_heads = 1,
         .head_dim = 40,
         .type = TENSOR_Q8_0,
         .tied = true},
        {.arch = "qwen2",
         .dim = 60,
         .n_heads = 6,
         .n_kv_heads = 3,
         .type = TENSOR_F16,
         .n_parts = 1},
    };
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        struct tiny_model tiny = models[m];
        tiny.seed = check_seed() + m;
        check_ways(&tiny, false);
        check_ways(&tiny, true);
    }
}

TEST(rows_are_the_distinct_nodes_of_the_tree)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 5});
    REQUIRE(model != NULL);
    /* 1 2 3 4 | 1 2 3 5 | 1 2 | 1 2 3 4 again | 9: 1 2 3 4 5 9 are the rows. */
    static const int32_t a[] = {1, 2, 3, 4}, b[] = {1, 2, 3, 5}, c[] = {9};
    struct run_ids run = {.model = model,
                          .max_tokens = 8,
                          .n = 5,
                          .ids = {a, b, a, a, c},
                          .n_ids = {4, 4, 2, 4, 1},
                          .readout = {.n_top = 1},
                          .options = {.memory_bytes = BUDGET}};
    struct error err = {0};
    CHECK_INT(run_ids(&run, &err), 0);
    CHECK_UINT(run.stats.rows, 6);
    CHECK_UINT(run.stats.prompt_tokens, 15);
    CHECK_UINT(run.stats.shared_tokens, 9);
    CHECK_UINT(run.stats.sweeps, 1);
    CHECK_BYTES(run.results[3].data, run.results[0].data, run.results[0].n_bytes);
    run_ids_deinit(&run);
    trawl_model_close(model);
}

TEST(a_dry_run_counts_what_the_run_does)
{
    struct rng rng = rng_make(check_seed());
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 6, .n_layers = 4});
    REQUIRE(model != NULL);
    struct run_ids run;
    fill(&run, model, &rng);
    run.options.n_rows = 128;
    struct error err = {0};
    CHECK_INT(run_ids(&run, &err), 0);
    struct trawl_stats real = run.stats;
    run.options.dry_run = true;
    CHECK_INT(run_ids(&run, &err), 0);
    CHECK_TEXT(err.text, "");
    CHECK_UINT(run.n_answered, N_SEQUENCES); /* with nothing read out */
    CHECK_UINT(run.results[0].n_bytes, sizeof(uint32_t));
    CHECK_UINT(run.stats.sweeps, real.sweeps);
    CHECK_UINT(run.stats.rows, real.rows);
    CHECK_UINT(run.stats.sequences, real.sequences);
    CHECK_UINT(run.stats.shared_tokens, real.shared_tokens);
    CHECK_UINT(run.stats.plan.n_rows, real.plan.n_rows);
    CHECK(real.sweeps > 1);
    run_ids_deinit(&run);
    trawl_model_close(model);
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(a_pause_keeps_the_rows_and_nothing_else)
{
    struct rng rng = rng_make(check_seed());
    struct trawl_model *model =
        open_tiny(&(struct tiny_model){.seed = 8, .n_layers = 4, .dim = 768, .n_heads = 8});
    REQUIRE(model != NULL);
    struct run_ids run;
    struct error err = {0};
    fill(&run, model, &rng);
    run.pauses = true;
    CHECK_INT(run_ids(&run, &err), 0);
    CHECK_TEXT(err.text, "");
    const struct trawl_plan *plan = &run.stats.plan;
    CHECK_UINT(plan->bytes_per_sweep, 0); /* all of it stays: the last pause gives back most */
    /* Floats stay as bytes. */
    CHECK(plan->pinned_bytes > 16 * MIB && plan->pinned_bytes < plan->first_sweep_bytes / 3);
    CHECK_UINT(plan->kept_weights, plan->layer_weights + plan->head_weights);
    CHECK(run.before_bytes > run.paused_bytes + plan->pinned_bytes / 2);
    /* What is left is the program, the model's small parts, and the hidden rows. */
    uint64_t hidden = (uint64_t)plan->n_rows * 768 * sizeof(float);
    CHECK(run.paused_bytes < plan->process_bytes + plan->model_bytes + hidden + 4 * MIB);
    CHECK(run.stats.seconds_paused > 0 && run.stats.seconds > 0);
    run_ids_deinit(&run);
    trawl_model_close(model);
}
#endif

TEST(a_callback_stops_the_run_or_fails_it)
{
    struct rng rng = rng_make(check_seed());
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 7});
    REQUIRE(model != NULL);
    struct run_ids run;
    fill(&run, model, &rng);
    run.stop_after = 5;
    struct error err = {0};
    CHECK_INT(run_ids(&run, &err), 0);
    CHECK_UINT(run.n_answered, 5);
    run_ids_deinit(&run);
    trawl_model_close(model);
}

TEST(refuses_sequences_that_make_no_sense)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 8});
    REQUIRE(model != NULL);
    static const int32_t good[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, large[] = {1, 301},
                         negative[] = {1, 2, -1};
    const struct {
        const int32_t *ids;
        uint32_t n_ids, first_readout;
        const char *text;
    } cases[] = {
        {large, 2, 0, "token id 301 at position 1 is outside"},
        {negative, 3, 0, "token id -1 at position 2 is outside"},
        {good, 9, 0, "longer than this run's 8"},
        {good, 3, 3, "cannot be read out from position 3"},
        {good, 0, 0, "0 tokens"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run_ids run = {.model = model,
                              .max_tokens = 8,
                              .n = 2,
                              .ids = {good, cases[i].ids},
                              .n_ids = {2, cases[i].n_ids},
                              .first_readout = {0, cases[i].first_readout},
                              .readout = {.n_top = 1},
                              .options = {.memory_bytes = BUDGET}};
        struct error err = {0};
        check_case("%s", cases[i].text);
        CHECK_INT(run_ids(&run, &err), -1);
        CHECK_CONTAINS(err.text, cases[i].text);
        run_ids_deinit(&run);
    }
    static const struct {
        struct trawl_run_options options;
        const char *text;
    } wrong[] = {
        {{.cpu = "z80"}, "--cpu z80"},
        {{.reader = "tape"}, "--reader tape"},
        {{.n_rows = 3}, "--rows 3 cannot hold"},
        {{.memory_bytes = BUDGET, .n_rows = 1u << 30}, "does not fit a memory budget"},
        {{.memory_bytes = 1}, "is too small"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct run_ids run = {.model = model,
                              .max_tokens = 8,
                              .n = 1,
                              .ids = {good},
                              .n_ids = {2},
                              .readout = {.n_top = 1},
                              .options = wrong[i].options};
        struct error err = {0};
        check_case("%s", wrong[i].text);
        CHECK_INT(run_ids(&run, &err), -1);
        CHECK_CONTAINS(err.text, wrong[i].text);
        run_ids_deinit(&run);
    }
    trawl_model_close(model);
}

TEST(refuses_levels_that_the_machine_lacks)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 8});
    REQUIRE(model != NULL);
    static const int32_t ids[] = {1, 2, 3};
    for (const struct cpu_level *level = cpu_levels; level->name; level++) {
        if (cpu_level_find(level->name))
            continue;
        struct run_ids run = {.model = model,
                              .max_tokens = 8,
                              .n = 1,
                              .ids = {ids},
                              .n_ids = {3},
                              .readout = {.n_top = 1},
                              .options = {.cpu = level->name}};
        struct error err = {0};
        check_case("%s", level->name);
        CHECK_INT(run_ids(&run, &err), -1);
        CHECK_CONTAINS(err.text, level->name);
        CHECK_CONTAINS(err.text, "this machine has no such level");
        CHECK_CONTAINS(err.text, cpu_level_best()->name);
        run_ids_deinit(&run);
    }
    trawl_model_close(model);
}

/* Terms of several adapters lie in one block each: a second one takes the first one's place. */
TEST(adapters_hold_only_what_they_use)
{
    static const char base[] = "tests/golden/llama-factors.gguf";
    static const char lora[] = "tests/golden/llama-factors-lora.gguf";
    struct trawl_adapter adapters[] = {{lora, 0.25f}, {lora, 0.5f}, {lora, 0.25f}};
    struct trawl_plan plans[4];
    if (access(lora, R_OK) != 0)
        SKIP("no golden models here");
    for (int n = 0; n < 4; n++) {
        struct error err = {0};
        struct trawl_model_options options = {.path = base, .adapters = adapters, .n_adapters = n};
        struct trawl_model *model = trawl_model_open(&options, &err);
        CHECK_TEXT(err.text, "");
        REQUIRE(model != NULL);
        CHECK_INT(trawl_plan(model, &(struct trawl_run_options){.memory_bytes = BUDGET}, 0,
                             &plans[n], &err),
                  0);
        trawl_model_close(model);
    }
    uint64_t one = plans[1].model_bytes - plans[0].model_bytes;
    CHECK(one > 0);
    /* Blocks are rounded to pages, so that three never take more than three times one. */
    CHECK(plans[3].model_bytes - plans[0].model_bytes <= 3 * one);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
