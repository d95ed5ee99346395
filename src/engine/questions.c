#include "engine/questions.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_QUESTIONS 4096
#define MOST_LABELS    1000

int trawl_question_labels(const struct trawl_question *question)
{
    switch (question->kind) {
    case TRAWL_CHOICE:
        return question->n_labels;
    case TRAWL_SCORE:
        return question->scale_to - question->scale_from + 1;
    default:
        return 0;
    }
}

static int check_question(const struct trawl_ask_options *options, int index, struct error *err)
{
    const struct trawl_question *question = &options->questions[index];
    const struct trawl_condition *condition = question->ask_if;
    if (question->kind == TRAWL_SCORE &&
        (question->scale_from < -MOST_LABELS || question->scale_to > MOST_LABELS ||
         question->scale_from >= question->scale_to))
        return fail(err, ERROR_USAGE, "question %d: %d to %d is no scale", index + 1,
                    question->scale_from, question->scale_to);
    int n_labels = trawl_question_labels(question);
    if (question->kind != TRAWL_YES_NO && (n_labels < 2 || n_labels > MOST_LABELS))
        return fail(err, ERROR_USAGE, "question %d has %d labels; a choice has 2 to %d", index + 1,
                    n_labels, MOST_LABELS);
    if (condition && (condition->question < 0 || condition->question >= index))
        return fail(err, ERROR_USAGE, "question %d depends on one that is not before it",
                    index + 1);
    return 0;
}

/* The place of an id in the read-out. */
static int want(struct questions *questions, int32_t id, uint32_t *place, struct error *err)
{
    for (size_t i = 0; i < questions->wanted.n_tokens; i++)
        if (questions->wanted.ids[i] == id) {
            *place = (uint32_t)i;
            return 0;
        }
    *place = (uint32_t)questions->wanted.n_tokens;
    return token_list_append(&questions->wanted, id, err);
}

static const char *label_text(const struct trawl_question *question, int label, char number[16])
{
    if (question->kind == TRAWL_CHOICE)
        return question->labels[label];
    snprintf(number, 16, "%d", question->scale_from + label);
    return number;
}

static bool is_label(const struct trawl_question *question, const char *text)
{
    char number[16];
    for (int l = 0; l < trawl_question_labels(question); l++)
        if (strcmp(label_text(question, l, number), text) == 0)
            return true;
    return false;
}

static int add_spelling(struct asked_question *asked, struct prompt_maker *maker, uint32_t label,
                        const char *text, struct error *err)
{
    struct token_list tokens = {NULL, 0, 0};
    struct turn_ends ends;
    int rc = prompt_maker_reply(maker, text, &tokens, &ends, err);
    if (rc == 0 && (tokens.n_tokens == 0 || ends.n_ids == 0))
        rc = fail(err, ERROR_UNSUPPORTED, "the model has no token for %s",
                  ends.n_ids ? "it" : "the end of its turn");
    uint32_t n_ends = asked->sheet->reading == TRAWL_LABELS_MEAN ? 1 : ends.n_ids;
    if (rc == 0)
        rc = choice_add(&asked->choice, label, tokens.ids, (uint32_t)tokens.n_tokens, ends.ids,
                        n_ends, err);
    token_list_deinit(&tokens);
    return rc < 0 ? fail_context(err, "label \"%.60s\"", text) : 0;
}

/* A label as it is written and, where only what decides is read, with its first letter's other
 * case too: models differ in how they begin an answer. */
static int add_label(struct asked_question *asked, struct prompt_maker *maker, int label,
                     struct error *err)
{
    char number[16];
    const char *text = label_text(asked->sheet, label, number);
    if (add_spelling(asked, maker, (uint32_t)label, text, err) < 0)
        return -1;
    if (asked->sheet->reading != TRAWL_LABELS_DECIDED || !isalpha((unsigned char)*text))
        return 0;
    char *other = strdup(text);
    if (!other)
        return fail_memory(err, strlen(text), "a label");
    *other = (char)(isupper((unsigned char)*text) ? tolower((unsigned char)*text)
                                                  : toupper((unsigned char)*text));
    int rc =
        is_label(asked->sheet, other) ? 0 : add_spelling(asked, maker, (uint32_t)label, other, err);
    free(other);
    return rc;
}

static int open_choice(struct questions *questions, struct asked_question *asked,
                       struct prompt_maker *maker, struct error *err)
{
    static const enum choice_reading readings[] = {CHOICE_DECIDED, CHOICE_WHOLE, CHOICE_MEAN};
    int n_labels = trawl_question_labels(asked->sheet);
    asked->n_labels = (uint32_t)n_labels;
    asked->n_values = asked->n_labels + 1;
    choice_init(&asked->choice, readings[asked->sheet->reading], asked->n_labels);
    for (int l = 0; l < n_labels; l++)
        if (add_label(asked, maker, l, err) < 0)
            return -1;
    if (choice_close(&asked->choice, err) < 0)
        return -1;
    asked->n_probes = asked->choice.n_probes;
    questions->n_distribution += asked->n_labels;
    for (uint32_t p = 0; p < asked->n_probes; p++)
        if (asked->choice.probes[p].n_tokens > questions->most_probe)
            questions->most_probe = asked->choice.probes[p].n_tokens;
    for (uint32_t i = 1; i < asked->choice.n_nodes; i++) {
        uint32_t place = 0;
        int32_t id = choice_token(&asked->choice, i);
        if (id >= 0 && (uint32_t)id >= maker->model->network.hparams.n_vocab)
            return fail(err, ERROR_UNSUPPORTED, "a label has a token that the model never says");
        if (id >= 0 && want(questions, id, &place, err) < 0)
            return -1;
        choice_set_wanted(&asked->choice, i, place);
    }
    return 0;
}

/* What values mean, whatever the prompt: kind, labels and how they are spelled in tokens. */
static void hash_readout(const struct questions *questions, struct asked_question *asked)
{
    struct sha256 sha;
    sha256_init(&sha);
    uint32_t head[] = {(uint32_t)asked->sheet->kind == TRAWL_YES_NO, asked->n_labels,
                       (uint32_t)asked->sheet->reading};
    sha256_add(&sha, head, sizeof head);
    if (asked->n_labels == 0)
        sha256_add(&sha, questions->words.ids,
                   (questions->words.n_yes + questions->words.n_no) * sizeof *questions->words.ids);
    for (uint32_t i = 1; i < asked->choice.n_nodes; i++) {
        int32_t place[3];
        choice_describe(&asked->choice, i, place);
        sha256_add(&sha, place, sizeof place);
    }
    sha256_finish(&sha, asked->readout);
}

int questions_open(struct questions *questions, struct prompt_maker *maker, struct error *err)
{
    const struct trawl_ask_options *options = maker->options;
    const struct trawl_model *model = maker->model;
    *questions = (struct questions){.options = options, .n = (uint32_t)options->n_questions};
    if (options->n_questions < 1 || options->n_questions > MOST_QUESTIONS)
        return fail(err, ERROR_USAGE, "a sheet has 1 to %d questions, not %d", MOST_QUESTIONS,
                    options->n_questions);
    questions->list = calloc(questions->n, sizeof *questions->list);
    if (!questions->list)
        return fail_memory(err, questions->n * sizeof *questions->list, "questions");
    for (uint32_t q = 0; q < questions->n; q++) {
        questions->list[q].sheet = &options->questions[q];
        questions->any_yes_no |= options->questions[q].kind == TRAWL_YES_NO;
        questions->any_condition |= options->questions[q].ask_if != NULL;
        if (check_question(options, (int)q, err) < 0)
            return -1;
    }
    if (questions->any_yes_no) {
        if (yes_no_init(&questions->words, model->tokenizer, model->network.hparams.n_vocab, err) <
            0)
            return fail_context(err, "%s", gguf_path(model->gguf));
        for (uint32_t i = 0; i < questions->words.n_yes + questions->words.n_no; i++)
            if (token_list_append(&questions->wanted, questions->words.ids[i], err) < 0)
                return -1;
    }
    for (uint32_t q = 0; q < questions->n; q++) {
        struct asked_question *asked = &questions->list[q];
        asked->n_values = 2;
        asked->n_probes = 1;
        if (asked->sheet->kind != TRAWL_YES_NO && open_choice(questions, asked, maker, err) < 0)
            return fail_context(err, "question %u", q + 1);
        hash_readout(questions, asked);
        if (asked->n_values > questions->most_values)
            questions->most_values = asked->n_values;
    }
    return 0;
}

void questions_close(struct questions *questions)
{
    for (uint32_t q = 0; q < questions->n && questions->list; q++)
        choice_deinit(&questions->list[q].choice);
    free(questions->list);
    yes_no_deinit(&questions->words);
    token_list_deinit(&questions->wanted);
    *questions = (struct questions){0};
}

void questions_read(struct questions *questions, uint32_t question, uint32_t probe,
                    const struct trawl_result *result, double *values)
{
    struct asked_question *asked = &questions->list[question];
    uint32_t n_wanted = (uint32_t)questions->wanted.n_tokens;
    if (asked->n_labels == 0) {
        struct verdict verdict = yes_no_verdict(&questions->words, result->wanted);
        values[0] = verdict.p_yes;
        values[1] = verdict.p_other;
        return;
    }
    choice_read(&asked->choice, probe, result->wanted, n_wanted);
    if (probe + 1 == asked->n_probes)
        values[0] = choice_verdict(&asked->choice, values + 1);
}

static double threshold_of(const struct trawl_question *question)
{
    return question->threshold > 0.0 ? question->threshold : 0.5;
}

void questions_fold(const struct questions *questions, uint32_t question, uint32_t window,
                    const double *values, struct trawl_cell *cell, uint32_t *best,
                    double *distribution)
{
    const struct asked_question *asked = &questions->list[question];
    uint32_t most = 0;
    for (uint32_t l = 1; l < asked->n_labels; l++)
        if (values[1 + l] > values[1 + most])
            most = l;
    double p = asked->n_labels ? values[1 + most] : values[0];
    bool first = cell->state != TRAWL_CELL_ANSWERED;
    if (!first && (p < cell->p || (p == cell->p && window > *best)))
        return;
    *best = window;
    cell->state = TRAWL_CELL_ANSWERED;
    cell->p = p;
    if (asked->n_labels == 0) {
        cell->p_other = values[1];
        cell->label = p >= threshold_of(asked->sheet);
        return;
    }
    cell->p_other = values[0];
    cell->label = (int)most;
    cell->distribution = distribution;
    memcpy(distribution, values + 1, asked->n_labels * sizeof *distribution);
    cell->expectation = 0.0;
    for (uint32_t l = 0; l < asked->n_labels && asked->sheet->kind == TRAWL_SCORE; l++)
        cell->expectation += (asked->sheet->scale_from + (int)l) * values[1 + l];
}
