#include "sheet.h"

#include "../input/field_template.h"
#include "../input/whole.h"
#include "toml.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sheet_deinit(struct sheet *sheet)
{
    free(sheet->questions);
    free(sheet->names);
    arena_deinit(&sheet->arena);
    bytes_deinit(&sheet->file);
    *sheet = (struct sheet){0};
}

static int find_name(const struct sheet *sheet, const char *name, size_t n_bytes)
{
    for (size_t i = 0; i < sheet->n_questions; i++)
        if (strlen(sheet->names[i]) == n_bytes && memcmp(sheet->names[i], name, n_bytes) == 0)
            return (int)i;
    return -1;
}

static int add(struct sheet *sheet, const char *name, const struct trawl_question *question,
               struct error *err)
{
    if (sheet->n_questions == sheet->capacity) {
        size_t capacity = sheet->capacity ? 2 * sheet->capacity : 16;
        struct trawl_question *questions =
            realloc(sheet->questions, capacity * sizeof *sheet->questions);
        if (questions)
            sheet->questions = questions;
        const char **names = questions ? realloc(sheet->names, capacity * sizeof *names) : NULL;
        if (!names)
            return fail_memory(err, capacity * sizeof *questions, "questions");
        sheet->names = names;
        sheet->capacity = capacity;
    }
    struct trawl_question added = *question;
    if (field_template_check(added.text, TEMPLATE_OF_QUESTION, &added.per_document, err) < 0)
        return -1;
    sheet->any_fields |= added.per_document;
    sheet->names[sheet->n_questions] = name;
    sheet->questions[sheet->n_questions++] = added;
    return 0;
}

int sheet_add(struct sheet *sheet, const char *text, struct error *err)
{
    char *name = arena_alloc(&sheet->arena, 24, 1, "a question", err);
    if (!name)
        return -1;
    snprintf(name, 24, "q%zu", sheet->n_questions + 1);
    if (text[strspn(text, " \t\r\n")] == '\0')
        return fail(err, ERROR_USAGE, "a question without a word");
    return add(sheet, name, &(struct trawl_question){.text = text}, err);
}

int sheet_read_lines(struct sheet *sheet, const char *path, struct error *err)
{
    if (whole_read(path, &sheet->file, err) < 0)
        return -1;
    char *line = sheet->file.data, *end = line + sheet->file.n_bytes;
    if (memchr(line, '\0', sheet->file.n_bytes))
        return fail(err, ERROR_FORMAT, "%s has a NUL byte", path);
    while (line < end) {
        size_t n = strcspn(line, "\n");
        line[n] = '\0';
        if (n > 0 && line[n - 1] == '\r')
            line[n - 1] = '\0';
        if (line[strspn(line, " \t")] != '\0' && sheet_add(sheet, line, err) < 0)
            return fail_context(err, "%s", path);
        line += n + 1;
    }
    return sheet->n_questions > 0 ? 0 : fail(err, ERROR_FORMAT, "%s has no question", path);
}

/* ---- A sheet's tables ---- */

static int fail_value(const struct toml_entry *entry, struct error *err, const char *wanted)
{
    return fail(err, ERROR_FORMAT, "line %u: %s is not %s", entry->value.line, entry->key, wanted);
}

static int take_text(const struct toml_entry *entry, const char **out, struct error *err)
{
    if (entry->value.kind != TOML_STRING ||
        entry->value.text[strspn(entry->value.text, " \t\r\n")] == '\0')
        return fail_value(entry, err, "a text");
    *out = entry->value.text;
    return 0;
}

static int take_name(const struct sheet *sheet, const struct toml_entry *entry, const char **out,
                     struct error *err)
{
    if (take_text(entry, out, err) < 0)
        return -1;
    const char *name = *out;
    for (const char *c = name; *c; c++)
        if (!isalpha((unsigned char)*c) && *c != '_' && (c == name || !isdigit((unsigned char)*c)))
            return fail_value(entry, err, "letters, digits and _, a letter first");
    if (strlen(name) > 64)
        return fail_value(entry, err, "at most 64 letters");
    if (find_name(sheet, name, strlen(name)) >= 0)
        return fail(err, ERROR_FORMAT, "line %u: a second question called %s", entry->value.line,
                    name);
    return 0;
}

/* One of the words separated by spaces in [words]: its place. */
static int take_word(const struct toml_entry *entry, const char *words, int *out, struct error *err)
{
    const char *text = "", *word = words;
    if (entry->value.kind == TOML_STRING)
        text = entry->value.text;
    for (int i = 0; *word; i++) {
        size_t n = strcspn(word, " ");
        if (strlen(text) == n && n > 0 && memcmp(word, text, n) == 0) {
            *out = i;
            return 0;
        }
        word += n + (word[n] == ' ');
    }
    return fail(err, ERROR_FORMAT, "line %u: %s is not one of: %s", entry->value.line, entry->key,
                words);
}

static int take_labels(struct sheet *sheet, const struct toml_entry *entry,
                       struct trawl_question *question, struct error *err)
{
    const struct toml_value *value = &entry->value;
    const char **labels = NULL;
    if (value->kind == TOML_ARRAY)
        labels = arena_alloc(&sheet->arena, value->n_items * sizeof *labels, 16, "labels", err);
    if (value->kind == TOML_ARRAY && !labels)
        return -1;
    if (!labels || value->n_items < 2 || value->n_items > 1000)
        return fail_value(entry, err, "two to a thousand texts");
    for (size_t i = 0; i < value->n_items; i++) {
        if (value->items[i].kind != TOML_STRING || !*value->items[i].text)
            return fail_value(entry, err, "a list of texts");
        labels[i] = value->items[i].text;
        for (size_t j = 0; j < i; j++)
            if (strcmp(labels[i], labels[j]) == 0)
                return fail(err, ERROR_FORMAT, "line %u: the label '%.60s' for the second time",
                            value->items[i].line, labels[i]);
    }
    question->labels = labels;
    question->n_labels = (int)value->n_items;
    return 0;
}

static int take_scale(const struct toml_entry *entry, struct trawl_question *question,
                      struct error *err)
{
    const struct toml_value *value = &entry->value, *ends = value->items;
    if (value->kind != TOML_ARRAY || value->n_items != 2 || ends[0].kind != TOML_INTEGER ||
        ends[1].kind != TOML_INTEGER || ends[0].integer < -500 || ends[1].integer > 500 ||
        ends[0].integer >= ends[1].integer)
        return fail_value(entry, err, "[from, to], whole numbers of at most 500, from below to");
    question->scale_from = (int)ends[0].integer;
    question->scale_to = (int)ends[1].integer;
    return 0;
}

/* The label of a condition on [question]: -1 when it is none of its answers. */
static int find_label(const struct trawl_question *question, const char *text)
{
    char number[16];
    if (question->kind == TRAWL_YES_NO)
        return strcmp(text, "yes") == 0 ? 1 : strcmp(text, "no") == 0 ? 0 : -1;
    for (int l = 0; l < trawl_question_labels(question); l++) {
        snprintf(number, sizeof number, "%d", question->scale_from + l);
        if (strcmp(question->labels ? question->labels[l] : number, text) == 0)
            return l;
    }
    return -1;
}

/* "NAME", "not NAME", "NAME = LABEL". */
static int take_condition(struct sheet *sheet, const struct toml_entry *entry,
                          struct trawl_question *question, struct error *err)
{
    const char *text = entry->value.kind == TOML_STRING ? entry->value.text : "";
    bool negated = strncmp(text, "not ", 4) == 0;
    const char *name = text + (negated ? 4 : 0);
    name += strspn(name, " ");
    size_t n = strcspn(name, " =");
    const char *rest = name + n + strspn(name + n, " ");
    struct trawl_condition *condition =
        arena_alloc(&sheet->arena, sizeof *condition, 16, "a condition", err);
    if (!condition)
        return -1;
    condition->question = find_name(sheet, name, n);
    if (n == 0 || (*rest && *rest != '=') || (negated && *rest))
        return fail_value(entry, err, "\"NAME\", \"not NAME\" or \"NAME = ANSWER\"");
    if (condition->question < 0)
        return fail(err, ERROR_FORMAT, "line %u: ask_if: no question above is called '%.*s'",
                    entry->value.line, (int)n, name);
    const struct trawl_question *on = &sheet->questions[condition->question];
    condition->label = negated ? 0 : 1;
    if (!*rest && on->kind != TRAWL_YES_NO)
        return fail_value(entry, err,
                          "\"NAME = ANSWER\", as that question is not answered yes or "
                          "no");
    if (*rest) {
        rest++;
        condition->label = find_label(on, rest + strspn(rest, " "));
        if (condition->label < 0)
            return fail(err, ERROR_FORMAT, "line %u: ask_if: '%.60s' is no answer to %.*s",
                        entry->value.line, rest + strspn(rest, " "), (int)n, name);
    }
    question->ask_if = condition;
    return 0;
}

static int take_entry(struct sheet *sheet, const struct toml_entry *entry,
                      struct trawl_question *question, const char **name, struct error *err)
{
    int choice = 0;
    if (strcmp(entry->key, "name") == 0)
        return take_name(sheet, entry, name, err);
    if (strcmp(entry->key, "text") == 0)
        return take_text(entry, &question->text, err);
    if (strcmp(entry->key, "kind") == 0) {
        if (take_word(entry, "yes_no choice score", &choice, err) < 0)
            return -1;
        question->kind = (enum trawl_question_kind)choice;
        return 0;
    }
    if (strcmp(entry->key, "threshold") == 0) {
        bool number = entry->value.kind == TOML_NUMBER || entry->value.kind == TOML_INTEGER;
        question->threshold = entry->value.number;
        return number && question->threshold > 0 && question->threshold <= 1
                   ? 0
                   : fail_value(entry, err, "a probability above 0");
    }
    if (strcmp(entry->key, "labels") == 0)
        return take_labels(sheet, entry, question, err);
    if (strcmp(entry->key, "labels_read") == 0) {
        if (take_word(entry, "decided whole mean", &choice, err) < 0)
            return -1;
        question->reading = (enum trawl_label_reading)choice;
        return 0;
    }
    if (strcmp(entry->key, "scale") == 0)
        return take_scale(entry, question, err);
    if (strcmp(entry->key, "ask_if") == 0)
        return take_condition(sheet, entry, question, err);
    return fail(err, ERROR_FORMAT, "line %u: a question has no '%.40s'", entry->value.line,
                entry->key);
}

/* What goes with which kind. */
static int check_kind(const struct toml_table *table, const struct trawl_question *question,
                      const char *name, struct error *err)
{
    const char *missing =
        !name                                                                         ? "name"
        : !question->text                                                             ? "text"
        : question->kind == TRAWL_CHOICE && !question->labels                         ? "labels"
        : question->kind == TRAWL_SCORE && question->scale_from == question->scale_to ? "scale"
                                                                                      : NULL;
    if (missing)
        return fail(err, ERROR_FORMAT, "line %u: a question without %s", table->line, missing);
    const char *stray =
        question->kind != TRAWL_CHOICE && question->labels                            ? "labels"
        : question->kind != TRAWL_SCORE && question->scale_from != question->scale_to ? "scale"
        : question->kind != TRAWL_YES_NO && question->threshold > 0                   ? "threshold"
        : question->kind == TRAWL_YES_NO && question->reading ? "labels_read"
                                                              : NULL;
    if (stray)
        return fail(err, ERROR_FORMAT, "line %u: %s has %s, which is not for its kind", table->line,
                    name, stray);
    return 0;
}

static int take_question(struct sheet *sheet, const struct toml_table *table, struct error *err)
{
    struct trawl_question question = {0};
    const char *name = NULL;
    if (strcmp(table->name, "question") != 0)
        return fail(err, ERROR_FORMAT, "line %u: a sheet has no [[%.40s]], only [[question]]",
                    table->line, table->name);
    for (const struct toml_entry *entry = table->entries; entry; entry = entry->next)
        if (take_entry(sheet, entry, &question, &name, err) < 0)
            return -1;
    if (check_kind(table, &question, name, err) < 0)
        return -1;
    return add(sheet, name, &question, err) < 0 ? fail_context(err, "line %u", table->line) : 0;
}

static int read_tables(struct sheet *sheet, struct error *err)
{
    const char *text = sheet->file.data ? sheet->file.data : "";
    const struct toml_table *table = toml_parse(text, sheet->file.n_bytes, &sheet->arena, err);
    if (!table)
        return -1;
    for (const struct toml_entry *entry = table->entries; entry; entry = entry->next) {
        const char **place = strcmp(entry->key, "name") == 0     ? &sheet->name
                             : strcmp(entry->key, "system") == 0 ? &sheet->system_text
                                                                 : NULL;
        if (!place)
            return fail(err, ERROR_FORMAT, "line %u: a sheet has no '%.40s'", entry->value.line,
                        entry->key);
        if (take_text(entry, place, err) < 0)
            return -1;
    }
    for (table = table->next; table; table = table->next)
        if (take_question(sheet, table, err) < 0)
            return -1;
    return sheet->n_questions > 0 ? 0 : fail(err, ERROR_FORMAT, "a sheet without a [[question]]");
}

int sheet_read(struct sheet *sheet, const char *path, struct error *err)
{
    if (whole_read(path, &sheet->file, err) < 0)
        return -1;
    return read_tables(sheet, err) < 0 ? fail_context(err, "%s", path) : 0;
}
