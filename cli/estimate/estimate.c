#include "estimate.h"

#include "../output/units.h"
#include "base/memory.h"
#include "base/pool.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define COUNT(n)   unit_count(n).text
#define SECONDS(s) unit_seconds(s).text

/* A shorter run tells of its beginning and end. */
#define TELLING_SECONDS 2.0

/* ---- From runs to rates and back ---- */

static double per(double n, double of)
{
    return of > 0 ? n / of : 0;
}

/* What one row costs, in units of [multiplied] and [attended]. */
static struct work work_of_row(const struct trawl_stats *stats, const struct trawl_model_info *info)
{
    const struct trawl_plan *plan = &stats->plan;
    double width = (double)info->n_layers * info->n_heads * info->head_dim;
    double read_out = per((double)stats->sequences, (double)stats->rows);
    return (struct work){
        .multiplied = (double)plan->layer_weights + read_out * (double)plan->head_weights,
        .attended = per((double)stats->prompt_tokens, (double)stats->sequences) * width};
}

/* Weights that [n] sweeps unpack: what stays unpacked, once. */
static double unpacked_by(const struct trawl_plan *plan, double n)
{
    double all = (double)(plan->layer_weights + plan->head_weights);
    return n > 0 ? all + (n - 1) * (all - (double)plan->kept_weights) : 0;
}

struct work work_of(const struct trawl_stats *stats, const struct trawl_model_info *info)
{
    const struct trawl_plan *plan = &stats->plan;
    struct work row = work_of_row(stats, info);
    return (struct work){.unpacked = unpacked_by(plan, (double)stats->sweeps),
                         .multiplied = (double)stats->rows * row.multiplied,
                         .attended = (double)stats->rows * row.attended};
}

struct compute_rates rates_of(const struct trawl_stats *stats, const struct work *work)
{
    double rest = stats->seconds_compute - stats->seconds_unpacking - stats->seconds_attention;
    return (struct compute_rates){.unpack = per(stats->seconds_unpacking, work->unpacked),
                                  .multiply = per(fmax(rest, 0), work->multiplied),
                                  .attend = per(stats->seconds_attention, work->attended)};
}

void estimate_record(const struct trawl_model *model, const struct trawl_stats *stats)
{
    struct trawl_model_info info;
    struct error ignored;
    if (stats->seconds_compute < TELLING_SECONDS || stats->rows == 0 || stats->resumed_layers > 0 ||
        strcmp(stats->plan.reader, "null") == 0 || trawl_model_info(model, &info, &ignored) < 0)
        return;
    struct rates_key key = rates_key_make(stats->plan.n_threads, stats->plan.numerics, info.path);
    struct work work = work_of(stats, &info);
    struct rates rates = {.compute = rates_of(stats, &work),
                          .compute_origin = RATES_OF_MODEL,
                          .disk_bytes_per_s = stats->raw_bytes_per_s};
    int rc = rates_save(&key, &rates, &ignored);
    (void)rc; /* a cache that cannot be written is no trouble of the run's */
}

/* ---- Measuring ---- */

enum { PROBE_TOKENS = 256, PROBE_SEQUENCES = 2 };
#define PROBE_SECONDS 0.7

struct probe {
    uint32_t n_vocab, n_tokens; /* of each sequence */
    int32_t ids[PROBE_TOKENS];
    int n_given;
    double done; /* of the sweep */
    uint64_t n_rows;
};

static int next_probe(void *context, struct trawl_sequence *sequence, struct error *err)
{
    struct probe *probe = context;
    (void)err;
    if (probe->n_given == PROBE_SEQUENCES)
        return 0;
    for (uint32_t i = 0; i < probe->n_tokens; i++)
        probe->ids[i] =
            (int32_t)(((uint32_t)probe->n_given + 1) * (i + 17) * 7919u % probe->n_vocab);
    probe->n_given++;
    *sequence = (struct trawl_sequence){
        .ids = probe->ids, .n_ids = probe->n_tokens, .first_readout = probe->n_tokens - 1};
    return 1;
}

static int take_probe(void *context, const struct trawl_result *result, struct error *err)
{
    (void)context, (void)result, (void)err;
    return 0;
}

static int stop_probe(void *context, const struct trawl_progress *progress)
{
    struct probe *probe = context;
    probe->done = progress->sweep_done;
    probe->n_rows = progress->batch_rows;
    return progress->seconds - progress->seconds_waiting >= PROBE_SECONDS ||
           progress->seconds >= 3 * PROBE_SECONDS;
}

/* The beginning of a sweep with some hundred rows, as any run would make it, in no more memory than
 * [plan] has. What is known already stays. */
static void measure(struct rates *rates, const struct trawl_model *model,
                    const struct trawl_model_info *info, const struct trawl_run_options *options,
                    const struct trawl_plan *plan)
{
    static const int32_t wanted[] = {0};
    struct probe probe = {.n_vocab = info->n_vocab, .n_tokens = PROBE_TOKENS};
    if (probe.n_tokens > plan->least_rows)
        probe.n_tokens = plan->least_rows;
    struct trawl_run_options run = *options;
    run.dry_run = false;
    run.memory_bytes = plan->memory_bytes;
    run.n_rows = PROBE_TOKENS * PROBE_SEQUENCES;
    if (run.n_rows > plan->n_rows)
        run.n_rows = plan->n_rows;
    struct trawl_readout_options readout = {.wanted = wanted, .n_wanted = 1};
    struct trawl_run_callbacks callbacks = {
        .context = &probe, .next = next_probe, .result = take_probe, .progress = stop_probe};
    struct trawl_stats stats;
    struct error err = {0};
    int rc = trawl_run(model, &run, &readout, probe.n_tokens, &callbacks, &stats, &err);
    if (rc < 0 && err.kind != ERROR_CANCELLED)
        return;
    bool whole = stats.sweeps > 0;
    double done = whole ? 1 : probe.done;
    stats.sweeps = 1;
    stats.rows = whole ? stats.rows : probe.n_rows;
    stats.sequences = PROBE_SEQUENCES;
    stats.prompt_tokens = (uint64_t)probe.n_tokens * PROBE_SEQUENCES;
    struct work work = work_of(&stats, info);
    work.unpacked *= done;
    work.multiplied *= done;
    work.attended *= done;
    if (rates->compute_origin == RATES_UNKNOWN && work.multiplied > 0) {
        rates->compute = rates_of(&stats, &work);
        rates->compute_origin = RATES_PROBED;
    }
    if (rates->disk_bytes_per_s <= 0 && stats.raw_bytes_per_s > 0) {
        rates->disk_bytes_per_s = stats.raw_bytes_per_s;
        rates->disk_is_probed = true;
    }
}

/* ---- The estimate ---- */

static double row_seconds(const struct estimate *estimate, const struct trawl_stats *stats,
                          const struct trawl_model_info *info)
{
    struct work row = work_of_row(stats, info);
    return row.multiplied * estimate->rates.compute.multiply +
           row.attended * estimate->rates.compute.attend;
}

void estimate_compute(struct estimate *estimate, const struct trawl_stats *stats,
                      const struct trawl_model_info *info)
{
    const struct trawl_plan *plan = &stats->plan;
    double sweeps = (double)stats->sweeps, rows = (double)stats->rows;
    double disk = estimate->rates.disk_bytes_per_s;
    double unpack_all = estimate->rates.compute.unpack * unpacked_by(plan, 1);
    double unpack = estimate->rates.compute.unpack * unpacked_by(plan, 2) - unpack_all;
    double row = row_seconds(estimate, stats, info);
    double read = per((double)plan->bytes_per_sweep, disk),
           first = per((double)plan->first_sweep_bytes, disk);
    /* All sweeps but the last are as full as they get. */
    double full = sweeps > 1 ? fmin(plan->n_rows, rows / (sweeps - 1)) : rows;
    estimate->seconds_input = stats->seconds;
    estimate->seconds_compute =
        estimate->rates.compute.unpack * unpacked_by(plan, sweeps) + rows * row;
    estimate->seconds_disk = sweeps > 0 ? first + (sweeps - 1) * read : 0;
    estimate->seconds = stats->seconds;
    for (int i = 0; i < 3; i++) { /* the first sweep, those between, the last */
        double n = i == 0 ? sweeps > 0 : i == 1 ? fmax(sweeps - 2, 0) : sweeps > 1;
        double in_it = i < 2 ? full : fmax(rows - full * (sweeps - 1), 0);
        estimate->seconds +=
            n * (i == 0 ? fmax(unpack_all + in_it * row, first) : fmax(unpack + in_it * row, read));
    }
    estimate->disk_bound = estimate->seconds_disk > estimate->seconds_compute;
    double hidden = sweeps > 1 ? read - unpack : first - unpack_all;
    estimate->rows_to_hide_disk = fmax(ceil(per(hidden, row)), 0);
}

/* The least budget under which a batch has [n_rows] rows; 0: none does. */
static uint64_t memory_for(const struct trawl_model *model, const struct trawl_run_options *options,
                           const struct trawl_plan *plan, double n_rows)
{
    const double unit = 64 << 20; /* what people say */
    struct trawl_run_options tried = *options;
    struct trawl_plan larger;
    struct error ignored;
    double more = (n_rows - plan->n_rows) * plan->bytes_per_row;
    if (!(more > 0) || more > 1e15)
        return 0;
    tried.n_rows = 0;
    for (int i = 0; i < 4; i++, more *= 1.1) {
        tried.memory_bytes =
            (uint64_t)(ceil(((double)(plan->memory_bytes - plan->pinned_bytes) + more) / unit) *
                       unit);
        if (trawl_plan(model, &tried, plan->least_rows, &larger, &ignored) == 0 &&
            larger.n_rows >= n_rows)
            return tried.memory_bytes;
    }
    return 0;
}

static void say_memory(char text[32], uint64_t n_bytes)
{
    if (n_bytes % (1u << 30) == 0)
        snprintf(text, 32, "%lluG", (unsigned long long)(n_bytes >> 30));
    else
        snprintf(text, 32, "%lluM", (unsigned long long)(n_bytes >> 20));
}

static void advise_disk(struct estimate *estimate, const struct trawl_stats *stats,
                        const struct trawl_run_options *options)
{
    const struct trawl_plan *plan = &stats->plan;
    char *text = estimate->advice, budget[32];
    size_t most = sizeof estimate->advice;
    double in_sweep = fmin((double)plan->n_rows, (double)stats->rows),
           wanted = estimate->rows_to_hide_disk;
    int n = snprintf(text, most, "disk-bound: %s rows a sweep where %s would hide the disk; ",
                     COUNT((uint64_t)in_sweep), COUNT((uint64_t)wanted));
    text += n;
    most -= (size_t)n;
    say_memory(budget, estimate->memory_to_hide_disk);
    if (stats->sweeps <= 1)
        snprintf(text, most, "%.1f times the input would take no longer, and a faster disk helps",
                 per(wanted, in_sweep));
    else if (options->n_rows > 0)
        snprintf(text, most, "a larger --rows, or none, or a faster disk would help");
    else if (estimate->memory_to_hide_disk > 0)
        snprintf(text, most, "--memory %s would do, or a faster disk", budget);
    else
        snprintf(text, most, "a faster disk would help");
}

void estimate_advise(struct estimate *estimate, const struct trawl_stats *stats,
                     const struct trawl_run_options *options, int n_cores)
{
    const struct trawl_plan *plan = &stats->plan;
    char *text = estimate->advice;
    size_t most = sizeof estimate->advice;
    if (estimate->seconds <= 0 || stats->sweeps == 0)
        snprintf(text, most, "%s", stats->sweeps == 0 ? "nothing is left to run" : "");
    else if (estimate->disk_bound)
        advise_disk(estimate, stats, options);
    else if (plan->n_threads < n_cores)
        snprintf(text, most, "compute-bound: more threads (%d of %d cores are used)",
                 plan->n_threads, n_cores);
    else if (options->exact)
        snprintf(text, most, "compute-bound: int8 instead of --exact, or a smaller model");
    else
        snprintf(text, most,
                 "compute-bound: nothing but faster cores, a smaller model, or fewer or shorter "
                 "prompts; more memory or a faster disk would not");
}

void estimate_make(struct estimate *estimate, const struct trawl_model *model,
                   const struct trawl_run_options *options, const struct trawl_stats *stats)
{
    struct trawl_model_info info;
    struct error ignored;
    *estimate = (struct estimate){0};
    if (trawl_model_info(model, &info, &ignored) < 0)
        return;
    struct rates_key key = rates_key_make(stats->plan.n_threads, stats->plan.numerics, info.path);
    rates_load(&key, &estimate->rates);
    if (stats->sweeps > 0 &&
        (estimate->rates.compute_origin == RATES_UNKNOWN || estimate->rates.disk_bytes_per_s <= 0))
        measure(&estimate->rates, model, &info, options, &stats->plan);
    if (stats->sweeps > 0 && estimate->rates.compute_origin == RATES_UNKNOWN)
        return;
    estimate_compute(estimate, stats, &info);
    if (estimate->disk_bound && stats->sweeps > 1) {
        uint64_t needed = memory_for(model, options, &stats->plan, estimate->rows_to_hide_disk);
        estimate->memory_to_hide_disk = needed <= memory_available() ? needed : 0;
    }
    estimate_advise(estimate, stats, options, pool_cores_available());
}

/* ---- What is said ---- */

static const char *origin_name(const struct rates *rates)
{
    static const char *const names[] = {"none", "model", "machine", "probe"};
    return names[rates->compute_origin];
}

void estimate_screen(const struct estimate *estimate, struct out *out)
{
    const struct rates *rates = &estimate->rates;
    if (estimate->seconds <= 0) {
        out_text(out, "time        unknown: nothing was measured here yet, and it cannot be now\n");
        return;
    }
    out_format(out, "time        about %s: %s computing, %s reading weights meanwhile",
               SECONDS(estimate->seconds), SECONDS(estimate->seconds_compute),
               rates->disk_bytes_per_s > 0 ? SECONDS(estimate->seconds_disk) : "?");
    out_format(out, ", %s for the input\n", SECONDS(estimate->seconds_input));
    if (rates->compute_origin == RATES_UNKNOWN) { /* no sweep, no rates */
        out_format(out, "advice      %s\n", estimate->advice);
        return;
    }
    char day[32] = "?";
    time_t when = (time_t)rates->compute_when;
    struct tm local;
    if (localtime_r(&when, &local))
        strftime(day, sizeof day, "%Y-%m-%d", &local);
    out_text(out, "rates       ");
    if (rates->compute_origin == RATES_PROBED)
        out_text(out, "no run has been measured here yet: probed just now, in a second");
    else
        out_format(out, "of a run of %s model on %s",
                   rates->compute_origin == RATES_OF_MODEL ? "this" : "another", day);
    if (rates->disk_bytes_per_s > 0)
        out_format(out, "; the disk gives %s/s%s", unit_bytes(rates->disk_bytes_per_s).text,
                   rates->disk_is_probed ? " (probed)" : "");
    out_char(out, '\n');
    out_format(out, "advice      %s\n", estimate->advice);
}

void estimate_json(const struct estimate *estimate, struct out *out)
{
    const struct rates *rates = &estimate->rates;
    out_text(out, "{\"rates\": ");
    out_json_text(out, origin_name(rates), strlen(origin_name(rates)));
    out_key_number(out, "seconds", estimate->seconds > 0 ? estimate->seconds : NAN);
    out_key_number(out, "seconds_compute", estimate->seconds_compute);
    out_key_number(out, "seconds_disk", rates->disk_bytes_per_s > 0 ? estimate->seconds_disk : NAN);
    out_key_number(out, "seconds_input", estimate->seconds_input);
    out_key_number(out, "disk_bytes_per_s", rates->disk_bytes_per_s);
    out_key_text(out, "bound", estimate->disk_bound ? "disk" : "compute");
    out_key_number(out, "rows_to_hide_disk", estimate->rows_to_hide_disk);
    out_key_count(out, "memory_to_hide_disk", estimate->memory_to_hide_disk);
    out_key_text(out, "advice", estimate->advice);
    out_char(out, '}');
}
