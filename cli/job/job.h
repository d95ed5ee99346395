#ifndef JOB_H
#define JOB_H
/* A job: what was asked and answered, on disk, so that a run that was killed goes on where it was.
 * One SQLite database (WAL, synchronous FULL) with these tables:
 *
 *     runs       what was asked of which model with which settings, one row a run
 *     documents  by the hash of their content, with the name they last had
 *     answers    what was read out of a prompt, by the hash of all that it depends on (token ids,
 *                read-out, model, adapters, numerics): little-endian doubles
 *     questions  (and labels) asked of one model under one numerics
 *     records    the rows of the tables that were made: a name and the document's hash
 *     cells      the answer to a question in a row, as it was last given
 *     troubles   what could not be read: why, and a hash of what it was like
 *
 * A run goes on by answers alone: rows are made again from the input and the answers, so that a
 * changed sheet, several models or two merged jobs need no other form. Questions, records and cells
 * are for whoever has the job and not the input (the view results joins them). The database is
 * locked by the kernel while it is open; a crash leaves no lock behind. Everything recorded since
 * the last job_commit is lost with the process. */

#include "base/bytes.h"
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

struct job_question {
    const char *name, *text;
    const char *kind;          /* "yes_no", "choice", "score" */
    const char *const *labels; /* [n_labels] */
    size_t n_labels;
};

struct job_run {
    const char *output; /* absolute, "" for standard output */
    const char *command, *sheet, *model, *template_name, *numerics;
    const uint8_t *model_hash; /* [JOB_HASH_BYTES] */
    const struct job_question *questions;
    size_t n_questions;
};
/* Writes down that a run begins. Refused where the same output was made from the same model under
 * other numerics. */
int job_begin_run(struct job *job, const struct job_run *run, struct error *err) MUST_CHECK;

/* When the first run began that was recorded, in seconds since 1970. */
int job_first_start(struct job *job, int64_t *seconds, struct error *err) MUST_CHECK;

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

struct job_cell {
    bool is_answered;           /* false: not asked, or nothing to ask about */
    const char *text;           /* the answer; NULL: it is a number */
    double number, p, p_other;  /* p: yes or the label, as the model has it */
    const double *distribution; /* [n_distribution] over the labels; NULL: yes_no */
    size_t n_distribution;
};

struct job_row {
    const uint8_t *hash;     /* [JOB_HASH_BYTES] of all that tells the row from others */
    const uint8_t *document; /* [JOB_HASH_BYTES] of the content */
    const char *id;
    const struct job_cell *cells; /* [n_questions] of the run */
};
/* A row of the run's table, in the place of what was known of it. */
int job_row(struct job *job, const struct job_row *row, struct error *err) MUST_CHECK;

/* Of something that could not be read when it was as [state] says: 1 [why] appended; 2: it was not
 * as it is now; 0: nothing is known; -1. */
int job_find_trouble(struct job *job, const char *id, const uint8_t state[JOB_HASH_BYTES],
                     struct bytes *why, struct error *err) MUST_CHECK;
/* [state] NULL: it is tried again whatever it is like. */
int job_record_trouble(struct job *job, const char *id, const uint8_t *state, const char *why,
                       struct error *err) MUST_CHECK;
int job_forget_trouble(struct job *job, const char *id, struct error *err) MUST_CHECK;

/* What was recorded so far survives from here on, whatever happens. */
int job_commit(struct job *job, struct error *err) MUST_CHECK;

/* ---- Looking into jobs ---- */

struct job_facts {
    uint64_t n_runs, n_documents, n_answers, n_cells;
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

/* An answer in a row, or something that could not be read. Texts are valid during the call; of
 * what could not be read all but id and error is NULL. */
struct job_line {
    const char *id, *question, *kind, *text;
    struct job_cell cell;
    const char *labels;      /* names of the distribution's, each ended by NUL */
    const uint8_t *document; /* [JOB_HASH_BYTES] */
    const char *model, *numerics, *template_name, *run; /* when it began */
    const char *error;
};
/* Calls [each] for all rows in the order in which they first came, then for the troubles. */
int job_each_line(struct job *job,
                  int (*each)(void *context, const struct job_line *line, struct error *err),
                  void *context, struct error *err) MUST_CHECK;

/* Copies everything out of another job but what is here already. Nothing is copied when it
 * fails. */
int job_merge(struct job *job, const char *from, struct error *err) MUST_CHECK;

#endif
