/* CSV and TSV: the first row names the fields of the others. */

#include "charset.h"
#include "csv.h"
#include "kinds.h"
#include "record_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct csv_reader {
    struct csv csv;
    char **names; /* [n_names] */
    size_t n_names;
};

static bool is_table(const char *head, size_t n_bytes, const char *path, const char *extensions)
{
    return path_has_extension(path, extensions) &&
           (charset_is_wide(head, n_bytes) || !memchr(head, '\0', n_bytes));
}

static bool csv_recognise(const char *head, size_t n_bytes, const char *path)
{
    return is_table(head, n_bytes, path, "csv");
}

static bool tsv_recognise(const char *head, size_t n_bytes, const char *path)
{
    return is_table(head, n_bytes, path, "tsv tab");
}

/* Spreadsheets write semicolons where the comma is for decimals: what there is most of in the first
 * row, outside of quotes, is the delimiter. */
static char find_delimiter(const char *head, size_t n_bytes)
{
    static const char candidates[] = ",;\t";
    size_t counts[3] = {0};
    bool quoted = false;
    for (size_t i = 0; i < n_bytes && (quoted || (head[i] != '\n' && head[i] != '\r')); i++) {
        const char *candidate = head[i] ? strchr(candidates, head[i]) : NULL;
        if (head[i] == '"')
            quoted = !quoted;
        else if (candidate && !quoted)
            counts[candidate - candidates]++;
    }
    size_t best = 0;
    for (size_t i = 1; i < 3; i++)
        best = counts[i] > counts[best] ? i : best;
    return candidates[best];
}

/* A column without a name is called by its number. */
static int read_names(struct csv_reader *self, struct error *err)
{
    self->names = calloc(self->csv.n_cells, sizeof *self->names);
    if (!self->names)
        return fail_memory(err, self->csv.n_cells, "the names of columns");
    for (size_t i = 0; i < self->csv.n_cells; i++) {
        struct bytes name = {0};
        size_t n_bytes;
        const char *cell = csv_cell(&self->csv, i, &n_bytes);
        char number[32];
        if (n_bytes == 0) {
            n_bytes = (size_t)snprintf(number, sizeof number, "column%zu", i + 1);
            cell = number;
        }
        if (bytes_append(&name, cell, n_bytes, err) < 0 || charset_repair(&name, err) < 0) {
            bytes_deinit(&name);
            return -1;
        }
        self->names[self->n_names++] = name.data;
    }
    return 0;
}

static int check_field(const struct csv_reader *self, const char *field, const char *option,
                       struct error *err)
{
    struct bytes names = {0};
    for (size_t i = 0; field && i < self->n_names; i++)
        if (strcmp(self->names[i], field) == 0)
            return 0;
    if (!field)
        return 0;
    for (size_t i = 0; i < self->n_names; i++)
        if (bytes_append_text(&names, i > 0 ? ", " : "", err) < 0 ||
            bytes_append_text(&names, self->names[i], err) < 0)
            break;
    fail(err, ERROR_USAGE, "--%s: there is no column '%s'; there are %.300s", option, field,
         names.data ? names.data : "");
    bytes_deinit(&names);
    return -1;
}

static int open_table(struct reader *reader, char delimiter, struct error *err)
{
    struct csv_reader *self = reader->state = calloc(1, sizeof *self);
    if (!self)
        return fail_memory(err, sizeof *self, "a table");
    struct intake *intake = charset_open(reader->intake, err);
    reader->intake = NULL;
    if (!intake)
        return -1;
    const char *head;
    size_t n_head;
    if (intake_peek(intake, INTAKE_HEAD_BYTES, &head, &n_head, err) < 0) {
        intake_close(intake);
        return -1;
    }
    csv_init(&self->csv, intake, delimiter ? delimiter : find_delimiter(head, n_head),
             reader->most_bytes);
    int status = csv_next(&self->csv, err);
    if (status == 0)
        return fail(err, ERROR_FORMAT, "no rows, not even one with the names of columns");
    if (status < 0 || read_names(self, err) < 0 ||
        check_field(self, reader->options->text_field, "text", err) < 0 ||
        check_field(self, reader->options->id_field, "id", err) < 0)
        return -1;
    return 0;
}

static int csv_open(struct reader *reader, struct error *err)
{
    return open_table(reader, '\0', err);
}

static int tsv_open(struct reader *reader, struct error *err)
{
    return open_table(reader, '\t', err);
}

/* Cells that a row lacks are empty; one too many is named by its number. */
static int read_row(const struct csv_reader *self, struct record *record, struct error *err)
{
    size_t n_cells = self->csv.n_cells;
    for (size_t i = 0; i < n_cells || i < self->n_names; i++) {
        char number[32];
        size_t n_bytes = 0;
        const char *cell = i < n_cells ? csv_cell(&self->csv, i, &n_bytes) : "";
        snprintf(number, sizeof number, "column%zu", i + 1);
        if (record_add(record, i < self->n_names ? self->names[i] : number, cell, n_bytes, err) < 0)
            return -1;
    }
    return 0;
}

static int table_next(struct reader *reader, struct record *record, struct error *err)
{
    struct csv_reader *self = reader->state;
    struct error trouble = {0};
    int status = csv_next(&self->csv, &trouble);
    if (status > 0)
        return read_row(self, record, err) < 0 ? -1 : 1;
    if (status == 0)
        return 0;
    if (trouble.kind == ERROR_LIMIT || trouble.kind == ERROR_FORMAT)
        return record_set_trouble(record, trouble.text, err) < 0 ? -1 : 1;
    *err = trouble;
    return -1;
}

static void table_close(struct reader *reader)
{
    struct csv_reader *self = reader->state;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_names; i++)
        free(self->names[i]);
    free(self->names);
    csv_deinit(&self->csv);
    free(self);
}

const struct input_kind KIND_CSV = {.name = "csv",
                                    .recognise = csv_recognise,
                                    .open = csv_open,
                                    .next = table_next,
                                    .close = table_close};

const struct input_kind KIND_TSV = {.name = "tsv",
                                    .recognise = tsv_recognise,
                                    .open = tsv_open,
                                    .next = table_next,
                                    .close = table_close};
