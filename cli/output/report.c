#include "report.h"

#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

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

static void print_documents(const struct report *report, struct out *out)
{
    const struct trawl_stats *stats = &report->stats;
    if (!report->asked) {
        out_format(out, "sequences   %s\n", COUNT(stats->sequences));
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
    out_format(out, "time        %s: %s computing, %s waiting for the disk\n",
               SECONDS(stats->seconds), SECONDS(stats->seconds_compute),
               SECONDS(stats->seconds_waiting));
    out_format(out, "rate        %.1f prompt tokens/s, %s/s from disk (it gives %s/s)\n",
               per_second(prompt, stats->seconds),
               BYTES(per_second((double)stats->bytes_read, stats->seconds)),
               BYTES(stats->raw_bytes_per_s));
    out_format(out, "bound       %s, reached to %.0f%%; %d threads, %s, %s\n",
               stats->bound ? stats->bound : "none", 100 * stats->bound_ratio, plan->n_threads,
               plan->cpu ? plan->cpu : "?", plan->numerics);
}

static void key_count(struct out *out, const char *key, uint64_t value)
{
    out_format(out, ", \"%s\": %" PRIu64, key, value);
}

static void key_number(struct out *out, const char *key, double value)
{
    out_format(out, ", \"%s\": ", key);
    out_number(out, value);
}

static void key_text(struct out *out, const char *key, const char *value)
{
    out_format(out, ", \"%s\": ", key);
    if (value)
        out_json_text(out, value, strlen(value));
    else
        out_text(out, "null");
}

void report_json(const struct report *report, struct out *out)
{
    const struct trawl_stats *stats = &report->stats;
    const struct trawl_plan *plan = &stats->plan;
    out_format(out, "{\"documents\": %" PRIu64, stats->documents);
    key_count(out, "yes", stats->yes);
    key_count(out, "no", stats->no);
    key_count(out, "unsure", stats->unsure);
    key_count(out, "selected", report->selected);
    key_count(out, "blank", stats->blank);
    key_count(out, "skipped", n_skipped(report));
    key_count(out, "binary", report->binary);
    key_count(out, "unreadable", report->unreadable);
    key_count(out, "too_long", stats->too_long);
    if (report->sampled_from > 0)
        key_count(out, "sampled_from", report->sampled_from);
    key_count(out, "sequences", stats->sequences);
    key_count(out, "prompt_tokens", stats->prompt_tokens);
    key_count(out, "rows", stats->rows);
    key_count(out, "shared_tokens", stats->shared_tokens);
    key_count(out, "sweeps", stats->sweeps);
    key_count(out, "bytes_read", stats->bytes_read);
    key_number(out, "seconds", stats->seconds);
    key_number(out, "seconds_compute", stats->seconds_compute);
    key_number(out, "seconds_waiting", stats->seconds_waiting);
    key_number(out, "disk_seconds", stats->disk_seconds);
    key_number(out, "prompt_tokens_per_s",
               per_second((double)stats->prompt_tokens, stats->seconds));
    key_number(out, "raw_bytes_per_s", stats->raw_bytes_per_s);
    key_count(out, "peak_memory_bytes", stats->peak_memory_bytes);
    key_count(out, "memory_bytes", plan->memory_bytes);
    key_count(out, "pinned_bytes", plan->pinned_bytes);
    key_count(out, "rows_per_batch", plan->n_rows);
    key_text(out, "bound", stats->bound);
    key_number(out, "bound_ratio", stats->bound_ratio);
    key_count(out, "threads", (uint64_t)(plan->n_threads > 0 ? plan->n_threads : 0));
    key_text(out, "cpu", plan->cpu);
    key_text(out, "numerics", plan->numerics);
    key_text(out, "reader", plan->reader);
    out_text(out, "}\n");
}

int report_save(const struct report *report, const char *path, struct error *err)
{
    bool to_stdout = strcmp(path, "-") == 0;
    FILE *file = to_stdout ? stdout : fopen(path, "we");
    if (!file)
        return fail_errno(err, ERROR_IO, errno, "%s", path);
    struct out out = {.file = file};
    report_json(report, &out);
    int status = out_flush(&out, err);
    if (!to_stdout && fclose(file) != 0 && status == 0)
        status = fail_errno(err, ERROR_IO, errno, "write error");
    return status < 0 ? fail_context(err, "%s", path) : 0;
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
    out_format(out, "documents   %s", COUNT(stats->documents));
    if (report->sampled_from > 0)
        out_format(out, " sampled from %s", COUNT(report->sampled_from));
    out_format(out, ", %s blank, %s too long; files: %s binary, %s unreadable\n",
               COUNT(stats->blank), COUNT(stats->too_long), COUNT(report->binary),
               COUNT(report->unreadable));
    out_format(out, "tokens      %s in %s prompts, of which %s shared\n",
               COUNT(stats->prompt_tokens), COUNT(stats->sequences), COUNT(stats->shared_tokens));
    out_format(out, "rows        %s, %s a batch\n", COUNT(stats->rows), COUNT(plan->n_rows));
    out_format(out, "sweeps      %s, %s each after the first\n", COUNT(stats->sweeps),
               BYTES(plan->bytes_per_sweep));
    out_format(out, "bytes       %s to read\n", BYTES(stats->bytes_read));
    out_format(out, "memory      budget %s, least that would do %s\n", MEMORY(plan->memory_bytes),
               MEMORY(plan->least_bytes));
    report_memory(plan, out);
}
