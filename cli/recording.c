#include "recording.h"

#include "base/clock.h"
#include "interrupt.h"
#include "job/sweep_file.h"
#include "message.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a run that is asked to stop waits for the end of a layer. */
#define STOP_NS UINT64_C(4000000000)

static const char job_ending[] = ".trawl";

/* ---- Options ---- */

int recording_read_checkpoint(const struct option_use *use, uint64_t *ns, struct error *err)
{
    double minutes = 0;
    if (value_real(use, &minutes, err) < 0)
        return -1;
    if (minutes < 0 || minutes > 1e6)
        return fail(err, ERROR_USAGE, "--checkpoint %s is no number of minutes", use->value);
    *ns = (uint64_t)(minutes * 60e9);
    return 0;
}

int recording_path(const char *given, bool no_job, const char *output, char **path,
                   struct error *err)
{
    *path = NULL;
    if (no_job && given)
        return fail(err, ERROR_USAGE, "--job and --no-job contradict each other");
    if (no_job || (!given && !output))
        return 0;
    struct bytes job = {0};
    if (bytes_append_text(&job, given ? given : output, err) < 0 ||
        (!given && bytes_append_text(&job, job_ending, err) < 0)) {
        bytes_deinit(&job);
        return -1;
    }
    *path = job.data;
    return 0;
}

/* ---- The run ---- */

/* The words of this run, for whoever reads the job later. */
static int join_words(const struct arguments *arguments, struct bytes *out, struct error *err)
{
    if (bytes_append_text(out, "trawl ", err) < 0 ||
        bytes_append_text(out, COMMANDS[arguments->command].name, err) < 0)
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

int recording_open(struct recording *recording, const struct arguments *arguments, const char *path,
                   bool dry_run, struct error *err)
{
    recording->path = path;
    recording->dry_run = dry_run;
    recording->saved_ns = clock_ns();
    if (join_words(arguments, &recording->command, err) < 0)
        return -1;
    if (!path || (dry_run && access(path, F_OK) < 0))
        return 0;
    recording->job = job_open(path, err);
    return recording->job ? 0 : -1;
}

void recording_close(struct recording *recording)
{
    job_close(recording->job);
    bytes_deinit(&recording->command);
    recording->job = NULL;
}

int recording_begin(struct recording *recording, const struct trawl_model *model,
                    const struct trawl_plan *plan, const struct recorded_run *run,
                    struct error *err)
{
    uint8_t hash[TRAWL_KEY_BYTES];
    char path[PATH_MAX] = "";
    struct trawl_model_info info;
    recording->plan_rows = plan->n_rows;
    if (!recording->job || recording->dry_run)
        return 0;
    if (run->output && *run->output != '/' && !getcwd(path, sizeof path))
        path[0] = '\0';
    size_t n = strlen(path);
    if (run->output)
        snprintf(path + n, sizeof path - n, "%s%s", n > 0 ? "/" : "", run->output);
    if (trawl_model_hash(model, hash, err) < 0 || trawl_model_info(model, &info, err) < 0)
        return -1;
    struct job_run described = {
        .output = path,
        .command = recording->command.data,
        .model = info.path,
        .template_name = run->template_name ? run->template_name : info.template_name,
        .numerics = plan->numerics,
        .model_hash = hash,
    };
    return job_begin_run(recording->job, &described, err);
}

int recording_end(struct recording *recording, const struct trawl_stats *stats,
                  const struct error *failure, struct error *err)
{
    struct job_result result = {.state = !failure                           ? "done"
                                         : failure->kind == ERROR_CANCELLED ? "stopped"
                                                                            : "failed",
                                .documents = stats->documents,
                                .answers = stats->sequences,
                                .recalled = stats->recalled};
    if (!recording->job || recording->dry_run)
        return 0;
    if (!failure)
        sweep_file_remove(recording->path);
    return job_end_run(recording->job, &result, err);
}

uint32_t recording_rows(const struct recording *recording)
{
    return recording->job ? sweep_file_rows(recording->path) : 0;
}

int recording_swept(struct recording *recording, struct error *err)
{
    if (recording->job && job_commit(recording->job, err) < 0)
        return -1;
    if (recording->has_sweep_file)
        sweep_file_remove(recording->path);
    recording->has_sweep_file = false;
    recording->saved_ns = clock_ns();
    return 0;
}

bool recording_stops(struct recording *recording)
{
    if (!interrupt_signal())
        return false;
    if (!recording->stop_ns)
        recording->stop_ns = clock_ns();
    /* The end of the layer may come in time to write the sweep down. */
    return !recording->job || clock_ns() - recording->stop_ns >= STOP_NS;
}

int recording_suspend(struct recording *recording, const struct trawl_suspended *suspended,
                      struct error *err)
{
    bool stop = interrupt_signal() != 0;
    if (suspended->layer == 0) /* nothing of the sweep is there to be written down */
        return stop ? fail(err, ERROR_CANCELLED, "stopped") : 0;
    if (!stop && clock_ns() - recording->saved_ns < recording->checkpoint_ns)
        return 0;
    if (sweep_file_save(recording->path, recording->plan_rows, suspended, err) < 0)
        return -1;
    recording->has_sweep_file = true;
    recording->saved_ns = clock_ns();
    return stop ? fail(err, ERROR_CANCELLED, "stopped") : 0;
}

int recording_resume(struct recording *recording, struct trawl_suspended *suspended)
{
    if (!sweep_file_load(recording->path, suspended))
        return 0;
    recording->has_sweep_file = true;
    return 1;
}

void recording_tell_stop(const struct recording *recording, uint64_t n_done, const char *what)
{
    if (recording->job)
        message("stopped: %llu %s are done and what was answered is in %s; the same command goes "
                "on from there",
                (unsigned long long)n_done, what, recording->path);
    else
        message("stopped: %llu %s are done; the run was not recorded", (unsigned long long)n_done,
                what);
}
