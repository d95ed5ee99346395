/* trawl batch: options, job, model, run, report. */

#include "batch_run.h"
#include "commands.h"
#include "interrupt.h"
#include "message.h"
#include "models.h"

static int tell_end(const struct batch_run *run)
{
    unsigned long long n_failed = run->n_failed, n = run->n_completed + run->n_failed;
    if (n_failed > 0)
        message("%llu of %llu requests %s%s%s", n_failed, n,
                run->options->run.dry_run ? "cannot be served" : "failed",
                run->options->errors && !run->options->run.dry_run ? "; why is in " : "",
                run->options->errors && !run->options->run.dry_run ? run->options->errors : "");
    return run->n_completed > 0 || n == 0 ? EXIT_MATCH : EXIT_NOTHING;
}

static int run_all(struct batch_run *run, const struct trawl_model *model, struct error *err)
{
    const struct batch_options *options = run->options;
    if (batch_run_all(run, model, err) < 0)
        return -1;
    return report_end(&run->report, &run->stats, model, &options->run,
                      options->report.show_progress, err);
}

int cmd_batch(const struct arguments *arguments)
{
    struct error err = {0};
    struct batch_options options;
    struct trawl_model *model = NULL;
    struct batch_run run = {.options = &options, .progress.noun = "requests"};
    int status;

    if (batch_options_read(&options, arguments, &err) < 0) {
        status = err.kind == ERROR_USAGE ? message_usage(&err, "batch") : message_error(&err);
        batch_options_deinit(&options);
        return status;
    }
    interrupt_catch();
    interrupt_catch_progress();
    power_begin(&run.recording.power, &options.power);
    if (stats_file_open(&run.stats, options.report.stats_path, &err) < 0 ||
        recording_open(&run.recording, arguments, &options.recording, options.run.dry_run, &err) <
            0 ||
        !(model = models_open(arguments, options.model, false, &err))) {
        status = message_error(&err);
    } else {
        bool done = run_all(&run, model, &err) == 0;
        progress_clear(&run.progress);
        status =
            done ? tell_end(&run)
                 : recording_tell_failure(&run.recording, run.n_completed, run.progress.noun, &err);
    }
    batch_run_deinit(&run);
    recording_close(&run.recording);
    stats_file_close(&run.stats);
    trawl_model_close(model);
    power_end(&run.recording.power, &(struct ending){.command = "batch",
                                                     .noun = run.progress.noun,
                                                     .output = options.output,
                                                     .exit_status = status,
                                                     .err = &err,
                                                     .stats = &run.report.stats});
    batch_options_deinit(&options);
    interrupt_end();
    return status;
}
