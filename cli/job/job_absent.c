/* Without SQLite nothing is recorded: a job cannot be opened, so the rest is never reached. */

#include "job.h"

#ifndef HAVE_SQLITE

struct job *job_open(const char *path, struct error *err)
{
    fail(err, ERROR_UNSUPPORTED,
         "%s: this trawl was built without SQLite (libsqlite3-dev), which records runs; --no-job "
         "runs without",
         path);
    return NULL;
}

void job_close(struct job *job)
{
    (void)job;
}

static int fail_absent(struct error *err)
{
    return fail(err, ERROR_UNSUPPORTED, "this trawl was built without SQLite");
}

int job_begin_run(struct job *job, const struct job_run *run, struct error *err)
{
    (void)job, (void)run;
    return fail_absent(err);
}

int job_first_start(struct job *job, int64_t *seconds, struct error *err)
{
    (void)job, (void)seconds;
    return fail_absent(err);
}

int job_end_run(struct job *job, const struct job_result *result, struct error *err)
{
    (void)job, (void)result;
    return fail_absent(err);
}

int job_recall(struct job *job, const uint8_t key[JOB_HASH_BYTES], double *values,
               uint32_t n_values, struct error *err)
{
    (void)job, (void)key, (void)values, (void)n_values;
    return fail_absent(err);
}

int job_record(struct job *job, const uint8_t key[JOB_HASH_BYTES], const double *values,
               uint32_t n_values, struct error *err)
{
    (void)job, (void)key, (void)values, (void)n_values;
    return fail_absent(err);
}

int job_document(struct job *job, const uint8_t hash[JOB_HASH_BYTES], const char *id,
                 uint64_t n_bytes, struct error *err)
{
    (void)job, (void)hash, (void)id, (void)n_bytes;
    return fail_absent(err);
}

int job_commit(struct job *job, struct error *err)
{
    (void)job;
    return fail_absent(err);
}

int job_facts(struct job *job, struct job_facts *facts, struct error *err)
{
    (void)job, (void)facts;
    return fail_absent(err);
}

int job_each_run(struct job *job,
                 int (*each)(void *context, const struct job_past_run *run, struct error *err),
                 void *context, struct error *err)
{
    (void)job, (void)each, (void)context;
    return fail_absent(err);
}

int job_merge(struct job *job, const char *from, struct error *err)
{
    (void)job, (void)from;
    return fail_absent(err);
}

int job_row(struct job *job, const struct job_row *row, struct error *err)
{
    (void)job, (void)row;
    return fail_absent(err);
}

int job_each_line(struct job *job,
                  int (*each)(void *context, const struct job_line *line, struct error *err),
                  void *context, struct error *err)
{
    (void)job, (void)each, (void)context;
    return fail_absent(err);
}

int job_find_trouble(struct job *job, const char *id, const uint8_t state[JOB_HASH_BYTES],
                     struct bytes *why, struct error *err)
{
    (void)job, (void)id, (void)state, (void)why;
    return fail_absent(err);
}

int job_record_trouble(struct job *job, const char *id, const uint8_t *state, const char *why,
                       struct error *err)
{
    (void)job, (void)id, (void)state, (void)why;
    return fail_absent(err);
}

int job_forget_trouble(struct job *job, const char *id, struct error *err)
{
    (void)job, (void)id;
    return fail_absent(err);
}

#endif
