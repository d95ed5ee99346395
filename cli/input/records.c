/* Inputs as records: finds out what each is, lets its kind cut it, and gives every record its text
 * and its name. */

#include "field_template.h"
#include "intake_cut.h"
#include "kinds.h"
#include "lines.h"
#include "record_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MOST_BYTES (32u << 20)

struct records {
    struct records_options options;
    const struct input_kind *from; /* NULL: each input by its content */
    struct inputs *inputs;
    struct input *input; /* the open one, NULL between inputs */
    const struct input_kind *kind;
    struct reader reader;
    unsigned long long n_records; /* of the open input */
    bool is_cut;                  /* it is longer than what of it is read */
};

struct records *records_open(const struct records_options *options, struct error *err)
{
    struct records *records = calloc(1, sizeof *records);
    if (!records) {
        fail_memory(err, sizeof *records, "the input");
        return NULL;
    }
    records->options = *options;
    if (options->most_bytes == 0)
        records->options.most_bytes = DEFAULT_MOST_BYTES;
    struct inputs_options inputs = {.walk = {.operands = options->operands,
                                             .n_operands = options->n_operands,
                                             .files_from = options->files_from,
                                             .null_names = options->null_names,
                                             .globs = options->globs,
                                             .n_globs = options->n_globs},
                                    .filter = options->filter,
                                    .most_bytes = records->options.most_bytes,
                                    .fetch = options->fetch,
                                    .troubles = options->troubles};
    int status = 0;
    if (options->from && !(records->from = kind_named(options->from)))
        status = fail(err, ERROR_USAGE, "--from: there is no kind '%s'", options->from);
    if (status == 0 && options->document && options->text_field)
        status = fail(err, ERROR_USAGE, "--text and --document both say what the text is");
    if (status == 0 && options->document &&
        field_template_check(options->document, TEMPLATE_OF_DOCUMENT, NULL, err) < 0)
        status = fail_context(err, "--document");
    if (status == 0 && !(records->inputs = inputs_open(&inputs, err)))
        status = -1;
    if (status == 0)
        return records;
    records_close(records);
    return NULL;
}

static void close_input(struct records *records)
{
    if (records->kind && records->kind->close)
        records->kind->close(&records->reader);
    intake_close(records->reader.intake);
    input_free(records->input);
    records->reader = (struct reader){0};
    records->kind = NULL;
    records->input = NULL;
}

void records_close(struct records *records)
{
    if (!records)
        return;
    close_input(records);
    inputs_close(records->inputs);
    free(records);
}

/* ---- What an input is ---- */

/* The kind of the open input: 1; 0: it is empty; -1 with [trouble]. */
static int choose_kind(struct records *records, struct error *trouble)
{
    const char *head;
    size_t n_head;
    if (intake_peek(records->reader.intake, INTAKE_HEAD_BYTES, &head, &n_head, trouble) < 0)
        return -1;
    if (n_head == 0)
        return 0;
    records->kind = records->from ? records->from : kind_find(head, n_head, records->input->hint);
    if (!records->kind)
        return fail(trouble, ERROR_UNSUPPORTED,
                    "binary, of no kind that is known (--filter 'COMMAND' can make text of it)");
    return 1;
}

/* Opens the input that inputs_next gave: 1; 0: it is empty; -1 with [trouble]. */
static int open_input(struct records *records, struct error *trouble)
{
    struct input *input = records->input;
    struct reader *reader = &records->reader;
    *reader = (struct reader){.options = &records->options,
                              .input = input,
                              .intake = input->intake,
                              .most_bytes = records->options.most_bytes};
    input->intake = NULL;
    records->n_records = 0;
    records->is_cut = false;
    int status = choose_kind(records, trouble);
    if (status <= 0)
        return status;
    if (records->kind->is_single && records->options.cut_long) {
        reader->intake = intake_cut(reader->intake, reader->most_bytes, &records->is_cut, trouble);
        if (!reader->intake)
            return -1;
    }
    return records->kind->open && records->kind->open(reader, trouble) < 0 ? -1 : 1;
}

/* ---- What a record's text and name are ---- */

/* Without a choice: a column called text, else every column on a line of its own. */
static int join_fields(struct record *record, struct error *err)
{
    const struct record_field *text = record_find(record, "text");
    struct bytes all = {0};
    if (text)
        return record_set_text(record, text->value, text->n_bytes, err);
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct record_field *field = &record->fields[i];
        if (field->n_bytes > 0 && (bytes_append_text(&all, field->name, err) < 0 ||
                                   bytes_append_text(&all, ": ", err) < 0 ||
                                   bytes_append(&all, field->value, field->n_bytes, err) < 0 ||
                                   bytes_append_text(&all, "\n", err) < 0)) {
            bytes_deinit(&all);
            return -1;
        }
    }
    return record_take_text(record, &all, err);
}

static int choose_text(const struct records_options *options, struct record *record,
                       struct error *err)
{
    struct bytes text = {0};
    if (options->document) {
        if (field_template_render(options->document, TEMPLATE_OF_DOCUMENT, record, &text, err) == 0)
            return record_take_text(record, &text, err);
        bytes_deinit(&text);
        return -1;
    }
    const struct record_field *field =
        options->text_field ? record_find(record, options->text_field) : NULL;
    if (field)
        return record_set_text(record, field->value, field->n_bytes, err);
    if (options->text_field && record->n_bytes == 0) {
        char why[200];
        snprintf(why, sizeof why, "it has no field '%.100s' (--text)", options->text_field);
        return record_set_trouble(record, why, err);
    }
    return record->n_bytes == 0 && record->n_fields > 0 ? join_fields(record, err) : 0;
}

static int name_record(const struct records *records, struct record *record, struct error *err)
{
    const char *name = records->input->name;
    const char *id_field = records->options.id_field;
    const struct record_field *field = id_field ? record_find(record, id_field) : NULL;
    if (field && field->n_bytes > 0)
        return record_set_id(record, field->value, err);
    if (record->id)
        return 0;
    if (!records->kind || records->kind->is_single)
        return record_set_id(record, name, err);
    size_t n_bytes = strlen(name) + 24;
    char *id = malloc(n_bytes);
    if (!id)
        return fail_memory(err, n_bytes, "a record");
    snprintf(id, n_bytes, "%s:%llu", name, records->n_records);
    record->id = id;
    return 0;
}

static int finish_record(struct records *records, struct record *record, struct error *err)
{
    records->n_records++;
    if (!record->trouble && choose_text(&records->options, record, err) < 0)
        return -1;
    if (!record->trouble && memchr(record->text, '\0', record->n_bytes)) {
        record->is_binary = true;
        if (record_set_trouble(record, "binary: there are NUL bytes in it", err) < 0)
            return -1;
    }
    record->is_cut = records->is_cut;
    return name_record(records, record, err);
}

/* ---- One after the other ---- */

/* An input without a byte is a document without text. */
static int give_empty(struct records *records, struct record *record, struct error *err)
{
    int status = record_set_id(record, records->input->name, err);
    close_input(records);
    return status < 0 ? -1 : 1;
}

/* What is wrong with the whole input, which is closed, as a record. [lasts]: it would be so again,
 * and nothing of the input has been given. */
static int give_up(struct records *records, struct record *record, const char *why, bool lasts,
                   struct error *err)
{
    const struct input *input = records->input;
    record->is_known = input->is_known;
    record->has_state = lasts && input->has_state;
    memcpy(record->state, input->state, sizeof record->state);
    int status = record_set_id(record, input->name, err);
    if (status == 0)
        status = record_set_trouble(record, why, err);
    close_input(records);
    return status < 0 ? -1 : 1;
}

static int next_input(struct records *records, struct record *record, struct error *err)
{
    struct error trouble = {0};
    int status = inputs_next(records->inputs, &records->input, err);
    if (status <= 0)
        return status;
    if (records->input->trouble)
        return give_up(records, record, records->input->trouble, true, err);
    status = open_input(records, &trouble);
    if (status >= 0)
        return status > 0 ? 2 : give_empty(records, record, err);
    record->is_binary = trouble.kind == ERROR_UNSUPPORTED && !records->kind;
    return give_up(records, record, trouble.os_errno ? strerror(trouble.os_errno) : trouble.text,
                   trouble_lasts(&trouble), err);
}

/* Fills [record]: 1; 0: no more; -1. */
static int next_record(struct records *records, struct record *record, struct error *err)
{
    for (;;) {
        if (!records->input) {
            int status = next_input(records, record, err);
            if (status <= 1)
                return status;
        }
        struct error trouble = {0};
        int status = records->kind->next(&records->reader, record, &trouble);
        if (status > 0)
            return finish_record(records, record, err) < 0 ? -1 : 1;
        if (status < 0 && trouble.kind == ERROR_MEMORY) {
            *err = trouble;
            return -1;
        }
        if (status < 0)
            return give_up(records, record, trouble.text,
                           records->n_records == 0 && trouble_lasts(&trouble), err);
        close_input(records);
    }
}

int records_next(struct records *records, struct record **out, struct error *err)
{
    *out = record_new(err);
    int status = *out ? next_record(records, *out, err) : -1;
    if (status > 0)
        return 1;
    record_free(*out);
    *out = NULL;
    return status;
}
