#ifndef JOB_INTERNAL_H
#define JOB_INTERNAL_H
/* What the files of a job share: its database and how failures of it are told. */

#include "job.h"

#include <sqlite3.h>

enum job_statement {
    RECALL,
    RECORD,
    DOCUMENT,
    FIND_RECORD,
    ADD_RECORD,
    CELL,
    FIND_TROUBLE,
    TROUBLE,
    FORGET_TROUBLE,
    N_STATEMENTS
};

struct job {
    sqlite3 *db;
    sqlite3_stmt *statements[N_STATEMENTS];
    char *path;
    int64_t run;        /* 0: none begun */
    int64_t *questions; /* owned; [n_questions] of the run, their numbers in the table */
    size_t n_questions;
};

int job_fail(struct job *job, struct error *err); /* what the database says; -1 */
int job_execute(struct job *job, const char *sql, struct error *err) MUST_CHECK;
int job_read_integer(struct job *job, const char *sql, int64_t *out, struct error *err) MUST_CHECK;
int job_prepare(struct job *job, const char *sql, sqlite3_stmt **statement,
                struct error *err) MUST_CHECK;
/* Of a statement that gives no rows; its values are let go. */
int job_run_once(struct job *job, sqlite3_stmt *statement, struct error *err) MUST_CHECK;
/* A transaction, unless there is one. */
int job_begin(struct job *job, struct error *err) MUST_CHECK;

/* job_results.c: the run's questions get their numbers. */
int job_number_questions(struct job *job, const struct job_run *run, struct error *err) MUST_CHECK;

#endif
