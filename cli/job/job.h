#ifndef JOB_H
#define JOB_H
/* A job: what was asked and answered, on disk, so that a run that was killed goes on where it was.
 * One SQLite database (WAL, synchronous FULL) with three tables:
 *
 *     runs       what was asked of which model with which settings, one row a run
 *     documents  by the hash of their content, with the name they last had
 *     answers    what was read out of a prompt, by the hash of all that it depends on (token ids,
 *                read-out, model, adapters, numerics): little-endian doubles
 *
 * The rows of a table are not kept: they are made again from the input and the answers, so that a
 * changed sheet, several models or two merged jobs need no other form. The database is locked by
 * the kernel while it is open; a crash leaves no lock behind. Everything recorded since the last
 * job_commit is lost with the process. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_HASH_BYTES 32

struct job;

/* Opens, or makes where it does not exist; NULL with [err] also where another process has it. */
struct job *job_open(const char *path, struct error *err) MUST_CHECK;
/* Commits what it can. NULL is legal. */
void job_close(struct job *job);

struct job_run {
    const char *output; /* absolute, "" for standard output */
    const char *command, *sheet, *model, *template_name, *numerics;
    const uint8_t *model_hash; /* [JOB_HASH_BYTES] */
};
/* Writes down that a run begins. Refused where the same output was made from the same model under
 * other numerics. */
int job_begin_run(struct job *job, const struct job_run *run, struct error *err) MUST_CHECK;

struct job_result {
    const char *state; /* "done", "stopped", "failed" */
    uint64_t documents, answers, recalled;
};
int job_end_run(struct job *job, const struct job_result *result, struct error *err) MUST_CHECK;

/* 1: [values] filled; 0: not known; -1. */
int job_recall(struct job *job, const uint8_t key[JOB_HASH_BYTES], double *values,
               uint32_t n_values, struct error *err) MUST_CHECK;
int job_record(struct job *job, const uint8_t key[JOB_HASH_BYTES], const double *values,
               uint32_t n_values, struct error *err) MUST_CHECK;
int job_document(struct job *job, const uint8_t hash[JOB_HASH_BYTES], const char *id,
                 uint64_t n_bytes, struct error *err) MUST_CHECK;
/* What was recorded so far survives from here on, whatever happens. */
int job_commit(struct job *job, struct error *err) MUST_CHECK;

/* ---- Looking into jobs ---- */

struct job_facts {
    uint64_t n_runs, n_documents, n_answers;
};
int job_facts(struct job *job, struct job_facts *facts, struct error *err) MUST_CHECK;

/* A run that was recorded; texts may be NULL and are valid during the call. */
struct job_past_run {
    const char *started, *ended, *state; /* ended and state NULL: killed, or still going on */
    const char *output, *command, *model, *template_name, *numerics;
    uint64_t documents, answers, recalled;
};
/* Calls [each] for all, the oldest first. */
int job_each_run(struct job *job,
                 int (*each)(void *context, const struct job_past_run *run, struct error *err),
                 void *context, struct error *err) MUST_CHECK;

/* Copies answers and documents out of another job. Nothing is copied when it fails. */
int job_merge(struct job *job, const char *from, struct error *err) MUST_CHECK;

#endif
