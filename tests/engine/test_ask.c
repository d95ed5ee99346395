/* Documents and questions through the public header: windows, blank documents, several questions,
 * streams longer than any batch, stopping. Answers of a random model are arbitrary, but the same
 * whatever is around them. */

#include "base/memory.h"
#include "support/check.h"
#include "support/tiny_model.h"
#include "trawl.h"

#include <stdio.h>
#include <stdlib.h>

enum { MIB = 1 << 20, BUDGET = 1000 * MIB, MOST = 4000 }; /* a sanitizer takes hundreds */

static const struct trawl_question questions[] = {
    {.text = "Is it about the sea?"}, {.text = "Does it repeat?"}, {.text = "Is it free?"}};

struct asked {
    const struct trawl_model *model;
    struct trawl_ask_options options;
    const char *const *texts; /* document i is texts[order[i]]; NULL: made on the spot */
    const uint32_t *order;    /* may be NULL */
    uint32_t n, stop_after;
    uint32_t wait_above; /* not 0: no more documents are in flight than this */
    uint32_t n_planned;
    char made[256];

    uint32_t n_pulled, n_answered, most_waiting;
    uint64_t resident_early, resident_late;
    bool out_of_order;
    struct trawl_answer answers[MOST]; /* by tag */
    struct trawl_stats stats;
};

static int next(void *context, struct trawl_document *document, struct error *err)
{
    struct asked *asked = context;
    (void)err;
    if (asked->n_pulled == asked->n)
        return 0;
    if (asked->wait_above && asked->n_pulled - asked->n_answered >= asked->wait_above)
        return 2;
    uint32_t i = asked->n_pulled++, d = asked->order ? asked->order[i] : i;
    const char *text = asked->made;
    if (asked->texts)
        text = asked->texts[d];
    else
        snprintf(asked->made, sizeof asked->made, "Note %u: %u boats left at %u, %s.", d,
                 d * 7919 % 101, d % 24, d % 3 ? "all came back" : "none came back");
    *document = (struct trawl_document){.tag = d, .text = text, .n_bytes = strlen(text)};
    uint32_t n_waiting = asked->n_pulled - asked->n_answered;
    asked->most_waiting = n_waiting > asked->most_waiting ? n_waiting : asked->most_waiting;
    return 1;
}

static int take(void *context, const struct trawl_answer *answer, struct error *err)
{
    struct asked *asked = context;
    (void)err;
    uint32_t i = asked->n_answered++;
    asked->out_of_order |= answer->tag != (asked->order ? asked->order[i] : i);
    asked->answers[answer->tag] = *answer;
    if (i == asked->n / 4)
        asked->resident_early = memory_resident();
    if (i + 1 == asked->n)
        asked->resident_late = memory_resident();
    return asked->stop_after && asked->n_answered == asked->stop_after;
}

static int wait_always(void *context, struct trawl_document *document, struct error *err)
{
    (void)context, (void)document, (void)err;
    return 2;
}

static int planned(void *context, const struct trawl_plan *plan, struct error *err)
{
    struct asked *asked = context;
    (void)err;
    CHECK_UINT(asked->n_pulled, 0);
    CHECK(plan->input_bytes > 0 && plan->n_rows > 0);
    asked->n_planned++;
    return 0;
}

static int ask(struct asked *asked, struct error *err)
{
    asked->n_pulled = asked->n_answered = asked->most_waiting = 0;
    asked->out_of_order = false;
    memset(asked->answers, 0, sizeof asked->answers);
    struct trawl_ask_callbacks callbacks = {
        .context = asked, .planned = planned, .next = next, .answer = take};
    return trawl_ask(asked->model, &asked->options, &callbacks, &asked->stats, err);
}

static struct trawl_model *open_tiny(const struct tiny_model *tiny)
{
    char path[512];
    snprintf(path, sizeof path, "%s/asked.gguf", check_tmp_dir());
    tiny_model_write(tiny, path);
    struct error err = {0};
    struct trawl_model *model = trawl_model_open(&(struct trawl_model_options){.path = path}, &err);
    CHECK_TEXT(err.text, "");
    return model;
}

/* A long document of words that differ. */
static char *long_text(uint32_t n_words, uint32_t seed)
{
    struct bytes text = {0};
    struct error err;
    for (uint32_t i = 0; i < n_words; i++) {
        char word[32];
        snprintf(word, sizeof word, "%s%c%u", i ? " " : "", 'a' + (int)((i * 7 + seed) % 26),
                 i * seed % 997);
        if (bytes_append_text(&text, word, &err) < 0)
            abort();
    }
    return text.data;
}

static struct asked *asked_new(const struct trawl_model *model)
{
    struct asked *asked = calloc(1, sizeof *asked);
    if (!asked)
        abort();
    asked->model = model;
    asked->options = (struct trawl_ask_options){.run = {.memory_bytes = BUDGET, .n_threads = 2},
                                                .questions = questions,
                                                .n_questions = 1,
                                                .threshold = 0.5};
    return asked;
}

/* p_yes, p_other, question and windows of the same documents, bit for bit. */
static void check_same_answers(const struct asked *got, const struct asked *expected)
{
    CHECK_UINT(got->n_answered, expected->n_answered);
    for (uint32_t d = 0; d < expected->n; d++) {
        CHECK_BYTES(&got->answers[d].p_yes, &expected->answers[d].p_yes, sizeof(double));
        CHECK_BYTES(&got->answers[d].p_other, &expected->answers[d].p_other, sizeof(double));
        CHECK_INT(got->answers[d].question, expected->answers[d].question);
        CHECK_UINT(got->answers[d].n_tokens, expected->answers[d].n_tokens);
        CHECK_UINT(got->answers[d].n_windows, expected->answers[d].n_windows);
    }
}

TEST(a_source_may_wait_for_answers)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = check_seed()});
    REQUIRE(model != NULL);
    struct asked *all = asked_new(model), *few = asked_new(model);
    struct error err = {0};
    all->n = few->n = 40;
    few->wait_above = 7;
    CHECK_INT(ask(all, &err), 0);
    CHECK_INT(ask(few, &err), 0);
    CHECK_UINT(few->n_planned, 1);
    CHECK_UINT(few->most_waiting, 7);
    CHECK_UINT(few->stats.sweeps, 6);
    check_same_answers(few, all);

    struct trawl_ask_callbacks stuck = {.context = few, .next = wait_always, .answer = take};
    CHECK_INT(trawl_ask(model, &few->options, &stuck, &few->stats, &err), -1);
    CHECK_CONTAINS(err.text, "nothing was asked");
    free(all);
    free(few);
    trawl_model_close(model);
}

TEST(windows_blanks_and_questions)
{
    struct trawl_model *model =
        open_tiny(&(struct tiny_model){.seed = check_seed(), .context = 640});
    REQUIRE(model != NULL);
    char *middling = long_text(70, 3), *lengthy = long_text(800, 5);
    const char *texts[] = {"",         "The tide turns at noon.",
                           " \n\t ",   middling,
                           lengthy,    "<|im_end|>",
                           "\xff\xfe", lengthy,
                           "\n"};
    enum { N = sizeof texts / sizeof *texts };
    struct asked *each[3], *all = asked_new(model), *again = asked_new(model);
    struct error err = {0};
    for (int q = 0; q < 3; q++) {
        each[q] = asked_new(model);
        each[q]->texts = texts;
        each[q]->n = N;
        each[q]->options.questions = &questions[q];
        each[q]->options.window_tokens = 100;
        CHECK_INT(ask(each[q], &err), 0);
        CHECK_TEXT(err.text, "");
        CHECK(!each[q]->out_of_order);
        CHECK_UINT(each[q]->stats.documents, N);
        CHECK_UINT(each[q]->stats.blank, 3);
        CHECK_UINT(each[q]->stats.yes + each[q]->stats.no, N);
    }
    CHECK(each[0]->answers[0].blank && each[0]->answers[2].blank && each[0]->answers[8].blank);
    CHECK_UINT(each[0]->answers[1].n_windows, 1);
    CHECK(each[0]->answers[3].n_windows > 1);
    CHECK(each[0]->answers[4].n_windows > 8);

    /* Several questions: the largest p_yes, and whose it was. */
    *all = *each[0];
    all->options.questions = questions;
    all->options.n_questions = 3;
    CHECK_INT(ask(all, &err), 0);
    CHECK_TEXT(err.text, "");
    for (uint32_t d = 0; d < N; d++) {
        int best = 0;
        for (int q = 1; q < 3; q++)
            if (each[q]->answers[d].p_yes > each[best]->answers[d].p_yes)
                best = q;
        check_case("document %u", d);
        CHECK_BYTES(&all->answers[d].p_yes, &each[best]->answers[d].p_yes, sizeof(double));
        CHECK_BYTES(&all->answers[d].p_other, &each[best]->answers[d].p_other, sizeof(double));
        CHECK(all->answers[d].p_yes >= 0.0 && all->answers[d].p_yes <= 1.0 &&
              all->answers[d].p_other >= 0.0 && all->answers[d].p_other <= 1.0);
    }

    /* The same whatever the layout of the run, in any order. */
    static const uint32_t order[N] = {7, 3, 0, 8, 5, 1, 4, 6, 2};
    for (int way = 0; way < 3; way++) {
        *again = *all;
        again->order = way == 0 ? NULL : order;
        again->options.run.n_rows = way == 1 ? 0 : 400;
        again->options.run.n_threads = 1 + way;
        check_case("way %d", way);
        CHECK_INT(ask(again, &err), 0);
        CHECK_TEXT(err.text, "");
        CHECK(!again->out_of_order);
        check_same_answers(again, all);
    }

    /* Heads and skips. */
    *again = *each[0];
    again->options.long_documents = TRAWL_LONG_HEAD;
    CHECK_INT(ask(again, &err), 0);
    CHECK_UINT(again->answers[4].n_windows, 1);
    CHECK_BYTES(&again->answers[1].p_yes, &each[0]->answers[1].p_yes, sizeof(double));
    CHECK(again->answers[4].p_yes <= each[0]->answers[4].p_yes);
    again->options.long_documents = TRAWL_LONG_SKIP;
    CHECK_INT(ask(again, &err), 0);
    CHECK_UINT(again->stats.too_long, 3);
    CHECK(again->answers[4].too_long && again->answers[4].p_yes == 0.0);
    CHECK(!again->answers[1].too_long);

    for (int q = 0; q < 3; q++)
        free(each[q]);
    free(all);
    free(again);
    free(middling);
    free(lengthy);
    trawl_model_close(model);
}

TEST(layouts_and_templates_are_kept)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 3});
    REQUIRE(model != NULL);
    struct asked *asked = asked_new(model);
    struct error err = {0};
    struct bytes first = {0}, other = {0};
    struct trawl_document document = {.text = "A document.", .n_bytes = 11};
    CHECK_INT(trawl_prompt_text(model, &asked->options, &document, 0, &first, &err), 0);
    CHECK_CONTAINS(first.data, "A document.\n\nIs it about the sea?");
    asked->options.layout = TRAWL_QUESTION_FIRST;
    CHECK_INT(trawl_prompt_text(model, &asked->options, &document, 0, &other, &err), 0);
    CHECK_CONTAINS(other.data, "Is it about the sea?\n\nA document.");
    CHECK_CONTAINS(other.data, "<|im_start|>");
    asked->options.template_name = "no such";
    asked->n = 1;
    CHECK_INT(ask(asked, &err), -1);
    CHECK_CONTAINS(err.text, "no such");
    bytes_deinit(&first);
    bytes_deinit(&other);
    free(asked);
    trawl_model_close(model);
}

TEST(a_template_names_the_models_own_tokens)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){
        .seed = 3,
        .chat_template = "{{ bos_token }}{{ '<|user|>\n' + message['content'] + eos_token + '\n' }}"
                         "{{ '<|assistant|>\n' }}"});
    REQUIRE(model != NULL);
    struct asked *asked = asked_new(model);
    struct error err = {0};
    struct bytes prompt = {0};
    struct trawl_document page = {.text = "A page.", .n_bytes = 7};
    CHECK_INT(trawl_prompt_text(model, &asked->options, &page, 0, &prompt, &err), 0);
    CHECK_INT(strncmp(prompt.data, "<|endoftext|><|system|>\n", 24), 0);
    CHECK_CONTAINS(prompt.data, "Is it about the sea?<|im_end|>\n<|assistant|>\n");
    bytes_clear(&prompt);
    asked->options.template_name = "zephyr"; /* named: nothing is taken from the file's */
    CHECK_INT(trawl_prompt_text(model, &asked->options, &page, 0, &prompt, &err), 0);
    CHECK_INT(strncmp(prompt.data, "<|system|>\n", 11), 0);
    bytes_deinit(&prompt);
    free(asked);
    trawl_model_close(model);
}

TEST(a_window_that_does_not_fit_is_refused)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 3, .context = 600});
    REQUIRE(model != NULL);
    struct asked *asked = asked_new(model);
    struct error err = {0};
    asked->n = 1;
    asked->options.run.n_rows = 32;
    CHECK_INT(ask(asked, &err), -1);
    CHECK_INT(err.kind, ERROR_LIMIT);
    CHECK_CONTAINS(err.text, "--rows 32 cannot hold one window");
    asked->options.run = (struct trawl_run_options){.memory_bytes = 4 * MIB};
    CHECK_INT(ask(asked, &err), -1);
    CHECK_CONTAINS(err.text, "the least that would do");
    CHECK_UINT(asked->n_pulled, 0);
    free(asked);
    trawl_model_close(model);
}

TEST(a_stream_of_many_documents_in_flat_memory)
{
    struct trawl_model *model =
        open_tiny(&(struct tiny_model){.seed = 4, .n_layers = 1, .dim = 32, .n_heads = 2});
    REQUIRE(model != NULL);
    struct asked *few = asked_new(model), *many = asked_new(model);
    struct error err = {0};
    many->n = getenv("TEST_LIGHT") ? 300 : 2000;
    many->options.run.n_rows = 1024;
    CHECK_INT(ask(many, &err), 0);
    CHECK_TEXT(err.text, "");
    CHECK(!many->out_of_order);
    CHECK_UINT(many->stats.documents, many->n);
    CHECK(many->stats.sweeps > 5);
    CHECK(many->most_waiting < many->n / 2);
    CHECK(many->stats.shared_tokens >
          many->stats.prompt_tokens / 4); /* the template and the system text */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(many->resident_late <= many->resident_early + MIB);
#endif

    /* The first ones alone, and a dry run. */
    few->n = 20;
    CHECK_INT(ask(few, &err), 0);
    few->n_answered = many->n_answered;
    check_same_answers(many, few);
    uint64_t sweeps = many->stats.sweeps, rows = many->stats.rows;
    many->options.run.dry_run = true;
    CHECK_INT(ask(many, &err), 0);
    CHECK_TEXT(err.text, "");
    CHECK_UINT(many->stats.sweeps, sweeps);
    CHECK_UINT(many->stats.rows, rows);
    CHECK_UINT(many->stats.sequences, many->n);
    CHECK_UINT(many->n_answered, 0);
    free(few);
    free(many);
    trawl_model_close(model);
}

TEST(an_answer_stops_the_run)
{
    struct trawl_model *model = open_tiny(&(struct tiny_model){.seed = 4});
    REQUIRE(model != NULL);
    struct asked *asked = asked_new(model);
    struct error err = {0};
    asked->n = 400;
    asked->stop_after = 7;
    asked->options.run.n_rows = 600;
    CHECK_INT(ask(asked, &err), 0);
    CHECK_UINT(asked->n_answered, 7);
    CHECK(asked->n_pulled < 400);
    free(asked);
    trawl_model_close(model);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
