/* Documents in, yes or no out: every document becomes one prompt per window and question, in input
 * order; what comes back is folded into one answer per document. */

#include "answer/yes_no.h"
#include "base/size.h"
#include "engine/prompt_maker.h"
#include "engine/run.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What a document in flight costs beside its text: its place in the queue here and with the caller.
 */
#define DOCUMENT_BYTES 512

struct pending {
    struct trawl_answer answer;
    uint32_t n_left; /* sequences not answered yet */
    size_t n_bytes;
};

struct ask {
    const struct trawl_ask_options *options;
    const struct trawl_ask_callbacks *callbacks;
    struct trawl_stats *stats;
    struct prompt_maker maker;
    struct yes_no words;

    /* Documents pulled and not yet answered, a queue in input order. */
    struct pending *queue; /* circular, [capacity] */
    size_t first, n_pending, capacity;
    uint64_t bytes_in_flight, most_in_flight;
    bool stopped;

    /* The document whose prompts are being handed out. */
    uint32_t window, n_windows, question;
    struct token_list prompt;
};

/* ---- The queue
 * -------------------------------------------------------------------------------------------------------------
 */

static struct pending *queue_at(struct ask *ask, size_t i)
{
    return &ask->queue[(ask->first + i) % ask->capacity];
}

static struct pending *queue_push(struct ask *ask, struct error *err)
{
    if (ask->n_pending == ask->capacity) {
        size_t capacity = ask->capacity ? 2 * ask->capacity : 256;
        struct pending *grown = calloc(capacity, sizeof *grown);
        if (!grown) {
            fail_memory(err, capacity * sizeof *grown, "documents in flight");
            return NULL;
        }
        for (size_t i = 0; i < ask->n_pending; i++)
            grown[i] = *queue_at(ask, i);
        free(ask->queue);
        ask->queue = grown;
        ask->first = 0;
        ask->capacity = capacity;
    }
    struct pending *pending = queue_at(ask, ask->n_pending++);
    memset(pending, 0, sizeof *pending);
    return pending;
}

static void count(struct trawl_stats *stats, const struct trawl_answer *answer, double threshold)
{
    stats->yes += answer->p_yes >= threshold;
    stats->no += !(answer->p_yes >= threshold);
    stats->unsure += answer->p_other > 0.5;
}

/* Hands out the answers at the head of the queue that are complete. 0, 1 stop, -1. */
static int deliver_ready(struct ask *ask, struct error *err)
{
    while (!ask->stopped && ask->n_pending > 0 && queue_at(ask, 0)->n_left == 0) {
        struct pending *pending = queue_at(ask, 0);
        bool dry = ask->options->run.dry_run;
        ask->stats->documents++;
        ask->stats->blank += pending->answer.blank;
        ask->stats->too_long += pending->answer.too_long;
        if (!dry)
            count(ask->stats, &pending->answer, ask->options->threshold);
        int rc = dry ? 0 : ask->callbacks->answer(ask->callbacks->context, &pending->answer, err);
        ask->bytes_in_flight -= pending->n_bytes + DOCUMENT_BYTES;
        ask->first = (ask->first + 1) % ask->capacity;
        ask->n_pending--;
        if (rc < 0)
            return -1;
        ask->stopped = rc != 0;
    }
    return ask->stopped;
}

/* ---- Source: documents to sequences
 * ------------------------------------------------------------------------------------------ */

static bool is_blank(const struct trawl_document *document)
{
    for (size_t i = 0; i < document->n_bytes; i++)
        if (!isspace((unsigned char)document->text[i]))
            return false;
    return true;
}

/* Takes the next document and decides what is sent of it. What the callback returns. */
static int pull_document(struct ask *ask, struct error *err)
{
    struct trawl_document document;
    int rc = ask->callbacks->next(ask->callbacks->context, &document, err);
    if (rc == 2 && ask->n_pending == 0)
        return fail(err, ERROR_USAGE, "the source waits for answers, but nothing was asked");
    if (rc != 1)
        return rc;
    struct pending *pending = queue_push(ask, err);
    if (!pending)
        return -1;
    pending->answer.tag = document.tag;
    pending->n_bytes = document.n_bytes;
    ask->bytes_in_flight += document.n_bytes + DOCUMENT_BYTES;
    ask->window = ask->question = ask->n_windows = 0;
    if (is_blank(&document)) {
        pending->answer.blank = true;
        return 1;
    }
    if (prompt_maker_document(&ask->maker, document.text, document.n_bytes, err) < 0)
        return -1;
    ask->n_windows = ask->maker.n_windows;
    if (ask->n_windows > 1 && ask->options->long_documents == TRAWL_LONG_SKIP) {
        pending->answer.too_long = true;
        ask->n_windows = 0;
    }
    if (ask->n_windows > 1 && ask->options->long_documents == TRAWL_LONG_HEAD)
        ask->n_windows = 1;
    pending->answer.n_windows = ask->n_windows;
    pending->n_left = ask->n_windows * (uint32_t)ask->options->n_questions;
    pending->answer.p_yes = pending->n_left ? -1.0 : 0.0; /* below any window's */
    return 1;
}

/* Document first: the questions of a window follow each other, so that they share it. The next
 * sequence of the current document, or of the next ones. */
static int next_sequence(void *context, struct trawl_sequence *sequence, struct error *err)
{
    struct ask *ask = context;
    while (ask->window == ask->n_windows) {
        int rc = deliver_ready(ask, err); /* blank documents wait only for those before them */
        if (rc != 0)
            return rc < 0 ? -1 : 0;
        if (ask->n_pending > 0 && ask->bytes_in_flight >= ask->most_in_flight)
            return 2;
        rc = pull_document(ask, err);
        if (rc != 1)
            return rc;
    }
    token_list_clear(&ask->prompt);
    if (prompt_maker_tokens(&ask->maker, ask->window, ask->question, &ask->prompt, err) < 0)
        return -1;
    struct pending *pending = queue_at(ask, ask->n_pending - 1);
    pending->answer.n_tokens += (uint32_t)ask->prompt.n_tokens;
    *sequence = (struct trawl_sequence){.tag = ask->question,
                                        .ids = ask->prompt.ids,
                                        .n_ids = (uint32_t)ask->prompt.n_tokens,
                                        .first_readout = (uint32_t)ask->prompt.n_tokens - 1};
    if (++ask->question == (uint32_t)ask->options->n_questions) {
        ask->question = 0;
        ask->window++;
    }
    return 1;
}

/* ---- Sink: results to answers
 * --------------------------------------------------------------------------------------------------
 */

static int take_result(void *context, const struct trawl_result *result, struct error *err)
{
    struct ask *ask = context;
    /* Results come in the order of sequences, so this one is of the first document that still
     * waits. */
    size_t i = 0;
    while (queue_at(ask, i)->n_left == 0)
        i++;
    struct pending *pending = queue_at(ask, i);
    if (result->n_readouts > 0) { /* none in a dry run */
        struct verdict verdict = yes_no_verdict(&ask->words, result->wanted);
        if (verdict.p_yes > pending->answer.p_yes) {
            pending->answer.p_yes = verdict.p_yes;
            pending->answer.p_other = verdict.p_other;
            pending->answer.question = (int)result->tag;
        }
    }
    pending->n_left--;
    /* The last document may have prompts still to be handed out: n_left says so. */
    return deliver_ready(ask, err);
}

static int pass_progress(void *context, const struct trawl_progress *progress)
{
    const struct ask *ask = context;
    return ask->callbacks->progress ? ask->callbacks->progress(ask->callbacks->context, progress)
                                    : 0;
}

static int run_ask(struct ask *ask, const struct trawl_model *model, struct error *err)
{
    const struct trawl_ask_options *options = ask->options;
    struct trawl_readout_options readout = {.wanted = ask->words.ids,
                                            .n_wanted = ask->words.n_yes + ask->words.n_no};
    struct trawl_run_callbacks callbacks = {ask, next_sequence, take_result, pass_progress};
    struct prepared_run run;
    int rc = run_prepare(&run, model, &options->run, &readout, ask->maker.max_tokens, err);
    ask->stats->plan = run.plan;
    ask->most_in_flight = run.plan.input_bytes / 2;
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
    if (rc == 0 &&
        yes_no_init(&ask.words, model->tokenizer, model->network.hparams.n_vocab, err) < 0)
        rc = fail_context(err, "%s", gguf_path(model->gguf));
    if (rc == 0)
        rc = run_ask(&ask, model, err);
    prompt_maker_close(&ask.maker);
    yes_no_deinit(&ask.words);
    token_list_deinit(&ask.prompt);
    free(ask.queue);
    return rc;
}
