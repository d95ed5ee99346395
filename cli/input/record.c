#include "record_build.h"

#include "../utf8_check.h"
#include "charset.h"

#include <stdlib.h>
#include <string.h>

#define MOST_FIELDS 4096 /* names are looked for one by one */

struct record *record_new(struct error *err)
{
    struct record *record = calloc(1, sizeof *record);
    if (record && !(record->text = calloc(1, 1))) {
        free(record);
        record = NULL;
    }
    if (!record)
        fail_memory(err, sizeof *record, "a record");
    return record;
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

int record_take_text(struct record *record, struct bytes *text, struct error *err)
{
    if (charset_repair(text, err) < 0 || bytes_reserve(text, 0, err) < 0) {
        bytes_deinit(text);
        return -1;
    }
    free(record->text);
    record->text = text->data;
    record->n_bytes = text->n_bytes;
    *text = (struct bytes){0};
    return 0;
}

int record_set_text(struct record *record, const char *text, size_t n_bytes, struct error *err)
{
    struct bytes copy = {0};
    if (bytes_append(&copy, text, n_bytes, err) < 0)
        return -1;
    return record_take_text(record, &copy, err);
}

/* Takes [value]'s place. */
static int set_text(char **value, const char *text, struct error *err)
{
    char *copy = strdup(text);
    if (!copy)
        return fail_memory(err, strlen(text), "a record");
    free(*value);
    *value = copy;
    return 0;
}

int record_set_id(struct record *record, const char *id, struct error *err)
{
    return set_text(&record->id, id, err);
}

int record_set_trouble(struct record *record, const char *why, struct error *err)
{
    record->n_bytes = 0;
    record->text[0] = '\0';
    return set_text(&record->trouble, why, err);
}

static struct record_field *find(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->n_fields; i++)
        if (strcmp(record->fields[i].name, name) == 0)
            return &record->fields[i];
    return NULL;
}

const struct record_field *record_find(const struct record *record, const char *name)
{
    return find(record, name);
}

static int reserve_field(struct record *record, struct error *err)
{
    if (record->n_fields == MOST_FIELDS)
        return fail(err, ERROR_LIMIT, "more than %d fields", MOST_FIELDS);
    if (record->n_fields < record->capacity)
        return 0;
    size_t capacity = record->capacity ? record->capacity * 2 : 8;
    struct record_field *fields = realloc(record->fields, capacity * sizeof *fields);
    if (!fields)
        return fail_memory(err, capacity * sizeof *fields, "fields of a record");
    record->fields = fields;
    record->capacity = capacity;
    return 0;
}

/* [before] and a newline, unless it is NULL, then the value. */
static int make_value(const struct record_field *before, const char *value, size_t n_bytes,
                      struct bytes *out, struct error *err)
{
    if (bytes_append(out, value, n_bytes, err) < 0 || charset_repair(out, err) < 0)
        return -1;
    if (!before)
        return 0;
    struct bytes joined = {0};
    if (bytes_append(&joined, before->value, before->n_bytes, err) < 0 ||
        bytes_append(&joined, "\n", 1, err) < 0 ||
        bytes_append(&joined, out->data, out->n_bytes, err) < 0) {
        bytes_deinit(&joined);
        return -1;
    }
    bytes_deinit(out);
    *out = joined;
    return 0;
}

int record_add(struct record *record, const char *name, const char *value, size_t n_bytes,
               struct error *err)
{
    struct bytes text = {0};
    char *copy = strdup(name);
    if (!copy)
        fail_memory(err, strlen(name), "a field");
    if (!copy || reserve_field(record, err) < 0 ||
        make_value(NULL, value, n_bytes, &text, err) < 0) {
        free(copy);
        bytes_deinit(&text);
        return -1;
    }
    record->fields[record->n_fields++] =
        (struct record_field){.name = copy, .value = text.data, .n_bytes = text.n_bytes};
    return 0;
}

static int change(struct record *record, const char *name, const char *value, size_t n_bytes,
                  bool join, struct error *err)
{
    struct record_field *field = find(record, name);
    if (!field)
        return record_add(record, name, value, n_bytes, err);
    struct bytes text = {0};
    if (make_value(join ? field : NULL, value, n_bytes, &text, err) < 0) {
        bytes_deinit(&text);
        return -1;
    }
    free(field->value);
    field->value = text.data;
    field->n_bytes = text.n_bytes;
    return 0;
}

int record_replace(struct record *record, const char *name, const char *value, size_t n_bytes,
                   struct error *err)
{
    return change(record, name, value, n_bytes, false, err);
}

int record_join(struct record *record, const char *name, const char *value, size_t n_bytes,
                struct error *err)
{
    return change(record, name, value, n_bytes, true, err);
}
