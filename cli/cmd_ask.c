/* trawl ask: options, job, model, run, report. */

#include "ask_run.h"
#include "commands.h"
#include "interrupt.h"
#include "message.h"
#include "models.h"

static int run_all(struct ask_run *run, const struct trawl_model *model, struct error *err)
{
    const struct ask_options *options = run->options;
    if (options->show_prompt)
        return ask_run_show_prompt(run, model, &(struct out){.file = stdout}, err);
    if (ask_run_all(run, model, err) < 0)
        return -1;
    return report_end(&run->report, &run->stats, model, &options->ask.run,
                      options->report.show_progress, err);
}

int cmd_ask(const struct arguments *arguments)
{
    struct error err = {0};
    struct ask_options options;
    struct trawl_model *model = NULL;
    struct ask_run run = {.options = &options, .progress.noun = "documents"};
    int status;

    if (ask_options_read(&options, arguments, &err) < 0) {
        status = err.kind == ERROR_USAGE ? message_usage(&err, "ask") : message_error(&err);
        ask_options_deinit(&options);
        return status;
    }
    interrupt_catch();
    interrupt_catch_progress();
    power_begin(&run.recording.power, &options.power);
    if (stats_file_open(&run.stats, options.report.stats_path, &err) < 0 ||
        recording_open(&run.recording, arguments, &options.recording, options.ask.run.dry_run,
                       &err) < 0 ||
        !(model = models_open(arguments, options.model, false, &err))) {
        status = message_error(&err);
    } else {
        bool done = run_all(&run, model, &err) == 0;
        progress_clear(&run.progress);
        status = done ? run.n_troubled > 0 ? EXIT_TROUBLE : EXIT_MATCH
                      : recording_tell_failure(&run.recording, run.report.stats.documents,
                                               run.progress.noun, &err);
    }
    ask_run_deinit(&run);
    recording_close(&run.recording);
    stats_file_close(&run.stats);
    trawl_model_close(model);
    power_end(&run.recording.power, &(struct ending){.command = "ask",
                                                     .noun = run.progress.noun,
                                                     .output = options.outputs[0].path,
                                                     .exit_status = status,
                                                     .err = &err,
                                                     .stats = &run.report.stats});
    ask_options_deinit(&options);
    interrupt_end();
    return status;
}
