/* trawl grep: options, model, run, report. */

#include "commands.h"
#include "grep_run.h"
#include "interrupt.h"
#include "message.h"
#include "models.h"

#include <stdio.h>
#include <string.h>

/* What is known before anything is read. As grep does, nothing is opened then, unless what does not
 * match is wanted too. */
static bool cannot_select(const struct grep_options *options)
{
    if (options->text.listing == LIST_FILES_WITHOUT || options->ask.run.dry_run ||
        options->show_prompt)
        return false;
    bool never_yes = options->invert && options->threshold <= 0 && !options->any_score;
    return options->max_count == 0 || (never_yes && !options->json);
}

/* --show-prompt: of the first document that has one. */
static int show_prompt(struct grep_run *run, const struct trawl_model *model, struct error *err)
{
    const struct trawl_ask_options *ask = &run->options->ask;
    struct trawl_plan plan;
    struct bytes prompt = {0};
    struct item *item = NULL;
    int status;
    if (trawl_plan(model, &ask->run, ask->window_tokens, &plan, err) < 0 ||
        grep_run_open(run, &plan, err) < 0)
        return -1;
    while ((status = source_next(run->source, &item, err)) > 0 && item->is_end) {
        grep_run_note(run, item->file);
        item_free(item);
    }
    if (status == 0)
        status = fail(err, ERROR_USAGE, "--show-prompt: there is no document");
    else if (status > 0) {
        struct trawl_document document = {.text = item->text, .n_bytes = item->n_bytes};
        status = trawl_prompt_text(model, ask, &document, 0, &prompt, err);
        item_free(item);
    }
    if (status == 0) {
        out_bytes(run->out, prompt.data, prompt.n_bytes);
        if (prompt.n_bytes > 0 && prompt.data[prompt.n_bytes - 1] != '\n')
            out_char(run->out, '\n');
        status = out_flush(run->out, err);
    }
    bytes_deinit(&prompt);
    return status;
}

/* After a run that went to its end, or had nothing to do. */
static int print_reports(struct grep_run *run, struct error *err)
{
    const struct grep_options *options = run->options;
    struct out screen = {.file = stderr};
    if (options->ask.run.dry_run && options->json)
        report_json(&run->report, run->out);
    else if (options->ask.run.dry_run)
        report_dry_run(&run->report, run->out);
    else if (options->report.show_progress && run->report.stats.sweeps > 0)
        report_screen(&run->report, &screen);
    if (out_flush(run->out, err) < 0)
        return -1;
    return stats_file_save(&run->stats, &run->report, err);
}

static int ask(struct grep_run *run, const struct trawl_model *model, struct error *err)
{
    struct estimate estimate;
    if (grep_run_all(run, model, err) == 0) {
        if (run->options->ask.run.dry_run) {
            estimate_make(&estimate, model, &run->options->ask.run, &run->report.stats);
            run->report.estimate = &estimate;
        } else {
            estimate_record(model, &run->report.stats);
        }
        int status = print_reports(run, err);
        run->report.estimate = NULL;
        return status;
    }
    struct error second = {0}; /* the first failure is the one to tell */
    int flushed = out_flush(run->out, &second);
    (void)flushed;
    return -1;
}

static int tell_stop(const struct grep_run *run, struct error *err)
{
    fail(
        err, ERROR_CANCELLED,
        "stopped: %llu documents are answered; grep does not go on from there, `trawl ask -o` does",
        (unsigned long long)run->report.stats.documents);
    message("%s", err->text);
    return power_time_is_up(&run->power) ? EXIT_STOPPED : EXIT_TROUBLE;
}

static int run_all(struct grep_run *run, const struct trawl_model *model, struct error *err)
{
    const struct grep_options *options = run->options;
    bool shows = options->show_prompt;
    if ((shows ? show_prompt(run, model, err) : ask(run, model, err)) < 0) {
        progress_clear(&run->progress);
        return err->kind == ERROR_CANCELLED ? tell_stop(run, err) : message_error(err);
    }
    if (shows || options->ask.run.dry_run)
        return run->any_trouble ? EXIT_TROUBLE : EXIT_MATCH;
    return grep_run_status(run);
}

int cmd_grep(const struct arguments *arguments)
{
    struct error err = {0};
    struct grep_options options;
    struct trawl_model *model = NULL;
    struct out out = {.file = stdout};
    struct grep_run run = {.options = &options, .out = &out, .progress.noun = "documents"};
    int status;

    if (grep_options_read(&options, arguments, &err) < 0) {
        status = message_usage(&err, "grep");
        grep_options_deinit(&options);
        return status;
    }
    interrupt_catch_progress();
    if (options.power.notify)
        interrupt_catch(); /* else a signal has its own effect: nothing is to be done after it */
    power_begin(&run.power, &options.power);
    if (stats_file_open(&run.stats, options.report.stats_path, &err) < 0) {
        status = message_error(&err);
    } else if (cannot_select(&options)) {
        run.report.asked = true;
        status = print_reports(&run, &err) < 0 ? message_error(&err) : EXIT_NOTHING;
    } else if (!(model = models_open(arguments, options.model, false, &err))) {
        status = message_error(&err);
    } else {
        status = run_all(&run, model, &err);
    }
    grep_run_deinit(&run);
    stats_file_close(&run.stats);
    trawl_model_close(model);
    power_end(&run.power, &(struct ending){.command = "grep",
                                           .noun = run.progress.noun,
                                           .exit_status = status,
                                           .err = &err,
                                           .stats = &run.report.stats});
    grep_options_deinit(&options);
    interrupt_end();
    return status;
}
