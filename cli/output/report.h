#ifndef REPORT_H
#define REPORT_H
/* What a run did: a screen for people, a JSON object for programs. */

#include "../arguments.h"
#include "../estimate/estimate.h"
#include "out.h"
#include "trawl.h"

struct report {
    struct trawl_stats stats;
    bool asked;           /* documents were asked; else sequences were scored */
    uint64_t n_questions; /* of a sheet; 0: documents match or do not */
    bool of_requests;     /* requests were served, so many, and not */
    uint64_t completed, failed;
    uint64_t selected;     /* documents that were printed or would have been */
    uint64_t binary;       /* files that were skipped because of NUL bytes */
    uint64_t unreadable;   /* files that were missing or failed */
    uint64_t sampled_from; /* documents that --sample chose from, 0: no sampling */

    const char *calibration;         /* its method, NULL: none */
    const struct estimate *estimate; /* of a dry run, NULL: none */
};

/* How a run is told of: --stats, --progress and --no-progress. */
struct report_options {
    const char *stats_path; /* NULL: none is wanted */
    bool show_progress;     /* and the screen at the end; default: to a terminal */
};
void report_options_read(struct report_options *options, const struct arguments *arguments);

void report_screen(const struct report *report, struct out *out);
/* The keys are documented in docs/commands.md. */
void report_json(const struct report *report, struct out *out);

/* The file of --stats. It is opened before the run, so that a name that cannot be written is told
 * before the work is done; what it holds is replaced when the report is saved. */
struct stats_file {
    const char *path; /* NULL: none is wanted; "-": standard output */
    FILE *file;
};
int stats_file_open(struct stats_file *stats, const char *path, struct error *err) MUST_CHECK;
int stats_file_save(struct stats_file *stats, const struct report *report,
                    struct error *err) MUST_CHECK;
void stats_file_close(struct stats_file *stats); /* legal on a zeroed one */

/* What --dry-run says. */
void report_dry_run(const struct report *report, struct out *out);
/* What is said of a run of `ask` or `batch` that went to its end: what --dry-run says, with the
 * time that the run would take, or, where [shows], the summary; and --stats. Keeps the rates. */
int report_end(struct report *report, struct stats_file *stats, const struct trawl_model *model,
               const struct trawl_run_options *run, bool shows, struct error *err) MUST_CHECK;
/* What a plan's memory consists of, a line each, also used by inspect. */
void report_memory(const struct trawl_plan *plan, struct out *out);

#endif
