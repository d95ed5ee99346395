#ifndef ASK_JOB_H
#define ASK_JOB_H
/* What a run of a sheet writes into its job, and what it finds there about inputs that could not be
 * read. Without a job, and in a dry run, all of it does nothing. */

#include "ask_run.h"

int ask_job_begin(struct ask_run *run, const struct trawl_plan *plan, struct error *err) MUST_CHECK;
/* A document that is about to be asked: what was wrong with it before is forgotten. */
int ask_job_document(struct ask_run *run, const struct asked_record *asked,
                     struct error *err) MUST_CHECK;
int ask_job_row(struct ask_run *run, const struct asked_record *asked,
                const struct trawl_answer *answer, struct error *err) MUST_CHECK;
int ask_job_trouble(struct ask_run *run, const struct record *record, const char *why,
                    struct error *err) MUST_CHECK;

/* For the input: troubles of earlier runs. */
struct trouble_memory ask_job_memory(struct ask_run *run);

#endif
