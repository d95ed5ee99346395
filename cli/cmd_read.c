/* trawl read: inputs as records, one JSON object each. */

#include "commands.h"
#include "message.h"
#include "output/out.h"
#include "record_options.h"

#include <string.h>

static void print_record(const struct record *record, struct out *out)
{
    out_text(out, "{\"id\": ");
    out_json_text(out, record->id, strlen(record->id));
    out_text(out, ", \"text\": ");
    out_json_text(out, record->text, record->n_bytes);
    out_text(out, ", \"fields\": {");
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct record_field *field = &record->fields[i];
        out_text(out, i > 0 ? ", " : "");
        out_json_text(out, field->name, strlen(field->name));
        out_text(out, ": ");
        out_json_text(out, field->value, field->n_bytes);
    }
    out_text(out, "}}\n");
}

/* Prints all; *n_given and *n_trouble are counted. */
static int print_all(struct records *records, bool silent, size_t *n_given, size_t *n_trouble,
                     struct error *err)
{
    struct out out = {.file = stdout};
    struct record *record;
    int status;
    while ((status = records_next(records, &record, err)) > 0) {
        if (record->trouble) {
            *n_trouble += !record->is_binary;
            if (!silent)
                message("%s: %s", record->id, record->trouble);
        } else {
            ++*n_given;
            print_record(record, &out);
        }
        record_free(record);
        if (out_check(&out, err) < 0)
            return -1;
    }
    struct error output_error = {0};
    if (out_flush(&out, &output_error) < 0 && status == 0) {
        *err = output_error;
        return -1;
    }
    return status;
}

int cmd_read(const struct arguments *arguments)
{
    struct error err = {0};
    struct record_options options;
    struct records *records = NULL;
    size_t n_given = 0, n_trouble = 0;
    int status;
    if (record_options_read(&options, arguments, 0, &err) < 0 ||
        !(records = records_open(&options.records, &err)))
        status = message_usage(&err, "read");
    else if (print_all(records, options.no_messages, &n_given, &n_trouble, &err) < 0)
        status = message_error(&err);
    else
        status = n_trouble > 0 ? EXIT_TROUBLE : n_given > 0 ? EXIT_MATCH : EXIT_NOTHING;
    records_close(records);
    record_options_deinit(&options);
    return status;
}
