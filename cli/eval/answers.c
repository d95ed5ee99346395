#include "answers.h"

#include "base/bytes.h"
#include "base/size.h"
#include "rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* One file being read. */
struct reading {
    struct answers *answers;
    struct rows *rows;
    const char *path;
    size_t question; /* of NAME=; n_questions: not given */
    size_t by_file;  /* the question that the file is called after; n_questions: none is */
    struct bytes id;
    bool any_match; /* some column was a labelled question */
};

int answers_init(struct answers *answers, struct error *err)
{
    size_t n = answers->labels->n_questions;
    answers->questions = calloc(n + 1, sizeof *answers->questions);
    if (!answers->questions)
        return fail_memory(err, (n + 1) * sizeof *answers->questions, "answers");
    for (size_t i = 0; i < n; i++)
        answers->questions[i].name = answers->labels->questions[i];
    if (answers->where && labels_question(answers->labels, answers->where) == n)
        return fail(err, ERROR_USAGE, "--where: there is no label '%s'", answers->where);
    return 0;
}

static int fail_row(const struct reading *reading, const struct row *row, struct error *err)
{
    return fail_context(err, "%s: line %llu", reading->path, (unsigned long long)row->line);
}

static int remember_text(struct judged_question *question, const char *text, struct error *err)
{
    if (question->text || !text)
        return 0;
    question->text = strdup(text);
    return question->text ? 0 : fail_memory(err, strlen(text), "answers");
}

/* Whether --where lets the document be judged for [question]. */
static int is_wanted(const struct answers *answers, const char *id, size_t question, bool *wanted,
                     struct error *err)
{
    *wanted = true;
    if (!answers->where || strcmp(answers->where, answers->questions[question].name) == 0)
        return 0;
    enum truth truth = TRUTH_NONE;
    struct label *label =
        labels_find(answers->labels, id, labels_question(answers->labels, answers->where));
    if (label && label_truth(label, &truth, err) < 0)
        return -1;
    *wanted = truth == TRUTH_YES;
    return 0;
}

static struct judged_class *class_of(struct judged_question *question, const char *name,
                                     struct error *err)
{
    size_t n = question->n_classes;
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(question->classes[i].name, name) == 0)
            return &question->classes[i];
    struct judged_class *classes = realloc(question->classes, (n + 1) * sizeof *classes);
    if (classes)
        question->classes = classes;
    char *copy = classes ? strdup(name) : NULL;
    if (!copy) {
        fail_memory(err, (n + 1) * sizeof *classes, "answers");
        return NULL;
    }
    classes[n] = (struct judged_class){.name = copy};
    question->n_classes++;
    return &classes[n];
}

/* Counts a choice's answer beside its label. */
static int judge_choice(struct judged_question *question, const char *answer, const char *label,
                        bool *right, struct error *err)
{
    double a, b;
    *right = strcasecmp(answer, label) == 0 ||
             (text_number(answer, &a) && text_number(label, &b) && nearbyint(a) == b);
    struct judged_class *chosen = class_of(question, *right ? label : answer, err);
    if (!chosen)
        return -1;
    chosen->n_answers++;
    chosen->n_right += *right;
    struct judged_class *truth = class_of(question, label, err);
    if (!truth)
        return -1;
    truth->n_truth++;
    return 0;
}

static int calibrate(const struct answers *answers, const struct judged_question *question,
                     double *p, struct error *err)
{
    if (!answers->corrections || question->is_choice)
        return 0;
    const struct calibrated_question *correction =
        calibrations_find(answers->corrections, question->name, question->text, err);
    if (correction)
        *p = calibration_apply(&correction->calibration, *p);
    return correction ? 0 : -1;
}

static int add_item(struct judged_question *question, struct scored item, struct error *err)
{
    if (question->n_items == question->capacity) {
        size_t capacity = max_size(64, question->capacity * 2);
        struct scored *items = realloc(question->items, capacity * sizeof *items);
        if (!items)
            return fail_memory(err, capacity * sizeof *items, "answers");
        question->items = items;
        question->capacity = capacity;
    }
    question->items[question->n_items++] = item;
    return 0;
}

/* The probability [p] that the answer for the document is yes, or, of a choice, that it is
 * [answer]. */
static int add_answer(struct reading *reading, size_t index, double p, const char *answer,
                      bool unsure, struct error *err)
{
    struct answers *answers = reading->answers;
    struct judged_question *question = &answers->questions[index];
    const char *id = reading->id.data;
    struct label *label = labels_find(answers->labels, id, index);
    bool wanted, labelled = label, right = false;
    question->any_answers = true;
    if (p < 0 || p > 1)
        return fail(err, ERROR_FORMAT, "%s: %g is not a probability", question->name, p);
    if (label && label->answered)
        return fail(err, ERROR_FORMAT, "%s: '%s' is answered for the second time%s", question->name,
                    label->id,
                    answers->labels->by_base_name ? " (labels without folders name files by their "
                                                    "base names)"
                                                  : "");
    if (label) {
        enum truth truth = TRUTH_NONE;
        label->answered = true;
        if (question->is_choice)
            labelled = !label_is_empty(label);
        else if (label_truth(label, &truth, err) < 0)
            return -1;
        else
            labelled = truth != TRUTH_NONE;
        right = truth == TRUTH_YES;
    }
    if (!labelled) {
        question->n_unlabelled++;
        return 0;
    }
    if (is_wanted(answers, id, index, &wanted, err) < 0)
        return -1;
    if (!wanted)
        return 0;
    if (question->is_choice &&
        judge_choice(question, answer ? answer : "", label->text, &right, err) < 0)
        return -1;
    if (calibrate(answers, question, &p, err) < 0)
        return -1;
    question->n_unsure += unsure;
    return add_item(question, (struct scored){p, right}, err);
}

/* A row of `trawl grep --json`. */
static int take_grep_row(struct reading *reading, const struct row *row,
                         const struct row_cell *p_yes, struct error *err)
{
    const struct labels *labels = reading->answers->labels;
    const struct row_cell *text = row_find(row, "question"), *p_other = row_find(row, "p_other");
    const struct row_cell *too_long = row_find(row, "too_long");
    size_t n = labels->n_questions, question = reading->question;
    double p, other = 0;
    if (question == n && text)
        question = labels_question(labels, text->text);
    if (question == n)
        question = reading->by_file;
    if (question == n)
        question = labels_only_question(labels);
    if (question == n)
        return fail(err, ERROR_USAGE,
                    "which of the labelled questions is answered here? Say NAME=%s", reading->path);
    reading->any_match = true;
    if (too_long && strcmp(too_long->text, "true") == 0)
        return 0;
    if (!row_cell_number(p_yes, &p))
        return fail(err, ERROR_FORMAT, "p_yes '%s' is not a number", p_yes->text);
    if (remember_text(&reading->answers->questions[question], text ? text->text : NULL, err) < 0)
        return -1;
    bool unsure = p_other && row_cell_number(p_other, &other) && other > 0.5;
    return add_answer(reading, question, p, NULL, unsure, err);
}

/* The columns of one question, if they are there. */
static int take_columns(struct reading *reading, const struct row *row, size_t question,
                        struct error *err)
{
    struct judged_question *judged = &reading->answers->questions[question];
    char name[512];
    snprintf(name, sizeof name, "%s_p", judged->name);
    const struct row_cell *answer = row_find(row, judged->name), *p_cell = row_find(row, name);
    double p = NAN;
    judged->is_choice =
        judged->is_choice || (answer && p_cell && !reading->answers->labels->is_truth[question]);
    p_cell = p_cell ? p_cell : answer;
    if (!p_cell)
        return 0;
    reading->any_match = true;
    if (p_cell->n_bytes == 0) /* not asked */
        return 0;
    if (!row_cell_number(p_cell, &p))
        return fail(err, ERROR_FORMAT,
                    "%s: '%s' is not a number (a column %s should have probabilities)",
                    judged->name, p_cell->text, name);
    bool unsure = answer && strcmp(answer->text, "unsure") == 0;
    return add_answer(reading, question, p, answer ? answer->text : NULL, unsure, err);
}

/* A row of a table with columns for questions. */
static int take_table_row(struct reading *reading, const struct row *row, struct error *err)
{
    size_t n = reading->answers->labels->n_questions;
    for (size_t i = 0; i < n; i++)
        if ((reading->question == n || reading->question == i) &&
            take_columns(reading, row, i, err) < 0)
            return -1;
    return 0;
}

static int take_row(struct reading *reading, const struct row *row, struct error *err)
{
    int status = row_id(row, &reading->id, err);
    if (status == 0)
        status = fail(err, ERROR_FORMAT, "no `id` and no `file` says which document this is");
    if (status > 0) {
        const struct row_cell *p_yes = row_find(row, "p_yes");
        status =
            p_yes ? take_grep_row(reading, row, p_yes, err) : take_table_row(reading, row, err);
    }
    return status < 0 ? fail_row(reading, row, err) : 0;
}

/* "pages/event.jsonl" is called after the question "event". */
static size_t question_of_file(const struct labels *labels, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strchr(base, '.');
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)(dot ? dot - base : (ptrdiff_t)strlen(base)), base);
    return labels_question(labels, name);
}

int answers_read(struct answers *answers, const char *operand, struct error *err)
{
    const struct labels *labels = answers->labels;
    const char *equals = strchr(operand, '=');
    struct reading reading = {.answers = answers, .path = operand, .question = labels->n_questions};
    if (equals && access(operand, F_OK) != 0) {
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)(equals - operand), operand);
        reading.path = equals + 1;
        reading.question = labels_question(labels, name);
        if (reading.question == labels->n_questions)
            return fail(err, ERROR_USAGE, "%s: there is no label '%s'", operand, name);
    }
    reading.by_file = question_of_file(labels, reading.path);
    reading.rows = rows_open(reading.path, err);
    const struct row *row;
    int status = reading.rows ? 0 : -1;
    while (status == 0 && (status = rows_next(reading.rows, &row, err)) > 0)
        status = take_row(&reading, row, err);
    if (status == 0 && !reading.any_match)
        status = fail(err, ERROR_FORMAT,
                      "%s: no `p_yes` and no column of a labelled question (%s_p, ...)",
                      reading.path, labels->n_questions > 0 ? labels->questions[0] : "NAME");
    rows_close(reading.rows);
    bytes_deinit(&reading.id);
    return status;
}

/* Labels for questions that were answered, of documents that were not. */
static int count_missing(struct answers *answers, struct error *err)
{
    const struct labels *labels = answers->labels;
    for (size_t i = 0; i < labels->n_items; i++) {
        const struct label *label = &labels->items[i];
        struct judged_question *question = &answers->questions[label->question];
        enum truth truth = TRUTH_NONE;
        bool wanted;
        bool replaced = i + 1 < labels->n_items &&
                        labels->items[i + 1].question == label->question &&
                        strcmp(labels->items[i + 1].id, label->id) == 0;
        if (label->answered || replaced || !question->any_answers)
            continue;
        if ((!question->is_choice && label_truth(label, &truth, err) < 0) ||
            is_wanted(answers, label->id, label->question, &wanted, err) < 0)
            return -1;
        bool labelled = question->is_choice ? !label_is_empty(label) : truth != TRUTH_NONE;
        question->n_missing += labelled && wanted;
    }
    return 0;
}

int answers_complete(struct answers *answers, struct error *err)
{
    size_t n_items = 0;
    for (size_t i = 0; i < answers->labels->n_questions; i++) {
        metrics_sort(answers->questions[i].items, answers->questions[i].n_items);
        n_items += answers->questions[i].n_items;
    }
    if (n_items == 0)
        return fail(err, ERROR_USAGE,
                    "no answer is about a labelled document (ids must be equal, or "
                    "file names without folders)");
    return count_missing(answers, err);
}

void answers_deinit(struct answers *answers)
{
    for (size_t i = 0; answers->questions && i < answers->labels->n_questions; i++) {
        free(answers->questions[i].text);
        free(answers->questions[i].items);
        for (size_t c = 0; c < answers->questions[i].n_classes; c++)
            free(answers->questions[i].classes[c].name);
        free(answers->questions[i].classes);
    }
    free(answers->questions);
    answers->questions = NULL;
}
