#ifndef BATCH_RUN_H
#define BATCH_RUN_H
/* Serving a batch file: lines become requests, whose choices go to the engine or come from the job,
 * wait in a queue until all before them are complete, and leave as lines. Lines that cannot be
 * served leave at once, to the error file. */

#include "batch_options.h"
#include "output/progress.h"
#include "output/report.h"
#include "recording.h"
#include "requests/reading.h"
#include "requests/request_source.h"
#include "requests/response.h"

/* A file of lines being written. */
struct line_file {
    struct out out;
    const char *path; /* NULL: a standard stream */
};

struct batch_run {
    const struct batch_options *options;
    const struct trawl_model *model;
    struct recording recording;
    struct request_source source;
    struct response_maker maker;
    struct reading_keys keys;
    char numerics[sizeof((struct trawl_plan *)0)->numerics];
    struct line_file output, errors;

    /* Read and not yet written, oldest first. */
    struct request *queue, **queue_end;
    struct request *giving; /* whose choices are being handed out, from [choice] on */
    uint32_t choice;
    size_t queue_bytes, most_queue_bytes;
    uint64_t n_running; /* choices that the engine has */

    uint64_t n_completed, n_failed, n_recalled;
    struct progress progress;
    struct report report;
    struct stats_file stats;
};

/* Runs all of it. Both files are complete when it returns 0. */
int batch_run_all(struct batch_run *run, const struct trawl_model *model,
                  struct error *err) MUST_CHECK;
void batch_run_deinit(struct batch_run *run);

#endif
