/* Rates of the kernels beside the machine's peaks, per CPU level, all threads at once.
 *
 *   bench_kernels [--threads N] [--level NAME] [--seconds S]
 *
 * A figure is the median of five turns of S seconds. Its share of the peak is the median of the
 * turns' ratios to a peak loop run just before: clocks change, and machines are shared. GOP/s count
 * a multiply and an add as two. */

#include "peak.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 512, K_CHUNK = 1024, PANELS = 4, TURNS = 5, ALIGNMENT = 64, MAX_THREADS = 64 };

/* Work of one thread: does one piece, returns the units (operations, weights) done. */
typedef double work_fn(void *state);

struct worker {
    work_fn *work;
    void *state;
    double seconds;
    pthread_barrier_t *barrier;
    double rate; /* units per second */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *work_for_seconds(void *argument)
{
    struct worker *worker = argument;
    worker->work(worker->state);
    pthread_barrier_wait(worker->barrier);
    const double begin = now();
    double units = 0, passed;
    do {
        units += worker->work(worker->state);
        passed = now() - begin;
    } while (passed < worker->seconds);
    worker->rate = units / passed;
    return NULL;
}

struct options {
    int n_threads;
    double seconds;
    const char *level;
};

/* One turn: units per second of all threads together, each with its own state. */
static double run_turn(int n_threads, double seconds, work_fn *work, void **states)
{
    pthread_t threads[MAX_THREADS];
    struct worker workers[MAX_THREADS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, (unsigned)n_threads);
    for (int t = 0; t < n_threads; t++) {
        workers[t] = (struct worker){work, states[t], seconds, &barrier, 0};
        if (pthread_create(&threads[t], NULL, work_for_seconds, &workers[t]) != 0)
            abort();
    }
    double rate = 0;
    for (int t = 0; t < n_threads; t++) {
        pthread_join(threads[t], NULL);
        rate += workers[t].rate;
    }
    pthread_barrier_destroy(&barrier);
    return rate;
}

struct figure {
    double giga;    /* 1e9 units per second */
    double percent; /* of the peak */
};

static double median(double values[TURNS])
{
    for (int i = 1; i < TURNS; i++) {
        for (int j = i; j > 0 && values[j] < values[j - 1]; j--) {
            const double swap = values[j];
            values[j] = values[j - 1];
            values[j - 1] = swap;
        }
    }
    return values[TURNS / 2];
}

/* [peak] NULL: no percentage. */
static struct figure measure(const struct options *options, work_fn *peak,
                             const struct peak *peaks_of, work_fn *work, void **states)
{
    double rates[TURNS], ratios[TURNS];
    void *peak_states[MAX_THREADS];
    for (int t = 0; t < options->n_threads; t++)
        peak_states[t] = (void *)peaks_of;
    for (int turn = 0; turn < TURNS; turn++) {
        const double limit =
            peak && peaks_of ? run_turn(options->n_threads, options->seconds / 4, peak, peak_states)
                             : 0;
        rates[turn] = run_turn(options->n_threads, options->seconds, work, states);
        ratios[turn] = limit > 0 ? rates[turn] / limit : 0;
    }
    return (struct figure){median(rates) * 1e-9, median(ratios) * 100};
}

static void *allocate(size_t n_bytes)
{
    void *memory = aligned_alloc(ALIGNMENT, (n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (!memory)
        abort();
    memset(memory, 1, n_bytes);
    return memory;
}

static double run_peak(void *state)
{
    return ((const struct peak *)state)->int8(20000);
}

static double run_peak_f32(void *state)
{
    return ((const struct peak *)state)->f32(20000);
}

/* GEMM: 512 rows by a group of panels, K in chunks. */

struct gemm_state {
    const struct kernels *kernels;
    struct quant_layout layout;
    int8_t *a; /* all tiles */
    float *a_scales;
    struct panel_q8 panels[PANELS];
    float *c; /* [tiles * mr][PANELS * nr] */
    float *weights_f32, *rows_f32;
    /* what unpacking needs */
    uint32_t type, row_bytes;
    uint8_t *blocks; /* [nr][row_bytes] */
    float *row;      /* [k] */
    int8_t *q;       /* [nr][k_pad] */
    float *scales;   /* [nr][n_groups] */
};

static const struct {
    uint32_t type, block_len, block_bytes;
    const char *name;
} types[] = {
    {TENSOR_Q4_K, 256, 144, "Q4_K"}, {TENSOR_Q5_K, 256, 176, "Q5_K"},
    {TENSOR_Q6_K, 256, 210, "Q6_K"}, {TENSOR_Q8_0, 32, 34, "Q8_0"},
    {TENSOR_Q4_0, 32, 18, "Q4_0"},   {TENSOR_Q4_1, 32, 20, "Q4_1"},
    {TENSOR_Q5_0, 32, 22, "Q5_0"},   {TENSOR_Q5_1, 32, 24, "Q5_1"},
    {TENSOR_F16, 1, 2, "F16"},       {TENSOR_BF16, 1, 2, "BF16"},
    {TENSOR_F32, 1, 4, "F32"},
};

enum { N_TYPES = sizeof types / sizeof types[0] };

static int n_tiles(const struct kernels *kernels)
{
    return (ROWS + kernels->shape.mr - 1) / kernels->shape.mr;
}

/* Weights of a type whose scales are ordinary numbers: all bytes 0x2c is 0.066 as f16. */
static void choose_type(struct gemm_state *state, int t)
{
    state->type = types[t].type;
    state->row_bytes = state->layout.k / types[t].block_len * types[t].block_bytes;
    free(state->blocks);
    state->blocks = allocate((size_t)state->kernels->shape.nr * state->row_bytes);
    memset(state->blocks, 0x2c, (size_t)state->kernels->shape.nr * state->row_bytes);
}

static struct gemm_state *gemm_state_new(const struct kernels *kernels, uint32_t k)
{
    struct gemm_state *state = calloc(1, sizeof *state);
    if (!state)
        abort();
    const size_t mr = (size_t)kernels->shape.mr, nr = (size_t)kernels->shape.nr;
    const size_t n_rows = (size_t)n_tiles(kernels) * mr;
    state->kernels = kernels;
    state->layout = quant_layout(k);
    const size_t k_pad = state->layout.k_pad, n_groups = state->layout.n_groups;
    state->a = allocate(n_rows * k_pad);
    state->a_scales = allocate(n_rows * n_groups * sizeof(float));
    state->c = allocate(n_rows * PANELS * nr * sizeof(float));
    for (int p = 0; p < PANELS; p++) {
        state->panels[p] =
            (struct panel_q8){allocate(nr * k_pad), allocate(nr * n_groups * sizeof(float)),
                              allocate(nr * n_groups * sizeof(int32_t))};
    }
    state->weights_f32 = allocate(nr * K_CHUNK * sizeof(float));
    state->rows_f32 = allocate(n_rows * K_CHUNK * sizeof(float));
    state->row = allocate(k * sizeof(float));
    state->q = allocate(nr * k_pad);
    state->scales = allocate(nr * n_groups * sizeof(float));
    choose_type(state, 0);
    return state;
}

static void gemm_state_free(struct gemm_state *state)
{
    for (int p = 0; p < PANELS; p++) {
        free(state->panels[p].w);
        free(state->panels[p].scales);
        free(state->panels[p].start);
    }
    free(state->a);
    free(state->a_scales);
    free(state->c);
    free(state->weights_f32);
    free(state->rows_f32);
    free(state->blocks);
    free(state->row);
    free(state->q);
    free(state->scales);
    free(state);
}

/* A group of panels times all rows. */
static double run_gemm_q8(void *argument)
{
    const struct gemm_state *state = argument;
    const struct kernels *kernels = state->kernels;
    const size_t mr = (size_t)kernels->shape.mr, nr = (size_t)kernels->shape.nr;
    const struct quant_layout *layout = &state->layout;
    const uint32_t chunk = layout->group > K_CHUNK ? 1 : K_CHUNK / layout->group;
    for (uint32_t g = 0; g < layout->n_groups; g += chunk) {
        const uint32_t end = g + chunk < layout->n_groups ? g + chunk : layout->n_groups;
        for (size_t t = 0; t < (size_t)n_tiles(kernels); t++) {
            for (size_t p = 0; p < PANELS; p++) {
                const struct gemm_q8_args args = {
                    .layout = layout,
                    .a = state->a + t * mr * layout->k_pad,
                    .a_scales = state->a_scales + t * mr * layout->n_groups,
                    .panel = state->panels[p],
                    .g0 = g,
                    .g1 = end,
                    .c = state->c + t * mr * PANELS * nr + p * nr,
                    .ldc = PANELS * nr,
                    .first = g == 0,
                };
                kernels->gemm_q8(&args);
            }
        }
    }
    return 2.0 * ROWS * layout->k * (double)(PANELS * nr);
}

static double unpack_panel(struct gemm_state *state, int p)
{
    const struct kernels *kernels = state->kernels;
    const struct quant_layout *layout = &state->layout;
    for (int j = 0; j < kernels->shape.nr; j++) {
        kernels->dequant[state->type](state->blocks + (size_t)j * state->row_bytes, state->row,
                                      layout->k);
        if (!kernels->quantize_row(layout, state->row, state->q + (size_t)j * layout->k_pad,
                                   state->scales + (size_t)j * layout->n_groups))
            abort();
    }
    kernels->pack_panel_q8(layout, kernels->shape.nr, state->q, state->scales, &state->panels[p]);
    return (double)layout->k * kernels->shape.nr;
}

static double run_unpack(void *argument)
{
    return unpack_panel(argument, 0);
}

static double run_unpack_and_gemm(void *argument)
{
    for (int p = 0; p < PANELS; p++)
        unpack_panel(argument, p);
    return run_gemm_q8(argument);
}

static double run_gemm_f32(void *argument)
{
    const struct gemm_state *state = argument;
    const struct kernels *kernels = state->kernels;
    const size_t mr = (size_t)kernels->shape.mr, nr = (size_t)kernels->shape.nr;
    for (size_t t = 0; t < (size_t)n_tiles(kernels); t++) {
        const struct gemm_f32_args args = {
            .a = state->rows_f32 + t * mr * K_CHUNK,
            .w = state->weights_f32,
            .k0 = 0,
            .k1 = K_CHUNK,
            .c = state->c + t * mr * PANELS * nr,
            .ldc = PANELS * nr,
            .first = true,
        };
        kernels->gemm_f32(&args);
    }
    return 2.0 * ROWS * K_CHUNK * (double)nr;
}

static void bench_gemm(const struct options *options, const struct kernels *kernels,
                       const struct peak *peak)
{
    static const struct {
        const char *model;
        uint32_t k, n;
    } layers[] = {
        {"1B", 2048, 2048},  {"1B", 2048, 8192},   {"1B", 8192, 2048},
        {"8B", 4096, 4096},  {"8B", 4096, 14336},  {"8B", 14336, 4096},
        {"70B", 8192, 8192}, {"70B", 8192, 28672}, {"70B", 28672, 8192},
    };
    const char *level = kernels->level->name;
    void *states[MAX_THREADS];
    printf("%-8s GEMM int8, %d rows       packed          with unpacking of Q4_K\n", level, ROWS);
    uint32_t measured = 0;
    struct figure packed = {0}, whole = {0};
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        /* a thread's share is groups of panels one after the other, so the rate depends on K alone
         */
        if (layers[i].k != measured) {
            for (int t = 0; t < options->n_threads; t++)
                states[t] = gemm_state_new(kernels, layers[i].k);
            packed = measure(options, run_peak, peak, run_gemm_q8, states);
            whole = measure(options, run_peak, peak, run_unpack_and_gemm, states);
            for (int t = 0; t < options->n_threads; t++)
                gemm_state_free(states[t]);
            measured = layers[i].k;
        }
        printf("         %-4s %5u x %-5u  %7.0f GOP/s %3.0f %%   %7.0f GOP/s %3.0f %%\n",
               layers[i].model, layers[i].k, layers[i].n, packed.giga, packed.percent, whole.giga,
               whole.percent);
        fflush(stdout);
    }

    for (int t = 0; t < options->n_threads; t++)
        states[t] = gemm_state_new(kernels, 4096);
    const struct figure f32 = measure(options, run_peak_f32, peak, run_gemm_f32, states);
    printf("%-8s GEMM f32              %7.0f GOP/s %3.0f %%\n", level, f32.giga, f32.percent);
    printf("%-8s unpack to packed int8, K 4096, weights/ns of all threads:", level);
    for (int type = 0; type < N_TYPES; type++) {
        for (int t = 0; t < options->n_threads; t++)
            choose_type(states[t], type);
        printf(" %s %.2f", types[type].name, measure(options, NULL, NULL, run_unpack, states).giga);
        fflush(stdout);
    }
    printf("\n");
    for (int t = 0; t < options->n_threads; t++)
        gemm_state_free(states[t]);
}

static void bench_level(const struct options *options, const struct cpu_level *level)
{
    const struct peak *peak = NULL;
    for (int i = 0; i < N_PEAKS; i++) {
        if (strcmp(peaks[i].level, level->name) == 0)
            peak = &peaks[i];
    }
    if (peak) {
        void *states[MAX_THREADS];
        for (int t = 0; t < options->n_threads; t++)
            states[t] = (void *)peak;
        const struct figure int8 = measure(options, NULL, NULL, run_peak, states);
        const struct figure f32 = measure(options, NULL, NULL, run_peak_f32, states);
        printf("%-8s peak int8 %.0f GOP/s, f32 %.0f GOP/s\n", level->name, int8.giga, f32.giga);
    }
    struct kernels kernels;
    kernels_init(&kernels, level);
    bench_gemm(options, &kernels, peak);
}

int main(int argc, char **argv)
{
    struct options options = {.n_threads = (int)sysconf(_SC_NPROCESSORS_ONLN), .seconds = 0.2};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--threads") == 0)
            options.n_threads = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--seconds") == 0)
            options.seconds = atof(argv[i + 1]);
        else if (strcmp(argv[i], "--level") == 0)
            options.level = argv[i + 1];
    }
    if (options.n_threads < 1 || options.n_threads > MAX_THREADS)
        options.n_threads = options.n_threads < 1 ? 1 : MAX_THREADS;
    const unsigned features = cpu_features();
    printf("%d threads; GOP/s of all together, %% of the level's peak\n", options.n_threads);
    for (const struct cpu_level *level = cpu_levels; level->name; level++) {
        const bool wanted =
            options.level ? strcmp(options.level, level->name) == 0 : level->features != NEED_C;
        if (wanted && (features & level->features) == level->features)
            bench_level(&options, level);
    }
    return 0;
}
