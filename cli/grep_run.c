#include "grep_run.h"

#include "interrupt.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

/* How input_bytes is spent. Half is the engine's documents in flight (trawl.h); one document that
 * is read and tokenised takes four times its length, a page's markup more than its text. */
#define DOCUMENT_SHARE 8  /* the largest document */
#define ENDS_SHARE     16 /* ends of files in the queue */
#define KEPT_SHARE     4  /* what sinks keep until later */
#define SAMPLE_SHARE   2  /* what --sample has drawn, to be in flight later */

/* Opening. */

static struct sink *make_sink(struct grep_run *run, struct error *err)
{
    const struct grep_options *options = run->options;
    struct text_options text = options->text;
    text.holding = &run->kept;
    struct json_options json = {.unit = options->text.unit,
                                .no_text = options->no_text,
                                .calibrated = options->calibrated != NULL,
                                .line_buffered = options->line_buffered,
                                .questions = options->ask.questions,
                                .n_questions = options->ask.n_questions};
    struct top_options top = {
        .holding = &run->kept, .n_wanted = options->n_top, .lowest = options->invert};
    struct sink *sink =
        options->json ? json_sink_new(&json, run->out, err) : text_sink_new(&text, run->out, err);
    return sink && top.n_wanted > 0 ? top_sink_new(&top, sink, err) : sink;
}

/* Whether a sink reads the text after the engine has it. */
static bool needs_text(const struct grep_options *options)
{
    if (options->json)
        return !options->no_text;
    return options->text.listing == LIST_DOCUMENTS &&
           (options->text.unit != UNIT_FILE || options->text.show_text);
}

void grep_run_note(void *context, const struct input_file *file)
{
    struct grep_run *run = context;
    const struct grep_options *options = run->options;
    run->any_trouble = run->any_trouble || file->trouble;
    run->report.unreadable += file->trouble != NULL;
    run->report.binary += file->is_binary;
    if (!file->trouble && !file->is_binary)
        return;
    progress_clear(&run->progress);
    if (file->trouble && !options->no_messages)
        message("%s: %s", file->name, file->trouble);
    else if (file->is_binary && file->is_named && !options->no_messages &&
             !options->text.silent_binary)
        message("%s: binary file skipped (-a reads it as text)", file->name);
}

int grep_run_open(struct grep_run *run, const struct trawl_plan *plan, struct error *err)
{
    struct source_options source = run->options->source;
    source.most_bytes = plan->input_bytes / DOCUMENT_SHARE;
    source.cut_long = run->options->ask.long_documents != TRAWL_LONG_WINDOWS;
    run->source = source_new(&source, err);
    return run->source ? 0 : -1;
}

static int planned(void *context, const struct trawl_plan *plan, struct error *err)
{
    struct grep_run *run = context;
    const struct grep_options *options = run->options;
    run->ends.most_bytes = plan->input_bytes / ENDS_SHARE;
    run->kept.most_bytes = plan->input_bytes / KEPT_SHARE;
    run->sample.most_bytes = plan->input_bytes / SAMPLE_SHARE;
    if (grep_run_open(run, plan, err) < 0)
        return -1;
    if (!options->quiet && !options->ask.run.dry_run && !(run->sink = make_sink(run, err)))
        return -1;
    struct sample_options sample = {.n_wanted = options->n_sample,
                                    .seed = options->seed,
                                    .holding = &run->sample,
                                    .tell = grep_run_note,
                                    .context = run};
    return sample.n_wanted > 0 ? source_sample(run->source, &sample, &run->report.sampled_from, err)
                               : 0;
}

/* Documents on their way. */

/* Takes [item], the end of a file. */
static int end_file(struct grep_run *run, struct item *item, struct error *err)
{
    const struct input_file *file = item->file;
    grep_run_note(run, file);
    int status = run->sink ? run->sink->file_end(run->sink, file, err) : 0;
    item_free(item);
    return status;
}

static struct item *take_first(struct grep_run *run)
{
    struct item *item = run->queue;
    run->queue = item->next;
    if (!run->queue)
        run->queue_end = &run->queue;
    item->next = NULL;
    return item;
}

/* Ends of files at the head of the queue wait for nothing. */
static int flush_ends(struct grep_run *run, struct error *err)
{
    while (run->queue && run->queue->is_end) {
        struct item *item = take_first(run);
        holding_remove(&run->ends, item);
        if (end_file(run, item, err) < 0)
            return -1;
    }
    return 0;
}

static void return_lent(struct grep_run *run)
{
    struct item *lent = run->lent;
    run->lent = NULL;
    if (!lent)
        return;
    if (run->options->ask.run.dry_run) {
        item_free(lent);
    } else if (!run->keep_text) {
        free(lent->text);
        lent->text = NULL;
    }
}

static int next_document(void *context, struct trawl_document *document, struct error *err)
{
    struct grep_run *run = context;
    struct item *item;
    int status;
    return_lent(run);
    if (run->out->unflushed &&
        out_flush(run->out, err) < 0) /* answers of a sweep leave when it has ended */
        return -1;
    if (power_stops(&run->power))
        return fail(err, ERROR_CANCELLED, "stopped");
    while (!run->done) {
        if (holding_is_full(&run->ends)) /* a document is before them, since they are waiting */
            return 2;
        status = source_next(run->source, &item, err);
        if (status < 0)
            return -1;
        if (status == 0)
            break;
        if (item->is_end && (!run->queue || run->options->ask.run.dry_run)) {
            if (end_file(run, item, err) < 0)
                return -1;
            continue;
        }
        if (!run->options->ask.run.dry_run) {
            *run->queue_end = item;
            run->queue_end = &item->next;
        }
        if (item->is_end) {
            holding_add(&run->ends, item);
            continue;
        }
        run->progress.n_read++;
        run->lent = item;
        *document = (struct trawl_document){.tag = item->serial,
                                            .text = item->text,
                                            .n_bytes = item->n_bytes,
                                            .is_cut = item->is_cut};
        return 1;
    }
    run->progress.read_all = true;
    return 0;
}

/* What the answer means by --calibration: the surest of the calibrated ones. The engine's counts
 * know nothing of it. *p_raw is what that p_yes was. */
static struct trawl_answer calibrate(struct grep_run *run, const struct trawl_answer *answer,
                                     double *p_raw)
{
    const struct grep_options *options = run->options;
    struct trawl_answer meant = *answer;
    *p_raw = answer->p_yes;
    bool first = true;
    for (int q = 0; options->calibrated && q < options->ask.n_questions; q++) {
        const struct trawl_cell *cell = &answer->cells[q];
        if (cell->state != TRAWL_CELL_ANSWERED)
            continue;
        double p = calibration_apply(options->calibrated[q], cell->p);
        if (!first && p <= meant.p_yes)
            continue;
        first = false;
        *p_raw = cell->p;
        meant.p_yes = p;
        meant.p_other = cell->p_other;
        meant.question = q;
    }
    run->n_yes += !answer->too_long && meant.p_yes >= options->threshold;
    return meant;
}

/* Decides, and keeps the file's counts. Sets file->stop once nothing more of the file can be
 * printed. */
static struct verdict judge(struct grep_run *run, const struct item *item,
                            const struct trawl_answer *answer)
{
    const struct grep_options *options = run->options;
    struct input_file *file = item->file;
    struct verdict verdict = {.answer = *answer, .yes = answer->p_yes >= options->threshold};
    bool full = options->max_count >= 0 && file->n_selected >= (uint64_t)options->max_count;
    verdict.selected = !full && (options->any_score || verdict.yes != options->invert);
    if (verdict.selected) {
        run->any_selected = true;
        run->report.selected++;
        if (file->n_selected++ == 0 || (answer->p_yes > file->p_yes) != options->invert)
            file->p_yes = answer->p_yes;
        file->last_selected = item->index;
    } else if (file->n_selected == 0) {
        file->p_yes = answer->p_yes;
    }

    enum listing listing = options->text.listing;
    bool first_is_enough =
        !options->json &&
        (listing == LIST_FILES_WITH || listing == LIST_FILES_WITHOUT || listing == LIST_NOTHING);
    uint64_t after =
        listing == LIST_DOCUMENTS && options->text.after > 0 ? (uint64_t)options->text.after : 0;
    if (options->max_count >= 0 && file->n_selected >= (uint64_t)options->max_count &&
        item->index - file->last_selected >= after)
        file->stop = true;
    if (verdict.selected && first_is_enough)
        file->stop = true;
    return verdict;
}

static int take_answer(void *context, const struct trawl_answer *answer, struct error *err)
{
    struct grep_run *run = context;
    struct item *item = run->queue;
    if (!item || item->serial != answer->tag)
        return fail(err, ERROR_USAGE, "an answer to a document that was not asked");
    if (run->lent == item)
        run->lent = NULL;
    take_first(run);
    run->progress.n_done++;
    if (run->progress.drawn)
        progress_clear(&run->progress);

    bool unwanted = item->file->stop;
    double p_raw;
    struct trawl_answer meant = calibrate(run, answer, &p_raw);
    struct verdict verdict = unwanted ? (struct verdict){0} : judge(run, item, &meant);
    verdict.p_raw = p_raw;
    if (unwanted || !run->sink) {
        item_free(item);
    } else if (run->sink->document(run->sink, item, &verdict, err) < 0) {
        return -1;
    }
    if (run->options->quiet && run->any_selected) {
        run->done = true;
        return 1;
    }
    return flush_ends(run, err);
}

static int show_progress(void *context, const struct trawl_progress *now)
{
    struct grep_run *run = context;
    if (interrupt_progress())
        progress_say(&run->progress, now);
    progress_draw(&run->progress, now);
    return power_stops(&run->power);
}

/* Between two layers. Nothing of a sweep is written down, so there is nothing to do but to wait. */
static int suspend(void *context, const struct trawl_suspended *suspended, struct error *err)
{
    (void)suspended, (void)err;
    return power_pauses(&((struct grep_run *)context)->power);
}

static int paused(void *context, const struct trawl_progress *now)
{
    struct grep_run *run = context;
    return power_wait(&run->power, &run->progress, now);
}

int grep_run_all(struct grep_run *run, const struct trawl_model *model, struct error *err)
{
    run->queue_end = &run->queue;
    run->report.asked = true;
    run->keep_text = needs_text(run->options);
    run->progress.on = run->options->report.show_progress;
    struct trawl_ask_callbacks callbacks = {.context = run,
                                            .planned = planned,
                                            .next = next_document,
                                            .answer = take_answer,
                                            .progress = show_progress,
                                            .suspend = suspend,
                                            .paused = paused};
    int status = trawl_ask(model, &run->options->ask, &callbacks, &run->report.stats, err);
    progress_clear(&run->progress);
    return_lent(run);
    if (run->options->calibrated) {
        run->report.calibration = calibration_method_name(run->options->calibrated[0]->method);
        run->report.stats.no += run->report.stats.yes - run->n_yes;
        run->report.stats.yes = run->n_yes;
    }
    if (status == 0 && !run->done)
        status = flush_ends(run, err);
    if (status == 0 && run->sink)
        return run->sink->finish(run->sink, err);
    struct error second = {0}; /* what was answered before a stop is wanted all the same */
    if (status < 0 && err->kind == ERROR_CANCELLED && run->sink &&
        run->sink->finish(run->sink, &second) < 0)
        *err = second;
    return status;
}

int grep_run_status(const struct grep_run *run)
{
    if (run->options->quiet && run->any_selected)
        return EXIT_MATCH;
    if (run->any_trouble)
        return EXIT_TROUBLE;
    return run->any_selected ? EXIT_MATCH : EXIT_NOTHING;
}

void grep_run_deinit(struct grep_run *run)
{
    while (run->queue) {
        struct item *next = run->queue->next;
        item_free(run->queue);
        run->queue = next;
    }
    if (run->sink)
        run->sink->free(run->sink);
    source_free(run->source);
}
