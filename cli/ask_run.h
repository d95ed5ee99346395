#ifndef ASK_RUN_H
#define ASK_RUN_H
/* Asking a sheet: records go from the input to the engine, wait in a queue until they are answered,
 * and leave as rows of a table; what was read out goes to the job in between, so that it is there
 * before anything that depends on it. */

#include "ask_options.h"
#include "ask_table.h"
#include "output/progress.h"
#include "output/report.h"
#include "recording.h"

struct asked_record {
    struct asked_record *next;
    uint64_t serial;
    uint8_t hash[JOB_HASH_BYTES]; /* of the content */
    struct record *record;
    const char **questions; /* owned array of texts in [filled]; NULL: those of the sheet */
    struct bytes filled;
};

struct ask_run {
    const struct ask_options *options;
    const struct trawl_model *model;
    struct recording recording;
    struct records *records; /* owned; NULL: the sheet's questions are the documents */
    size_t next_prompt;
    struct job_cell *cells; /* owned; [n_questions] of the row that is being recorded */
    struct ask_tables tables;
    struct asked_record *queue, **queue_end; /* pulled and not yet answered, oldest first */
    struct asked_record *lent;               /* its text is the engine's until the next call */
    uint64_t serial, n_troubled;
    uint64_t n_untried; /* of these, those that an earlier run could not read */
    bool keep_text;
    struct progress progress;
    struct report report;
    struct stats_file stats;
};

/* Runs all of it. The table is complete when it returns 0. */
int ask_run_all(struct ask_run *run, const struct trawl_model *model, struct error *err) MUST_CHECK;
/* --show-prompt: every question of the first document. */
int ask_run_show_prompt(struct ask_run *run, const struct trawl_model *model, struct out *out,
                        struct error *err) MUST_CHECK;
void ask_run_deinit(struct ask_run *run);

#endif
