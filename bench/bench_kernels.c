/* Rates of the kernels beside the machine's peaks, per CPU level.
 *
 *   bench_kernels [--threads N] [--level NAME] [--seconds S]
 *
 * The int8 GEMM is measured on one thread and on all at once, the rest on all.
 * A figure is the median of five turns of S seconds; its share of the peak is
 * the median of the turns' ratios to a peak loop run just before: clocks
 * change, and machines are shared. GOP/s count a multiply and an add as two. */

#include "random_blocks.h"
#include "turns.h"

#include <unistd.h>

static double run_peak(void *state)
{
    return ((const struct peak *)state)->int8(20000);
}

static double run_peak_f32(void *state)
{
    return ((const struct peak *)state)->f32(20000);
}

/* GEMM: a work item as the sweep has it, PIECE outputs times all rows, cut for
 * the caches as sweep/products.c cuts it: few rows meet each panel as it is
 * unpacked, and its products fetch what is unpacked after it. Items follow each other through a
 * buffer of weights that is no cache's. */

enum { PIECE = 128, ROW_CHUNK = 384, K_CHUNK = 1024, MAX_PANELS = 16, WEIGHTS_BYTES = 24 << 20 };

struct gemm_state {
    const struct kernels *kernels;
    struct quant_layout layout;
    uint32_t n_rows;
    const int8_t *a; /* tiles of all rows; shared by the threads */
    const float *a_scales;
    struct panel_q8 panels[MAX_PANELS];
    int n_panels;
    float *c; /* [ROW_CHUNK][PIECE] */
    uint32_t type;
    uint8_t *weights; /* [n_items][PIECE][row_bytes] */
    size_t row_bytes, n_items, item;
};

static const uint32_t types[] = {TENSOR_Q4_K, TENSOR_Q5_K, TENSOR_Q6_K, TENSOR_Q8_0,
                                 TENSOR_Q4_0, TENSOR_Q4_1, TENSOR_Q5_0, TENSOR_Q5_1,
                                 TENSOR_F16,  TENSOR_BF16, TENSOR_F32};
enum { N_TYPES = sizeof types / sizeof types[0] };

/* Scales of 1 and weights of 1: no product is subnormal. */
static float *allocate_ones(size_t n)
{
    float *values = allocate(n * sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = 1;
    return values;
}

/* Activations of all threads. */
struct rows {
    int8_t *q;
    float *scales;
};

static struct rows rows_new(const struct kernels *kernels, uint32_t k, uint32_t n_rows)
{
    const struct quant_layout layout = quant_layout(k);
    const size_t mr = (size_t)kernels->shape.mr, n = (n_rows + mr - 1) / mr * mr;
    return (struct rows){allocate(n / mr * gemm_tile_bytes(&kernels->shape, layout.k_pad)),
                         allocate_ones(n * layout.n_groups)};
}

static void choose_type(struct gemm_state *state, uint32_t type)
{
    struct rng rng = rng_make(type);
    free(state->weights);
    state->type = type;
    state->row_bytes = tensor_row_bytes(tensor_type_info(type), state->layout.k);
    state->n_items = WEIGHTS_BYTES / (PIECE * state->row_bytes) + 1;
    state->weights = allocate(state->n_items * PIECE * state->row_bytes);
    random_blocks(&rng, type, 0.02, state->weights, state->n_items * PIECE * state->row_bytes);
    state->item = 0;
}

static struct gemm_state *gemm_state_new(const struct kernels *kernels, uint32_t k,
                                         const struct rows *rows)
{
    struct gemm_state *state = calloc(1, sizeof *state);
    if (!state)
        abort();
    const size_t nr = (size_t)kernels->shape.nr;
    state->kernels = kernels;
    state->layout = quant_layout(k);
    state->a = rows->q;
    state->a_scales = rows->scales;
    state->n_panels = PIECE / kernels->shape.nr;
    state->c = allocate((ROW_CHUNK * PIECE) * sizeof(float));
    for (int p = 0; p < state->n_panels; p++)
        state->panels[p] = (struct panel_q8){
            allocate(nr * state->layout.k_pad), allocate_ones(nr * state->layout.n_groups),
            allocate(nr * state->layout.n_groups * sizeof(int32_t))};
    return state;
}

static void gemm_state_free(struct gemm_state *state)
{
    for (int p = 0; p < state->n_panels; p++) {
        free(state->panels[p].w);
        free(state->panels[p].scales);
        free(state->panels[p].start);
    }
    free(state->c);
    free(state->weights);
    free(state);
}

/* Panels [first, end), and what is unpacked after their products. */
struct panels {
    size_t first, end;
    const uint8_t *ahead;
    size_t ahead_bytes;
};

/* A piece of the inputs from [k] on of the panels, for the call-th of [n_calls] calls. */
static const uint8_t *piece_of(const struct gemm_state *state, const struct panels *panels,
                               size_t k, size_t inputs, size_t call, size_t n_calls)
{
    const size_t nr = (size_t)state->kernels->shape.nr, per_panel = nr / GEMM_NEXT_BYTES;
    const size_t n_pieces = (panels->end - panels->first) * per_panel;
    const size_t skipped = n_calls > n_pieces ? n_calls - n_pieces : 0, piece = call - skipped;
    if (call < skipped || piece >= n_pieces)
        return NULL;
    return (const uint8_t *)state->panels[panels->first + piece / per_panel].w + k * nr +
           piece % per_panel * inputs * GEMM_NEXT_BYTES;
}

/* Groups [g0, g1) of tiles from row [row] on, [n] rows, times panels; inputs from [next_k] on come
 * after. */
static void multiply(const struct gemm_state *state, size_t row, size_t n, uint32_t g0, uint32_t g1,
                     size_t next_k, struct panels *panels)
{
    const struct quant_layout *layout = &state->layout;
    const struct gemm_shape *shape = &state->kernels->shape;
    const size_t mr = (size_t)shape->mr, nr = (size_t)shape->nr;
    const size_t inputs = (size_t)(g1 - g0) * layout->group;
    const size_t n_tiles = (n + mr - 1) / mr, n_panels = panels->end - panels->first;
    for (size_t t = 0; t < n_tiles; t++) {
        const int8_t *a = state->a + gemm_tile_bytes(shape, layout->k_pad) * (row / mr + t);
        const uint8_t *next_tile =
            (const uint8_t *)a + gemm_tile_bytes(shape, layout->k_pad + (size_t)g0 * layout->group);
        for (size_t p = 0; p < n_panels; p++) {
            const uint8_t *next = panels->ahead;
            if (panels->ahead_bytes == 0)
                next = p == 0 ? next_tile
                              : piece_of(state, panels, next_k, inputs, t * (n_panels - 1) + p - 1,
                                         n_tiles * (n_panels - 1));
            const struct gemm_q8_args args = {
                .layout = layout,
                .a = a,
                .a_scales = state->a_scales + (row + t * mr) * layout->n_groups,
                .panel = state->panels[panels->first + p],
                .g0 = g0,
                .g1 = g1,
                .c = state->c + t * mr * PIECE + (panels->first + p) * nr,
                .ldc = PIECE,
                .first = g0 == 0,
                .n_rows = (int)(n - t * mr < mr ? n - t * mr : mr),
                .next = next,
            };
            state->kernels->gemm_q8(&args);
            const size_t most = GEMM_NEXT_BYTES * inputs;
            const size_t took = panels->ahead_bytes < most ? panels->ahead_bytes : most;
            panels->ahead += took;
            panels->ahead_bytes -= took;
        }
    }
}

static void multiply_all(const struct gemm_state *state, struct panels panels)
{
    const uint32_t n_groups = state->layout.n_groups, chunk = K_CHUNK / state->layout.group;
    for (size_t row = 0; row < state->n_rows; row += ROW_CHUNK) {
        const size_t left = state->n_rows - row;
        for (uint32_t g = 0; g < n_groups; g += chunk) {
            const bool last = g + chunk >= n_groups;
            multiply(state, row, left < ROW_CHUNK ? left : ROW_CHUNK, g,
                     last ? n_groups : g + chunk,
                     last ? 0 : (size_t)(g + chunk) * state->layout.group, &panels);
        }
    }
}

static double run_packed(void *argument)
{
    const struct gemm_state *state = argument;
    multiply_all(state, (struct panels){0, (size_t)state->n_panels, state->weights, 0});
    return 2.0 * state->n_rows * state->layout.k * PIECE;
}

/* The blocks of panel [p] of the current item, or of a later one. */
static const uint8_t *blocks_at(const struct gemm_state *state, size_t p)
{
    const size_t nr = (size_t)state->kernels->shape.nr;
    const size_t n = state->n_items * (size_t)state->n_panels;
    const size_t at = (state->item * (size_t)state->n_panels + p) % n;
    return state->weights + at * nr * state->row_bytes;
}

static void unpack_panel(struct gemm_state *state, size_t p)
{
    const struct weight_rows rows = {blocks_at(state, p), state->row_bytes,
                                     state->kernels->shape.nr};
    if (!state->kernels->unpack[state->type](&state->layout, &rows, &state->panels[p]))
        abort();
}

static double run_unpack(void *argument)
{
    struct gemm_state *state = argument;
    for (size_t p = 0; p < (size_t)state->n_panels; p++)
        unpack_panel(state, p);
    state->item = (state->item + 1) % state->n_items;
    return (double)state->layout.k * PIECE;
}

static double run_whole(void *argument)
{
    struct gemm_state *state = argument;
    if (state->n_rows > ROW_CHUNK) {
        run_unpack(state);
        return run_packed(state);
    }
    const size_t panel_bytes = (size_t)state->kernels->shape.nr * state->row_bytes;
    for (size_t p = 0; p < (size_t)state->n_panels; p++) {
        unpack_panel(state, p);
        multiply_all(state, (struct panels){p, p + 1, blocks_at(state, p + 1), panel_bytes});
    }
    state->item = (state->item + 1) % state->n_items;
    return 2.0 * state->n_rows * state->layout.k * PIECE;
}

struct team {
    int n;
    void *states[MAX_THREADS];
};

static struct team team_new(int n, const struct kernels *kernels, uint32_t k,
                            const struct rows *rows)
{
    struct team team = {.n = n};
    for (int t = 0; t < n; t++) {
        team.states[t] = gemm_state_new(kernels, k, rows);
        choose_type(team.states[t], TENSOR_Q4_K);
    }
    return team;
}

static void team_free(struct team *team)
{
    for (int t = 0; t < team->n; t++)
        gemm_state_free(team->states[t]);
}

/* Percent of the peak, printed, at each number of rows. */
static void print_rates(const struct options *options, const struct peak *peak, struct team *team,
                        work_fn *work, const uint32_t *n_rows, int n)
{
    for (int i = 0; i < n; i++) {
        for (int t = 0; t < team->n; t++)
            ((struct gemm_state *)team->states[t])->n_rows = n_rows[i];
        printf(" %4.0f", measure(options, run_peak, peak, work, team->states).percent);
        fflush(stdout);
    }
}

static const uint32_t packed_rows[] = {16, 32, 64, 128, 512, 2048},
                      whole_rows[] = {16, 32, 64, 128, 512, 2048};
enum { N_PACKED = 6, N_WHOLE = 6, MOST_ROWS = 2048 };

/* Inputs of the matrices of 1B, 8B and 70B models; a thread's work is items one
 * after the other, so outputs do not matter. */
static void bench_shapes(const struct options *options, const struct kernels *kernels,
                         const struct peak *peak)
{
    static const struct {
        uint32_t k;
        const char *of;
    } shapes[] = {{2048, "1B"},
                  {4096, "8B"},
                  {8192, "1B down, 70B"},
                  {14336, "8B down"},
                  {28672, "70B down"}};
    printf("%-8s GEMM int8, %d threads, %% of peak    packed, rows 16 32 64 128 "
           "512 2048 | with "
           "unpacking of Q4_K, the same rows\n",
           kernels->level->name, options->n_threads);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct rows rows = rows_new(kernels, shapes[i].k, MOST_ROWS);
        struct team team = team_new(options->n_threads, kernels, shapes[i].k, &rows);
        printf("         K %5u %-14s", shapes[i].k, shapes[i].of);
        print_rates(options, peak, &team, run_packed, packed_rows, N_PACKED);
        printf("  |");
        print_rates(options, peak, &team, run_whole, whole_rows, N_WHOLE);
        printf("\n");
        team_free(&team);
        free(rows.q);
        free(rows.scales);
    }
}

static void bench_types(const struct options *options, const struct kernels *kernels,
                        const struct peak *peak)
{
    struct rows rows = rows_new(kernels, 4096, MOST_ROWS);
    struct team team = team_new(options->n_threads, kernels, 4096, &rows);
    printf("%-8s K 4096, %d threads: unpacking, weights/ns | GEMM with it, %% of "
           "peak, rows 16 32 64 128 512 2048\n",
           kernels->level->name, options->n_threads);
    for (int type = 0; type < N_TYPES; type++) {
        for (int t = 0; t < team.n; t++)
            choose_type(team.states[t], types[type]);
        printf("         %-5s %6.2f  |", tensor_type_info(types[type])->name,
               measure(options, NULL, NULL, run_unpack, team.states).giga);
        print_rates(options, peak, &team, run_whole, whole_rows, N_WHOLE);
        printf("\n");
    }
    team_free(&team);
    free(rows.q);
    free(rows.scales);
}

struct f32_state {
    const struct kernels *kernels;
    float *rows, *weights, *c;
};

static double run_gemm_f32(void *argument)
{
    const struct f32_state *state = argument;
    const size_t mr = (size_t)state->kernels->shape.mr, nr = (size_t)state->kernels->shape.nr;
    for (size_t row = 0; row < ROW_CHUNK; row += mr) {
        const struct gemm_f32_args args = {
            .a = state->rows + row * K_CHUNK,
            .w = state->weights,
            .k0 = 0,
            .k1 = K_CHUNK,
            .c = state->c + row * nr,
            .ldc = nr,
            .first = true,
        };
        state->kernels->gemm_f32(&args);
    }
    return 2.0 * ROW_CHUNK * K_CHUNK * (double)nr;
}

static void bench_gemm_f32(const struct options *options, const struct kernels *kernels,
                           const struct peak *peak)
{
    struct f32_state all[MAX_THREADS];
    void *states[MAX_THREADS];
    for (int t = 0; t < options->n_threads; t++) {
        all[t] = (struct f32_state){kernels, allocate((ROW_CHUNK * K_CHUNK) * sizeof(float)),
                                    allocate((PIECE * K_CHUNK) * sizeof(float)),
                                    allocate((ROW_CHUNK * PIECE) * sizeof(float))};
        states[t] = &all[t];
    }
    const struct figure f32 = measure(options, run_peak_f32, peak, run_gemm_f32, states);
    printf("%-8s GEMM f32              %7.0f GOP/s %3.0f %%\n", kernels->level->name, f32.giga,
           f32.percent);
    for (int t = 0; t < options->n_threads; t++) {
        free(all[t].rows);
        free(all[t].weights);
        free(all[t].c);
    }
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
    const struct options one = {.n_threads = 1, .seconds = options->seconds};
    for (int all = 0; all < (options->n_threads > 1 ? 2 : 1); all++) {
        bench_shapes(all ? options : &one, &kernels, peak);
        bench_types(all ? options : &one, &kernels, peak);
    }
    bench_gemm_f32(options, &kernels, peak);
}

int main(int argc, char **argv)
{
    struct options options = {.n_threads = (int)sysconf(_SC_NPROCESSORS_ONLN), .seconds = 0.05};
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
