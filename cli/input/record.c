/* Records of files that are one document each: text, and HTML as its visible text. */

#include "record.h"

#include "source.h"

#include <stdlib.h>
#include <string.h>

struct records {
    struct source *source;
};

struct records *records_open(const struct records_options *options, struct error *err)
{
    struct records *records = calloc(1, sizeof *records);
    if (!records) {
        fail_memory(err, sizeof *records, "the input");
        return NULL;
    }
    struct source_options source = {.walk = {.operands = options->operands,
                                             .n_operands = options->n_operands,
                                             .globs = options->globs,
                                             .n_globs = options->n_globs},
                                    .unit = UNIT_FILE,
                                    .most_bytes = options->most_bytes ? options->most_bytes
                                                                      : (size_t)32 << 20};
    records->source = source_new(&source, err);
    if (!records->source) {
        free(records);
        return NULL;
    }
    return records;
}

void records_close(struct records *records)
{
    if (!records)
        return;
    source_free(records->source);
    free(records);
}

void record_free(struct record *record)
{
    if (!record)
        return;
    for (size_t i = 0; i < record->n_fields; i++) {
        free(record->fields[i].name);
        free(record->fields[i].value);
    }
    free(record->fields);
    free(record->id);
    free(record->text);
    free(record->trouble);
    free(record);
}

static struct record *make_record(const char *id, const char *trouble, struct error *err)
{
    struct record *record = calloc(1, sizeof *record);
    if (record) {
        record->id = strdup(id);
        record->trouble = trouble ? strdup(trouble) : NULL;
    }
    if (!record || !record->id || (trouble && !record->trouble)) {
        record_free(record);
        fail_memory(err, strlen(id), "a record");
        return NULL;
    }
    return record;
}

int records_next(struct records *records, struct record **out, struct error *err)
{
    struct item *item;
    int status;
    *out = NULL;
    while ((status = source_next(records->source, &item, err)) > 0) {
        const struct input_file *file = item->file;
        const char *trouble = !item->is_end     ? NULL
                              : file->trouble   ? file->trouble
                              : file->is_binary ? "a binary file"
                                                : NULL;
        if (!item->is_end || trouble) {
            *out = make_record(file->name, trouble, err);
            if (*out && !item->is_end) {
                (*out)->text = item->text;
                (*out)->n_bytes = item->n_bytes;
                item->text = NULL;
            } else if (*out && !((*out)->text = calloc(1, 1))) {
                record_free(*out);
                *out = NULL;
                fail_memory(err, 1, "a record");
            }
            status = *out ? 1 : -1;
        }
        item_free(item);
        if (*out || status < 0)
            return status;
    }
    return status;
}
