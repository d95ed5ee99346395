#ifndef RECORDING_H
#define RECORDING_H
/* A run that is recorded in a job, whatever it computes: its beginning and end, what is written
 * down after a sweep and between two layers of one, and how it pauses and stops (power.h). With no
 * job all of it does nothing but pause and stop. */

#include "arguments.h"
#include "job/job.h"
#include "power/power.h"
#include "trawl.h"

struct recording {
    struct job *job;        /* NULL: not recorded; closed by recording_close */
    const char *path;       /* of the job; borrowed */
    bool dry_run;           /* nothing is written down */
    uint64_t checkpoint_ns; /* of the options */
    struct power power;     /* begun and ended by the command */
    struct bytes command;   /* the words of this run */
    uint32_t plan_rows;     /* 0: not planned yet */
    bool has_sweep_file;    /* of a sweep that has not ended yet */
    uint64_t saved_ns,
        stop_ns; /* when it was written, or its sweep begun; when to stop was asked */
};

/* ---- Options ---- */

struct recording_options {
    char *job;              /* owned; NULL: the run is not recorded */
    uint64_t checkpoint_ns; /* between two writings of a sweep's state */
};

/* --job, --no-job and --checkpoint. Without them a run that writes a file, [output], is recorded
 * beside it; NULL: it writes none. To be deinited after a failure too. */
int recording_options_read(struct recording_options *options, const struct arguments *arguments,
                           const char *output, struct error *err) MUST_CHECK;
void recording_options_deinit(struct recording_options *options);

/* ---- The run ---- */

/* Opens the job, if there is to be one. A dry run looks into one that is there and makes none. */
int recording_open(struct recording *recording, const struct arguments *arguments,
                   const struct recording_options *options, bool dry_run,
                   struct error *err) MUST_CHECK;
void recording_close(struct recording *recording);

/* Whether there is a job to write to. */
bool recording_writes(const struct recording *recording);

/* The rows that the engine is to be given instead of [n_rows] of the options: where these are 0,
 * those of the run whose sweep was suspended. */
uint32_t recording_rows(const struct recording *recording, uint32_t n_rows);
/* Whether the engine, which failed with [err], is to be run anew with [n_rows] of the options:
 * there is less memory than when the sweep was suspended. [err] is forgotten then. */
bool recording_replans(const struct recording *recording, uint32_t n_rows, struct error *err);

/* Once it is planned. Of [run] the output (as given, NULL: standard output), the template (NULL:
 * the model's own), the sheet and its questions are read. */
int recording_begin(struct recording *recording, const struct trawl_model *model,
                    const struct trawl_plan *plan, const struct job_run *run,
                    struct error *err) MUST_CHECK;
/* [status] of the run, with [err] where it is -1: returns it, or -1 if the end cannot be written
 * down. After 0 a suspended sweep beside the job goes. */
int recording_end(struct recording *recording, const struct trawl_stats *stats, int status,
                  struct error *err) MUST_CHECK;

/* After a sweep: what it answered is on disk. */
int recording_swept(struct recording *recording, struct error *err) MUST_CHECK;
/* The next three are for the callbacks of the same names. Within a sweep: shows [now], and says
 * whether to stop. */
int recording_progress(struct recording *recording, struct progress *progress,
                       const struct trawl_progress *now);
/* The batch's key must tell model, adapters and numerics too. */
int recording_suspend(struct recording *recording, const struct trawl_suspended *suspended,
                      struct error *err) MUST_CHECK;
int recording_resume(struct recording *recording, struct trawl_suspended *suspended);

/* Says why a run failed, with [err], or how to go on after it was stopped, which then is in [err];
 * [what] are done. The exit status. */
int recording_tell_failure(const struct recording *recording, uint64_t n_done, const char *what,
                           struct error *err);

#endif
