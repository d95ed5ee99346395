/* trawl batch: options, job, model, run, report. */

#include "batch_run.h"
#include "commands.h"
#include "interrupt.h"
#include "message.h"
#include "models.h"

static int print_reports(struct batch_run *run, struct error *err)
{
    struct out screen = {.file = stderr}, out = {.file = stdout};
    if (run->options->dry_run) {
        report_dry_run(&run->report, &out);
        if (out_flush(&out, err) < 0)
            return -1;
    } else if (run->options->show_progress) {
        report_screen(&run->report, &screen);
    }
    return stats_file_save(&run->stats, &run->report, err);
}

static int tell_end(const struct batch_run *run)
{
    unsigned long long n_failed = run->n_failed, n = run->n_completed + run->n_failed;
    if (n_failed > 0)
        message("%llu of %llu requests %s%s%s", n_failed, n,
                run->options->dry_run ? "cannot be served" : "failed",
                run->options->errors && !run->options->dry_run ? "; why is in " : "",
                run->options->errors && !run->options->dry_run ? run->options->errors : "");
    return run->n_completed > 0 || n == 0 ? EXIT_MATCH : EXIT_NOTHING;
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
    } else if (stats_file_open(&run.stats, options.stats_path, &err) < 0 ||
               recording_open(&run.recording, arguments, options.job, options.dry_run, &err) < 0 ||
               !(model = models_open(arguments, options.model, false, &err))) {
        status = message_error(&err);
    } else {
        interrupt_catch();
        interrupt_catch_progress();
        bool done = batch_run_all(&run, model, &err) == 0 && print_reports(&run, &err) == 0;
        progress_clear(&run.progress);
        if (done)
            status = tell_end(&run);
        else if (interrupt_signal())
            status = EXIT_TROUBLE, recording_tell_stop(&run.recording, run.n_completed, "requests");
        else
            status = message_error(&err);
    }
    batch_run_deinit(&run);
    recording_close(&run.recording);
    stats_file_close(&run.stats);
    trawl_model_close(model);
    batch_options_deinit(&options);
    interrupt_end();
    return status;
}
