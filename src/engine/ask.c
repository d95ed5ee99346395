/* Documents in, answers out: every document becomes one prompt per window and question, in input
 * order; what comes back is folded into one cell per question. Questions that depend on another's
 * answer are asked at once, or of those that are left in a later sweep, whichever takes fewer
 * rows; prompts that the caller remembers are not run. */

#include "engine/answer_key.h"
#include "engine/pending.h"
#include "engine/questions.h"
#include "engine/run.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What a document in flight costs the caller beside its text and what it says it keeps. */
#define CALLER_BYTES 256
/* For guessing rows before anything is tokenised; a wrong guess costs rows, never an answer. */
#define BYTES_PER_TOKEN 4
#define TURN_TOKENS     10 /* end of the user's turn, start of the answer */
#define HEAD_TOKENS     30 /* template and system text */

struct ask {
    const struct trawl_ask_options *options;
    const struct trawl_ask_callbacks *callbacks;
    struct trawl_stats *stats;
    struct prompt_maker maker;
    struct questions questions;
    struct answer_keys keys;
    double *values; /* [most_values] of the prompt being answered */

    struct pending_queue queue;
    uint64_t bytes_in_flight, most_in_flight;
    size_t n_waiting; /* documents of which some questions wait for another's answer */
    uint64_t n_settled, n_survived; /* documents with conditions; those where one held */
    bool stopped, source_ended;

    /* The document whose prompts are being handed out, and the prompt. */
    uint64_t serial;
    uint32_t window, n_windows, question, probe;
    struct token_list prompt;
    size_t n_prompt; /* its tokens without the probe's */
    uint8_t key[TRAWL_KEY_BYTES];
};

/* ---- Documents that are complete ---- */

/* The yes that counts for the document, as grep looks at it. */
static void sum_up(const struct ask *ask, struct pending *pending)
{
    struct trawl_answer *answer = &pending->answer;
    double most = -1.0;
    answer->cells = pending->cells;
    for (uint32_t q = 0; q < ask->questions.n; q++) {
        const struct trawl_cell *cell = &pending->cells[q];
        if (cell->state != TRAWL_CELL_ANSWERED || ask->questions.list[q].n_labels > 0 ||
            cell->p <= most)
            continue;
        most = answer->p_yes = cell->p;
        answer->p_other = cell->p_other;
        answer->question = (int)q;
    }
}

static void count(struct trawl_stats *stats, const struct trawl_answer *answer, double threshold)
{
    stats->yes += answer->p_yes >= threshold;
    stats->no += !(answer->p_yes >= threshold);
    stats->unsure += answer->p_other > 0.5;
}

/* 0, 1 stop, -1. */
static int deliver(struct ask *ask, struct pending *pending, struct error *err)
{
    pending->is_delivered = true;
    ask->bytes_in_flight -= pending->n_bytes;
    ask->stats->documents++;
    ask->stats->blank += pending->answer.blank;
    ask->stats->too_long += pending->answer.too_long;
    if (ask->options->run.dry_run)
        return 0;
    sum_up(ask, pending);
    count(ask->stats, &pending->answer, ask->options->threshold);
    int rc = ask->callbacks->answer(ask->callbacks->context, &pending->answer, err);
    if (rc < 0)
        return -1;
    ask->stopped = rc != 0;
    return rc != 0;
}

/* Hands out the documents at the head of the queue that are complete. 0, 1 stop, -1. */
static int deliver_ready(struct ask *ask, struct error *err)
{
    while (!ask->stopped && ask->queue.n > 0 && pending_at(&ask->queue, 0)->is_complete) {
        struct pending *pending = pending_at(&ask->queue, 0);
        int rc = pending->is_delivered ? 0 : deliver(ask, pending, err);
        pending_pop(&ask->queue);
        if (rc < 0)
            return -1;
    }
    return ask->stopped;
}

/* ---- Conditions ---- */

static bool condition_holds(const struct pending *pending, const struct trawl_condition *condition)
{
    const struct trawl_cell *cell = &pending->cells[condition->question];
    return cell->state == TRAWL_CELL_ANSWERED && cell->label == condition->label;
}

/* Questions whose condition has been decided are skipped, or wait for the next sweep no longer. */
static void resolve(struct ask *ask, struct pending *pending)
{
    uint32_t n_open = 0, n_waiting = 0;
    for (uint32_t q = 0; q < ask->questions.n; q++) {
        struct pending_question *question = &pending->questions[q];
        const struct trawl_condition *condition = ask->options->questions[q].ask_if;
        if (question->state != ASK_WAITS)
            continue;
        if (pending->questions[condition->question].state != ASK_CLOSED) {
            n_waiting++;
        } else if (condition_holds(pending, condition)) {
            question->state = ASK_NOW;
            n_open++;
        } else {
            question->state = ASK_CLOSED; /* its cell: settle */
        }
    }
    if (pending->waits && !n_waiting) {
        pending->waits = false;
        ask->n_waiting--;
    }
    pending->n_left = n_open * pending->answer.n_windows;
    pending->is_ready = n_open > 0;
    ask->queue.n_ready += pending->is_ready;
    ask->stats->waited += pending->is_ready;
}

/* What was asked before its condition was known, and should not have been, is as if it had not
 * been asked. */
static void settle(struct ask *ask, struct pending *pending)
{
    bool any = false;
    pending->is_complete = true;
    if (!ask->questions.any_condition || pending->answer.n_windows == 0 ||
        ask->options->run.dry_run)
        return;
    for (uint32_t q = 0; q < ask->questions.n; q++) {
        const struct trawl_condition *condition = ask->options->questions[q].ask_if;
        bool holds = condition && condition_holds(pending, condition);
        any |= holds;
        if (!condition || holds)
            continue;
        pending->cells[q] = (struct trawl_cell){.state = TRAWL_CELL_SKIPPED};
        ask->stats->skipped++;
    }
    ask->n_settled++;
    ask->n_survived += any;
}

/* All prompts of the document that were handed out have been answered. 0, 1 stop, -1. */
static int finish_round(struct ask *ask, struct pending *pending, struct error *err)
{
    if (pending->waits)
        resolve(ask, pending);
    if (pending->is_ready)
        return 0;
    settle(ask, pending);
    return ask->options->unordered ? deliver(ask, pending, err) : 0;
}

/* Whether the questions with conditions had better wait: they bring their own rows now, or later,
 * where their condition holds, theirs and the document's again. */
static bool had_better_wait(const struct ask *ask, const struct trawl_document *document)
{
    if (!ask->questions.any_condition || !ask->callbacks->again || ask->options->run.dry_run)
        return false;
    double later = HEAD_TOKENS + (double)document->n_bytes / BYTES_PER_TOKEN, now = 0.0;
    for (uint32_t q = 0; q < ask->questions.n; q++)
        if (ask->options->questions[q].ask_if)
            now += TURN_TOKENS + (double)strlen(ask->options->questions[q].text) / BYTES_PER_TOKEN;
    double share = (double)(ask->n_survived + 1) / (double)(ask->n_settled + 2);
    return share * (later + now) < now;
}

/* ---- Source: documents to sequences ---- */

static bool is_blank(const struct trawl_document *document)
{
    for (size_t i = 0; i < document->n_bytes; i++)
        if (!isspace((unsigned char)document->text[i]))
            return false;
    return true;
}

/* Decides which questions are asked of a new document now. */
static void open_questions(struct ask *ask, struct pending *pending, bool wait)
{
    uint32_t n_open = 0;
    for (uint32_t q = 0; q < ask->questions.n; q++) {
        bool waits = wait && ask->options->questions[q].ask_if;
        pending->questions[q].state = waits ? ASK_WAITS : ASK_NOW;
        pending->waits |= waits;
        n_open += !waits;
    }
    ask->n_waiting += pending->waits;
    pending->n_left = n_open * pending->answer.n_windows;
}

/* Takes the next document and decides what is sent of it. What the callback returns. */
static int pull_document(struct ask *ask, struct error *err)
{
    struct trawl_document document = {0};
    int rc = ask->callbacks->next(ask->callbacks->context, &document, err);
    if (rc == 2 && ask->queue.n == 0)
        return fail(err, ERROR_USAGE, "the source waits for answers, but nothing was asked");
    if (rc != 1) {
        ask->source_ended = rc == 0;
        return rc == 0 && ask->n_waiting > 0 ? 2 : rc;
    }
    ask->serial = ask->queue.first_serial + ask->queue.n;
    struct pending *pending = pending_push(&ask->queue, err);
    if (!pending)
        return -1;
    pending->answer.tag = document.tag;
    pending->n_bytes =
        document.n_bytes + document.n_kept_bytes + CALLER_BYTES + pending_bytes(&ask->queue);
    ask->bytes_in_flight += pending->n_bytes;
    ask->n_windows = 0;
    if (is_blank(&document)) {
        pending->answer.blank = true;
        return 1;
    }
    if (prompt_maker_document(&ask->maker, &document, err) < 0)
        return -1;
    ask->n_windows = ask->maker.n_windows;
    if ((ask->n_windows > 1 || document.is_cut) &&
        ask->options->long_documents == TRAWL_LONG_SKIP) {
        pending->answer.too_long = true;
        ask->n_windows = 0;
    }
    if (ask->n_windows > 1 && ask->options->long_documents == TRAWL_LONG_HEAD)
        ask->n_windows = 1;
    pending->answer.n_windows = ask->n_windows;
    if (ask->n_windows > 0)
        open_questions(ask, pending, had_better_wait(ask, &document));
    return 1;
}

/* A document whose other questions are to be asked now. */
static int take_again(struct ask *ask, struct error *err)
{
    size_t i = 0;
    while (!pending_at(&ask->queue, i)->is_ready)
        i++;
    struct pending *pending = pending_at(&ask->queue, i);
    struct trawl_document document = {0};
    if (ask->callbacks->again(ask->callbacks->context, pending->answer.tag, &document, err) < 0 ||
        prompt_maker_document(&ask->maker, &document, err) < 0)
        return -1;
    pending->is_ready = false;
    ask->queue.n_ready--;
    ask->serial = ask->queue.first_serial + i;
    ask->n_windows = pending->answer.n_windows;
    return 1;
}

/* The next document to hand prompts out of: 1, 0, 2, -1 as the source's callback. */
static int next_document(struct ask *ask, struct error *err)
{
    int rc = deliver_ready(ask, err); /* blank documents wait only for those before them */
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    ask->window = ask->question = ask->probe = 0;
    if (ask->queue.n_ready > 0)
        return take_again(ask, err);
    if (ask->source_ended)
        return ask->n_waiting > 0 ? 2 : 0;
    if (ask->queue.n > 0 && ask->bytes_in_flight >= ask->most_in_flight)
        return 2;
    return pull_document(ask, err);
}

/* All prompts of the document have been handed out. */
static int close_document(struct ask *ask, struct error *err)
{
    struct pending *pending = pending_find(&ask->queue, ask->serial);
    for (uint32_t q = 0; q < ask->questions.n; q++)
        if (pending->questions[q].state == ASK_NOW)
            pending->questions[q].state = ASK_CLOSED;
    return pending->n_left == 0 ? finish_round(ask, pending, err) : 0;
}

/* Document first: the questions of a window follow each other, so that they share it. */
static void next_question(struct ask *ask)
{
    ask->probe = 0;
    if (++ask->question == ask->questions.n) {
        ask->question = 0;
        ask->window++;
    }
}

static void fold(struct ask *ask, struct pending *pending, uint32_t question, uint32_t window)
{
    double *distribution = pending->distributions;
    for (uint32_t q = 0; q < question; q++)
        distribution += ask->questions.list[q].n_labels;
    questions_fold(&ask->questions, question, window, ask->values, &pending->cells[question],
                   &pending->questions[question].window, distribution);
}

/* Whether a remembered answer has already decided that the question is not to be asked. */
static bool is_decided_against(const struct ask *ask, const struct pending *pending,
                               uint32_t question)
{
    const struct trawl_condition *condition = ask->options->questions[question].ask_if;
    return condition && pending->answer.n_windows == 1 &&
           pending->cells[condition->question].state == TRAWL_CELL_ANSWERED &&
           !condition_holds(pending, condition);
}

/* Makes the prompt of the cursor's window and question. 1: it is to be run; 0: there is none to
 * run; -1. */
static int make_prompt(struct ask *ask, struct error *err)
{
    struct pending *pending = pending_find(&ask->queue, ask->serial);
    const struct asked_question *asked = &ask->questions.list[ask->question];
    if (pending->questions[ask->question].state != ASK_NOW)
        return 0;
    if (is_decided_against(ask, pending, ask->question)) {
        pending->n_left--;
        return 0;
    }
    token_list_clear(&ask->prompt);
    int rc = prompt_maker_tokens(&ask->maker, ask->window, ask->question, &ask->prompt, err);
    if (rc < 0)
        return -1;
    if (rc == 1) {
        pending->n_left--;
        return 0;
    }
    ask->n_prompt = ask->prompt.n_tokens;
    pending->answer.n_tokens += (uint32_t)ask->n_prompt;
    if (!ask->callbacks->recall)
        return 1;
    answer_keys_make(&ask->keys, asked->readout, ask->prompt.ids, ask->n_prompt, ask->key);
    rc = ask->callbacks->recall(ask->callbacks->context, ask->key, ask->values, asked->n_values,
                                err);
    if (rc <= 0)
        return rc < 0 ? -1 : 1;
    ask->stats->recalled++;
    fold(ask, pending, ask->question, ask->window);
    pending->n_left--;
    return 0;
}

/* The prompt, or the prompt and one probe of its labels. */
static int send(struct ask *ask, struct trawl_sequence *sequence, struct error *err)
{
    const struct asked_question *asked = &ask->questions.list[ask->question];
    struct sent sent = {ask->serial, ask->question, ask->window, ask->probe, {0}};
    memcpy(sent.key, ask->key, sizeof sent.key);
    ask->prompt.n_tokens = ask->n_prompt;
    if (asked->n_labels > 0) {
        const struct choice_probe *probe = &asked->choice.probes[ask->probe];
        for (uint32_t i = 0; i < probe->n_tokens; i++)
            if (token_list_append(&ask->prompt, probe->tokens[i], err) < 0)
                return -1;
    }
    if (sent_push(&ask->queue, &sent, err) < 0)
        return -1;
    struct pending *pending = pending_find(&ask->queue, ask->serial);
    pending->n_bytes += sizeof sent;
    ask->bytes_in_flight += sizeof sent;
    *sequence = (struct trawl_sequence){.tag = ask->serial,
                                        .ids = ask->prompt.ids,
                                        .n_ids = (uint32_t)ask->prompt.n_tokens,
                                        .first_readout = (uint32_t)ask->n_prompt - 1};
    if (++ask->probe == asked->n_probes)
        next_question(ask);
    return 1;
}

/* The next sequence of the current document, or of the next ones. */
static int next_sequence(void *context, struct trawl_sequence *sequence, struct error *err)
{
    struct ask *ask = context;
    for (;;) {
        if (ask->n_windows == 0) {
            int rc = next_document(ask, err);
            if (rc != 1)
                return rc;
        }
        if (ask->window == ask->n_windows) {
            ask->n_windows = 0;
            int rc = close_document(ask, err);
            if (rc != 0)
                return rc < 0 ? -1 : 0;
            continue;
        }
        int rc = ask->probe > 0 ? 1 : make_prompt(ask, err);
        if (rc < 0)
            return -1;
        if (rc == 1)
            return send(ask, sequence, err);
        next_question(ask);
    }
}

/* ---- Sink: results to answers ---- */

/* Results come in the order of sequences. */
static int take_result(void *context, const struct trawl_result *result, struct error *err)
{
    struct ask *ask = context;
    struct sent sent = sent_pop(&ask->queue);
    struct pending *pending = pending_find(&ask->queue, sent.serial);
    const struct asked_question *asked = &ask->questions.list[sent.question];
    if (result->n_readouts > 0) /* none in a dry run */
        questions_read(&ask->questions, sent.question, sent.probe, result, ask->values);
    if (sent.probe + 1 < asked->n_probes)
        return 0;
    if (result->n_readouts > 0) {
        if (ask->callbacks->record && ask->callbacks->record(ask->callbacks->context, sent.key,
                                                             ask->values, asked->n_values, err) < 0)
            return -1;
        fold(ask, pending, sent.question, sent.window);
    }
    /* The document may have prompts still to be handed out: n_left says so. */
    if (--pending->n_left == 0) {
        int rc = finish_round(ask, pending, err);
        if (rc != 0)
            return rc;
    }
    return deliver_ready(ask, err);
}

static int pass_swept(void *context, struct error *err)
{
    const struct ask *ask = context;
    return ask->callbacks->swept(ask->callbacks->context, err);
}

static int pass_progress(void *context, const struct trawl_progress *progress)
{
    const struct ask *ask = context;
    return ask->callbacks->progress ? ask->callbacks->progress(ask->callbacks->context, progress)
                                    : 0;
}

/* The batch's key says what its rows are; with ours, also what makes their values. */
static struct trawl_suspended with_key(const struct ask *ask,
                                       const struct trawl_suspended *suspended)
{
    struct trawl_suspended keyed = *suspended;
    if (!ask->callbacks->recall)
        return keyed;
    struct sha256 sha = ask->keys.common;
    sha256_add(&sha, suspended->batch, sizeof suspended->batch);
    sha256_finish(&sha, keyed.batch);
    return keyed;
}

static int pass_suspend(void *context, const struct trawl_suspended *suspended, struct error *err)
{
    const struct ask *ask = context;
    struct trawl_suspended keyed = with_key(ask, suspended);
    return ask->callbacks->suspend(ask->callbacks->context, &keyed, err);
}

static int pass_paused(void *context, const struct trawl_progress *progress)
{
    const struct ask *ask = context;
    return ask->callbacks->paused(ask->callbacks->context, progress);
}

static int pass_resume(void *context, struct trawl_suspended *suspended, struct error *err)
{
    const struct ask *ask = context;
    struct trawl_suspended keyed = with_key(ask, suspended);
    int rc = ask->callbacks->resume(ask->callbacks->context, &keyed, err);
    if (rc == 1)
        suspended->layer = keyed.layer;
    return rc;
}

/* ---- The run ---- */

/* The probes of labels go behind the longest prompt. */
static int make_room(struct ask *ask, const struct trawl_model *model, struct error *err)
{
    struct prompt_maker *maker = &ask->maker;
    uint32_t context = model->network.hparams.n_context, more = ask->questions.most_probe;
    if (more > 0 && maker->max_tokens + more > context) {
        if (maker->window_tokens <= more)
            return fail(err, ERROR_LIMIT,
                        "labels of %u tokens leave no room for a document in a context of %u", more,
                        context);
        maker->window_tokens -= more;
        maker->max_tokens -= more;
    }
    return 0;
}

static int run_ask(struct ask *ask, const struct trawl_model *model, struct error *err)
{
    const struct trawl_ask_options *options = ask->options;
    struct trawl_readout_options readout = {.wanted = ask->questions.wanted.ids,
                                            .n_wanted = (uint32_t)ask->questions.wanted.n_tokens};
    bool resumes = ask->callbacks->recall && ask->callbacks->resume;
    struct trawl_run_callbacks callbacks = {.context = ask,
                                            .next = next_sequence,
                                            .result = take_result,
                                            .swept = ask->callbacks->swept ? pass_swept : NULL,
                                            .progress = pass_progress,
                                            .suspend =
                                                ask->callbacks->suspend ? pass_suspend : NULL,
                                            .paused = pass_paused,
                                            .resume = resumes ? pass_resume : NULL};
    struct prepared_run run;
    int rc = run_prepare(&run, model, &options->run, &readout,
                         ask->maker.max_tokens + ask->questions.most_probe, err);
    ask->stats->plan = run.plan;
    ask->most_in_flight = run.plan.input_bytes / 2;
    if (rc == 0 && ask->callbacks->recall)
        rc = answer_keys_init(&ask->keys, model, run.plan.numerics, err);
    if (rc == 0 && ask->callbacks->planned)
        rc = ask->callbacks->planned(ask->callbacks->context, &run.plan, err);
    if (rc == 0)
        rc = run_sequences(&run, &callbacks, ask->stats, err);
    if (rc == 0 && deliver_ready(ask, err) < 0) /* blank documents at the end */
        rc = -1;
    prepared_run_deinit(&run);
    return rc;
}

int trawl_ask(const struct trawl_model *model, const struct trawl_ask_options *options,
              const struct trawl_ask_callbacks *callbacks, struct trawl_stats *stats,
              struct error *err)
{
    *stats = (struct trawl_stats){.bound = "compute"};
    struct ask ask = {.options = options, .callbacks = callbacks, .stats = stats};
    int rc = prompt_maker_open(&ask.maker, model, options, err);
    if (rc == 0)
        rc = questions_open(&ask.questions, &ask.maker, err);
    if (rc == 0)
        rc = make_room(&ask, model, err);
    ask.queue.n_questions = ask.questions.n;
    ask.queue.n_distribution = ask.questions.n_distribution;
    ask.values = calloc(ask.questions.most_values + 1, sizeof *ask.values);
    if (rc == 0 && !ask.values)
        rc = fail_memory(err, ask.questions.most_values * sizeof *ask.values, "answers");
    if (rc == 0)
        rc = run_ask(&ask, model, err);
    pending_queue_deinit(&ask.queue);
    prompt_maker_close(&ask.maker);
    questions_close(&ask.questions);
    token_list_deinit(&ask.prompt);
    free(ask.values);
    return rc;
}
