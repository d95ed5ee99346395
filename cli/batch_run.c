#include "batch_run.h"

#include "durable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Files ---- */

static int line_file_open(struct line_file *file, const char *path, FILE *standard,
                          struct error *err)
{
    file->path = path;
    file->out.file = path ? fopen(path, "we") : standard;
    return file->out.file ? 0 : fail_errno(err, ERROR_IO, errno, "%s", path);
}

static int line_file_check(const struct line_file *file, int rc, struct error *err)
{
    return rc < 0 && file->path ? fail_context(err, "%s", file->path) : rc;
}

static int line_file_flush(struct line_file *file, struct error *err)
{
    return file->out.file ? line_file_check(file, out_flush(&file->out, err), err) : 0;
}

static int line_file_finish(struct line_file *file, struct error *err)
{
    if (line_file_flush(file, err) < 0)
        return -1;
    if (durable_sync(fileno(file->out.file), err) < 0)
        return line_file_check(file, -1, err);
    return file->path ? durable_sync_name(file->path, err) : 0;
}

static void line_file_close(struct line_file *file)
{
    if (file->path && file->out.file)
        fclose(file->out.file);
    file->out.file = NULL;
}

/* ---- Lines that leave ---- */

static int write_request(struct batch_run *run, const struct request *request, struct error *err)
{
    if (run->options->run.dry_run)
        return 0;
    if (response_put(&run->maker, request, &run->output.out, err) < 0)
        return fail_context(err, "line %llu", (unsigned long long)request->line);
    return line_file_check(&run->output, out_check(&run->output.out, err), err);
}

static int write_refusal(struct batch_run *run, const struct request *request,
                         const struct refusal *refusal, struct error *err)
{
    run->n_failed++;
    if (run->options->run.dry_run)
        return 0;
    progress_clear(&run->progress);
    response_refuse(request, refusal, &run->errors.out);
    return line_file_flush(&run->errors, err);
}

static bool is_complete(const struct request *request)
{
    for (uint32_t c = 0; c < request->n_choices; c++)
        if (request->choices[c].state != CHOICE_DONE)
            return false;
    return true;
}

/* Writes the requests that nothing before them waits for. What they say is on disk by then. */
static int write_ready(struct batch_run *run, struct error *err)
{
    while (run->queue && run->queue != run->giving && is_complete(run->queue)) {
        struct request *request = run->queue;
        if (write_request(run, request, err) < 0)
            return -1;
        run->queue = request->next;
        if (!run->queue)
            run->queue_end = &run->queue;
        run->queue_bytes -= request_bytes(request);
        run->n_completed++;
        run->progress.n_done++;
        request_free(request);
    }
    return 0;
}

/* ---- Lines that come ---- */

/* The next request that can be served, into the queue. 1, 0 no more, -1. */
static int next_request(struct batch_run *run, struct error *err)
{
    for (;;) {
        struct refusal refusal;
        struct request *request = NULL;
        int status = request_source_next(&run->source, &request, &refusal, err);
        if (status <= 0)
            return status;
        run->progress.n_read++;
        if (status == 1) {
            *run->queue_end = request;
            run->queue_end = &request->next;
            run->queue_bytes += request_bytes(request);
            run->giving = request;
            run->choice = 0;
            return 1;
        }
        status = write_refusal(run, request, &refusal, err);
        request_free(request);
        if (status < 0)
            return -1;
    }
}

/* Whether a choice is answered without the engine. 1, 0, -1. */
static int recall(struct batch_run *run, const struct request *request,
                  struct request_choice *choice, struct error *err)
{
    uint32_t n_values = reading_n_values(request, choice);
    if (n_values == 0)
        return 1;
    reading_key(&run->keys, request, choice);
    if (!run->recording.job)
        return 0;
    int rc = job_recall(run->recording.job, choice->key, choice->values, n_values, err);
    run->n_recalled += rc == 1;
    return rc;
}

/* The next choice that must be run. 1, 0: none of this request; -1. */
static int next_choice(struct batch_run *run, struct trawl_sequence *sequence, struct error *err)
{
    struct request *request = run->giving;
    while (run->choice < request->n_choices) {
        struct request_choice *choice = &request->choices[run->choice++];
        int rc = recall(run, request, choice, err);
        if (rc < 0)
            return -1;
        choice->state = rc ? CHOICE_DONE : CHOICE_RUNNING;
        if (rc)
            continue;
        reading_sequence(request, choice, sequence);
        run->n_running++;
        return 1;
    }
    run->giving = NULL;
    return 0;
}

/* ---- The engine's callbacks ---- */

static int planned(void *context, const struct trawl_plan *plan, struct error *err)
{
    struct batch_run *run = context;
    const struct batch_options *options = run->options;
    struct job_run described = {.output = options->output, .template_name = options->template_name};
    if (reading_keys_init(&run->keys, run->model, plan->numerics, err) < 0 ||
        recording_begin(&run->recording, run->model, plan, &described, err) < 0)
        return -1;
    run->maker.created = time(NULL);
    if (run->recording.job && job_first_start(run->recording.job, &run->maker.created, err) < 0)
        return -1;
    memcpy(run->numerics, plan->numerics, sizeof run->numerics);
    run->maker.numerics = run->numerics;
    run->most_queue_bytes = request_source_most_waiting(plan->input_bytes);
    if (request_source_begin(&run->source, options->input, plan->input_bytes, err) < 0)
        return -1;
    if (!options->run.dry_run && (line_file_open(&run->output, options->output, stdout, err) < 0 ||
                                  line_file_open(&run->errors, options->errors, stderr, err) < 0))
        return -1;
    return 0;
}

static int next_sequence(void *context, struct trawl_sequence *sequence, struct error *err)
{
    struct batch_run *run = context;
    if (power_stops(&run->recording.power))
        return fail(err, ERROR_CANCELLED, "stopped");
    for (;;) {
        int rc = run->giving ? next_choice(run, sequence, err) : 0;
        if (rc != 0)
            return rc;
        if (write_ready(run, err) < 0)
            return -1;
        if (run->queue_bytes > run->most_queue_bytes && run->n_running > 0)
            return 2;
        rc = next_request(run, err);
        if (rc <= 0) {
            run->progress.read_all = rc == 0;
            return rc;
        }
    }
}

/* Results come in the order in which choices were given. */
static struct request *running(const struct batch_run *run, uint64_t serial)
{
    struct request *request = run->queue;
    while (request && request->serial != serial)
        request = request->next;
    return request;
}

static int take_result(void *context, const struct trawl_result *result, struct error *err)
{
    struct batch_run *run = context;
    struct request *request = running(run, result->tag);
    struct request_choice *choice = request ? request->choices : NULL;
    uint32_t left = request ? request->n_choices : 0;
    while (left > 0 && choice->state != CHOICE_RUNNING)
        choice++, left--;
    if (left == 0)
        return fail(err, ERROR_USAGE, "an answer to a request that was not run");
    choice->state = CHOICE_DONE;
    run->n_running--;
    if (result->n_readouts == 0) /* a dry run */
        return 0;
    reading_take(request, choice, result);
    if (!run->recording.job)
        return 0;
    return job_record(run->recording.job, choice->key, choice->values,
                      reading_n_values(request, choice), err);
}

/* The answers of a sweep are on disk before the lines that they made are seen. */
static int swept(void *context, struct error *err)
{
    struct batch_run *run = context;
    progress_clear(&run->progress);
    if (recording_swept(&run->recording, err) < 0 || write_ready(run, err) < 0)
        return -1;
    return line_file_flush(&run->output, err);
}

static int show_progress(void *context, const struct trawl_progress *now)
{
    struct batch_run *run = context;
    return recording_progress(&run->recording, &run->progress, now);
}

/* The engine's key of a batch says what its rows are; with ours, also what makes their values. */
static int suspend(void *context, const struct trawl_suspended *suspended, struct error *err)
{
    struct batch_run *run = context;
    struct trawl_suspended keyed = *suspended;
    reading_sweep_key(&run->keys, keyed.batch);
    return recording_suspend(&run->recording, &keyed, err);
}

static int paused(void *context, const struct trawl_progress *now)
{
    struct batch_run *run = context;
    return power_wait(&run->recording.power, &run->progress, now);
}

static int resume(void *context, struct trawl_suspended *suspended, struct error *err)
{
    struct batch_run *run = context;
    struct trawl_suspended keyed = *suspended;
    (void)err;
    reading_sweep_key(&run->keys, keyed.batch);
    int rc = recording_resume(&run->recording, &keyed);
    if (rc == 1)
        suspended->layer = keyed.layer;
    return rc;
}

/* ---- The run ---- */

static int run_engine(struct batch_run *run, uint32_t n_rows, struct error *err)
{
    struct trawl_run_options options = run->options->run;
    struct trawl_readout_options readout = reading_readout();
    struct trawl_run_callbacks callbacks = {.context = run,
                                            .planned = planned,
                                            .next = next_sequence,
                                            .result = take_result,
                                            .swept = swept,
                                            .progress = show_progress,
                                            .suspend = suspend,
                                            .paused = paused,
                                            .resume = run->recording.job ? resume : NULL};
    options.n_rows = n_rows;
    return trawl_run(run->model, &options, &readout, run->source.reader.max_tokens, &callbacks,
                     &run->report.stats, err);
}

static void fill_report(struct batch_run *run)
{
    struct report *report = &run->report;
    report->of_requests = true;
    report->completed = run->n_completed;
    report->failed = run->n_failed;
    report->stats.documents = run->n_completed + run->n_failed;
    report->stats.recalled = run->n_recalled;
}

int batch_run_all(struct batch_run *run, const struct trawl_model *model, struct error *err)
{
    const struct batch_options *options = run->options;
    run->model = model;
    run->queue_end = &run->queue;
    run->progress.on = options->report.show_progress;
    if (request_source_open(&run->source, model, options->template_name, options->window_tokens,
                            err) < 0)
        return -1;
    run->maker.model = model;
    run->maker.info = &run->source.reader.info;
    run->maker.turn_end = run->source.reader.chat ? trawl_chat_end(run->source.reader.chat) : -1;
    int status = run_engine(run, recording_rows(&run->recording, options->run.n_rows), err);
    if (status < 0 && recording_replans(&run->recording, options->run.n_rows, err))
        status = run_engine(run, options->run.n_rows, err);
    progress_clear(&run->progress);
    if (status == 0)
        status = write_ready(run, err);
    fill_report(run);
    if (status == 0 && !options->run.dry_run &&
        (line_file_finish(&run->output, err) < 0 || line_file_finish(&run->errors, err) < 0))
        status = -1;
    struct error second = {0}; /* the first failure is the one to tell */
    if (status < 0 &&
        (line_file_flush(&run->output, &second) < 0 || line_file_flush(&run->errors, &second) < 0))
        second.kind = ERROR_NONE;
    return recording_end(&run->recording, &run->report.stats, status, err);
}

void batch_run_deinit(struct batch_run *run)
{
    while (run->queue) {
        struct request *next = run->queue->next;
        request_free(run->queue);
        run->queue = next;
    }
    request_source_close(&run->source);
    response_maker_deinit(&run->maker);
    line_file_close(&run->output);
    line_file_close(&run->errors);
}
