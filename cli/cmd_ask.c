/* trawl ask: options, job, model, run, report. */

#include "ask_run.h"
#include "commands.h"
#include "interrupt.h"
#include "message.h"
#include "models.h"

#include <string.h>
#include <unistd.h>

static int print_reports(struct ask_run *run, const struct trawl_model *model, struct error *err)
{
    struct out screen = {.file = stderr}, out = {.file = stdout};
    struct estimate estimate;
    if (run->options->dry_run) {
        estimate_make(&estimate, model, &run->options->ask.run, &run->report.stats);
        run->report.estimate = &estimate;
        report_dry_run(&run->report, &out);
        if (out_flush(&out, err) < 0)
            return -1;
    } else if (run->options->show_progress) {
        report_screen(&run->report, &screen);
    }
    int status = stats_file_save(&run->stats, &run->report, err);
    run->report.estimate = NULL;
    return status;
}

static int run_all(struct ask_run *run, const struct trawl_model *model, struct error *err)
{
    if (run->options->show_prompt)
        return ask_run_show_prompt(run, model, &(struct out){.file = stdout}, err);
    if (ask_run_all(run, model, err) < 0)
        return -1;
    if (!run->options->dry_run)
        estimate_record(model, &run->report.stats);
    return print_reports(run, model, err);
}

/* The words of this run, for whoever reads the job later. */
static int join_words(const struct arguments *arguments, struct bytes *out, struct error *err)
{
    if (bytes_append_text(out, "trawl ask", err) < 0)
        return -1;
    for (size_t i = 0; i < arguments->n_uses; i++) {
        const struct option_use *use = &arguments->uses[i];
        if (bytes_append_text(out, " --", err) < 0 ||
            bytes_append_text(out, use->row->name, err) < 0 ||
            (use->value &&
             (bytes_append_text(out, "=", err) < 0 || bytes_append_text(out, use->value, err) < 0)))
            return -1;
    }
    for (size_t i = 0; i < arguments->n_operands; i++)
        if (bytes_append_text(out, " ", err) < 0 ||
            bytes_append_text(out, arguments->operands[i], err) < 0)
            return -1;
    return 0;
}

/* A dry run looks into a job that is there; it makes none. */
static bool wants_job(const struct ask_options *options)
{
    return options->job && !options->show_prompt &&
           !(options->dry_run && access(options->job, F_OK) < 0);
}

static int tell_stop(const struct ask_run *run, struct error *err)
{
    unsigned long long n_done = run->report.stats.documents;
    if (run->job)
        fail(err, ERROR_CANCELLED,
             "stopped: %llu documents are done; the same command goes on from what is in %s",
             n_done, run->options->job);
    else
        fail(err, ERROR_CANCELLED, "stopped: %llu documents are done; the run was not recorded",
             n_done);
    message("%s", err->text);
    return power_time_is_up(&run->power) ? EXIT_STOPPED : EXIT_TROUBLE;
}

int cmd_ask(const struct arguments *arguments)
{
    struct error err = {0};
    struct ask_options options;
    struct trawl_model *model = NULL;
    struct bytes command = {0};
    struct ask_run run = {.options = &options, .progress.noun = "documents"};
    int status;

    if (ask_options_read(&options, arguments, &err) < 0) {
        status = err.kind == ERROR_USAGE ? message_usage(&err, "ask") : message_error(&err);
        ask_options_deinit(&options);
        return status;
    }
    interrupt_catch();
    interrupt_catch_progress();
    power_begin(&run.power, &options.power);
    if (stats_file_open(&run.stats, options.stats_path, &err) < 0 ||
        join_words(arguments, &command, &err) < 0 ||
        (wants_job(&options) && !(run.job = job_open(options.job, &err))) ||
        !(model = models_open(arguments, options.model, false, &err))) {
        status = message_error(&err);
    } else {
        run.command = command.data;
        status = run_all(&run, model, &err) == 0 ? EXIT_MATCH : EXIT_TROUBLE;
        progress_clear(&run.progress);
        if (status == EXIT_TROUBLE)
            status = err.kind == ERROR_CANCELLED || interrupt_signal() ? tell_stop(&run, &err)
                                                                       : message_error(&err);
        else if (run.n_troubled > 0)
            status = EXIT_TROUBLE;
    }
    ask_run_deinit(&run);
    job_close(run.job);
    stats_file_close(&run.stats);
    trawl_model_close(model);
    power_end(&run.power, &(struct ending){.command = "ask",
                                           .output = options.outputs[0].path,
                                           .exit_status = status,
                                           .err = &err,
                                           .stats = &run.report.stats});
    ask_options_deinit(&options);
    bytes_deinit(&command);
    interrupt_end();
    return status;
}
