/* One run of distinct random prompts through a model, over the public interface, with one answer
 * read out of each.
 *
 *   bench_run -m MODEL [--prompts N] [--tokens T] [--prefix P] [--memory BYTES] [--rows N]
 * [--threads N] [--cpu NAME]
 *             [--reader NAME] [--seed N] [--plan]
 *
 * Prints one JSON object, or with --plan only what the run would take. "steady" figures leave out
 * the first sweep, in which slices that stay are read for the first time and the device's rate is
 * asked: what a long job sees; they need two sweeps. layer_seconds is the time of one layer of one
 * sweep, the first and the last layer aside. Rates count rows; a prompt of T tokens that shares
 * nothing is T rows. */

#include "trawl.h"

#include "base/clock.h"
#include "support/rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct trawl_run_options run;
    const char *path;
    uint32_t n_prompts, n_tokens, n_prefix, n_vocab;
    bool plan_only;
    struct rng rng;

    int32_t *ids; /* [n_tokens] of the prompt given last */
    uint32_t n_given, n_answered;
    /* Answers leave in bursts, one burst a sweep: the ends of the first and the last. */
    uint32_t n_first; /* answers of the first sweep */
    uint64_t first_end_ns, last_end_ns;
    double sum; /* of log-probabilities: a check that the figures are numbers */
    /* Time of whole layers between the first and the last of each sweep, where they were seen to
     * begin. */
    struct {
        uint64_t sweep, begin_ns, seen_ns;
        uint32_t begin, seen;
    } layers;
    double layer_seconds; /* of [n_layers_timed] layers of all sweeps so far */
    uint64_t n_layers_timed;
};

static void stop(const char *text)
{
    fprintf(stderr, "bench_run: %s\n", text);
    exit(2);
}

static int next_prompt(void *context, struct trawl_sequence *sequence, struct error *err)
{
    struct job *job = context;
    (void)err;
    if (job->n_given == job->n_prompts)
        return 0;
    /* The token after the prefix numbers the prompt, so that no two share more. */
    for (uint32_t i = job->n_prefix; i < job->n_tokens; i++)
        job->ids[i] = i == job->n_prefix ? (int32_t)((job->n_given + 256) % job->n_vocab)
                                         : (int32_t)rng_below(&job->rng, job->n_vocab);
    *sequence = (struct trawl_sequence){.tag = job->n_given++,
                                        .ids = job->ids,
                                        .n_ids = job->n_tokens,
                                        .first_readout = job->n_tokens - 1};
    return 1;
}

static int take_answer(void *context, const struct trawl_result *result, struct error *err)
{
    struct job *job = context;
    (void)err;
    uint64_t now = clock_ns();
    /* Two sweeps are further apart than two answers of one. */
    if (job->n_answered > 0 && now - job->last_end_ns > 20000000 && !job->n_first) {
        job->n_first = job->n_answered;
        job->first_end_ns = job->last_end_ns;
    }
    job->last_end_ns = now;
    job->n_answered++;
    job->sum += result->wanted[0];
    return 0;
}

static void add_layers(struct job *job)
{
    if (job->layers.seen > job->layers.begin) {
        job->layer_seconds += (double)(job->layers.seen_ns - job->layers.begin_ns) * 1e-9;
        job->n_layers_timed += job->layers.seen - job->layers.begin;
    }
    job->layers.begin = job->layers.seen = 0;
}

/* Called some ten times a second, so a layer's begin is known to that; layer 0 (where a sweep
 * starts) is not used, and the last only as an end. */
static int watch_layers(void *context, const struct trawl_progress *progress)
{
    struct job *job = context;
    if (progress->sweep != job->layers.sweep) {
        add_layers(job);
        job->layers.sweep = progress->sweep;
    }
    if (progress->layer == 0 || progress->layer >= progress->n_layers ||
        progress->layer <= job->layers.seen)
        return 0;
    job->layers.seen = progress->layer;
    job->layers.seen_ns = clock_ns();
    if (job->layers.begin == 0) {
        job->layers.begin = job->layers.seen;
        job->layers.begin_ns = job->layers.seen_ns;
    }
    return 0;
}

static void print_plan(const struct trawl_plan *plan)
{
    printf("{\"memory_bytes\": %" PRIu64 ", \"least_bytes\": %" PRIu64
           ", \"process_bytes\": %" PRIu64 ", \"model_bytes\": %" PRIu64
           ", \"ring_bytes\": %" PRIu64 ", \"scratch_bytes\": %" PRIu64 ", \"rows_bytes\": %" PRIu64
           ", \"input_bytes\": %" PRIu64 ", \"pinned_bytes\": %" PRIu64
           ", \"rows_per_batch\": %u, \"sweep_bytes\": %" PRIu64 "}\n",
           plan->memory_bytes, plan->least_bytes, plan->process_bytes, plan->model_bytes,
           plan->ring_bytes, plan->scratch_bytes, plan->rows_bytes, plan->input_bytes,
           plan->pinned_bytes, plan->n_rows, plan->first_sweep_bytes);
}

/* Multiply-adds of the matrices, times two, for this run: the last layer has keys and values of
 * every row, the rest of it and the head only for the rows that are read out. Attention itself is
 * not counted. */
static double matrix_operations(const struct trawl_model_info *info,
                                const struct trawl_stats *stats)
{
    double embd = info->n_embd, q = (double)info->n_heads * info->head_dim,
           kv = (double)info->n_kv_heads * info->head_dim;
    double layer = 2 * embd * q + 2 * embd * kv + 3 * embd * info->n_ff;
    double rows = (double)stats->rows, readouts = (double)stats->sequences;
    return 2 * (rows * (layer * (info->n_layers - 1) + 2 * embd * kv) +
                readouts * (layer - 2 * embd * kv + embd * (double)info->n_vocab));
}

static void print_stats(const struct job *job, const struct trawl_model_info *info,
                        const struct trawl_stats *stats)
{
    const struct trawl_plan *plan = &stats->plan;
    double operations = matrix_operations(info, stats);
    double steady_seconds = (double)(job->last_end_ns - job->first_end_ns) * 1e-9, steady_share = 0;
    if (job->n_first)
        steady_share = (double)(job->n_answered - job->n_first) / job->n_answered;
    printf("{\"prompts\": %u, \"tokens\": %u, \"prompt_tokens\": %" PRIu64 ", \"rows\": %" PRIu64
           ", \"sweeps\": %" PRIu64 ", \"rows_per_batch\": %u",
           job->n_prompts, job->n_tokens, stats->prompt_tokens, stats->rows, stats->sweeps,
           plan->n_rows);
    printf(", \"seconds\": %.3f, \"seconds_compute\": %.3f, \"seconds_waiting\": %.3f, "
           "\"seconds_unpacking\": %.3f, \"seconds_products\": %.3f, \"seconds_attention\": %.3f, "
           "\"rows_per_s\": %.2f, \"ops_per_s\": %.4g",
           stats->seconds, stats->seconds_compute, stats->seconds_waiting, stats->seconds_unpacking,
           stats->seconds_products, stats->seconds_attention, (double)stats->rows / stats->seconds,
           operations / stats->seconds);
    if (job->n_first)
        printf(", \"steady_rows_per_s\": %.2f, \"steady_ops_per_s\": %.4g",
               steady_share * (double)stats->rows / steady_seconds,
               steady_share * operations / steady_seconds);
    if (job->n_layers_timed)
        printf(", \"layer_seconds\": %.5f", job->layer_seconds / (double)job->n_layers_timed);
    printf(", \"operations\": %.5g, \"bytes_read\": %" PRIu64
           ", \"bytes_per_s\": %.0f, \"bytes_per_sweep\": %" PRIu64 ", \"pinned_bytes\": %" PRIu64
           ", \"probed_bytes_per_s\": %.0f",
           operations, stats->bytes_read, (double)stats->bytes_read / stats->seconds,
           plan->bytes_per_sweep, plan->pinned_bytes, stats->raw_bytes_per_s);
    printf(", \"bound\": \"%s\", \"bound_ratio\": %.3f, \"memory_bytes\": %" PRIu64
           ", \"peak_memory_bytes\": %" PRIu64
           ", \"threads\": %d, \"cpu\": \"%s\", \"reader\": \"%s\", \"numerics\": \"%s\", "
           "\"mean_logprob\": %.4f}\n",
           stats->bound, stats->bound_ratio, plan->memory_bytes, stats->peak_memory_bytes,
           plan->n_threads, plan->cpu, plan->reader, plan->numerics, job->sum / job->n_answered);
}

static void read_options(struct job *job, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--plan") == 0) {
            job->plan_only = true;
            continue;
        }
        if (strcmp(option, "--exact") == 0) {
            job->run.exact = true;
            continue;
        }
        if (i + 1 == argc)
            stop("an option without its value");
        const char *value = argv[++i];
        uint64_t number = strtoull(value, NULL, 10);
        if (strcmp(option, "-m") == 0)
            job->path = value;
        else if (strcmp(option, "--prompts") == 0)
            job->n_prompts = (uint32_t)number;
        else if (strcmp(option, "--tokens") == 0)
            job->n_tokens = (uint32_t)number;
        else if (strcmp(option, "--prefix") == 0)
            job->n_prefix = (uint32_t)number;
        else if (strcmp(option, "--memory") == 0)
            job->run.memory_bytes = number;
        else if (strcmp(option, "--rows") == 0)
            job->run.n_rows = (uint32_t)number;
        else if (strcmp(option, "--threads") == 0)
            job->run.n_threads = (int)number;
        else if (strcmp(option, "--cpu") == 0)
            job->run.cpu = value;
        else if (strcmp(option, "--reader") == 0)
            job->run.reader = value;
        else if (strcmp(option, "--seed") == 0)
            job->rng = rng_make(number);
        else
            stop("no such option");
    }
    if (!job->path || job->n_prompts < 1 || job->n_tokens < 1 || job->n_prefix >= job->n_tokens)
        stop("usage: bench_run -m MODEL [--prompts N] [--tokens T] [--prefix P] [--memory BYTES] "
             "[--rows N] ...");
}

int main(int argc, char **argv)
{
    struct job job = {.n_prompts = 8, .n_tokens = 64, .rng = rng_make(1)};
    read_options(&job, argc, argv);
    struct error err;
    struct trawl_model *model =
        trawl_model_open(&(struct trawl_model_options){.path = job.path}, &err);
    struct trawl_model_info info;
    if (!model || trawl_model_info(model, &info, &err) < 0)
        stop(err.text);
    if (job.plan_only) {
        struct trawl_plan plan;
        if (trawl_plan(model, &job.run, job.n_tokens, &plan, &err) < 0)
            stop(err.text);
        print_plan(&plan);
        trawl_model_close(model);
        return 0;
    }
    job.n_vocab = info.n_vocab;
    job.ids = calloc(job.n_tokens, sizeof *job.ids);
    if (!job.ids)
        stop("no memory");
    const int32_t wanted[] = {0, 1};
    const struct trawl_readout_options readout = {.wanted = wanted, .n_wanted = 2};
    const struct trawl_run_callbacks callbacks = {
        .context = &job, .next = next_prompt, .result = take_answer, .progress = watch_layers};
    struct trawl_stats stats;
    if (trawl_run(model, &job.run, &readout, job.n_tokens, &callbacks, &stats, &err) < 0)
        stop(err.text);
    add_layers(&job);
    print_stats(&job, &info, &stats);
    free(job.ids);
    trawl_model_close(model);
    return 0;
}
