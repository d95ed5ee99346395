#ifndef GREP_RUN_H
#define GREP_RUN_H
/* Asking: documents go from the source to the engine, wait in a queue until they are answered, and
 * leave to the sink in input order, with the ends of their files between them. */

#include "grep_options.h"
#include "output/progress.h"
#include "output/report.h"

struct grep_run {
    const struct grep_options *options;
    struct source *source; /* owned */
    struct sink *sink;     /* owned; NULL: nothing is printed */
    struct out *out;
    struct progress progress;
    struct power power;
    struct report report;
    struct stats_file stats;
    struct item *queue, **queue_end; /* pulled and not yet answered, oldest first */
    struct holding ends;             /* of the ends of files among them */
    struct holding sample;           /* --sample */
    struct holding kept;             /* answered ones that the sinks keep */
    struct item *lent;               /* the engine reads its text until the next call */
    uint64_t n_yes;                  /* answers at or above the threshold, calibrated */
    bool keep_text;                  /* the sink prints it */
    bool any_selected, any_trouble, done;
};

/* Opens the source, with what [plan] leaves for documents. */
int grep_run_open(struct grep_run *run, const struct trawl_plan *plan,
                  struct error *err) MUST_CHECK;

/* Tells what is wrong with a file that has been read, and counts it. [context]: the run. */
void grep_run_note(void *context, const struct input_file *file);

/* Opens, pulls, asks and prints everything. [model] is borrowed. The run's statistics are in report
 * afterwards, also on failure. */
int grep_run_all(struct grep_run *run, const struct trawl_model *model,
                 struct error *err) MUST_CHECK;

/* The exit status by grep's rules. */
int grep_run_status(const struct grep_run *run);

void grep_run_deinit(struct grep_run *run);

#endif
