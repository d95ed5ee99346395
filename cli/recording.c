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

#define CHECKPOINT_NS UINT64_C(600000000000) /* 10 minutes */

static int read_checkpoint(const struct option_use *use, uint64_t *ns, struct error *err)
{
    double minutes = 0;
    if (value_real(use, &minutes, err) < 0)
        return -1;
    if (minutes < 0 || minutes > 1e6)
        return fail(err, ERROR_USAGE, "--checkpoint %s is no number of minutes", use->value);
    *ns = (uint64_t)(minutes * 60e9);
    return 0;
}

int recording_options_read(struct recording_options *options, const struct arguments *arguments,
                           const char *output, struct error *err)
{
    const char *job = NULL;
    bool no_job = false;
    *options = (struct recording_options){.checkpoint_ns = CHECKPOINT_NS};
    for (size_t i = 0; i < arguments->n_uses; i++) {
        const struct option_use *use = &arguments->uses[i];
        if (use->row->id == OPTION_JOB)
            job = use->value;
        else if (use->row->id == OPTION_NO_JOB)
            no_job = true;
        else if (use->row->id == OPTION_CHECKPOINT &&
                 read_checkpoint(use, &options->checkpoint_ns, err) < 0)
            return -1;
    }
    if (no_job && job)
        return fail(err, ERROR_USAGE, "--job and --no-job contradict each other");
    if (no_job || (!job && !output))
        return 0;
    struct bytes path = {0};
    int status = bytes_append_text(&path, job ? job : output, err);
    if (status == 0 && !job)
        status = bytes_append_text(&path, job_ending, err);
    options->job = path.data;
    return status;
}

void recording_options_deinit(struct recording_options *options)
{
    free(options->job);
    options->job = NULL;
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

int recording_open(struct recording *recording, const struct arguments *arguments,
                   const struct recording_options *options, bool dry_run, struct error *err)
{
    const char *path = options->job;
    recording->path = path;
    recording->checkpoint_ns = options->checkpoint_ns;
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

bool recording_writes(const struct recording *recording)
{
    return recording->job && !recording->dry_run;
}

uint32_t recording_rows(const struct recording *recording, uint32_t n_rows)
{
    return n_rows == 0 && recording->job ? sweep_file_rows(recording->path) : n_rows;
}

bool recording_replans(const struct recording *recording, uint32_t n_rows, struct error *err)
{
    if (err->kind != ERROR_LIMIT || recording->plan_rows > 0 ||
        recording_rows(recording, n_rows) == n_rows)
        return false;
    *err = (struct error){0};
    return true;
}

int recording_begin(struct recording *recording, const struct trawl_model *model,
                    const struct trawl_plan *plan, const struct job_run *run, struct error *err)
{
    uint8_t hash[TRAWL_KEY_BYTES];
    char path[PATH_MAX] = "";
    struct trawl_model_info info;
    struct job_run described = *run;
    recording->plan_rows = plan->n_rows;
    if (!recording_writes(recording))
        return 0;
    if (run->output && *run->output != '/' && !getcwd(path, sizeof path))
        path[0] = '\0';
    size_t n = strlen(path);
    if (run->output)
        snprintf(path + n, sizeof path - n, "%s%s", n > 0 ? "/" : "", run->output);
    if (trawl_model_hash(model, hash, err) < 0 || trawl_model_info(model, &info, err) < 0)
        return -1;
    described.output = path;
    described.command = recording->command.data;
    described.model = info.path;
    if (!described.template_name)
        described.template_name = info.template_name;
    described.numerics = plan->numerics;
    described.model_hash = hash;
    return job_begin_run(recording->job, &described, err);
}

int recording_end(struct recording *recording, const struct trawl_stats *stats, int status,
                  struct error *err)
{
    struct job_result result = {.state = status == 0                    ? "done"
                                         : err->kind == ERROR_CANCELLED ? "stopped"
                                                                        : "failed",
                                .documents = stats->documents,
                                .answers = stats->sequences,
                                .recalled = stats->recalled};
    struct error second = {0}; /* the first failure is the one to tell */
    if (!recording_writes(recording))
        return status;
    if (status == 0)
        sweep_file_remove(recording->path);
    return job_end_run(recording->job, &result, status == 0 ? err : &second) < 0 ? -1 : status;
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

int recording_progress(struct recording *recording, struct progress *progress,
                       const struct trawl_progress *now)
{
    if (interrupt_progress())
        progress_say(progress, now);
    progress_draw(progress, now);
    if (!power_stops(&recording->power))
        return 0;
    if (!recording->stop_ns)
        recording->stop_ns = clock_ns();
    /* The end of the layer may come in time to write the sweep down. */
    return !recording->job || clock_ns() - recording->stop_ns >= STOP_NS;
}

/* A sweep that is to pause is written down first: nobody knows what comes of a machine on battery,
 * and it may be stopped at any moment. There is nothing of it before layer 0. */
int recording_suspend(struct recording *recording, const struct trawl_suspended *suspended,
                      struct error *err)
{
    bool stop = power_stops(&recording->power), pause = !stop && power_pauses(&recording->power);
    bool save = stop || pause || clock_ns() - recording->saved_ns >= recording->checkpoint_ns;
    if (recording->job && suspended->layer > 0 && save) {
        if (sweep_file_save(recording->path, recording->plan_rows, suspended, err) < 0)
            return -1;
        recording->has_sweep_file = true;
        recording->saved_ns = clock_ns();
    }
    return stop ? fail(err, ERROR_CANCELLED, "stopped") : pause;
}

int recording_resume(struct recording *recording, struct trawl_suspended *suspended)
{
    if (!sweep_file_load(recording->path, suspended))
        return 0;
    recording->has_sweep_file = true;
    return 1;
}

int recording_tell_failure(const struct recording *recording, uint64_t n_done, const char *what,
                           struct error *err)
{
    unsigned long long n = n_done;
    if (err->kind != ERROR_CANCELLED && !interrupt_signal())
        return message_error(err);
    if (recording->job)
        fail(err, ERROR_CANCELLED,
             "stopped: %llu %s are done; the same command goes on from what is in %s", n, what,
             recording->path);
    else
        fail(err, ERROR_CANCELLED, "stopped: %llu %s are done; the run was not recorded", n, what);
    message("%s", err->text);
    return power_time_is_up(&recording->power) ? EXIT_STOPPED : EXIT_TROUBLE;
}
