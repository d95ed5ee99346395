/* Attention as a sweep runs it, alone: rounding of values, keys gathered and transposed, scores,
 * softmax, values; one document, one layer.
 *
 *   bench_attention [--threads N] [--level NAME] [--exact]
 *
 * Without --threads: 1 and 2. A figure is the median of five turns, its share the median of the
 * turns' ratios to the f32 peak of the same threads, measured just before: clocks change, and
 * machines are shared. Operations are those that a causal mask leaves: 2 * (head + value length)
 * for each query and each key it sees; what is rounded counts the same, so it may pass 100 %. */

#include "peak.h"

#include "base/clock.h"
#include "base/pool.h"
#include "support/rng.h"
#include "sweep/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS = 5, MAX_TOKENS = 2000, MAX_THREADS = 64, PEAK_LOOPS = 200000 };

/* One turn repeats the layer until about this many operations are done. */
#define TURN_OPERATIONS 2e10

static void *allocate(size_t n_bytes)
{
    void *memory = aligned_alloc(64, (n_bytes + 63) / 64 * 64);
    if (!memory)
        abort();
    memset(memory, 0, n_bytes);
    return memory;
}

static void must(bool done, const struct error *err)
{
    if (!done) {
        fprintf(stderr, "bench_attention: %s\n", err->text);
        exit(2);
    }
}

static double median(double values[TURNS])
{
    for (int i = 1; i < TURNS; i++)
        for (int j = i; j > 0 && values[j] < values[j - 1]; j--) {
            const double swap = values[j];
            values[j] = values[j - 1];
            values[j - 1] = swap;
        }
    return values[TURNS / 2];
}

static void peak_item(void *arg, size_t item, int worker)
{
    (void)item, (void)worker;
    ((const struct peak *)arg)->f32(PEAK_LOOPS);
}

/* What all shapes are measured with. */
struct setup {
    struct kernels kernels;
    const struct peak *peak;
    struct pool *pool;
    int n_threads;
    bool exact;
};

/* Floating-point operations a second of all threads together. */
static double peak_rate(const struct setup *setup)
{
    const uint64_t begin = clock_ns();
    const size_t n_items = 4 * (size_t)setup->n_threads;
    parallel_for(setup->pool, n_items, peak_item, (void *)setup->peak);
    const double seconds = (double)(clock_ns() - begin) * 1e-9;
    return (double)n_items * setup->peak->f32(1) * PEAK_LOOPS / seconds;
}

/* A sweep with what attention needs of it: one document of random rows. */
struct bench {
    struct network network;
    struct memory memory;
    struct batch batch;
    struct sweep sweep;
    float *q, *v; /* as they are before: attention writes over them */
    size_t q_bytes, v_bytes;
};

static float *random_rows(size_t n)
{
    struct rng rng = rng_make(7);
    float *rows = allocate(n * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        rows[i] = rng_normal(&rng);
    return rows;
}

static void bench_init(struct bench *bench, const struct setup *setup, uint32_t dim,
                       uint32_t heads_per_kv, uint32_t n_tokens)
{
    static int32_t tokens[MAX_TOKENS];
    struct error err;
    struct hparams *h = &bench->network.hparams;
    *h = (struct hparams){.n_heads = 2 * heads_per_kv,
                          .n_kv_heads = 2,
                          .head_dim = dim,
                          .value_dim = dim,
                          .attention_scale = 0.1f};
    must(batch_init(&bench->batch, n_tokens, &bench->memory, &err) == 0, &err);
    batch_add(&bench->batch, 0, tokens, n_tokens, n_tokens - 1);
    batch_close(&bench->batch);
    const size_t n = n_tokens, q_width = (size_t)h->n_heads * dim, width = (size_t)2 * dim;
    struct sweep *sweep = &bench->sweep;
    *sweep = (struct sweep){.shape = {.network = &bench->network,
                                      .kernels = &setup->kernels,
                                      .exact = setup->exact,
                                      .n_threads = setup->n_threads},
                            .pool = setup->pool,
                            .batch = &bench->batch,
                            .active = &bench->batch.all};
    bench->q_bytes = n * q_width * sizeof(float);
    bench->v_bytes = n * width * sizeof(float);
    sweep->q = allocate(bench->q_bytes);
    sweep->v = allocate(bench->v_bytes);
    sweep->k = random_rows(n * width);
    bench->q = random_rows(n * q_width);
    bench->v = random_rows(n * width);
    sweep->scratch = calloc((size_t)setup->n_threads, sizeof *sweep->scratch);
    if (!sweep->scratch)
        abort();
    for (int i = 0; i < setup->n_threads; i++) {
        sweep->scratch[i].attention =
            allocate(attention_scratch_floats(&sweep->shape) * sizeof(float));
        sweep->scratch[i].path = allocate(n * sizeof(uint32_t));
    }
}

static void bench_deinit(struct bench *bench)
{
    struct sweep *sweep = &bench->sweep;
    for (int i = 0; i < sweep->shape.n_threads; i++) {
        free(sweep->scratch[i].attention);
        free(sweep->scratch[i].path);
    }
    free(sweep->scratch);
    free(sweep->q);
    free(sweep->k);
    free(sweep->v);
    free(bench->q);
    free(bench->v);
    batch_deinit(&bench->batch);
}

/* Seconds of one layer. */
static double run_layer(struct bench *bench)
{
    struct error err;
    memcpy(bench->sweep.q, bench->q, bench->q_bytes);
    memcpy(bench->sweep.v, bench->v, bench->v_bytes);
    const uint64_t begin = clock_ns();
    must(step_attention(&bench->sweep, NULL, &err) == 0, &err);
    return (double)(clock_ns() - begin) * 1e-9;
}

static void bench_shape(const struct setup *setup, uint32_t dim, uint32_t heads_per_kv,
                        uint32_t n_tokens)
{
    struct bench bench = {0};
    bench_init(&bench, setup, dim, heads_per_kv, n_tokens);
    const double operations =
        4.0 * dim * (2.0 * heads_per_kv) * (0.5 * n_tokens * (n_tokens + 1.0));
    int n_layers = (int)(TURN_OPERATIONS * setup->n_threads / operations);
    n_layers = n_layers < 1 ? 1 : n_layers;
    double rates[TURNS], shares[TURNS];
    run_layer(&bench);
    for (int turn = 0; turn < TURNS; turn++) {
        double seconds = 0;
        const double limit = peak_rate(setup);
        for (int i = 0; i < n_layers; i++)
            seconds += run_layer(&bench);
        rates[turn] = operations * n_layers / seconds;
        shares[turn] = rates[turn] / limit;
    }
    printf("%-8s %7d %6u %5u %7u %8.0f %6.0f %%\n", setup->kernels.level->name, setup->n_threads,
           dim, heads_per_kv, n_tokens, median(rates) * 1e-9, median(shares) * 100);
    fflush(stdout);
    bench_deinit(&bench);
}

static void bench_threads(struct setup *setup, int n_threads)
{
    static const uint32_t lengths[] = {128, 512, 2000};
    struct error err;
    setup->n_threads = n_threads;
    setup->pool = pool_new(n_threads, &err);
    must(setup->pool != NULL, &err);
    for (uint32_t dim = 64; dim <= 128; dim += 64)
        for (uint32_t share = 1; share <= 8; share *= share == 1 ? 4 : 2)
            for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
                bench_shape(setup, dim, share, lengths[i]);
    pool_free(setup->pool);
}

int main(int argc, char **argv)
{
    const struct cpu_level *level = cpu_level_best();
    struct setup setup = {0};
    int n_threads = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--exact") == 0)
            setup.exact = true;
        else if (i + 1 < argc && strcmp(argv[i], "--threads") == 0)
            n_threads = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--level") == 0)
            level = cpu_level_find(argv[++i]);
    }
    for (int i = 0; level && i < N_PEAKS; i++)
        if (strcmp(peaks[i].level, level->name) == 0)
            setup.peak = &peaks[i];
    if (!setup.peak || n_threads < 0 || n_threads > MAX_THREADS) {
        fprintf(stderr, "bench_attention: no peak is known of this level, or too many threads\n");
        return 2;
    }
    kernels_init(&setup.kernels, level);
    printf("%-8s %7s %6s %5s %7s %8s %8s\n", "level", "threads", "head", "q/kv", "tokens",
           "GFLOP/s", "of f32");
    if (n_threads) {
        bench_threads(&setup, n_threads);
    } else {
        bench_threads(&setup, 1);
        bench_threads(&setup, 2);
    }
    return 0;
}
