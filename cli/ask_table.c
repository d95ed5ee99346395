#include "ask_table.h"

#include "output/out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *join(struct ask_table *table, const char *a, const char *b, struct error *err)
{
    size_t n = strlen(a) + strlen(b) + 1;
    char *text = arena_alloc(&table->arena, n, 1, "columns", err);
    if (text)
        snprintf(text, n, "%s%s", a, b);
    return text;
}

/* ---- Columns ---- */

static bool is_column(const struct ask_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return true;
    return false;
}

static int add_column(struct ask_table *table, const char *name, enum column_role role,
                      int question, struct error *err)
{
    if (!name)
        return -1;
    while (is_column(table, name))
        if (!(name = join(table, name, "_", err)))
            return -1;
    table->columns[table->n_columns++] = (struct table_column){name, role, question};
    return 0;
}

/* The field that --id takes the name from is there already where it has that column's name. */
static bool is_id_field(const struct ask_table *table, const char *name)
{
    const char *id_field = table->options->input.records.id_field;
    return id_field && strcmp(name, id_field) == 0 && strcmp(name, table->columns[0].name) == 0;
}

/* A field keeps its name unless a question has it: the answer is what one looks for. */
static int add_field(struct ask_table *table, const char *name, size_t n_bytes, struct error *err)
{
    char *own = arena_alloc(&table->arena, n_bytes + 1, 1, "columns", err);
    const char *shown = own;
    if (!own)
        return -1;
    memcpy(own, name, n_bytes);
    own[n_bytes] = '\0';
    if (is_id_field(table, own)) {
        table->fields[0] = own;
        return 0;
    }
    for (size_t q = 0; q < table->options->sheet.n_questions; q++) {
        const char *question = table->options->sheet.names[q];
        size_t n = strlen(question);
        if (strncmp(own, question, n) == 0 &&
            (own[n] == '\0' || strcmp(own + n, "_p") == 0 ||
             strcmp(own + n, "_distribution") == 0) &&
            !(shown = join(table, "input_", own, err)))
            return -1;
    }
    if (is_column(table, own) && !(shown = join(table, "input_", own, err)))
        return -1;
    table->fields[table->n_columns] = own;
    return add_column(table, shown, COLUMN_FIELD, -1, err);
}

static int add_fields(struct ask_table *table, const struct record *first, struct error *err)
{
    const char *names = table->options->fields;
    if (!names) {
        for (size_t i = 0; first && i < first->n_fields; i++)
            if (add_field(table, first->fields[i].name, strlen(first->fields[i].name), err) < 0)
                return -1;
        return 0;
    }
    while (*names) {
        size_t n = strcspn(names, ",");
        if (n > 0 && add_field(table, names, n, err) < 0)
            return -1;
        names += n + (names[n] == ',');
    }
    return 0;
}

const char *ask_kind_name(const struct trawl_question *question)
{
    static const char *const kinds[] = {"yes_no", "choice", "score"};
    return kinds[question->kind];
}

const char *const *ask_label_names(struct arena *arena, const struct trawl_question *question,
                                   struct error *err)
{
    if (question->kind != TRAWL_SCORE)
        return question->labels;
    size_t n = (size_t)trawl_question_labels(question);
    const char **labels = arena_alloc(arena, n * sizeof *labels, 16, "columns", err);
    for (size_t l = 0; labels && l < n; l++) {
        char *text = arena_alloc(arena, 16, 1, "columns", err);
        if (!text)
            return NULL;
        snprintf(text, 16, "%d", question->scale_from + (int)l);
        labels[l] = text;
    }
    return labels;
}

static int add_question(struct ask_table *table, const struct trawl_question *question, int index,
                        const char *name, struct error *err)
{
    struct table_question *described = &table->questions[index];
    double threshold = table->options->calibrated ? table->options->calibrated[index].threshold
                                                  : question->threshold;
    *described = (struct table_question){
        .name = name,
        .text = question->text,
        .kind = ask_kind_name(question),
        .n_labels = (size_t)trawl_question_labels(question),
        .threshold = threshold > 0 ? threshold : 0.5,
    };
    if (described->n_labels > 0 &&
        !(described->labels = ask_label_names(&table->arena, question, err)))
        return -1;
    if (add_column(table, name, COLUMN_ANSWER, index, err) < 0 ||
        add_column(table, join(table, name, "_p", err), COLUMN_PROBABILITY, index, err) < 0)
        return -1;
    if (question->kind == TRAWL_SCORE && add_column(table, join(table, name, "_distribution", err),
                                                    COLUMN_DISTRIBUTION, index, err) < 0)
        return -1;
    const struct labels *review = &table->options->review;
    size_t reviewed = labels_question(review, name);
    if (reviewed == review->n_questions)
        return 0;
    table->reviewed[table->n_columns] = 1 + reviewed;
    return add_column(table, join(table, name, "_label", err), COLUMN_FIELD, index, err);
}

static int make_columns(struct ask_table *table, const struct record *first, struct error *err)
{
    const struct ask_options *options = table->options;
    size_t n_questions = (size_t)options->ask.n_questions, n_fields = first ? first->n_fields : 0;
    for (const char *c = options->fields; c && *c; c++)
        n_fields += 1 + (*c == ',');
    size_t n = 2 + n_fields + 4 * n_questions;
    table->columns = calloc(n, sizeof *table->columns);
    table->fields = calloc(n, sizeof *table->fields);
    table->reviewed = calloc(n, sizeof *table->reviewed);
    table->cells = calloc(n, sizeof *table->cells);
    table->questions = calloc(n_questions, sizeof *table->questions);
    if (!table->columns || !table->fields || !table->reviewed || !table->cells || !table->questions)
        return fail_memory(err, n * sizeof *table->columns, "columns");
    if (add_column(table, "id", COLUMN_ID, -1, err) < 0 || add_fields(table, first, err) < 0 ||
        (table->output->format->wants_text && add_column(table, "text", COLUMN_TEXT, -1, err) < 0))
        return -1;
    for (size_t q = 0; q < n_questions; q++)
        if (add_question(table, &options->ask.questions[q], (int)q,
                         options->prompts ? "answer" : options->sheet.names[q], err) < 0)
            return -1;
    return 0;
}

static int open_table(struct ask_table *table, const struct ask_options *options,
                      const struct record *first, struct error *err)
{
    table->options = options;
    if (make_columns(table, first, err) < 0)
        return -1;
    table->table_options = (struct table_options){
        .path = table->output->path,
        .columns = table->columns,
        .n_columns = table->n_columns,
        .questions = table->questions,
        .n_questions = (size_t)options->ask.n_questions,
        .title = options->sheet.name ? options->sheet.name : options->sheet.questions[0].text,
        .each_row_now = options->line_buffered,
    };
    table->table = table->output->format->open(&table->table_options, err);
    return table->table ? 0 : -1;
}

static void close_table(struct ask_table *table)
{
    if (table->table)
        table->output->format->close(table->table);
    free(table->columns);
    free(table->fields);
    free(table->reviewed);
    free(table->cells);
    free(table->questions);
    bytes_deinit(&table->distributions);
    arena_deinit(&table->arena);
}

/* ---- Rows ---- */

static struct table_cell text_cell(const char *text, size_t n_bytes)
{
    return (struct table_cell){.kind = CELL_TEXT, .text = text, .n_bytes = n_bytes};
}

static struct table_cell number_cell(double number)
{
    return (struct table_cell){.kind = CELL_NUMBER, .number = number};
}

/* The field of a column: usually where it was in the first document. */
static struct table_cell field_cell(const struct record *record, const char *name, size_t guess)
{
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct record_field *field = &record->fields[(guess + i) % record->n_fields];
        if (strcmp(field->name, name) == 0)
            return text_cell(field->value, field->n_bytes);
    }
    return (struct table_cell){.kind = CELL_EMPTY};
}

struct table_cell ask_answer_cell(const struct trawl_question *question,
                                  const struct trawl_cell *cell)
{
    if (question->kind == TRAWL_SCORE)
        return number_cell(cell->expectation);
    const char *text = cell->p_other > 0.5              ? "unsure"
                       : question->kind == TRAWL_CHOICE ? question->labels[cell->label]
                       : cell->label                    ? "yes"
                                                        : "no";
    return text_cell(text, strlen(text));
}

/* [["1", 0.25], ...]: whole numbers, so nothing is to be escaped. */
static int append_distribution(struct ask_table *table, const struct table_question *question,
                               const struct trawl_cell *cell, struct error *err)
{
    char item[64];
    for (size_t l = 0; l < question->n_labels; l++) {
        snprintf(item, sizeof item, "%s[\"%s\", %.9g]", l ? ", " : "[", question->labels[l],
                 cell->distribution[l]);
        if (bytes_append_text(&table->distributions, item, err) < 0)
            return -1;
    }
    return bytes_append_text(&table->distributions, "]", err);
}

static int fill_answer(struct ask_table *table, size_t column, const struct trawl_answer *answer,
                       struct error *err)
{
    const struct table_column *shown = &table->columns[column];
    const struct trawl_question *question = &table->options->ask.questions[shown->question];
    const struct trawl_cell *cell = &answer->cells[shown->question];
    struct table_cell *out = &table->cells[column];
    *out = (struct table_cell){.kind = CELL_EMPTY};
    if (cell->state != TRAWL_CELL_ANSWERED)
        return 0;
    if (shown->role == COLUMN_ANSWER) {
        *out = ask_answer_cell(question, cell);
    } else if (shown->role == COLUMN_PROBABILITY) {
        const struct calibration *calibration =
            table->options->calibrated ? table->options->calibrated[shown->question].calibration
                                       : NULL;
        *out = number_cell(calibration ? calibration_apply(calibration, cell->p) : cell->p);
    } else {
        size_t from = table->distributions.n_bytes;
        if (append_distribution(table, &table->questions[shown->question], cell, err) < 0)
            return -1;
        /* The text may move while the row is made: its place is filled in at the end. */
        *out = text_cell(NULL, table->distributions.n_bytes - from);
    }
    return 0;
}

/* What a person said: of a yes/no question yes, no or unsure. */
static struct table_cell label_cell(const struct ask_table *table, const struct record *record,
                                    size_t column)
{
    static const char *const words[] = {"unsure", "no", "yes"};
    const struct label *label =
        labels_find(&table->options->review, record->id, table->reviewed[column] - 1);
    const char *text = label ? label->text : "";
    enum truth truth;
    struct error ignored = {0};
    if (*text && table->questions[table->columns[column].question].n_labels == 0 &&
        label_truth(label, &truth, &ignored) == 0)
        text = words[truth];
    return *text ? text_cell(text, strlen(text)) : (struct table_cell){.kind = CELL_EMPTY};
}

static void note_left_out(struct ask_table *table, const struct record *record)
{
    size_t n_known = table->fields[0] && record_find(record, table->fields[0]);
    for (size_t i = 1; i < table->n_columns && !table->options->fields; i++)
        n_known += table->fields[i] && table->cells[i].kind != CELL_EMPTY;
    if (table->options->fields || n_known >= record->n_fields)
        return;
    for (size_t f = 0; f < record->n_fields && !*table->left_out; f++) {
        bool known = false;
        for (size_t i = 0; i < table->n_columns; i++)
            known |= table->fields[i] && strcmp(table->fields[i], record->fields[f].name) == 0;
        if (!known)
            snprintf(table->left_out, sizeof table->left_out, "%s", record->fields[f].name);
    }
    table->n_left_out++;
}

static int write_row(struct ask_table *table, const struct record *record,
                     const struct trawl_answer *answer, struct error *err)
{
    bytes_clear(&table->distributions);
    for (size_t i = 0; i < table->n_columns; i++) {
        struct table_cell *cell = &table->cells[i];
        switch (table->columns[i].role) {
        case COLUMN_ID:
            *cell = text_cell(record->id, strlen(record->id));
            break;
        case COLUMN_FIELD:
            *cell = table->reviewed[i] ? label_cell(table, record, i)
                                       : field_cell(record, table->fields[i], i - 1);
            break;
        case COLUMN_TEXT:
            *cell = text_cell(record->text, record->n_bytes);
            break;
        default:
            if (fill_answer(table, i, answer, err) < 0)
                return -1;
        }
    }
    size_t at = 0;
    for (size_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].role == COLUMN_DISTRIBUTION && table->cells[i].kind == CELL_TEXT) {
            table->cells[i].text = table->distributions.data + at;
            at += table->cells[i].n_bytes;
        }
    note_left_out(table, record);
    return table->output->format->row(table->table, table->cells, err);
}

/* ---- All tables ---- */

/* Opening empties a file: before the first one is, all can be opened as far as can be seen. */
static int check_place(const char *path, struct error *err)
{
    struct bytes folder = {0};
    const char *slash = strrchr(path, '/');
    bool is_there = access(path, F_OK) == 0;
    size_t n_folder = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    if (bytes_append(&folder, slash ? path : ".", slash ? n_folder : 1, err) < 0)
        return -1;
    int rc = access(is_there ? path : folder.data, W_OK) < 0
                 ? fail_errno(err, ERROR_IO, errno, "%s", path)
                 : 0;
    bytes_deinit(&folder);
    return rc;
}

int ask_tables_open(struct ask_tables *tables, const struct ask_options *options,
                    const struct record *first, struct error *err)
{
    for (size_t i = 0; i < options->n_outputs; i++)
        if (options->outputs[i].path && check_place(options->outputs[i].path, err) < 0)
            return -1;
    tables->list = calloc(options->n_outputs, sizeof *tables->list);
    if (!tables->list)
        return fail_memory(err, options->n_outputs * sizeof *tables->list, "tables");
    tables->n = options->n_outputs;
    for (size_t i = 0; i < tables->n; i++) {
        tables->list[i].output = &options->outputs[i];
        if (open_table(&tables->list[i], options, first, err) < 0)
            return -1;
    }
    return 0;
}

int ask_tables_row(struct ask_tables *tables, const struct record *record,
                   const struct trawl_answer *answer, struct error *err)
{
    for (size_t i = 0; i < tables->n; i++)
        if (write_row(&tables->list[i], record, answer, err) < 0)
            return -1;
    return 0;
}

int ask_tables_flush(struct ask_tables *tables, struct error *err)
{
    for (size_t i = 0; i < tables->n; i++) {
        struct ask_table *table = &tables->list[i];
        if (table->table && table->output->format->flush(table->table, err) < 0)
            return -1;
    }
    return 0;
}

int ask_tables_finish(struct ask_tables *tables, struct error *err)
{
    for (size_t i = 0; i < tables->n; i++)
        if (tables->list[i].output->format->finish(tables->list[i].table, err) < 0)
            return -1;
    return 0;
}

void ask_tables_close(struct ask_tables *tables)
{
    for (size_t i = 0; i < tables->n; i++)
        close_table(&tables->list[i]);
    free(tables->list);
    *tables = (struct ask_tables){0};
}
