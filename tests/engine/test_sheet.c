/* Sheets: several questions of different kinds about each document. Answers of a random model are
 * arbitrary, so they are held against the same prompts asked one by one, and against the
 * log-probabilities of the labels' own tokens. */

#include "batch/batch.h"
#include "engine/prompt_maker.h"
#include "support/check.h"
#include "support/tiny_model.h"
#include "trawl.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MIB = 1 << 20, MOST = 64, QUESTIONS = 6, LABELS = 5, KEYS = 4096 };

static const char *const amounts[] = {"one", "one off", "several", "none"};
static const struct trawl_condition if_first_yes = {0, 1}, if_third_none = {2, 3};

static const struct trawl_question sheet[QUESTIONS] = {
    {.text = "Is it about the sea?"},
    {.text = "Does it repeat?"},
    {.text = "How many?", .kind = TRAWL_CHOICE, .labels = amounts, .n_labels = 4},
    {.text = "How good?", .kind = TRAWL_SCORE, .scale_from = 8, .scale_to = 12},
    {.text = "How many boats?",
     .kind = TRAWL_CHOICE,
     .labels = amounts,
     .n_labels = 4,
     .reading = TRAWL_LABELS_WHOLE},
    {.text = "How many men?",
     .kind = TRAWL_CHOICE,
     .labels = amounts,
     .n_labels = 4,
     .reading = TRAWL_LABELS_MEAN},
};

struct asked {
    const struct trawl_model *model;
    struct trawl_ask_options options;
    uint32_t n, n_pulled, n_answered;
    char text[256];
    struct trawl_cell cells[MOST][QUESTIONS];
    double distributions[MOST][QUESTIONS][LABELS];
    bool out_of_order;
    struct trawl_stats stats;

    /* A memory, where one is wanted. */
    struct remembered {
        uint8_t key[TRAWL_KEY_BYTES];
        double values[LABELS + 1];
    } remembered[KEYS];
    uint32_t n_remembered, changed_document;

    /* A suspended sweep. */
    uint32_t stop_sweep, stop_layer; /* 0: never */
    uint32_t n_begun, n_resumed;
    struct trawl_suspended suspended; /* hidden is ours */
};

static void write_text(struct asked *asked, uint64_t d)
{
    snprintf(asked->text, sizeof asked->text, "Note %u: %u boats left at %u, %s.%s", (unsigned)d,
             (unsigned)(d * 7919 % 101), (unsigned)(d % 24),
             d % 3 ? "all came back" : "none came back",
             asked->changed_document == d ? " Changed." : "");
}

static int next(void *context, struct trawl_document *document, struct error *err)
{
    struct asked *asked = context;
    (void)err;
    if (asked->n_pulled == asked->n)
        return 0;
    uint32_t d = asked->n_pulled++;
    write_text(asked, d);
    *document =
        (struct trawl_document){.tag = d, .text = asked->text, .n_bytes = strlen(asked->text)};
    return 1;
}

static int again(void *context, uint64_t tag, struct trawl_document *document, struct error *err)
{
    struct asked *asked = context;
    (void)err;
    write_text(asked, tag);
    *document = (struct trawl_document){.text = asked->text, .n_bytes = strlen(asked->text)};
    return 1;
}

static int take(void *context, const struct trawl_answer *answer, struct error *err)
{
    struct asked *asked = context;
    (void)err;
    asked->out_of_order |= answer->tag != asked->n_answered++;
    for (int q = 0; q < asked->options.n_questions; q++) {
        struct trawl_cell *cell = &asked->cells[answer->tag][q];
        *cell = answer->cells[q];
        if (cell->distribution)
            memcpy(asked->distributions[answer->tag][q], cell->distribution,
                   (size_t)trawl_question_labels(&asked->options.questions[q]) * sizeof(double));
        cell->distribution = NULL;
    }
    return 0;
}

static int recall(void *context, const uint8_t key[TRAWL_KEY_BYTES], double *values,
                  uint32_t n_values, struct error *err)
{
    struct asked *asked = context;
    (void)err;
    for (uint32_t i = 0; i < asked->n_remembered; i++)
        if (memcmp(asked->remembered[i].key, key, TRAWL_KEY_BYTES) == 0) {
            memcpy(values, asked->remembered[i].values, n_values * sizeof *values);
            return 1;
        }
    return 0;
}

static int record(void *context, const uint8_t key[TRAWL_KEY_BYTES], const double *values,
                  uint32_t n_values, struct error *err)
{
    struct asked *asked = context;
    (void)err;
    if (asked->n_remembered == KEYS)
        abort();
    struct remembered *place = &asked->remembered[asked->n_remembered++];
    memcpy(place->key, key, TRAWL_KEY_BYTES);
    memcpy(place->values, values, n_values * sizeof *values);
    return 0;
}

static int suspend(void *context, const struct trawl_suspended *suspended, struct error *err)
{
    struct asked *asked = context;
    if (asked->n_begun != asked->stop_sweep || suspended->layer != asked->stop_layer)
        return 0;
    asked->suspended = *suspended;
    asked->suspended.hidden = malloc(suspended->n_bytes);
    memcpy(asked->suspended.hidden, suspended->hidden, suspended->n_bytes);
    return fail(err, ERROR_CANCELLED, "stopped");
}

static int resume(void *context, struct trawl_suspended *suspended, struct error *err)
{
    struct asked *asked = context;
    (void)err;
    asked->n_begun++;
    if (!asked->suspended.hidden ||
        memcmp(asked->suspended.batch, suspended->batch, TRAWL_KEY_BYTES) != 0)
        return 0;
    CHECK_UINT(suspended->n_bytes, asked->suspended.n_bytes);
    memcpy(suspended->hidden, asked->suspended.hidden, suspended->n_bytes);
    suspended->layer = asked->suspended.layer;
    asked->n_resumed++;
    return 1;
}

static int ask(struct asked *asked, bool waits, bool remembers, struct error *err)
{
    asked->n_begun = asked->n_resumed = 0;
    asked->n_pulled = asked->n_answered = 0;
    asked->out_of_order = false;
    memset(asked->cells, 0, sizeof asked->cells);
    memset(asked->distributions, 0, sizeof asked->distributions);
    struct trawl_ask_callbacks callbacks = {.context = asked,
                                            .next = next,
                                            .again = waits ? again : NULL,
                                            .answer = take,
                                            .recall = remembers ? recall : NULL,
                                            .record = remembers ? record : NULL,
                                            .suspend = remembers ? suspend : NULL,
                                            .resume = remembers ? resume : NULL};
    int rc = trawl_ask(asked->model, &asked->options, &callbacks, &asked->stats, err);
    if (rc < 0 && err->kind == ERROR_CANCELLED)
        return -1;
    CHECK_TEXT(err->text, "");
    CHECK(!asked->out_of_order);
    CHECK_UINT(asked->n_answered, asked->n);
    return rc;
}

static struct asked *asked_new(const struct trawl_model *model)
{
    struct asked *asked = calloc(1, sizeof *asked);
    if (!asked)
        abort();
    asked->model = model;
    asked->n = 20;
    asked->changed_document = UINT32_MAX;
    asked->options = (struct trawl_ask_options){
        .run = {.memory_bytes = 1000 * MIB, .n_threads = 2, .n_rows = 1500},
        .questions = sheet,
        .n_questions = QUESTIONS,
        .threshold = 0.5};
    return asked;
}

static struct trawl_model *open_tiny(bool spm)
{
    char path[512];
    snprintf(path, sizeof path, "%s/sheet.gguf", check_tmp_dir());
    tiny_model_write(
        &(struct tiny_model){.seed = check_seed(), .weight_scale = 3, .spm = spm, .context = 1024},
        path);
    struct error err = {0};
    struct trawl_model *model = trawl_model_open(&(struct trawl_model_options){.path = path}, &err);
    CHECK_TEXT(err.text, "");
    return model;
}

TEST(each_cell_is_as_if_it_were_asked_alone)
{
    for (int spm = 0; spm < 2; spm++) {
        struct trawl_model *model = open_tiny(spm);
        REQUIRE(model != NULL);
        struct asked *all = asked_new(model), *one = asked_new(model);
        struct error err = {0};
        CHECK_INT(ask(all, false, false, &err), 0);
        uint64_t rows_apart = 0;
        /* The second question tells the model's kinds apart as the whole sheet does. */
        for (int q = 0; q < QUESTIONS; q++) {
            struct trawl_question pair[2] = {sheet[q], sheet[3]};
            one->options.questions = pair;
            one->options.n_questions = q < 2 ? 2 : 1;
            check_case("question %d, %s", q, spm ? "SentencePiece" : "BPE");
            CHECK_INT(ask(one, false, false, &err), 0);
            rows_apart += one->stats.rows;
            for (uint32_t d = 0; d < all->n; d++) {
                CHECK_BYTES(&one->cells[d][0], &all->cells[d][q], sizeof(struct trawl_cell));
                CHECK_BYTES(one->distributions[d][0], all->distributions[d][q],
                            sizeof all->distributions[d][q]);
                CHECK(all->cells[d][q].state == TRAWL_CELL_ANSWERED);
            }
        }
        CHECK(all->stats.rows < rows_apart);
        free(all);
        free(one);
        trawl_model_close(model);
    }
}

/* ---- Labels against the log-probabilities of their tokens ---- */

struct spelling {
    int label;
    struct trawl_tokens ids; /* prompt, label, end */
    uint32_t n_prompt;
    float logprobs[64]; /* of each token behind the prompt */
    uint32_t n;
};

struct oracle {
    struct spelling list[2 * LABELS];
    uint32_t n, n_given;
};

static int next_spelling(void *context, struct trawl_sequence *sequence, struct error *err)
{
    struct oracle *oracle = context;
    (void)err;
    if (oracle->n_given == oracle->n)
        return 0;
    struct spelling *spelling = &oracle->list[oracle->n_given];
    *sequence = (struct trawl_sequence){.tag = oracle->n_given++,
                                        .ids = spelling->ids.ids,
                                        .n_ids = (uint32_t)spelling->ids.n_ids,
                                        .first_readout = spelling->n_prompt - 1};
    return 1;
}

static int take_spelling(void *context, const struct trawl_result *result, struct error *err)
{
    struct oracle *oracle = context;
    (void)err;
    struct spelling *spelling = &oracle->list[result->tag];
    spelling->n = result->n_readouts - 1;
    memcpy(spelling->logprobs, result->next, spelling->n * sizeof(float));
    return 0;
}

static void add_spelling(struct oracle *oracle, const struct asked *asked, int question, int label,
                         const char *text)
{
    struct spelling *spelling = &oracle->list[oracle->n++];
    struct bytes prompt = {0};
    struct error err = {0};
    struct trawl_ask_options options = asked->options;
    struct trawl_document document = {.text = asked->text, .n_bytes = strlen(asked->text)};
    options.questions = &sheet[question];
    options.n_questions = 1;
    struct trawl_tokenize_options special = {.parse_special = true, .no_bos = true};
    spelling->label = label;
    if (trawl_prompt_text(asked->model, &options, &document, 0, &prompt, &err) < 0 ||
        trawl_tokenize(asked->model, prompt.data, prompt.n_bytes, &special, &spelling->ids, &err) <
            0)
        abort();
    spelling->n_prompt = (uint32_t)spelling->ids.n_ids;
    if (bytes_append_text(&prompt, text, &err) < 0 ||
        bytes_append_text(&prompt, "<|im_end|>", &err) < 0)
        abort();
    spelling->ids.n_ids = 0;
    if (trawl_tokenize(asked->model, prompt.data, prompt.n_bytes, &special, &spelling->ids, &err) <
        0)
        abort();
    bytes_deinit(&prompt);
}

/* Tokens behind the prompt that a spelling shares with another. */
static uint32_t n_common(const struct spelling *a, const struct spelling *b)
{
    uint32_t n = 0;
    while (n < a->n && n < b->n && a->ids.ids[a->n_prompt + n] == b->ids.ids[b->n_prompt + n])
        n++;
    return n;
}

/* What a sheet's question says of the document in asked->text, from its spellings alone. */
static void expect(const struct oracle *oracle, const struct trawl_question *question,
                   double *probabilities, double *p_other)
{
    double mass[LABELS] = {0}, sum = 0;
    for (uint32_t i = 0; i < oracle->n; i++) {
        const struct spelling *s = &oracle->list[i];
        uint32_t n = s->n;
        bool counted = false;
        if (question->reading == TRAWL_LABELS_DECIDED) {
            n = 0; /* one token further than what any other label shares */
            for (uint32_t j = 0; j < oracle->n; j++)
                if (oracle->list[j].label != s->label && n_common(s, &oracle->list[j]) >= n)
                    n = n_common(s, &oracle->list[j]) + 1;
            for (uint32_t j = 0; j < i; j++)
                counted |= oracle->list[j].label == s->label && n_common(s, &oracle->list[j]) >= n;
        }
        double logprob = 0;
        for (uint32_t t = 0; t < n; t++)
            logprob += s->logprobs[t];
        if (question->reading == TRAWL_LABELS_MEAN)
            logprob /= n;
        mass[s->label] += counted ? 0 : exp(logprob);
    }
    for (int l = 0; l < LABELS; l++)
        sum += mass[l];
    for (int l = 0; l < LABELS; l++)
        probabilities[l] = mass[l] / sum;
    *p_other = question->reading == TRAWL_LABELS_MEAN ? 0 : 1 - sum;
}

TEST(labels_have_the_probabilities_of_their_tokens)
{
    struct trawl_model *model = open_tiny(false);
    REQUIRE(model != NULL);
    struct asked *asked = asked_new(model);
    struct error err = {0};
    /* A turn ends with <|im_end|> here, which is also the tokenizer's end. */
    asked->options.questions = sheet + 2;
    asked->options.n_questions = 4;
    CHECK_INT(ask(asked, false, false, &err), 0);
    for (int q = 2; q < QUESTIONS; q++) {
        struct oracle oracle = {.n = 0};
        write_text(asked, 5);
        bool both_cases = sheet[q].kind == TRAWL_CHOICE && sheet[q].reading == TRAWL_LABELS_DECIDED;
        for (int l = 0; l < trawl_question_labels(&sheet[q]); l++) {
            char text[16];
            snprintf(text, sizeof text, "%d", sheet[q].scale_from + l);
            if (sheet[q].kind == TRAWL_CHOICE)
                snprintf(text, sizeof text, "%s", amounts[l]);
            add_spelling(&oracle, asked, q, l, text);
            text[0] = (char)toupper((unsigned char)text[0]);
            if (both_cases)
                add_spelling(&oracle, asked, q, l, text);
        }
        struct trawl_readout_options readout = {.next = true};
        struct trawl_run_callbacks callbacks = {
            .context = &oracle, .next = next_spelling, .result = take_spelling};
        struct trawl_stats stats;
        CHECK_INT(trawl_run(model, &(struct trawl_run_options){.memory_bytes = 1000 * MIB},
                            &readout, 600, &callbacks, &stats, &err),
                  0);
        CHECK_TEXT(err.text, "");
        double expected[LABELS], p_other, expectation = 0;
        expect(&oracle, &sheet[q], expected, &p_other);
        check_case("question %d", q);
        const struct trawl_cell *cell = &asked->cells[5][q - 2];
        for (int l = 0; l < trawl_question_labels(&sheet[q]); l++) {
            CHECK_NEAR(asked->distributions[5][q - 2][l], expected[l], 1e-6);
            CHECK(cell->p >= expected[l] - 1e-6);
            expectation += (sheet[q].scale_from + l) * expected[l];
        }
        CHECK_NEAR(cell->p_other, p_other, 1e-5);
        CHECK_NEAR(cell->p, expected[cell->label], 1e-6);
        CHECK_NEAR(cell->expectation, sheet[q].kind == TRAWL_SCORE ? expectation : 0, 1e-4);
        for (uint32_t i = 0; i < oracle.n; i++)
            trawl_tokens_deinit(&oracle.list[i].ids);
    }
    free(asked);
    trawl_model_close(model);
}

/* ---- Conditions ---- */

TEST(conditions_skip_whether_they_wait_or_not)
{
    struct trawl_model *model = open_tiny(false);
    REQUIRE(model != NULL);
    struct asked *free_of = asked_new(model), *at_once = asked_new(model),
                 *later = asked_new(model);
    struct error err = {0};
    struct trawl_question questions[QUESTIONS];
    memcpy(questions, sheet, sizeof sheet);
    free_of->n = at_once->n = later->n = MOST;
    free_of->options.questions = at_once->options.questions = later->options.questions = questions;
    CHECK_INT(ask(free_of, false, false, &err), 0);
    /* A threshold that leaves a fifth, so that waiting pays. */
    for (uint32_t d = 0, above = MOST; above > MOST / 5 && d < MOST; d++) {
        questions[0].threshold = free_of->cells[d][0].p;
        above = 0;
        for (uint32_t e = 0; e < MOST; e++)
            above += free_of->cells[e][0].p >= questions[0].threshold;
    }
    CHECK_INT(ask(free_of, false, false, &err), 0);
    questions[2].ask_if = questions[4].ask_if = questions[5].ask_if = &if_first_yes;
    questions[3].ask_if = &if_third_none; /* which has a condition itself */
    CHECK_INT(ask(at_once, false, false, &err), 0);
    CHECK_INT(ask(later, true, false, &err), 0);
    CHECK_UINT(at_once->stats.waited, 0);
    CHECK(later->stats.waited > 0);
    CHECK(later->stats.rows < at_once->stats.rows);
    CHECK_UINT(later->stats.skipped, at_once->stats.skipped);
    uint32_t n_skipped = 0;
    for (uint32_t d = 0; d < MOST; d++) {
        bool yes = free_of->cells[d][0].p >= questions[0].threshold;
        bool none = yes && free_of->cells[d][2].label == 3;
        const bool asked_of[QUESTIONS] = {true, true, yes, none, yes, yes};
        for (int q = 0; q < QUESTIONS; q++) {
            check_case("document %u, question %d", d, q);
            CHECK_BYTES(&later->cells[d][q], &at_once->cells[d][q], sizeof(struct trawl_cell));
            CHECK_INT(later->cells[d][q].state,
                      asked_of[q] ? TRAWL_CELL_ANSWERED : TRAWL_CELL_SKIPPED);
            if (asked_of[q])
                CHECK_BYTES(&later->cells[d][q], &free_of->cells[d][q], sizeof(struct trawl_cell));
            n_skipped += !asked_of[q];
        }
    }
    CHECK_UINT(later->stats.skipped, n_skipped);
    free(free_of);
    free(at_once);
    free(later);
    trawl_model_close(model);
}

/* ---- Remembering ---- */

TEST(what_is_remembered_is_not_run)
{
    struct trawl_model *model = open_tiny(false);
    REQUIRE(model != NULL);
    struct asked *fresh = asked_new(model), *asked = asked_new(model);
    struct error err = {0};
    CHECK_INT(ask(fresh, false, false, &err), 0);
    CHECK_INT(ask(asked, false, true, &err), 0);
    CHECK_UINT(asked->n_remembered, asked->n * QUESTIONS);
    CHECK_BYTES(asked->cells, fresh->cells, sizeof fresh->cells);

    CHECK_INT(ask(asked, true, true, &err), 0);
    CHECK_UINT(asked->stats.sweeps, 0);
    CHECK_UINT(asked->stats.recalled, asked->n * QUESTIONS);
    CHECK_BYTES(asked->cells, fresh->cells, sizeof fresh->cells);
    CHECK_BYTES(asked->distributions, fresh->distributions, sizeof fresh->distributions);

    /* Another question: its column. Another document: its row. Another arithmetic: everything. */
    struct trawl_question questions[QUESTIONS];
    memcpy(questions, sheet, sizeof sheet);
    questions[1].text = "Is it old?";
    asked->options.questions = questions;
    CHECK_INT(ask(asked, true, true, &err), 0);
    CHECK_UINT(asked->stats.recalled, asked->n * (QUESTIONS - 1));
    CHECK_UINT(asked->stats.sequences, asked->n);
    asked->changed_document = 7;
    CHECK_INT(ask(asked, true, true, &err), 0);
    CHECK_UINT(asked->stats.recalled, (asked->n - 1) * QUESTIONS);
    asked->options.run.exact = true;
    CHECK_INT(ask(asked, true, true, &err), 0);
    CHECK_UINT(asked->stats.recalled, 0);
    /* Labels are spelled in the prompt, but how they are read is not. */
    questions[5].reading = TRAWL_LABELS_WHOLE;
    CHECK_INT(ask(asked, true, true, &err), 0);
    CHECK_UINT(asked->stats.recalled, asked->n * (QUESTIONS - 1));
    free(fresh);
    free(asked);
    trawl_model_close(model);
}

/* ---- Suspended sweeps ---- */

TEST(a_suspended_sweep_goes_on_where_it_was)
{
    char path[512];
    struct error err = {0};
    snprintf(path, sizeof path, "%s/deep.gguf", check_tmp_dir());
    tiny_model_write(
        &(struct tiny_model){.seed = check_seed(), .n_layers = 5, .dim = 128, .context = 1024},
        path);
    struct trawl_model *model = trawl_model_open(&(struct trawl_model_options){.path = path}, &err);
    REQUIRE(model != NULL);
    struct trawl_plan plan;
    CHECK_INT(trawl_plan(model, &(struct trawl_run_options){.n_threads = 2}, 0, &plan, &err), 0);
    struct asked *fresh = asked_new(model);
    CHECK_INT(ask(fresh, false, false, &err), 0);
    REQUIRE(fresh->stats.sweeps >= 3);
    for (uint32_t way = 0; way < 3; way++) {
        struct asked *asked = asked_new(model);
        check_case("way %u", way);
        /* Everything stays in memory; nothing does; the second sweep and the last layer. */
        asked->options.run.memory_bytes =
            way == 1 ? plan.least_bytes + 12 * MIB : asked->options.run.memory_bytes;
        asked->stop_sweep = way == 2 ? 2 : 1;
        asked->stop_layer = way == 2 ? 4 : 2;
        CHECK_INT(ask(asked, false, true, &err), -1);
        CHECK_INT(err.kind, ERROR_CANCELLED);
        REQUIRE(asked->suspended.hidden != NULL);
        err = (struct error){0};
        uint64_t n_known = asked->n_remembered;
        CHECK((n_known > 0) == (way == 2));
        asked->stop_sweep = 0;

        /* Another sheet's batch is another batch. */
        asked->options.questions = sheet + 1;
        asked->options.n_questions = 2;
        CHECK_INT(ask(asked, false, true, &err), 0);
        CHECK_UINT(asked->n_resumed, 0);
        asked->n_remembered = (uint32_t)n_known;

        asked->options.questions = sheet;
        asked->options.n_questions = QUESTIONS;
        CHECK_INT(ask(asked, false, true, &err), 0);
        CHECK_UINT(asked->n_resumed, 1);
        CHECK_UINT(asked->stats.resumed_layers, asked->suspended.layer);
        CHECK_UINT(asked->stats.recalled, n_known);
        CHECK_BYTES(asked->cells, fresh->cells, sizeof fresh->cells);
        CHECK_BYTES(asked->distributions, fresh->distributions, sizeof fresh->distributions);
        free(asked->suspended.hidden);
        free(asked);
    }
    free(fresh);
    trawl_model_close(model);
}

/* ---- Rows ---- */

static const char *const twelve[12] = {
    "Is this page describing an event?", "Does it describe more than one event?",
    "Does the event repeat every year?", "Is the event open to the public?",
    "Is the event free of charge?",      "Does the event take place outdoors?",
    "Is the event in the future?",       "Does the page name a place?",
    "Does the page name a date?",        "Is the event unusual or weird?",
    "Can one take part in it?",          "Is it meant for children?",
};

TEST(twelve_questions_cost_about_two_rows_for_one)
{
    const char *path = check_data_path("vocab/ggml-vocab-qwen2.gguf");
    if (!path)
        SKIP("no vocab/ggml-vocab-qwen2.gguf in the shared test data");
    struct error err = {0};
    struct trawl_model *model = trawl_model_open(
        &(struct trawl_model_options){.path = path, .vocabulary_only = true}, &err);
    REQUIRE(model != NULL);
    model->network.hparams.n_context = 4096;
    struct bytes page = {0};
    struct trawl_tokens tokens = {0};
    for (uint32_t i = 0; tokens.n_ids < 300; i++) {
        char words[64];
        snprintf(words, sizeof words, "The ferry leaves pier %u at noon. ", i * 7919 % 1000);
        tokens.n_ids = 0;
        if (bytes_append_text(&page, words, &err) < 0 ||
            trawl_tokenize(model, page.data, page.n_bytes, NULL, &tokens, &err) < 0)
            abort();
    }
    struct trawl_question questions[12] = {0};
    for (int q = 0; q < 12; q++) {
        questions[q].text = twelve[q];
        tokens.n_ids = 0;
        CHECK_INT(trawl_tokenize(model, twelve[q], strlen(twelve[q]), NULL, &tokens, &err), 0);
        CHECK(tokens.n_ids <= 15);
    }
    struct trawl_ask_options options = {
        .questions = questions, .n_questions = 12, .template_name = "qwen2.5"};
    struct prompt_maker maker;
    struct memory memory = {0};
    struct batch batch;
    struct token_list prompt = {NULL, 0, 0};
    CHECK_INT(prompt_maker_open(&maker, model, &options, &err), 0);
    CHECK_INT(batch_init(&batch, 8192, &memory, &err), 0);
    struct trawl_document document = {.text = page.data, .n_bytes = page.n_bytes};
    CHECK_INT(prompt_maker_document(&maker, &document, &err), 0);
    uint32_t rows_of_one = 0, apart = 0, most_repeated = 0;
    for (uint32_t q = 0; q < 12; q++) {
        uint32_t before = batch.n_rows;
        token_list_clear(&prompt);
        CHECK_INT(prompt_maker_tokens(&maker, 0, q, &prompt, &err), 0);
        CHECK(batch_add(&batch, q, prompt.ids, (uint32_t)prompt.n_tokens,
                        (uint32_t)prompt.n_tokens - 1));
        apart += (uint32_t)prompt.n_tokens;
        tokens.n_ids = 0;
        CHECK_INT(trawl_tokenize(model, twelve[q], strlen(twelve[q]), NULL, &tokens, &err), 0);
        uint32_t added = batch.n_rows - before;
        if (q == 0)
            rows_of_one = batch.n_rows;
        else if (added > tokens.n_ids && added - tokens.n_ids > most_repeated)
            most_repeated = added - (uint32_t)tokens.n_ids;
    }
    CHECK_TEXT(err.text, "");
    printf("rows: 1 question %u, 12 questions %u (%.2f times), 12 prompts apart %u (%.3f)\n",
           rows_of_one, batch.n_rows, batch.n_rows / (double)rows_of_one, apart,
           batch.n_rows / (double)apart);
    CHECK(batch.n_rows <= 2.1 * rows_of_one);
    CHECK(batch.n_rows <= 0.18 * apart);
    CHECK(most_repeated > 0 && most_repeated <= 10);
    batch_deinit(&batch);
    prompt_maker_close(&maker);
    token_list_deinit(&prompt);
    trawl_tokens_deinit(&tokens);
    bytes_deinit(&page);
    trawl_model_close(model);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
