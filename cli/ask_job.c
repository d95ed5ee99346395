#include "ask_job.h"

#include "base/sha256.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_recorded(const struct ask_run *run)
{
    return run->job && !run->options->dry_run;
}

/* ---- Runs ---- */

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

static int begin_run(struct ask_run *run, const struct trawl_plan *plan,
                     const struct job_question *questions, struct error *err)
{
    const struct ask_options *options = run->options;
    const char *output = options->outputs[0].path;
    uint8_t hash[TRAWL_KEY_BYTES];
    char path[PATH_MAX] = "";
    struct trawl_model_info info;
    if (output && *output != '/' && !getcwd(path, sizeof path))
        path[0] = '\0';
    size_t n = strlen(path);
    if (output)
        snprintf(path + n, sizeof path - n, "%s%s", n > 0 ? "/" : "", output);
    if (trawl_model_hash(run->model, hash, err) < 0 || trawl_model_info(run->model, &info, err) < 0)
        return -1;
    struct job_run described = {
        .output = path,
        .command = run->command,
        .sheet = options->sheet.file.data,
        .model = info.path,
        .template_name =
            options->ask.template_name ? options->ask.template_name : info.template_name,
        .numerics = plan->numerics,
        .model_hash = hash,
        .questions = questions,
        .n_questions = (size_t)options->ask.n_questions,
    };
    return job_begin_run(run->job, &described, err);
}

int ask_job_begin(struct ask_run *run, const struct trawl_plan *plan, struct error *err)
{
    size_t n = (size_t)run->options->ask.n_questions;
    if (!is_recorded(run))
        return 0;
    struct arena arena = {0};
    struct job_question *questions = calloc(n, sizeof *questions);
    run->cells = calloc(n, sizeof *run->cells);
    int rc = questions && run->cells ? describe_questions(run, questions, &arena, err)
                                     : fail_memory(err, n * sizeof *questions, "questions");
    if (rc == 0)
        rc = begin_run(run, plan, questions, err);
    free(questions);
    arena_deinit(&arena);
    return rc;
}

int ask_job_end(struct ask_run *run, const char *state, struct error *err)
{
    const struct trawl_stats *stats = &run->report.stats;
    struct job_result result = {.state = state,
                                .documents = stats->documents,
                                .answers = stats->sequences,
                                .recalled = stats->recalled};
    return is_recorded(run) ? job_end_run(run->job, &result, err) : 0;
}

/* ---- Documents ---- */

int ask_job_document(struct ask_run *run, const struct asked_record *asked, struct error *err)
{
    const struct record *record = asked->record;
    if (!is_recorded(run))
        return 0;
    if (job_forget_trouble(run->job, record->id, err) < 0)
        return -1;
    return job_document(run->job, asked->hash, record->id, record->n_bytes, err);
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
    if (!is_recorded(run))
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
    return job_row(run->job, &row, err);
}

/* ---- What could not be read ---- */

int ask_job_trouble(struct ask_run *run, const struct record *record, const char *why,
                    struct error *err)
{
    if (!is_recorded(run) || record->is_known)
        return 0;
    return job_record_trouble(run->job, record->id, record->has_state ? record->state : NULL, why,
                              err);
}

static int recall_trouble(void *context, const char *source,
                          const uint8_t state[TROUBLE_STATE_BYTES], struct bytes *why,
                          struct error *err)
{
    struct ask_run *run = context;
    int rc = job_find_trouble(run->job, source, state, why, err);
    if (rc <= 0)
        return rc;
    if (rc == 1 && !run->options->retry_errors)
        return 1;
    /* It is tried again; should it fail again, that is recorded again. */
    return is_recorded(run) ? job_forget_trouble(run->job, source, err) : 0;
}

struct trouble_memory ask_job_memory(struct ask_run *run)
{
    struct trouble_memory memory = {.context = run, .recall = run->job ? recall_trouble : NULL};
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
