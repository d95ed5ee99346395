#include "report.h"

#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(n)   unit_count(n).text
#define BYTES(n)   unit_bytes((double)(n)).text
#define MEMORY(n)  unit_memory(n).text
#define SECONDS(s) unit_seconds(s).text

static double per_second(double n, double seconds)
{
    return seconds > 0 ? n / seconds : 0;
}

static uint64_t n_skipped(const struct report *report)
{
    return report->binary + report->unreadable + report->stats.too_long;
}

/* How many of all documents a sample says match: Wilson's interval at 95 %, which stays sensible
 * for few documents and shares near 0 and 1. */
static void print_estimate(const struct report *report, struct out *out)
{
    double n = (double)report->stats.documents, share = (double)report->stats.yes / n;
    double z = 1.96, wide = 1 + z * z / n;
    double middle = (share + z * z / (2 * n)) / wide;
    double half = z / wide * sqrt(share * (1 - share) / n + z * z / (4 * n * n));
    out_format(out, "estimate    of all %s documents %.0f%% match (%.0f%% to %.0f%%)\n",
               COUNT(report->sampled_from), 100 * share, 100 * fmax(middle - half, 0),
               100 * fmin(middle + half, 1));
}

static void print_sheet(const struct report *report, struct out *out)
{
    const struct trawl_stats *stats = &report->stats;
    out_format(out, "documents   %s of %s questions", COUNT(stats->documents),
               COUNT(report->n_questions));
    out_format(out, ": %s blank, %s binary, %s unreadable, %s too long\n", COUNT(stats->blank),
               COUNT(report->binary), COUNT(report->unreadable), COUNT(stats->too_long));
    out_format(out, "prompts     %s run, %s remembered", COUNT(stats->sequences),
               COUNT(stats->recalled));
    if (stats->skipped > 0)
        out_format(out, "; %s answers not wanted, of %s documents the rest in a later sweep",
                   COUNT(stats->skipped), COUNT(stats->waited));
    out_char(out, '\n');
}

static void print_requests(const struct report *report, struct out *out)
{
    out_format(out, "requests    %s: %s completed, %s failed\n",
               COUNT(report->completed + report->failed), COUNT(report->completed),
               COUNT(report->failed));
    out_format(out, "prompts     %s run, %s remembered\n", COUNT(report->stats.sequences),
               COUNT(report->stats.recalled));
}

static void print_documents(const struct report *report, struct out *out)
{
    const struct trawl_stats *stats = &report->stats;
    if (report->of_requests) {
        print_requests(report, out);
        return;
    }
    if (!report->asked) {
        out_format(out, "sequences   %s\n", COUNT(stats->sequences));
        return;
    }
    if (report->n_questions > 0) {
        print_sheet(report, out);
        return;
    }
    out_format(out, "documents   %s", COUNT(stats->documents));
    if (report->sampled_from > 0)
        out_format(out, " sampled from %s", COUNT(report->sampled_from));
    out_format(out, ": %s yes, %s no, %s unsure", COUNT(stats->yes), COUNT(stats->no),
               COUNT(stats->unsure));
    if (stats->blank > 0)
        out_format(out, ", %s blank", COUNT(stats->blank));
    out_char(out, '\n');
    if (report->sampled_from > stats->documents && stats->documents > 0)
        print_estimate(report, out);
    if (n_skipped(report) > 0)
        out_format(out, "skipped     %s: %s binary, %s unreadable, %s too long\n",
                   COUNT(n_skipped(report)), COUNT(report->binary), COUNT(report->unreadable),
                   COUNT(stats->too_long));
}

void report_screen(const struct report *report, struct out *out)
{
    const struct trawl_stats *stats = &report->stats;
    const struct trawl_plan *plan = &stats->plan;
    double prompt = (double)stats->prompt_tokens;
    print_documents(report, out);
    out_format(out, "tokens      %s, of which %s (%.1f%%) shared: %s rows\n",
               COUNT(stats->prompt_tokens), COUNT(stats->shared_tokens),
               prompt > 0 ? 100 * (double)stats->shared_tokens / prompt : 0, COUNT(stats->rows));
    out_format(out, "sweeps      %s, %s read, up to %s rows each, %s of %s slices kept in memory\n",
               COUNT(stats->sweeps), BYTES(stats->bytes_read), COUNT(plan->n_rows),
               COUNT(plan->n_pinned), COUNT(plan->n_slices));
    out_format(out, "memory      %s at most, budget %s\n", MEMORY(stats->peak_memory_bytes),
               MEMORY(plan->memory_bytes));
    double compute = stats->seconds_compute > 0 ? stats->seconds_compute / 100 : 1;
    out_format(
        out,
        "time        %s: %s computing (%.0f%% products, %.0f%% unpacking, %.0f%% attention), "
        "%s waiting for the disk%s%s\n",
        SECONDS(stats->seconds), SECONDS(stats->seconds_compute), stats->seconds_products / compute,
        stats->seconds_unpacking / compute, stats->seconds_attention / compute,
        SECONDS(stats->seconds_waiting), stats->seconds_paused > 0 ? "; paused " : "",
        stats->seconds_paused > 0 ? SECONDS(stats->seconds_paused) : "");
    out_format(out, "rate        %.1f prompt tokens/s, %s/s from disk (it gives %s/s)\n",
               per_second(prompt, stats->seconds),
               BYTES(per_second((double)stats->bytes_read, stats->seconds)),
               BYTES(stats->raw_bytes_per_s));
    out_format(out, "bound       %s, reached to %.0f%%; %d threads, %s, %s\n",
               stats->bound ? stats->bound : "none", 100 * stats->bound_ratio, plan->n_threads,
               plan->cpu ? plan->cpu : "?", plan->numerics);
}

void report_json(const struct report *report, struct out *out)
{
    const struct trawl_stats *stats = &report->stats;
    const struct trawl_plan *plan = &stats->plan;
    out_format(out, "{\"documents\": %" PRIu64, stats->documents);
    out_key_count(out, "yes", stats->yes);
    out_key_count(out, "no", stats->no);
    out_key_count(out, "unsure", stats->unsure);
    out_key_count(out, "selected", report->selected);
    out_key_count(out, "blank", stats->blank);
    out_key_count(out, "skipped", n_skipped(report));
    out_key_count(out, "binary", report->binary);
    out_key_count(out, "unreadable", report->unreadable);
    out_key_count(out, "too_long", stats->too_long);
    if (report->sampled_from > 0)
        out_key_count(out, "sampled_from", report->sampled_from);
    if (report->of_requests) {
        out_format(out, ", \"requests\": {\"total\": %" PRIu64, report->completed + report->failed);
        out_key_count(out, "completed", report->completed);
        out_key_count(out, "failed", report->failed);
        out_char(out, '}');
        out_key_count(out, "recalled", stats->recalled);
        out_key_count(out, "resumed_layers", stats->resumed_layers);
    }
    if (report->n_questions > 0) {
        out_key_count(out, "questions", report->n_questions);
        out_key_count(out, "recalled", stats->recalled);
        out_key_count(out, "skipped_answers", stats->skipped);
        out_key_count(out, "waited", stats->waited);
        out_key_count(out, "resumed_layers", stats->resumed_layers);
    }
    out_key_count(out, "sequences", stats->sequences);
    out_key_count(out, "prompt_tokens", stats->prompt_tokens);
    out_key_count(out, "rows", stats->rows);
    out_key_count(out, "shared_tokens", stats->shared_tokens);
    out_key_count(out, "sweeps", stats->sweeps);
    out_key_count(out, "bytes_read", stats->bytes_read);
    out_key_number(out, "seconds", stats->seconds);
    out_key_number(out, "seconds_compute", stats->seconds_compute);
    out_key_number(out, "seconds_waiting", stats->seconds_waiting);
    out_key_number(out, "seconds_unpacking", stats->seconds_unpacking);
    out_key_number(out, "seconds_products", stats->seconds_products);
    out_key_number(out, "seconds_attention", stats->seconds_attention);
    out_key_number(out, "disk_seconds", stats->disk_seconds);
    out_key_number(out, "prompt_tokens_per_s",
                   per_second((double)stats->prompt_tokens, stats->seconds));
    out_key_number(out, "raw_bytes_per_s", stats->raw_bytes_per_s);
    out_key_count(out, "peak_memory_bytes", stats->peak_memory_bytes);
    out_key_count(out, "memory_bytes", plan->memory_bytes);
    out_key_count(out, "pinned_bytes", plan->pinned_bytes);
    out_key_count(out, "rows_per_batch", plan->n_rows);
    out_key_text(out, "bound", stats->bound);
    out_key_number(out, "bound_ratio", stats->bound_ratio);
    out_key_count(out, "threads", (uint64_t)(plan->n_threads > 0 ? plan->n_threads : 0));
    out_key_text(out, "cpu", plan->cpu);
    out_key_text(out, "numerics", plan->numerics);
    out_key_text(out, "reader", plan->reader);
    out_key_number(out, "seconds_paused", stats->seconds_paused);
    if (report->calibration)
        out_key_text(out, "calibration", report->calibration);
    if (report->estimate) {
        out_text(out, ", \"estimate\": ");
        estimate_json(report->estimate, out);
    }
    out_text(out, "}\n");
}

void report_options_read(struct report_options *options, const struct arguments *arguments)
{
    *options = (struct report_options){.show_progress = isatty(STDERR_FILENO)};
    for (size_t i = 0; i < arguments->n_uses; i++) {
        const struct option_use *use = &arguments->uses[i];
        if (use->row->id == OPTION_STATS)
            options->stats_path = use->value;
        else if (use->row->id == OPTION_PROGRESS || use->row->id == OPTION_NO_PROGRESS)
            options->show_progress = use->row->id == OPTION_PROGRESS;
    }
}

int stats_file_open(struct stats_file *stats, const char *path, struct error *err)
{
    *stats = (struct stats_file){.path = path};
    if (!path || strcmp(path, "-") == 0)
        return 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    stats->file = fd < 0 ? NULL : fdopen(fd, "w");
    if (stats->file)
        return 0;
    fail_errno(err, ERROR_IO, errno, "%s", path);
    if (fd >= 0)
        close(fd);
    return -1;
}

int stats_file_save(struct stats_file *stats, const struct report *report, struct error *err)
{
    if (!stats->path)
        return 0;
    struct out out = {.file = stats->file ? stats->file : stdout};
    struct stat st;
    if (stats->file && fstat(fileno(stats->file), &st) == 0 && S_ISREG(st.st_mode) &&
        ftruncate(fileno(stats->file), 0) < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", stats->path);
    report_json(report, &out);
    return out_flush(&out, err) < 0 ? fail_context(err, "%s", stats->path) : 0;
}

void stats_file_close(struct stats_file *stats)
{
    if (stats->file)
        fclose(stats->file);
    stats->file = NULL;
}

void report_memory(const struct trawl_plan *plan, struct out *out)
{
    const struct {
        const char *what;
        uint64_t n_bytes;
    } parts[] = {
        {"program and threads", plan->process_bytes},
        {"vocabulary, directory, norms, adapters", plan->model_bytes},
        {"slices in flight", plan->ring_bytes},
        {"scratch of the threads", plan->scratch_bytes},
        {"rows of a batch", plan->rows_bytes},
        {"documents and prompts waiting", plan->input_bytes},
        {"slices that stay in memory", plan->pinned_bytes},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        out_format(out, "  %-40s %12s\n", parts[i].what, MEMORY(parts[i].n_bytes));
}

void report_dry_run(const struct report *report, struct out *out)
{
    const struct trawl_stats *stats = &report->stats;
    const struct trawl_plan *plan = &stats->plan;
    if (report->of_requests) {
        print_requests(report, out);
    } else {
        out_format(out, "documents   %s", COUNT(stats->documents));
        if (report->sampled_from > 0)
            out_format(out, " sampled from %s", COUNT(report->sampled_from));
        out_format(out, ", %s blank, %s too long; files: %s binary, %s unreadable\n",
                   COUNT(stats->blank), COUNT(stats->too_long), COUNT(report->binary),
                   COUNT(report->unreadable));
    }
    out_format(out, "tokens      %s in %s prompts, of which %s shared", COUNT(stats->prompt_tokens),
               COUNT(stats->sequences), COUNT(stats->shared_tokens));
    if (stats->recalled > 0)
        out_format(out, "; %s prompts are remembered", COUNT(stats->recalled));
    out_char(out, '\n');
    double unshared = (double)stats->prompt_tokens;
    out_format(out,
               "rows        %s, %.1f%% of what they would be without sharing; up to %s a batch\n",
               COUNT(stats->rows), unshared > 0 ? 100 * (double)stats->rows / unshared : 100,
               COUNT(plan->n_rows));
    out_format(out, "sweeps      %s, %s each after the first\n", COUNT(stats->sweeps),
               BYTES(plan->bytes_per_sweep));
    out_format(out, "bytes       %s to read\n", BYTES(stats->bytes_read));
    out_format(out, "memory      budget %s, least that would do %s\n", MEMORY(plan->memory_bytes),
               MEMORY(plan->least_bytes));
    report_memory(plan, out);
    if (report->estimate)
        estimate_screen(report->estimate, out);
}

int report_end(struct report *report, struct stats_file *stats, const struct trawl_model *model,
               const struct trawl_run_options *run, bool shows, struct error *err)
{
    struct out screen = {.file = stderr}, out = {.file = stdout};
    struct estimate estimate;
    if (run->dry_run) {
        estimate_make(&estimate, model, run, &report->stats);
        report->estimate = &estimate;
        report_dry_run(report, &out);
    } else {
        estimate_record(model, &report->stats);
        if (shows)
            report_screen(report, &screen);
    }
    int status = out_flush(&out, err) < 0 ? -1 : stats_file_save(stats, report, err);
    report->estimate = NULL;
    return status;
}
