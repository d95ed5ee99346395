#ifndef RECORDING_H
#define RECORDING_H
/* A run that is recorded in a job, whatever it computes: its beginning and end, what is written
 * down after a sweep and between two layers of one, and how it stops when a signal asks it to. With
 * no job all of it does nothing but stop. */

#include "arguments.h"
#include "job/job.h"
#include "trawl.h"

struct recording {
    struct job *job;        /* NULL: not recorded; closed by recording_close */
    const char *path;       /* of the job; borrowed */
    bool dry_run;           /* nothing is written down */
    uint64_t checkpoint_ns; /* between two writings of a sweep's state */
    struct bytes command;   /* the words of this run */
    uint32_t plan_rows;     /* 0: not planned yet */
    bool has_sweep_file;    /* of a sweep that has not ended yet */
    uint64_t saved_ns,
        stop_ns; /* when it was written, or its sweep begun; when to stop was asked */
};

/* ---- Options ---- */

#define RECORDING_CHECKPOINT_NS UINT64_C(600000000000) /* 10 minutes */

/* Of --checkpoint. */
int recording_read_checkpoint(const struct option_use *use, uint64_t *ns,
                              struct error *err) MUST_CHECK;
/* Where a run is recorded: [given], or beside its [output]; each may be NULL. *path is NULL where
 * it is not, else to be freed. */
int recording_path(const char *given, bool no_job, const char *output, char **path,
                   struct error *err) MUST_CHECK;

/* ---- The run ---- */

/* Opens the job of [path], NULL: none. A dry run looks into one that is there and makes none. */
int recording_open(struct recording *recording, const struct arguments *arguments, const char *path,
                   bool dry_run, struct error *err) MUST_CHECK;
void recording_close(struct recording *recording);

struct recorded_run {
    const char *output; /* as given; NULL: standard output */
    const char *template_name;
};
/* Once it is planned. */
int recording_begin(struct recording *recording, const struct trawl_model *model,
                    const struct trawl_plan *plan, const struct recorded_run *run,
                    struct error *err) MUST_CHECK;
/* [failure] NULL: all is done, and a suspended sweep beside the job goes. */
int recording_end(struct recording *recording, const struct trawl_stats *stats,
                  const struct error *failure, struct error *err) MUST_CHECK;

/* The rows that the plan is to have: those of the run whose sweep was suspended; 0: any. */
uint32_t recording_rows(const struct recording *recording);

/* After a sweep: what it answered is on disk. */
int recording_swept(struct recording *recording, struct error *err) MUST_CHECK;
/* Within a sweep: whether it is to stop now. */
bool recording_stops(struct recording *recording);
/* Between two layers, as trawl_run_callbacks has them. The batch's key must tell model, adapters
 * and numerics too. */
int recording_suspend(struct recording *recording, const struct trawl_suspended *suspended,
                      struct error *err) MUST_CHECK;
int recording_resume(struct recording *recording, struct trawl_suspended *suspended);

/* Says how to go on after a signal; [what] are done. */
void recording_tell_stop(const struct recording *recording, uint64_t n_done, const char *what);

#endif
