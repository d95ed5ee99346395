/* Sequences in, log-probabilities out: batches are filled from the source, swept, and answered,
 * until there are no more. */

#include "engine/run.h"

#include "base/clock.h"
#include "base/sha256.h"
#include "batch/batch.h"
#include "stream/probe.h"
#include "stream/stream.h"
#include "sweep/draw.h"
#include "sweep/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Setting up. */

/* Kernels and reader by name, or the best that this machine has. */
static int choose_machinery(struct prepared_run *run, struct error *err)
{
    const char *cpu = run->options->cpu, *reader = run->options->reader;
    const struct cpu_level *level = cpu ? cpu_level_find(cpu) : cpu_level_best();
    if (!level)
        return fail(err, ERROR_USAGE,
                    "--cpu %s: this machine has no such level (the best it has is %s)", cpu,
                    cpu_level_best()->name);
    kernels_init(&run->kernels, level);
    if (reader && !(run->reader = reader_find(reader)))
        return fail(err, ERROR_USAGE, "--reader %s: there is no such reader", reader);
    /* Which reader works here is found by opening it. */
    void *state = reader_open(run->reader, 1, &run->reader, err);
    if (!state)
        return -1;
    run->reader->close(state);
    return 0;
}

int run_prepare(struct prepared_run *run, const struct trawl_model *model,
                const struct trawl_run_options *options,
                const struct trawl_readout_options *readout, uint32_t max_tokens, struct error *err)
{
    uint32_t n_vocab = model->network.hparams.n_vocab;
    *run = (struct prepared_run){
        .model = model,
        .options = options,
        .readout = {readout->wanted, readout->n_wanted, readout->next,
                    readout->n_top < n_vocab ? readout->n_top : n_vocab, readout->draws},
        .max_tokens = max_tokens,
    };
    if (choose_machinery(run, err) < 0)
        return -1;
    uint64_t model_bytes = model_resident_bytes(model), resident = memory_resident();
    struct plan_input input = {
        .network = &model->network,
        .program = &model->program,
        .kernels = &run->kernels,
        .reader_name = run->reader->name,
        .exact = options->exact,
        .n_threads = options->n_threads ? options->n_threads : pool_cores_available(),
        .memory_bytes = options->memory_bytes ? options->memory_bytes : memory_available() / 2,
        .process_bytes =
            (resident > model_bytes ? resident - model_bytes : 0) + tokenizer_work_bytes(),
        .model_bytes = model_bytes,
        .n_rows = options->n_rows,
        .max_tokens = max_tokens,
        .readout = run->readout,
    };
    int rc;
    while ((rc = plan_make(&input, &run->plan, &run->slicing, err)) < 0 &&
           err->kind == ERROR_LIMIT && !options->n_threads && input.n_threads > 1)
        input.n_threads--; /* rather some cores idle than no run */
    return rc;
}

void prepared_run_deinit(struct prepared_run *run)
{
    slicing_free(&run->slicing);
}

int trawl_plan(const struct trawl_model *model, const struct trawl_run_options *options,
               uint32_t max_tokens, struct trawl_plan *plan, struct error *err)
{
    struct prepared_run run;
    uint32_t n_context = model->network.hparams.n_context;
    if (!max_tokens)
        max_tokens = n_context < DEFAULT_WINDOW_TOKENS ? n_context : DEFAULT_WINDOW_TOKENS;
    /* The usual read-out: some twenty ids. */
    struct trawl_readout_options readout = {.n_wanted = 20};
    int rc = run_prepare(&run, model, options, &readout, max_tokens, err);
    *plan = run.plan;
    prepared_run_deinit(&run);
    return rc;
}

/* The run. */

struct run {
    struct prepared_run *prepared;
    const struct trawl_model *model;
    const struct trawl_run_options *options;
    const struct trawl_run_callbacks *callbacks;
    struct trawl_stats *stats;

    struct memory memory;
    struct pool *pool;
    const struct file **files;
    struct stream *stream;
    struct sweep sweep;
    bool sweep_ready;
    struct batch batch;
    uint32_t n_kept, most_kept; /* of the batch's draws those whose logits are kept */

    /* A sequence that did not fit the batch: the first of the next one. */
    int32_t *held_ids; /* [max_tokens] */
    struct trawl_sequence held;
    bool has_held, source_ended, stopped;
    bool source_waits; /* it has more, once this batch is answered */

    /* What one result points to, [max_tokens] read-outs. */
    float *wanted, *next, *top;
    int32_t *top_ids;
    uint32_t *path;

    uint64_t started_ns, shown_ns, sweep_ns, paused_ns;
};

static void run_close(struct run *run)
{
    if (run->sweep_ready)
        sweep_deinit(&run->sweep);
    batch_deinit(&run->batch);
    stream_close(run->stream);
    pool_free(run->pool);
    free(run->files);
    free(run->held_ids);
    free(run->wanted);
    free(run->next);
    free(run->top);
    free(run->top_ids);
    free(run->path);
}

/* How far the run is when [n_slices] of the sweep are done, in [layer]. */
static struct trawl_progress describe_progress(const struct run *run, uint32_t layer,
                                               size_t n_slices)
{
    struct stream_statistics disk = stream_statistics(run->stream);
    return (struct trawl_progress){
        .sweep = run->stats->sweeps + 1,
        .layer = layer,
        .n_layers = run->model->network.hparams.n_layers,
        .sweep_done = (double)n_slices / (double)run->prepared->slicing.n_slices,
        .batch_rows = run->batch.n_rows,
        .batch_sequences = run->batch.n_sequences,
        .sequences_done = run->stats->sequences,
        .rows_done = run->stats->rows,
        .bytes_read = disk.bytes_read + run->sweep.embedding_bytes_read,
        .seconds = (double)(clock_ns() - run->started_ns - run->paused_ns) * 1e-9,
        .seconds_waiting = (double)(disk.wait_ns + run->sweep.embedding_wait_ns) * 1e-9};
}

static int show_progress(void *context, size_t step, size_t slice)
{
    struct run *run = context;
    uint64_t now = clock_ns();
    if (!run->callbacks->progress || now - run->shown_ns < 100000000)
        return 0;
    run->shown_ns = now;
    struct trawl_progress progress =
        describe_progress(run, run->model->program.steps[step].layer, slice + 1);
    return run->callbacks->progress(run->callbacks->context, &progress);
}

static int open_results(struct run *run, struct error *err)
{
    size_t n = run->prepared->max_tokens, n_wanted = run->prepared->readout.n_wanted,
           n_top = run->prepared->readout.n_top;
    run->held_ids = calloc(n, sizeof *run->held_ids);
    run->path = calloc(n, sizeof *run->path);
    run->wanted = calloc(n * n_wanted + 1, sizeof *run->wanted);
    run->next = calloc(n, sizeof *run->next);
    run->top = calloc(n * n_top + 1, sizeof *run->top);
    run->top_ids = calloc(n * n_top + 1, sizeof *run->top_ids);
    if (!run->held_ids || !run->path || !run->wanted || !run->next || !run->top || !run->top_ids)
        return fail_memory(err, n * (n_wanted + 2 * n_top + 3) * 4, "results");
    return 0;
}

static struct sweep_shape shape_of(const struct run *run)
{
    return (struct sweep_shape){.network = &run->model->network,
                                .kernels = &run->prepared->kernels,
                                .exact = run->options->exact,
                                .n_threads = run->prepared->plan.n_threads,
                                .max_rows = run->prepared->plan.n_rows,
                                .max_positions = run->prepared->max_tokens,
                                .readout = run->prepared->readout};
}

static int open_engine(struct run *run, struct error *err)
{
    const struct gguf *gguf = run->model->gguf;
    struct prepared_run *prepared = run->prepared;
    const struct trawl_plan *plan = &prepared->plan;
    int n_files = gguf_n_files(gguf);
    run->pool = pool_new(plan->n_threads, err);
    if (!run->pool)
        return -1;
    run->files = calloc((size_t)n_files, sizeof *run->files);
    if (!run->files)
        return fail_memory(err, (uint64_t)n_files * sizeof *run->files, "the list of files");
    for (int i = 0; i < n_files; i++)
        run->files[i] = gguf_file(gguf, i);

    /* A small share of the file tells the device's rate; a small file is not worth asking. */
    const struct file *first = run->files[n_files - 1];
    if (strcmp(prepared->reader->name, "null") != 0 && first->size_bytes > (64u << 20) &&
        probe_read_rate(first, prepared->reader, 32u << 20, 512u << 10, 8, &run->memory,
                        &run->stats->raw_bytes_per_s, err) < 0)
        return -1;

    struct stream_options options = {.files = run->files,
                                     .n_files = n_files,
                                     .slices = prepared->slicing.slices,
                                     .n_slices = prepared->slicing.n_slices,
                                     .reader = prepared->reader,
                                     .ring_bytes = plan->ring_bytes,
                                     .memory = &run->memory};
    run->stream = stream_open(&options, err);
    if (!run->stream)
        return -1;
    struct sweep_shape shape = shape_of(run);
    if (sweep_init(&run->sweep, &shape, &run->model->program, &prepared->slicing, run->stream,
                   run->pool, &run->memory, err) < 0)
        return -1;
    run->sweep_ready = true;
    run->sweep.reader = prepared->reader;
    run->sweep.progress = show_progress;
    run->sweep.progress_context = run;
    return 0;
}

static int check_draw(const struct run *run, const struct trawl_draw *draw, struct error *err)
{
    uint32_t n_vocab = run->model->network.hparams.n_vocab;
    if (!run->prepared->readout.draws)
        return fail(err, ERROR_USAGE, "a sequence has a draw in a run without draws");
    if (!(draw->temperature >= 0.0 && isfinite(draw->temperature)) ||
        !(draw->top_p >= 0.0 && draw->top_p <= 1.0))
        return fail(err, ERROR_USAGE, "temperature %g and top_p %g make no draw", draw->temperature,
                    draw->top_p);
    for (uint32_t i = 0; i < draw->n_biases; i++) {
        int32_t id = draw->bias_ids[i];
        if (id < 0 || (uint32_t)id >= n_vocab || !isfinite(draw->biases[i]))
            return fail(err, ERROR_USAGE, "no bias of token id %d in a vocabulary of %u", id,
                        n_vocab);
        if (i > 0 && id <= draw->bias_ids[i - 1])
            return fail(err, ERROR_USAGE, "biases are not in ascending order of their ids");
    }
    return 0;
}

static int check_sequence(const struct run *run, const struct trawl_sequence *sequence,
                          struct error *err)
{
    const struct hparams *h = &run->model->network.hparams;
    if (sequence->n_ids < 1 || sequence->first_readout >= sequence->n_ids)
        return fail(err, ERROR_USAGE, "a sequence of %u tokens cannot be read out from position %u",
                    sequence->n_ids, sequence->first_readout);
    if (sequence->n_ids > run->prepared->max_tokens)
        return fail(err, ERROR_LIMIT, "a sequence of %u tokens is longer than this run's %u",
                    sequence->n_ids, run->prepared->max_tokens);
    for (uint32_t i = 0; i < sequence->n_ids; i++)
        if (sequence->ids[i] < 0 || (uint32_t)sequence->ids[i] >= h->n_vocab)
            return fail(err, ERROR_USAGE,
                        "token id %d at position %u is outside the model's vocabulary of %u",
                        sequence->ids[i], i, h->n_vocab);
    return sequence->draw ? check_draw(run, sequence->draw, err) : 0;
}

/* False: the batch has no room for it. */
static bool add_sequence(struct run *run, const struct trawl_sequence *sequence, const int32_t *ids)
{
    const struct trawl_draw *wish = sequence->draw;
    struct draw draw = {0};
    if (wish)
        draw = (struct draw){.bias_ids = wish->bias_ids,
                             .biases = wish->biases,
                             .n_biases = wish->n_biases,
                             .temperature = wish->temperature,
                             .top_p = wish->top_p,
                             .seed = wish->seed};
    bool keeps = wish && draw_needs_all(&draw);
    uint32_t n_readouts = sequence->n_ids - sequence->first_readout;
    if ((wish && !batch_has_room_to_draw(&run->batch, n_readouts)) ||
        (keeps && run->n_kept == run->most_kept) ||
        !batch_add(&run->batch, sequence->tag, ids, sequence->n_ids, sequence->first_readout))
        return false;
    if (wish)
        batch_draw(&run->batch, &draw);
    run->n_kept += keeps;
    return true;
}

/* Fills the batch until it is full or the source pauses or ends. */
static int fill_batch(struct run *run, struct error *err)
{
    batch_clear(&run->batch);
    run->n_kept = 0;
    run->source_waits = false;
    if (run->has_held) {
        bool added = add_sequence(run, &run->held, run->held_ids);
        (void)added; /* an empty batch holds max_tokens rows and a draw */
        run->has_held = false;
    }
    while (!run->source_ended) {
        struct trawl_sequence sequence;
        int rc = run->callbacks->next(run->callbacks->context, &sequence, err);
        if (rc < 0)
            return -1;
        if (rc == 2) {
            run->source_waits = true;
            return run->batch.n_sequences > 0
                       ? 0
                       : fail(err, ERROR_USAGE,
                              "the source waits for answers, but nothing was asked");
        }
        run->source_ended = rc == 0;
        if (rc != 1)
            continue;
        if (check_sequence(run, &sequence, err) < 0)
            return -1;
        if (!add_sequence(run, &sequence, sequence.ids)) {
            memcpy(run->held_ids, sequence.ids, sequence.n_ids * sizeof *run->held_ids);
            run->held = sequence;
            run->has_held = true;
            return 0;
        }
    }
    return 0;
}

/* Gathers what was read out along one sequence's path. */
static void gather_result(struct run *run, const struct batch_sequence *sequence,
                          struct trawl_result *result)
{
    const struct batch *batch = &run->batch;
    const struct sweep *sweep = &run->sweep;
    size_t n_wanted = run->prepared->readout.n_wanted, n_top = run->prepared->readout.n_top;
    batch_path(batch, sequence->last_row, run->path);
    bool draws = sequence->draw != ROW_NONE;
    uint32_t n = 0;
    for (uint32_t p = sequence->first_readout; p < sequence->n_tokens; p++, n++) {
        size_t index = batch->readout_index[run->path[p]];
        if (draws && p + 1 == sequence->n_tokens)
            index = batch->n_readouts + sequence->draw;
        memcpy(run->wanted + n * n_wanted, sweep->wanted + index * n_wanted,
               n_wanted * sizeof(float));
        memcpy(run->top + n * n_top, sweep->top + index * n_top, n_top * sizeof(float));
        memcpy(run->top_ids + n * n_top, sweep->top_ids + index * n_top, n_top * sizeof(int32_t));
        if (run->prepared->readout.next)
            run->next[n] = p + 1 < sequence->n_tokens ? sweep->next[run->path[p + 1]] : NAN;
    }
    *result =
        (struct trawl_result){.tag = sequence->tag,
                              .n_readouts = n,
                              .wanted = run->wanted,
                              .next = run->next,
                              .top_ids = run->top_ids,
                              .top = run->top,
                              .drawn = draws ? sweep->drawn[sequence->draw].id : -1,
                              .drawn_logprob = draws ? sweep->drawn_logprob[sequence->draw] : NAN};
}

static int deliver(struct run *run, struct error *err)
{
    for (uint32_t i = 0; i < run->batch.n_sequences && !run->stopped; i++) {
        struct trawl_result result = {.tag = run->batch.sequences[i].tag, .drawn = -1};
        if (!run->options->dry_run)
            gather_result(run, &run->batch.sequences[i], &result);
        run->stats->sequences++;
        int rc = run->callbacks->result(run->callbacks->context, &result, err);
        if (rc < 0)
            return -1;
        run->stopped = rc != 0;
    }
    return 0;
}

/* Where the batch stands. Its key is what the rows are and which of them are read out. */
static struct trawl_suspended describe_batch(const struct run *run)
{
    const struct batch *batch = &run->batch;
    struct trawl_suspended state = {.hidden = run->sweep.hidden,
                                    .n_bytes = (uint64_t)batch->n_rows *
                                               run->model->network.hparams.n_embd * sizeof(float)};
    struct sha256 sha;
    sha256_init(&sha);
    sha256_add(&sha, batch->token, batch->n_rows * sizeof *batch->token);
    sha256_add(&sha, batch->parent, batch->n_rows * sizeof *batch->parent);
    sha256_add(&sha, batch->read_out, batch->n_rows);
    sha256_finish(&sha, state.batch);
    return state;
}

/* The first step of [layer]; n_steps for the head, which has not all rows any more. */
static size_t layer_step(const struct run *run, uint32_t layer)
{
    const struct program *program = &run->model->program;
    size_t step = 0;
    while (step < program->n_steps &&
           (program->steps[step].layer < layer || layer >= run->model->network.hparams.n_layers))
        step++;
    return step;
}

/* Waits with nothing in memory but the rows. */
static int pause(struct run *run, uint32_t layer, size_t step, struct error *err)
{
    if (stream_vacate(run->stream, err) < 0 ||
        sweep_vacate(&run->sweep, layer > 0 ? run->batch.n_rows : 0, err) < 0)
        return -1;
    uint64_t began = clock_ns();
    struct trawl_progress progress =
        describe_progress(run, layer, run->prepared->slicing.first_of_step[step]);
    int rc = run->callbacks->paused(run->callbacks->context, &progress);
    run->paused_ns += clock_ns() - began;
    return rc ? fail(err, ERROR_CANCELLED, "stopped") : 0;
}

/* Layer by layer, each a chance to pause or to stop; from where it was suspended, if it was. */
static int sweep_layers(struct run *run, struct error *err)
{
    const struct trawl_run_callbacks *callbacks = run->callbacks;
    struct trawl_suspended state = describe_batch(run);
    if (callbacks->resume && callbacks->resume(callbacks->context, &state, err) < 0)
        return -1;
    run->stats->resumed_layers += state.layer;
    for (size_t step = layer_step(run, state.layer); step < run->model->program.n_steps;) {
        int rc = callbacks->suspend(callbacks->context, &state, err);
        if (rc < 0 || (rc > 0 && pause(run, state.layer, step, err) < 0))
            return -1;
        size_t next = layer_step(run, ++state.layer);
        if (sweep_run(&run->sweep, &run->batch, step, next, err) < 0)
            return -1;
        step = next;
    }
    return 0;
}

static int sweep_batch(struct run *run, struct error *err)
{
    uint64_t started = clock_ns() - run->paused_ns; /* as a clock that stood still in pauses */
    int rc = stream_begin_sweep(run->stream, run->has_held || run->source_waits, err);
    if (rc == 0)
        rc = run->callbacks->suspend
                 ? sweep_layers(run, err)
                 : sweep_run(&run->sweep, &run->batch, 0, run->model->program.n_steps, err);
    run->sweep_ns += clock_ns() - run->paused_ns - started;
    return rc;
}

static int run_batches(struct run *run, struct error *err)
{
    while (!run->stopped) {
        if (fill_batch(run, err) < 0)
            return -1;
        if (run->batch.n_sequences == 0)
            return 0;
        batch_close(&run->batch);
        if (!run->options->dry_run && sweep_batch(run, err) < 0)
            return -1;
        run->stats->sweeps++;
        run->stats->rows += run->batch.n_rows;
        run->stats->prompt_tokens += run->batch.n_tokens;
        if (deliver(run, err) < 0 ||
            (run->callbacks->swept && run->callbacks->swept(run->callbacks->context, err) < 0))
            return -1;
    }
    return 0;
}

static void finish_stats(struct run *run)
{
    struct trawl_stats *stats = run->stats;
    stats->seconds = (double)(clock_ns() - run->started_ns - run->paused_ns) * 1e-9;
    stats->seconds_paused = (double)run->paused_ns * 1e-9;
    stats->shared_tokens = stats->prompt_tokens - stats->rows;
    stats->peak_memory_bytes = memory_kernel_peak();
    if (run->options->dry_run) {
        stats->bytes_read = stats->sweeps ? stats->plan.first_sweep_bytes +
                                                (stats->sweeps - 1) * stats->plan.bytes_per_sweep
                                          : 0;
    } else if (run->stream) {
        struct stream_statistics disk = stream_statistics(run->stream);
        stats->bytes_read = disk.bytes_read + run->sweep.embedding_bytes_read;
        stats->seconds_waiting = (double)(disk.wait_ns + run->sweep.embedding_wait_ns) * 1e-9;
        stats->seconds_compute = (double)run->sweep_ns * 1e-9 - stats->seconds_waiting;
        stats->seconds_attention = (double)run->sweep.attention_ns * 1e-9;
        double thread_ns = 1e-9 / stats->plan.n_threads;
        for (int i = 0; run->sweep.scratch && i < stats->plan.n_threads; i++) {
            stats->seconds_unpacking += (double)run->sweep.scratch[i].unpack_ns * thread_ns;
            stats->seconds_products += (double)run->sweep.scratch[i].products_ns * thread_ns;
        }
    }
    /* The probe is a glimpse: a run that read faster has shown the device to be faster. */
    double seen = run->sweep_ns ? (double)stats->bytes_read / ((double)run->sweep_ns * 1e-9) : 0.0;
    if (stats->raw_bytes_per_s > 0.0 && seen > stats->raw_bytes_per_s)
        stats->raw_bytes_per_s = seen;
    /* Nothing probed (a small file, the null reader): the disk took what was waited for. */
    stats->disk_seconds = stats->raw_bytes_per_s > 0.0
                              ? (double)stats->bytes_read / stats->raw_bytes_per_s
                              : stats->seconds_waiting;
    bool by_disk = stats->disk_seconds > stats->seconds_compute;
    stats->bound = by_disk ? "disk" : "compute";
    stats->bound_ratio =
        stats->seconds > 0.0
            ? (by_disk ? stats->disk_seconds : stats->seconds_compute) / stats->seconds
            : 0.0;
}

int run_sequences(struct prepared_run *prepared, const struct trawl_run_callbacks *callbacks,
                  struct trawl_stats *stats, struct error *err)
{
    struct run run = {.prepared = prepared,
                      .model = prepared->model,
                      .options = prepared->options,
                      .callbacks = callbacks,
                      .stats = stats,
                      .started_ns = clock_ns()};
    stats->plan = prepared->plan;
    struct sweep_shape shape = shape_of(&run);
    struct sweep_bytes bytes = {0};
    int rc = sweep_measure(&shape, &bytes, err);
    run.most_kept = bytes.n_kept;
    if (rc == 0 && callbacks->planned)
        rc = callbacks->planned(callbacks->context, &stats->plan, err);
    if (rc == 0)
        rc = open_results(&run, err);
    if (rc == 0 && !run.options->dry_run)
        rc = open_engine(&run, err);
    if (rc == 0)
        rc = batch_init(&run.batch, stats->plan.n_rows, &run.memory, err);
    if (rc == 0)
        rc = run_batches(&run, err);
    finish_stats(&run);
    run_close(&run);
    return rc;
}

int trawl_run(const struct trawl_model *model, const struct trawl_run_options *options,
              const struct trawl_readout_options *readout, uint32_t max_tokens,
              const struct trawl_run_callbacks *callbacks, struct trawl_stats *stats,
              struct error *err)
{
    struct prepared_run prepared;
    *stats = (struct trawl_stats){.bound = "compute"};
    int rc = run_prepare(&prepared, model, options, readout, max_tokens, err);
    stats->plan = prepared.plan;
    if (rc == 0)
        rc = run_sequences(&prepared, callbacks, stats, err);
    prepared_run_deinit(&prepared);
    return rc;
}
