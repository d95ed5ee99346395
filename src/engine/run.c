/* Sequences in, log-probabilities out: batches are filled from the source, swept, and answered,
 * until there are no more. */

#include "engine/run.h"

#include "base/clock.h"
#include "batch/batch.h"
#include "stream/probe.h"
#include "stream/stream.h"
#include "sweep/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Setting up
 * --------------------------------------------------------------------------------------------------------
 */

int run_setup(const struct trawl_run_options *options, struct run_setup *setup, struct error *err)
{
    memset(setup, 0, sizeof *setup);
    const struct cpu_level *level = options->cpu ? cpu_level_find(options->cpu) : cpu_level_best();
    if (!level)
        return fail(err, ERROR_USAGE,
                    "--cpu %s: this machine has no such level (the best it has is %s)",
                    options->cpu, cpu_level_best()->name);
    kernels_init(&setup->kernels, level);
    if (options->reader) {
        setup->reader = reader_find(options->reader);
        if (!setup->reader)
            return fail(err, ERROR_USAGE, "--reader %s: there is no such reader", options->reader);
    }
    /* Which reader works here is found by opening it. */
    void *state = reader_open(setup->reader, 1, &setup->reader, err);
    if (!state)
        return -1;
    setup->reader->close(state);
    setup->n_threads = options->n_threads ? options->n_threads : pool_cores_available();
    setup->memory_bytes = options->memory_bytes ? options->memory_bytes : memory_available() / 2;
    return 0;
}

int run_plan(const struct trawl_model *model, const struct trawl_run_options *options,
             const struct run_setup *setup, const struct trawl_readout_options *readout,
             uint32_t max_tokens, struct trawl_plan *plan, struct slicing *slicing,
             struct error *err)
{
    uint64_t model_bytes = model_resident_bytes(model), resident = memory_resident();
    struct plan_input input = {.network = &model->network,
                               .program = &model->program,
                               .kernels = &setup->kernels,
                               .reader_name = setup->reader->name,
                               .exact = options->exact,
                               .n_threads = setup->n_threads,
                               .memory_bytes = setup->memory_bytes,
                               .process_bytes = resident > model_bytes ? resident - model_bytes : 0,
                               .model_bytes = model_bytes,
                               .n_rows = options->n_rows,
                               .max_tokens = max_tokens};
    if (readout) {
        uint32_t n_vocab = model->network.hparams.n_vocab;
        input.readout = (struct readout){readout->wanted, readout->n_wanted, readout->next,
                                         readout->n_top < n_vocab ? readout->n_top : n_vocab};
    }
    return plan_make(&input, plan, slicing, err);
}

int trawl_plan(const struct trawl_model *model, const struct trawl_run_options *options,
               uint32_t max_tokens, struct trawl_plan *plan, struct error *err)
{
    struct run_setup setup;
    memset(plan, 0, sizeof *plan);
    if (run_setup(options, &setup, err) < 0)
        return -1;
    uint32_t n_context = model->network.hparams.n_context;
    if (!max_tokens)
        max_tokens = n_context < DEFAULT_WINDOW_TOKENS ? n_context : DEFAULT_WINDOW_TOKENS;
    /* The usual read-out: some twenty ids. */
    struct trawl_readout_options readout = {.n_wanted = 20};
    return run_plan(model, options, &setup, &readout, max_tokens, plan, NULL, err);
}

/* ---- The run
 * -------------------------------------------------------------------------------------------------------------
 */

struct run {
    const struct trawl_model *model;
    const struct trawl_run_options *options;
    const struct trawl_run_callbacks *callbacks;
    struct trawl_stats *stats;
    struct readout readout;
    uint32_t max_tokens;

    struct memory memory;
    struct pool *pool;
    const struct file **files;
    struct stream *stream;
    struct slicing slicing;
    struct sweep sweep;
    bool sweep_ready;
    struct batch batch;

    /* A sequence that did not fit the batch: the first of the next one. */
    int32_t *held_ids; /* [max_tokens] */
    struct trawl_sequence held;
    bool has_held, source_ended, stopped;
    bool source_waits; /* it has more, once this batch is answered */

    /* What one result points to, [max_tokens] read-outs. */
    float *wanted, *next, *top;
    int32_t *top_ids;
    uint32_t *path;

    uint64_t started_ns, shown_ns, sweep_ns;
    struct trawl_progress progress;
};

static void run_close(struct run *run)
{
    if (run->sweep_ready)
        sweep_deinit(&run->sweep);
    batch_deinit(&run->batch);
    stream_close(run->stream);
    slicing_free(&run->slicing);
    pool_free(run->pool);
    free(run->files);
    free(run->held_ids);
    free(run->wanted);
    free(run->next);
    free(run->top);
    free(run->top_ids);
    free(run->path);
}

static int show_progress(void *context, size_t step, size_t slice)
{
    struct run *run = context;
    uint64_t now = clock_ns();
    if (!run->callbacks->progress || now - run->shown_ns < 100000000)
        return 0;
    run->shown_ns = now;
    struct trawl_progress *progress = &run->progress;
    struct stream_statistics disk = stream_statistics(run->stream);
    progress->sweep = run->stats->sweeps + 1;
    progress->layer = run->model->program.steps[step].layer;
    progress->n_layers = run->model->network.hparams.n_layers;
    progress->sweep_done = (double)(slice + 1) / (double)run->slicing.n_slices;
    progress->batch_rows = run->batch.n_rows;
    progress->batch_sequences = run->batch.n_sequences;
    progress->sequences_done = run->stats->sequences;
    progress->rows_done = run->stats->rows;
    progress->bytes_read = disk.bytes_read + run->sweep.embedding_bytes_read;
    progress->seconds = (double)(now - run->started_ns) * 1e-9;
    progress->seconds_waiting = (double)(disk.wait_ns + run->sweep.embedding_wait_ns) * 1e-9;
    progress->memory_used_bytes = memory_used(&run->memory) + memory_used(&run->model->memory);
    return run->callbacks->progress(run->callbacks->context, progress);
}

static int open_results(struct run *run, struct error *err)
{
    size_t n = run->max_tokens, n_wanted = run->readout.n_wanted, n_top = run->readout.n_top;
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

static int open_engine(struct run *run, const struct run_setup *setup, struct error *err)
{
    const struct gguf *gguf = run->model->gguf;
    const struct trawl_plan *plan = &run->stats->plan;
    int n_files = gguf_n_files(gguf);
    run->pool = pool_new(setup->n_threads, err);
    if (!run->pool)
        return -1;
    run->files = calloc((size_t)n_files, sizeof *run->files);
    if (!run->files)
        return fail_memory(err, (uint64_t)n_files * sizeof *run->files, "the list of files");
    for (int i = 0; i < n_files; i++)
        run->files[i] = gguf_file(gguf, i);

    /* A small share of the file tells the device's rate; a small file is not worth asking. */
    const struct file *first = run->files[n_files - 1];
    if (strcmp(setup->reader->name, "null") != 0 && first->size_bytes > (64u << 20) &&
        probe_read_rate(first, setup->reader, 32u << 20, 1u << 20, 8, &run->memory,
                        &run->stats->raw_bytes_per_s, err) < 0)
        return -1;

    struct stream_options options = {.files = run->files,
                                     .n_files = n_files,
                                     .slices = run->slicing.slices,
                                     .n_slices = run->slicing.n_slices,
                                     .reader = setup->reader,
                                     .ring_bytes = plan->ring_bytes,
                                     .memory = &run->memory};
    run->stream = stream_open(&options, err);
    if (!run->stream)
        return -1;
    struct sweep_shape shape = {.network = &run->model->network,
                                .kernels = &setup->kernels,
                                .exact = run->options->exact,
                                .n_threads = setup->n_threads,
                                .max_rows = plan->n_rows,
                                .max_positions = run->max_tokens,
                                .readout = run->readout};
    if (sweep_init(&run->sweep, &shape, &run->model->program, &run->slicing, run->stream, run->pool,
                   &run->memory, err) < 0)
        return -1;
    run->sweep_ready = true;
    run->sweep.reader = setup->reader;
    run->sweep.progress = show_progress;
    run->sweep.progress_context = run;
    return 0;
}

static int check_sequence(const struct run *run, const struct trawl_sequence *sequence,
                          struct error *err)
{
    const struct hparams *h = &run->model->network.hparams;
    if (sequence->n_ids < 1 || sequence->first_readout >= sequence->n_ids)
        return fail(err, ERROR_USAGE, "a sequence of %u tokens cannot be read out from position %u",
                    sequence->n_ids, sequence->first_readout);
    if (sequence->n_ids > run->max_tokens)
        return fail(err, ERROR_LIMIT, "a sequence of %u tokens is longer than this run's %u",
                    sequence->n_ids, run->max_tokens);
    for (uint32_t i = 0; i < sequence->n_ids; i++)
        if (sequence->ids[i] < 0 || (uint32_t)sequence->ids[i] >= h->n_vocab)
            return fail(err, ERROR_USAGE,
                        "token id %d at position %u is outside the model's vocabulary of %u",
                        sequence->ids[i], i, h->n_vocab);
    return 0;
}

/* Fills the batch until it is full or the source pauses or ends. */
static int fill_batch(struct run *run, struct error *err)
{
    batch_clear(&run->batch);
    run->source_waits = false;
    if (run->has_held) {
        bool added = batch_add(&run->batch, run->held.tag, run->held_ids, run->held.n_ids,
                               run->held.first_readout);
        (void)added; /* an empty batch holds max_tokens rows */
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
        if (!batch_add(&run->batch, sequence.tag, sequence.ids, sequence.n_ids,
                       sequence.first_readout)) {
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
    size_t n_wanted = run->readout.n_wanted, n_top = run->readout.n_top;
    batch_path(batch, sequence->last_row, run->path);
    uint32_t n = 0;
    for (uint32_t p = sequence->first_readout; p < sequence->n_tokens; p++, n++) {
        size_t index = batch->readout_index[run->path[p]];
        memcpy(run->wanted + n * n_wanted, sweep->wanted + index * n_wanted,
               n_wanted * sizeof(float));
        memcpy(run->top + n * n_top, sweep->top + index * n_top, n_top * sizeof(float));
        memcpy(run->top_ids + n * n_top, sweep->top_ids + index * n_top, n_top * sizeof(int32_t));
        if (run->readout.next)
            run->next[n] = p + 1 < sequence->n_tokens ? sweep->next[run->path[p + 1]] : NAN;
    }
    *result = (struct trawl_result){.tag = sequence->tag,
                                    .n_readouts = n,
                                    .wanted = run->wanted,
                                    .next = run->next,
                                    .top_ids = run->top_ids,
                                    .top = run->top};
}

static int deliver(struct run *run, struct error *err)
{
    for (uint32_t i = 0; i < run->batch.n_sequences && !run->stopped; i++) {
        struct trawl_result result = {.tag = run->batch.sequences[i].tag};
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

static int sweep_batch(struct run *run, struct error *err)
{
    uint64_t started = clock_ns();
    if (stream_begin_sweep(run->stream, run->has_held || run->source_waits, err) < 0 ||
        sweep_run(&run->sweep, &run->batch, 0, run->model->program.n_steps, err) < 0)
        return -1;
    run->sweep_ns += clock_ns() - started;
    return 0;
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
        if (deliver(run, err) < 0)
            return -1;
    }
    return 0;
}

static void finish_stats(struct run *run)
{
    struct trawl_stats *stats = run->stats;
    stats->seconds = (double)(clock_ns() - run->started_ns) * 1e-9;
    stats->shared_tokens = stats->prompt_tokens - stats->rows;
    stats->peak_memory_bytes = memory_kernel_peak();
    if (run->options->dry_run) {
        stats->bytes_read = stats->sweeps * stats->plan.bytes_per_sweep +
                            (stats->sweeps ? stats->plan.pinned_bytes : 0);
    } else if (run->stream) {
        struct stream_statistics disk = stream_statistics(run->stream);
        stats->bytes_read = disk.bytes_read + run->sweep.embedding_bytes_read;
        stats->seconds_waiting = (double)(disk.wait_ns + run->sweep.embedding_wait_ns) * 1e-9;
        stats->seconds_compute = (double)run->sweep_ns * 1e-9 - stats->seconds_waiting;
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

int trawl_run(const struct trawl_model *model, const struct trawl_run_options *options,
              const struct trawl_readout_options *readout, uint32_t max_tokens,
              const struct trawl_run_callbacks *callbacks, struct trawl_stats *stats,
              struct error *err)
{
    memset(stats, 0, sizeof *stats);
    stats->bound = "compute";
    uint32_t n_vocab = model->network.hparams.n_vocab;
    struct run run = {.model = model,
                      .options = options,
                      .callbacks = callbacks,
                      .stats = stats,
                      .readout = {readout->wanted, readout->n_wanted, readout->next,
                                  readout->n_top < n_vocab ? readout->n_top : n_vocab},
                      .max_tokens = max_tokens,
                      .started_ns = clock_ns()};
    struct run_setup setup;
    int rc = run_setup(options, &setup, err);
    if (rc == 0)
        rc = run_plan(model, options, &setup, readout, max_tokens, &stats->plan, &run.slicing, err);
    if (rc == 0)
        rc = open_results(&run, err);
    if (rc == 0 && !options->dry_run)
        rc = open_engine(&run, &setup, err);
    if (rc == 0)
        rc = batch_init(&run.batch, stats->plan.n_rows, &run.memory, err);
    if (rc == 0)
        rc = run_batches(&run, err);
    finish_stats(&run);
    run_close(&run);
    return rc;
}
