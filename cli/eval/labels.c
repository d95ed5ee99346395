#include "labels.h"

#include "base/bytes.h"
#include "base/size.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_LABEL_BYTES 256 /* a longer cell is a text that came along */

static int add_question(struct labels *labels, const char *name, size_t *out, struct error *err)
{
    *out = labels_question(labels, name);
    if (*out < labels->n_questions)
        return 0;
    char **questions = realloc(labels->questions, (*out + 1) * sizeof *questions);
    if (!questions)
        return fail_memory(err, (*out + 1) * sizeof *questions, "labels");
    labels->questions = questions;
    questions[*out] = strdup(name);
    if (!questions[*out])
        return fail_memory(err, strlen(name), "labels");
    labels->n_questions++;
    return 0;
}

static int add_label(struct labels *labels, const char *id, const char *question,
                     const struct row_cell *cell, size_t line, struct error *err)
{
    struct label label = {
        .line = line, .file = labels->files[labels->n_files - 1], .serial = labels->n_items};
    if (add_question(labels, question, &label.question, err) < 0)
        return -1;
    if (labels->n_items == labels->capacity) {
        size_t capacity = max_size(64, labels->capacity * 2);
        struct label *items = realloc(labels->items, capacity * sizeof *items);
        if (!items)
            return fail_memory(err, capacity * sizeof *items, "labels");
        labels->items = items;
        labels->capacity = capacity;
    }
    label.id = strdup(id);
    label.text = strdup(cell->text);
    if (!label.id || !label.text) {
        free(label.id);
        free(label.text);
        return fail_memory(err, strlen(id) + cell->n_bytes, "labels");
    }
    labels->items[labels->n_items++] = label;
    return 0;
}

static const struct row_cell *verdict_cell(const struct row *row)
{
    static const char *const names[] = {"verdict", "truth", "label"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct row_cell *cell = row_find(row, names[i]);
        if (cell)
            return cell;
    }
    return NULL;
}

static int add_row(struct labels *labels, const struct row *row, const char *id, struct error *err)
{
    const struct row_cell *question = row_find(row, "question"), *verdict = verdict_cell(row);
    if (question && verdict)
        return add_label(labels, id, question->text, verdict, row->line, err);
    for (size_t i = 0; i < row->n_cells; i++) {
        const struct row_cell *cell = &row->cells[i];
        static const char *const others[] = {"id", "file", "line", "text"};
        bool is_other = cell->n_bytes > MOST_LABEL_BYTES;
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
            is_other = is_other || strcmp(cell->name, others[k]) == 0;
        if (!is_other && add_label(labels, id, cell->name, cell, row->line, err) < 0)
            return -1;
    }
    return 0;
}

int labels_read(struct labels *labels, const char *path, struct error *err)
{
    char **files = realloc(labels->files, (labels->n_files + 1) * sizeof *files);
    if (!files)
        return fail_memory(err, (labels->n_files + 1) * sizeof *files, "labels");
    labels->files = files;
    files[labels->n_files] = strdup(path);
    if (!files[labels->n_files])
        return fail_memory(err, strlen(path), "labels");
    labels->n_files++;

    struct rows *rows = rows_open(path, err);
    struct bytes id = {0};
    const struct row *row;
    int status = rows ? 0 : -1;
    while (status == 0 && (status = rows_next(rows, &row, err)) > 0) {
        status = row_id(row, &id, err);
        if (status == 0)
            status = fail(err, ERROR_FORMAT,
                          "%s: line %llu: no `id` and no `file` says which document this is", path,
                          (unsigned long long)row->line);
        else if (status > 0)
            status = add_row(labels, row, id.data, err);
    }
    bytes_deinit(&id);
    rows_close(rows);
    return status;
}

static int compare(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    if (order == 0)
        order = (x->question > y->question) - (x->question < y->question);
    return order ? order : (x->serial > y->serial) - (x->serial < y->serial);
}

int labels_index(struct labels *labels, struct error *err)
{
    size_t n = labels->n_questions;
    labels->is_truth = malloc((n + 1) * sizeof *labels->is_truth);
    if (!labels->is_truth)
        return fail_memory(err, n, "labels");
    memset(labels->is_truth, true, n);
    labels->by_base_name = true;
    for (size_t i = 0; i < labels->n_items; i++) {
        const struct label *label = &labels->items[i];
        enum truth truth;
        struct error ignored = {0};
        if (label_truth(label, &truth, &ignored) < 0)
            labels->is_truth[label->question] = false;
        labels->by_base_name = labels->by_base_name && !strchr(label->id, '/');
    }
    if (labels->n_items > 1)
        qsort(labels->items, labels->n_items, sizeof *labels->items, compare);
    return 0;
}

void labels_deinit(struct labels *labels)
{
    for (size_t i = 0; i < labels->n_items; i++) {
        free(labels->items[i].id);
        free(labels->items[i].text);
    }
    for (size_t i = 0; i < labels->n_questions; i++)
        free(labels->questions[i]);
    for (size_t i = 0; i < labels->n_files; i++)
        free(labels->files[i]);
    free(labels->items);
    free(labels->questions);
    free(labels->files);
    free(labels->is_truth);
    *labels = (struct labels){0};
}

size_t labels_question(const struct labels *labels, const char *name)
{
    size_t i = 0;
    while (i < labels->n_questions && strcmp(labels->questions[i], name) != 0)
        i++;
    return i;
}

size_t labels_only_question(const struct labels *labels)
{
    size_t n_found = 0, found = labels->n_questions;
    for (size_t i = 0; i < labels->n_questions; i++)
        if (labels->is_truth[i]) {
            found = i;
            n_found++;
        }
    return n_found == 1 ? found : labels->n_questions;
}

/* The last of those that are equal but for the serial. */
static struct label *find(const struct labels *labels, const char *id, size_t question)
{
    struct label wanted = {.question = question, .serial = UINT64_MAX};
    size_t low = 0, high = labels->n_items; /* all before low are <= wanted */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct label *label = &labels->items[middle];
        int order = strcmp(label->id, id);
        if (order == 0)
            order = (label->question > wanted.question) - (label->question < wanted.question);
        if (order <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct label *label = low > 0 ? &labels->items[low - 1] : NULL;
    return label && label->question == question && strcmp(label->id, id) == 0 ? label : NULL;
}

struct label *labels_find(const struct labels *labels, const char *id, size_t question)
{
    struct label *label = find(labels, id, question);
    const char *slash = strrchr(id, '/');
    return label || !labels->by_base_name || !slash ? label : find(labels, slash + 1, question);
}

bool label_is_empty(const struct label *label)
{
    enum truth truth = TRUTH_YES;
    struct error ignored = {0};
    return label_truth(label, &truth, &ignored) == 0 && truth == TRUTH_NONE;
}

int label_truth(const struct label *label, enum truth *truth, struct error *err)
{
    static const struct {
        const char *word;
        enum truth truth;
    } words[] = {
        {"yes", TRUTH_YES}, {"y", TRUTH_YES},      {"1", TRUTH_YES},       {"true", TRUTH_YES},
        {"t", TRUTH_YES},   {"accept", TRUTH_YES}, {"no", TRUTH_NO},       {"n", TRUTH_NO},
        {"0", TRUTH_NO},    {"false", TRUTH_NO},   {"f", TRUTH_NO},        {"reject", TRUTH_NO},
        {"", TRUTH_NONE},   {"-", TRUTH_NONE},     {"unsure", TRUTH_NONE}, {"?", TRUTH_NONE},
    };
    char text[16] = "";
    const char *from = label->text + strspn(label->text, " \t");
    size_t n = strlen(from);
    while (n > 0 && strchr(" \t\r", from[n - 1]))
        n--;
    if (n < sizeof text)
        memcpy(text, from, n);
    for (size_t i = 0; n < sizeof text && i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i].word) == 0) {
            *truth = words[i].truth;
            return 0;
        }
    return fail(err, ERROR_FORMAT, "%s: line %zu: '%s' is neither yes nor no", label->file,
                label->line, label->text);
}
