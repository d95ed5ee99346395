#include "batch_run.h"

#include "durable.h"
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Parts of input_bytes (trawl.h): a line, whose buffer is up to twice as long; its values as a
 * tree; one request; what waits, beside the last one read. */
#define LINE_SHARE  16
#define JSON_SHARE  4
#define ONE_SHARE   4
#define QUEUE_SHARE 4

/* Tokens by which a prompt's beginning is known (usage.prompt_tokens_details). */
#define CACHED_TOKENS 16

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

static int open_input(struct batch_run *run, size_t most_bytes, struct error *err)
{
    const char *path = run->options->input;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
    if (fd < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", path ? path : "standard input");
    struct intake *intake = intake_open_fd(fd, err);
    if (!intake)
        return -1;
    lines_init(&run->lines, intake, '\n', most_bytes);
    return 0;
}

/* ---- Lines that leave ---- */

static int write_request(struct batch_run *run, const struct request *request, struct error *err)
{
    if (run->options->dry_run)
        return 0;
    if (response_put(&run->maker, request, &run->output.out, err) < 0)
        return fail_context(err, "line %llu", (unsigned long long)request->line);
    return line_file_check(&run->output, out_check(&run->output.out, err), err);
}

static int write_refusal(struct batch_run *run, const struct request *request,
                         const struct refusal *refusal, struct error *err)
{
    run->n_failed++;
    if (run->options->dry_run)
        return 0;
    progress_clear(&run->progress);
    response_refuse(request, refusal, &run->errors.out);
    return line_file_check(&run->errors, out_check(&run->errors.out, err), err);
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

/* How many tokens, in whole runs of CACHED_TOKENS, some earlier prompt of the file begins with
 * too. */
static int count_cached(struct batch_run *run, const int32_t *ids, uint32_t n_ids,
                        uint64_t *n_cached, struct error *err)
{
    struct sha256 path;
    bool shared = true;
    sha256_init(&path);
    sha256_add(&path, "prompt", 6);
    for (uint32_t i = 0; i + CACHED_TOKENS <= n_ids; i += CACHED_TOKENS) {
        uint8_t hash[SHA256_BYTES];
        sha256_add(&path, ids + i, CACHED_TOKENS * sizeof *ids);
        struct sha256 so_far = path;
        sha256_finish(&so_far, hash);
        int is_new = seen_add(run->seen, hash, err);
        if (is_new < 0)
            return -1;
        shared &= !is_new;
        *n_cached += shared ? CACHED_TOKENS : 0;
    }
    return 0;
}

/* 1: no line before has this custom_id; 0: [refusal]; -1. */
static int check_unique(struct batch_run *run, const struct request *request,
                        struct refusal *refusal, struct error *err)
{
    uint8_t hash[SHA256_BYTES];
    struct sha256 sha;
    sha256_init(&sha);
    sha256_add(&sha, "custom_id", 9);
    sha256_add(&sha, request->custom_id, request->n_custom_id);
    sha256_finish(&sha, hash);
    int rc = seen_add(run->seen, hash, err);
    if (rc == 0) {
        refusal->of_line = true;
        refuse(refusal, "duplicate_custom_id", "custom_id",
               "an earlier line has the same custom_id");
    }
    return rc;
}

static int read_request(struct batch_run *run, const struct line *line, struct request *request,
                        struct refusal *refusal, struct error *err)
{
    int rc = request_read(&run->reader, line->text, line->n_bytes, request, refusal, err);
    int unique = rc >= 0 && request->custom_id ? check_unique(run, request, refusal, err) : 1;
    if (rc < 0 || unique < 0)
        return -1;
    if (rc == 0 || unique == 0)
        return 0;
    for (uint32_t p = 0; p < request->n_prompts; p++) {
        const struct request_prompt *prompt = &request->prompts[p];
        if (count_cached(run, request->ids.ids + prompt->first, prompt->n_ids, &request->n_cached,
                         err) < 0)
            return -1;
    }
    return 1;
}

/* A line too long for its share of the memory: it is not read, and goes by its number. */
static int refuse_long_line(struct batch_run *run, struct request *request, struct error *err)
{
    struct refusal refusal = {.of_line = true};
    refuse(&refusal, "request_too_large", NULL,
           "a line of more than %zu bytes: give more --memory, or cut it", run->lines.most_bytes);
    *err = (struct error){0};
    if (lines_skip(&run->lines, err) < 0)
        return -1;
    return write_refusal(run, request, &refusal, err);
}

/* The next request that can be served, into the queue. 1, 0 no more, -1. */
static int next_request(struct batch_run *run, struct error *err)
{
    for (;;) {
        struct line line = {0};
        struct refusal refusal = {0};
        int status = lines_next(&run->lines, &line, err);
        if (status == 0 || (status < 0 && err->kind != ERROR_LIMIT))
            return status < 0
                       ? fail_context(err, "%s",
                                      run->options->input ? run->options->input : "standard input")
                       : 0;
        run->line++;
        if (status == 1 && line_is_blank(line.text, line.n_bytes))
            continue;
        run->progress.n_read++;
        struct request *request = calloc(1, sizeof *request);
        if (!request)
            return fail_memory(err, sizeof *request, "a request");
        request->line = run->line;
        int rc = status < 0 ? refuse_long_line(run, request, err)
                            : read_request(run, &line, request, &refusal, err);
        if (status == 1 && rc == 0)
            rc = write_refusal(run, request, &refusal, err);
        if (rc != 1) {
            request_free(request);
            if (rc < 0)
                return -1;
            if (run->errors.out.unflushed && line_file_flush(&run->errors, err) < 0)
                return -1;
            continue;
        }
        request->serial = run->serial++;
        *run->queue_end = request;
        run->queue_end = &request->next;
        run->queue_bytes += request_bytes(request);
        run->giving = request;
        run->choice = 0;
        return 1;
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
    struct recorded_run recorded = {.output = options->output,
                                    .template_name = options->template_name};
    if (reading_keys_init(&run->keys, run->model, plan->numerics, err) < 0 ||
        recording_begin(&run->recording, run->model, plan, &recorded, err) < 0)
        return -1;
    run->maker.created = time(NULL);
    if (run->recording.job && job_first_start(run->recording.job, &run->maker.created, err) < 0)
        return -1;
    memcpy(run->numerics, plan->numerics, sizeof run->numerics);
    run->maker.numerics = run->numerics;
    run->reader.most_json_bytes = plan->input_bytes / JSON_SHARE;
    run->reader.most_bytes = plan->input_bytes / ONE_SHARE;
    run->most_queue_bytes = plan->input_bytes / QUEUE_SHARE;
    run->seen = seen_open(err);
    if (!run->seen || open_input(run, plan->input_bytes / LINE_SHARE, err) < 0)
        return -1;
    if (!options->dry_run && (line_file_open(&run->output, options->output, stdout, err) < 0 ||
                              line_file_open(&run->errors, options->errors, stderr, err) < 0))
        return -1;
    return 0;
}

static int next_sequence(void *context, struct trawl_sequence *sequence, struct error *err)
{
    struct batch_run *run = context;
    if (interrupt_signal())
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
    if (interrupt_progress())
        progress_say(&run->progress, now);
    progress_draw(&run->progress, now);
    return recording_stops(&run->recording);
}

/* The engine's key of a batch says what its rows are; with ours, also what makes their values. */
static int suspend(void *context, const struct trawl_suspended *suspended, struct error *err)
{
    struct batch_run *run = context;
    struct trawl_suspended keyed = *suspended;
    reading_sweep_key(&run->keys, keyed.batch);
    return recording_suspend(&run->recording, &keyed, err);
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

#define USUAL_WINDOW_TOKENS 4096

static int open_reader(struct batch_run *run, struct error *err)
{
    struct request_reader *reader = &run->reader;
    uint32_t window = run->options->window_tokens;
    reader->model = run->model;
    if (trawl_model_info(run->model, &reader->info, err) < 0)
        return -1;
    uint32_t n_context = reader->info.n_context;
    if (window > n_context)
        return fail(err, ERROR_LIMIT, "--window %u is more than the model's context of %u tokens",
                    window, n_context);
    reader->max_tokens = window                            ? window
                         : n_context < USUAL_WINDOW_TOKENS ? n_context
                                                           : USUAL_WINDOW_TOKENS;
    reader->chat = trawl_chat_open(run->model, run->options->template_name, &reader->no_chat);
    if (!reader->chat && reader->no_chat.kind == ERROR_MEMORY) {
        *err = reader->no_chat;
        return -1;
    }
    run->maker.model = run->model;
    run->maker.info = &reader->info;
    run->maker.turn_end = reader->chat ? trawl_chat_end(reader->chat) : -1;
    return 0;
}

static int run_engine(struct batch_run *run, uint32_t n_rows, struct error *err)
{
    bool recorded = run->recording.job && !run->options->dry_run;
    struct trawl_run_options options = run->options->run;
    struct trawl_readout_options readout = reading_readout();
    struct trawl_run_callbacks callbacks = {.context = run,
                                            .planned = planned,
                                            .next = next_sequence,
                                            .result = take_result,
                                            .swept = swept,
                                            .progress = show_progress,
                                            .suspend = recorded ? suspend : NULL,
                                            .resume = recorded ? resume : NULL};
    if (n_rows)
        options.n_rows = n_rows;
    return trawl_run(run->model, &options, &readout, run->reader.max_tokens, &callbacks,
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
    run->progress.on = options->show_progress;
    run->recording.checkpoint_ns = options->checkpoint_ns;
    if (open_reader(run, err) < 0)
        return -1;
    uint32_t n_rows = options->run.n_rows ? 0 : recording_rows(&run->recording);
    int status = run_engine(run, n_rows, err);
    if (status < 0 && err->kind == ERROR_LIMIT && run->recording.plan_rows == 0 && n_rows) {
        /* There is less memory than when the sweep was suspended: it starts anew. */
        *err = (struct error){0};
        status = run_engine(run, 0, err);
    }
    progress_clear(&run->progress);
    if (status == 0)
        status = write_ready(run, err);
    fill_report(run);
    if (status == 0 && !options->dry_run &&
        (line_file_finish(&run->output, err) < 0 || line_file_finish(&run->errors, err) < 0))
        status = -1;
    if (status == 0)
        return recording_end(&run->recording, &run->report.stats, NULL, err);
    struct error second = {0}; /* the first failure is the one to tell */
    if (line_file_flush(&run->output, &second) < 0 || line_file_flush(&run->errors, &second) < 0)
        second.kind = ERROR_NONE;
    if (recording_end(&run->recording, &run->report.stats, err, &second) < 0)
        second.kind = ERROR_NONE;
    return -1;
}

void batch_run_deinit(struct batch_run *run)
{
    while (run->queue) {
        struct request *next = run->queue->next;
        request_free(run->queue);
        run->queue = next;
    }
    lines_deinit(&run->lines);
    trawl_chat_close(run->reader.chat);
    response_maker_deinit(&run->maker);
    seen_close(run->seen);
    line_file_close(&run->output);
    line_file_close(&run->errors);
}
