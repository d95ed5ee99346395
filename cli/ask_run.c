#include "ask_run.h"

#include "ask_job.h"
#include "base/sha256.h"
#include "input/field_template.h"
#include "input/lines.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

/* Of input_bytes (trawl.h): a page's markup is several times its text, and both are there while it
 * is read. */
#define DOCUMENT_SHARE 8

static void asked_record_free(struct asked_record *asked)
{
    if (!asked)
        return;
    record_free(asked->record);
    free(asked->questions);
    bytes_deinit(&asked->filled);
    free(asked);
}

/* ---- The input ---- */

static char *copy(const char *text, struct error *err)
{
    char *own = strdup(text);
    if (!own)
        fail_memory(err, strlen(text), "a prompt");
    return own;
}

/* The next of the sheet's questions as a document. */
static int next_prompt(struct ask_run *run, struct record **out, struct error *err)
{
    const struct sheet *sheet = &run->options->sheet;
    if (run->next_prompt == sheet->n_questions)
        return 0;
    size_t i = run->next_prompt++;
    const char *text = sheet->questions[i].text;
    struct record *record = calloc(1, sizeof *record);
    if (!record)
        return fail_memory(err, sizeof *record, "a prompt");
    record->fields = calloc(1, sizeof *record->fields);
    record->capacity = record->fields ? 1 : 0;
    if (!record->fields || !(record->id = copy(sheet->names[i], err)) ||
        !(record->text = copy(text, err))) {
        record_free(record);
        return fail_memory(err, sizeof *record->fields, "a prompt");
    }
    record->n_bytes = strlen(text);
    record->n_fields = 1;
    record->fields[0].name = copy("question", err);
    record->fields[0].value = copy(text, err);
    record->fields[0].n_bytes = record->n_bytes;
    if (!record->fields[0].name || !record->fields[0].value) {
        record_free(record);
        return -1;
    }
    *out = record;
    return 1;
}

static int open_records(struct ask_run *run, const struct trawl_plan *plan, struct error *err)
{
    struct records_options records = run->options->input.records;
    if (run->options->prompts)
        return 0;
    records.troubles = ask_job_memory(run);
    records.cut_long = run->options->ask.long_documents != TRAWL_LONG_WINDOWS;
    size_t most_bytes = plan->input_bytes / DOCUMENT_SHARE;
    if (records.most_bytes == 0 || records.most_bytes > most_bytes)
        records.most_bytes = most_bytes;
    run->records = records_open(&records, err);
    return run->records ? 0 : -1;
}

/* The sheet's texts with the record's fields in them. 1: done; 0: a field is missing, [why]; -1. */
static int fill_questions(struct ask_run *run, struct asked_record *asked, struct error *why,
                          struct error *err)
{
    const struct sheet *sheet = &run->options->sheet;
    size_t n = sheet->n_questions;
    if (!sheet->any_fields)
        return 1;
    size_t *from = calloc(n, sizeof *from);
    asked->questions = calloc(n, sizeof *asked->questions);
    if (!from || !asked->questions) {
        free(from);
        return fail_memory(err, n * sizeof *from, "questions");
    }
    int rc = 1;
    for (size_t q = 0; q < n && rc == 1; q++) {
        from[q] = asked->filled.n_bytes;
        if (field_template_render(sheet->questions[q].text, TEMPLATE_OF_QUESTION, asked->record,
                                  &asked->filled, why) < 0 ||
            bytes_append(&asked->filled, "", 1, why) < 0)
            rc = why->kind == ERROR_USAGE ? 0 : -1;
    }
    for (size_t q = 0; q < n && rc == 1; q++)
        asked->questions[q] = asked->filled.data + from[q];
    free(from);
    if (rc < 0)
        *err = *why;
    return rc;
}

static void hash_content(struct asked_record *asked)
{
    struct sha256 sha;
    sha256_init(&sha);
    sha256_add(&sha, asked->record->text, asked->record->n_bytes);
    sha256_finish(&sha, asked->hash);
}

/* Dealt out by content, so that it does not matter where a document lies or what comes before. */
static bool is_in_shard(const struct ask_run *run, const struct asked_record *asked)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | asked->hash[i];
    return run->options->n_shards == 0 ||
           number % run->options->n_shards == run->options->shard - 1;
}

/* What is binary is odd, and no error. */
static int tell_trouble(struct ask_run *run, const struct record *record, const char *why,
                        struct error *err)
{
    run->n_troubled += !record->is_binary;
    run->n_untried += record->is_known;
    run->report.unreadable += !record->is_binary;
    run->report.binary += record->is_binary;
    progress_clear(&run->progress);
    if (!run->options->input.no_messages)
        message("%s: %s", record->id, why);
    return record->is_binary ? 0 : ask_job_trouble(run, record, why, err);
}

/* The next record that can be asked about. 1, 0 no more, -1. */
static int next_asked(struct ask_run *run, struct asked_record **out, struct error *err)
{
    for (;;) {
        struct record *record = NULL;
        int status = run->options->prompts ? next_prompt(run, &record, err)
                                           : records_next(run->records, &record, err);
        if (status <= 0)
            return status;
        struct asked_record *asked = calloc(1, sizeof *asked);
        if (!asked) {
            record_free(record);
            return fail_memory(err, sizeof *asked, "a document");
        }
        asked->record = record;
        asked->serial = run->serial;
        struct error why = {0};
        if (record->trouble)
            status = 0;
        else if (line_is_blank(record->text, record->n_bytes))
            status = 1; /* there is nothing to ask about, and nobody asks */
        else
            status = fill_questions(run, asked, &why, err);
        hash_content(asked);
        if (status == 1 && !is_in_shard(run, asked)) {
            asked_record_free(asked);
            continue;
        }
        if (status == 1) {
            run->serial++;
            *out = asked;
            return 1;
        }
        if (status == 0)
            status = tell_trouble(run, record, record->trouble ? record->trouble : why.text, err);
        asked_record_free(asked);
        if (status < 0)
            return -1;
    }
}

/* ---- The engine's callbacks ---- */

static int planned(void *context, const struct trawl_plan *plan, struct error *err)
{
    struct ask_run *run = context;
    return ask_job_begin(run, plan, err) < 0 ? -1 : open_records(run, plan, err);
}

static void return_lent(struct ask_run *run)
{
    struct asked_record *lent = run->lent;
    run->lent = NULL;
    if (!lent)
        return;
    if (run->options->ask.run.dry_run) {
        asked_record_free(lent);
    } else if (!run->keep_text) {
        free(lent->record->text);
        lent->record->text = NULL;
        lent->record->n_bytes = 0;
    }
}

/* What waits of a record beside its text. */
static size_t kept_bytes(const struct asked_record *asked, size_t n_questions)
{
    size_t n = sizeof *asked + sizeof *asked->record + strlen(asked->record->id) + 128;
    for (size_t i = 0; i < asked->record->n_fields; i++)
        n += asked->record->fields[i].n_bytes + strlen(asked->record->fields[i].name) + 96;
    return n + asked->filled.capacity + (asked->questions ? n_questions * sizeof(char *) : 0);
}

static struct trawl_document document_of(const struct ask_run *run,
                                         const struct asked_record *asked)
{
    return (struct trawl_document){.tag = asked->serial,
                                   .text = asked->record->text,
                                   .n_bytes = asked->record->n_bytes,
                                   .is_cut = asked->record->is_cut,
                                   .n_kept_bytes =
                                       kept_bytes(asked, run->options->sheet.n_questions),
                                   .questions = asked->questions};
}

static int next_document(void *context, struct trawl_document *document, struct error *err)
{
    struct ask_run *run = context;
    struct asked_record *asked = NULL;
    return_lent(run);
    if (power_stops(&run->recording.power))
        return fail(err, ERROR_CANCELLED, "stopped");
    int status = next_asked(run, &asked, err);
    if (status <= 0) {
        run->progress.read_all = status == 0;
        return status;
    }
    run->progress.n_read++;
    run->lent = asked;
    *document = document_of(run, asked);
    if (run->options->ask.run.dry_run)
        return 1;
    *run->queue_end = asked;
    run->queue_end = &asked->next;
    if (!run->tables.list && ask_tables_open(&run->tables, run->options, asked->record, err) < 0)
        return -1;
    return ask_job_document(run, asked, err) < 0 ? -1 : 1;
}

/* The place in the queue of a document that waits. */
static struct asked_record **find(struct ask_run *run, uint64_t tag)
{
    struct asked_record **place = &run->queue;
    while (*place && (*place)->serial != tag)
        place = &(*place)->next;
    return place;
}

static int again(void *context, uint64_t tag, struct trawl_document *document, struct error *err)
{
    struct ask_run *run = context;
    struct asked_record *asked = *find(run, tag);
    if (!asked)
        return fail(err, ERROR_USAGE, "a document that was not asked is wanted again");
    *document = document_of(run, asked);
    return 1;
}

static int take_answer(void *context, const struct trawl_answer *answer, struct error *err)
{
    struct ask_run *run = context;
    struct asked_record **place = find(run, answer->tag), *asked = *place;
    if (!asked)
        return fail(err, ERROR_USAGE, "an answer to a document that was not asked");
    *place = asked->next;
    if (!*place)
        run->queue_end = place;
    if (run->lent == asked)
        run->lent = NULL;
    run->progress.n_done++;
    if (run->progress.drawn)
        progress_clear(&run->progress);
    int status = ask_job_row(run, asked, answer, err);
    if (status == 0)
        status = ask_tables_row(&run->tables, asked->record, answer, err);
    asked_record_free(asked);
    return status;
}

static int recall(void *context, const uint8_t key[TRAWL_KEY_BYTES], double *values,
                  uint32_t n_values, struct error *err)
{
    return job_recall(((struct ask_run *)context)->recording.job, key, values, n_values, err);
}

static int record(void *context, const uint8_t key[TRAWL_KEY_BYTES], const double *values,
                  uint32_t n_values, struct error *err)
{
    return job_record(((struct ask_run *)context)->recording.job, key, values, n_values, err);
}

/* The answers of a sweep are on disk before the rows that they made are seen. */
static int swept(void *context, struct error *err)
{
    struct ask_run *run = context;
    return recording_swept(&run->recording, err) < 0 ? -1 : ask_tables_flush(&run->tables, err);
}

static int show_progress(void *context, const struct trawl_progress *now)
{
    struct ask_run *run = context;
    return recording_progress(&run->recording, &run->progress, now);
}

static int suspend(void *context, const struct trawl_suspended *suspended, struct error *err)
{
    return recording_suspend(&((struct ask_run *)context)->recording, suspended, err);
}

static int paused(void *context, const struct trawl_progress *now)
{
    struct ask_run *run = context;
    return power_wait(&run->recording.power, &run->progress, now);
}

static int resume(void *context, struct trawl_suspended *suspended, struct error *err)
{
    (void)err;
    return recording_resume(&((struct ask_run *)context)->recording, suspended);
}

/* ---- The run ---- */

static int finish_table(struct ask_run *run, struct error *err)
{
    if (run->options->ask.run.dry_run)
        return 0;
    if (!run->tables.list && ask_tables_open(&run->tables, run->options, NULL, err) < 0)
        return -1;
    const struct ask_table *table = run->tables.list; /* they leave out the same */
    if (table->n_left_out > 0)
        message("%llu documents have fields that the first does not have, such as '%s': they are "
                "left out; --fields says which there are to be",
                (unsigned long long)table->n_left_out, table->left_out);
    if (run->report.stats.blank > 0 && !run->options->input.no_messages)
        message("there is no text in %llu of the documents: their cells are empty",
                (unsigned long long)run->report.stats.blank);
    if (run->n_untried > 0 && !run->options->input.no_messages)
        message("%llu inputs could not be read before, have not changed and were not tried again; "
                "--retry-errors tries them",
                (unsigned long long)run->n_untried);
    return ask_tables_finish(&run->tables, err);
}

int ask_run_all(struct ask_run *run, const struct trawl_model *model, struct error *err)
{
    const struct ask_options *options = run->options;
    bool any_condition = false;
    run->model = model;
    run->queue_end = &run->queue;
    run->report.n_questions = (uint64_t)options->ask.n_questions;
    run->report.asked = true;
    run->progress.on = options->report.show_progress;
    for (int q = 0; q < options->ask.n_questions; q++)
        any_condition |= options->ask.questions[q].ask_if != NULL;
    run->keep_text = any_condition;
    for (size_t i = 0; i < options->n_outputs; i++)
        run->keep_text |= options->outputs[i].format->wants_text;
    bool recorded = run->recording.job != NULL;
    struct trawl_ask_callbacks callbacks = {.context = run,
                                            .planned = planned,
                                            .next = next_document,
                                            .again = again,
                                            .answer = take_answer,
                                            .progress = show_progress,
                                            .recall = recorded ? recall : NULL,
                                            .record = recorded ? record : NULL,
                                            .swept = swept,
                                            .suspend = suspend,
                                            .paused = paused,
                                            .resume = recorded ? resume : NULL};
    struct trawl_ask_options ask = options->ask;
    ask.run.n_rows = recording_rows(&run->recording, options->ask.run.n_rows);
    int status = trawl_ask(model, &ask, &callbacks, &run->report.stats, err);
    if (status < 0 && recording_replans(&run->recording, options->ask.run.n_rows, err))
        status = trawl_ask(model, &options->ask, &callbacks, &run->report.stats, err);
    progress_clear(&run->progress);
    return_lent(run);
    if (status == 0)
        status = finish_table(run, err);
    struct error second = {0}; /* the first failure is the one to tell */
    if (status < 0 && ask_tables_flush(&run->tables, &second) < 0)
        second.kind = ERROR_NONE;
    return recording_end(&run->recording, &run->report.stats, status, err);
}

int ask_run_show_prompt(struct ask_run *run, const struct trawl_model *model, struct out *out,
                        struct error *err)
{
    const struct trawl_ask_options *ask = &run->options->ask;
    struct trawl_plan plan;
    struct asked_record *asked = NULL;
    struct bytes prompt = {0};
    if (trawl_plan(model, &ask->run, ask->window_tokens, &plan, err) < 0 ||
        open_records(run, &plan, err) < 0)
        return -1;
    int status = next_asked(run, &asked, err);
    if (status <= 0)
        return status < 0 ? -1 : fail(err, ERROR_USAGE, "--show-prompt: there is no document");
    struct trawl_document document = document_of(run, asked);
    status = 0;
    for (int q = 0; q < ask->n_questions && status == 0; q++) {
        bytes_clear(&prompt);
        status = trawl_prompt_text(model, ask, &document, q, &prompt, err);
        out_bytes(out, prompt.data, prompt.n_bytes);
        out_char(out, '\n');
    }
    bytes_deinit(&prompt);
    asked_record_free(asked);
    return status < 0 ? -1 : out_flush(out, err);
}

void ask_run_deinit(struct ask_run *run)
{
    while (run->queue) {
        struct asked_record *next = run->queue->next;
        asked_record_free(run->queue);
        run->queue = next;
    }
    ask_tables_close(&run->tables);
    free(run->cells);
    records_close(run->records);
}
