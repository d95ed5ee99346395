#include "ask_job.h"

#include "base/sha256.h"

#include <stdlib.h>
#include <string.h>

/* ---- The run ---- */

static int describe_questions(struct ask_run *run, struct job_question *questions,
                              struct arena *arena, struct error *err)
{
    const struct ask_options *options = run->options;
    for (int q = 0; q < options->ask.n_questions; q++) {
        const struct trawl_question *question = &options->ask.questions[q];
        size_t n_labels = (size_t)trawl_question_labels(question);
        questions[q] = (struct job_question){
            .name = options->prompts ? "answer" : options->sheet.names[q],
            .text = question->text,
            .kind = ask_kind_name(question),
            .labels = n_labels > 0 ? ask_label_names(arena, question, err) : NULL,
            .n_labels = n_labels,
        };
        if (n_labels > 0 && !questions[q].labels)
            return -1;
    }
    return 0;
}

int ask_job_begin(struct ask_run *run, const struct trawl_plan *plan, struct error *err)
{
    const struct ask_options *options = run->options;
    size_t n = (size_t)options->ask.n_questions;
    struct arena arena = {0};
    struct job_question *questions = calloc(n, sizeof *questions);
    run->cells = calloc(n, sizeof *run->cells);
    int rc = questions && run->cells ? describe_questions(run, questions, &arena, err)
                                     : fail_memory(err, n * sizeof *questions, "questions");
    struct job_run described = {.output = options->outputs[0].path,
                                .template_name = options->ask.template_name,
                                .sheet = options->sheet.file.data,
                                .questions = questions,
                                .n_questions = n};
    if (rc == 0)
        rc = recording_begin(&run->recording, run->model, plan, &described, err);
    free(questions);
    arena_deinit(&arena);
    return rc;
}

/* ---- Documents ---- */

int ask_job_document(struct ask_run *run, const struct asked_record *asked, struct error *err)
{
    const struct record *record = asked->record;
    if (!recording_writes(&run->recording))
        return 0;
    if (job_forget_trouble(run->recording.job, record->id, err) < 0)
        return -1;
    return job_document(run->recording.job, asked->hash, record->id, record->n_bytes, err);
}

/* Two of one name and one content are one row, unless their fields make other questions. */
static void hash_row(const struct asked_record *asked, uint8_t hash[JOB_HASH_BYTES])
{
    struct sha256 sha;
    sha256_init(&sha);
    sha256_add(&sha, asked->record->id, strlen(asked->record->id) + 1);
    sha256_add(&sha, asked->hash, sizeof asked->hash);
    sha256_add(&sha, asked->filled.data ? asked->filled.data : "", asked->filled.n_bytes);
    sha256_finish(&sha, hash);
}

int ask_job_row(struct ask_run *run, const struct asked_record *asked,
                const struct trawl_answer *answer, struct error *err)
{
    uint8_t hash[JOB_HASH_BYTES];
    if (!recording_writes(&run->recording))
        return 0;
    for (int q = 0; q < run->options->ask.n_questions; q++) {
        const struct trawl_question *question = &run->options->ask.questions[q];
        const struct trawl_cell *cell = &answer->cells[q];
        run->cells[q] = (struct job_cell){0};
        if (cell->state != TRAWL_CELL_ANSWERED)
            continue;
        struct table_cell shown = ask_answer_cell(question, cell);
        run->cells[q] = (struct job_cell){
            .is_answered = true,
            .text = shown.kind == CELL_TEXT ? shown.text : NULL,
            .number = shown.number,
            .p = cell->p,
            .p_other = cell->p_other,
            .distribution = cell->distribution,
            .n_distribution = cell->distribution ? (size_t)trawl_question_labels(question) : 0,
        };
    }
    hash_row(asked, hash);
    struct job_row row = {
        .hash = hash, .document = asked->hash, .id = asked->record->id, .cells = run->cells};
    return job_row(run->recording.job, &row, err);
}

/* ---- What could not be read ---- */

int ask_job_trouble(struct ask_run *run, const struct record *record, const char *why,
                    struct error *err)
{
    if (!recording_writes(&run->recording) || record->is_known)
        return 0;
    return job_record_trouble(run->recording.job, record->id,
                              record->has_state ? record->state : NULL, why, err);
}

static int recall_trouble(void *context, const char *source,
                          const uint8_t state[TROUBLE_STATE_BYTES], struct bytes *why,
                          struct error *err)
{
    struct ask_run *run = context;
    int rc = job_find_trouble(run->recording.job, source, state, why, err);
    if (rc <= 0)
        return rc;
    if (rc == 1 && !run->options->retry_errors)
        return 1;
    /* It is tried again; should it fail again, that is recorded again. */
    return recording_writes(&run->recording) ? job_forget_trouble(run->recording.job, source, err)
                                             : 0;
}

struct trouble_memory ask_job_memory(struct ask_run *run)
{
    struct trouble_memory memory = {.context = run,
                                    .recall = run->recording.job ? recall_trouble : NULL};
    const struct records_options *records = &run->options->input.records;
    const char *const settings[] = {records->filter, records->from, records->query};
    struct sha256 sha;
    sha256_init(&sha);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const char *text = settings[i] ? settings[i] : "";
        sha256_add(&sha, text, strlen(text) + 1);
    }
    sha256_finish(&sha, memory.settings);
    return memory;
}
