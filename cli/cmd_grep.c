/* trawl grep: options, model, run, report. */

#include "commands.h"
#include "grep_run.h"
#include "message.h"
#include "models.h"

#include <stdio.h>
#include <string.h>

/* What is known before anything is read. As grep does, nothing is opened then, unless what does not
 * match is wanted too. */
static bool cannot_select(const struct grep_options *options)
{
    if (options->text.listing == LIST_FILES_WITHOUT || options->dry_run || options->show_prompt)
        return false;
    bool never_yes = options->invert && options->threshold <= 0 && !options->any_score;
    return options->max_count == 0 || (never_yes && !options->json);
}

static struct sink *make_sink(const struct grep_options *options, struct out *out,
                              struct error *err)
{
    struct json_options json = {.unit = options->text.unit,
                                .no_text = options->no_text,
                                .line_buffered = options->line_buffered,
                                .questions = options->ask.questions,
                                .n_questions = options->ask.n_questions};
    struct sink *sink =
        options->json ? json_sink_new(&json, out, err) : text_sink_new(&options->text, out, err);
    if (sink && options->n_top > 0)
        sink = top_sink_new(options->n_top, options->invert, sink, err);
    return sink;
}

/* Whether a sink reads the text after the engine has it. */
static bool needs_text(const struct grep_options *options)
{
    if (options->json)
        return !options->no_text;
    return options->text.listing == LIST_DOCUMENTS &&
           (options->text.unit != UNIT_FILE || options->text.show_text);
}

/* --show-prompt: of the first document that has one. */
static int show_prompt(const struct grep_options *options, const struct trawl_model *model,
                       struct source *source, struct out *out, struct error *err)
{
    struct bytes prompt = {0};
    struct item *item = NULL;
    int status;
    while ((status = source_next(source, &item, err)) > 0 && item->is_end) {
        if (item->file->trouble)
            message("%s: %s", item->file->name, item->file->trouble);
        item_free(item);
    }
    if (status == 0)
        status = fail(err, ERROR_USAGE, "--show-prompt: there is no document");
    else if (status > 0) {
        status = trawl_prompt_text(model, &options->ask, item->text, item->n_bytes, &prompt, err);
        item_free(item);
    }
    if (status == 0) {
        out_bytes(out, prompt.data, prompt.n_bytes);
        if (prompt.n_bytes > 0 && prompt.data[prompt.n_bytes - 1] != '\n')
            out_char(out, '\n');
        status = out_flush(out, err);
    }
    bytes_deinit(&prompt);
    return status;
}

/* One document may take a quarter of what the budget leaves for input: it is held here and with the
 * engine, and a page's markup while it is read is larger than its text. */
static struct source *open_source(struct grep_options *options, const struct trawl_model *model,
                                  struct error *err)
{
    struct trawl_plan plan;
    if (trawl_plan(model, &options->ask.run, options->ask.window_tokens, &plan, err) < 0)
        return NULL;
    options->source.most_bytes = plan.input_bytes / 4;
    return source_new(&options->source, err);
}

/* After a run, also after one that failed in its middle. */
static int print_reports(struct grep_run *run, struct error *err)
{
    const struct grep_options *options = run->options;
    struct out screen = {.file = stderr};
    if (options->dry_run)
        report_dry_run(&run->report, run->out);
    else if (options->show_progress && run->report.stats.sweeps > 0)
        report_screen(&run->report, &screen);
    if (out_flush(run->out, err) < 0)
        return -1;
    return options->stats_path ? report_save(&run->report, options->stats_path, err) : 0;
}

static int ask(struct grep_run *run, const struct trawl_model *model, struct error *err)
{
    const struct grep_options *options = run->options;
    if (options->show_prompt)
        return show_prompt(options, model, run->source, run->out, err);
    if (options->n_sample > 0 && source_sample(run->source, options->n_sample, options->seed,
                                               &run->report.sampled_from, err) < 0)
        return -1;
    if (!options->quiet && !options->dry_run) {
        run->sink = make_sink(options, run->out, err);
        if (!run->sink)
            return -1;
    }
    int status = grep_run_all(run, model, err);
    if (status < 0) {
        struct error second = {0}; /* the first failure is the one to tell */
        int flushed = out_flush(run->out, &second);
        (void)flushed;
        return -1;
    }
    return print_reports(run, err);
}

int cmd_grep(const struct arguments *arguments)
{
    struct error err = {0};
    struct grep_options options;
    struct trawl_model *model = NULL;
    struct out out = {.file = stdout};
    struct grep_run run = {.options = &options, .out = &out, .progress.noun = "documents"};
    int status = EXIT_TROUBLE;

    if (grep_options_read(&options, arguments, &err) < 0) {
        status = message_usage(&err, "grep");
        goto done;
    }
    if (cannot_select(&options)) {
        status = EXIT_NOTHING;
        goto done;
    }
    run.keep_text = needs_text(&options);
    run.progress.on = options.show_progress;
    if (!(model = models_open(arguments, options.model, false, &err)) ||
        !(run.source = open_source(&options, model, &err)) || ask(&run, model, &err) < 0) {
        progress_clear(&run.progress);
        status = message_error(&err);
    } else if (options.show_prompt || options.dry_run) {
        status = run.any_trouble ? EXIT_TROUBLE : EXIT_MATCH;
    } else {
        status = grep_run_status(&run);
    }

done:
    grep_run_deinit(&run);
    if (run.sink)
        run.sink->free(run.sink);
    source_free(run.source);
    trawl_model_close(model);
    grep_options_deinit(&options);
    return status;
}
