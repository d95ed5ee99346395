/* trawl jobs: what runs have recorded. */

#include "commands.h"
#include "job/job.h"
#include "job/sweep_file.h"
#include "job_export.h"
#include "message.h"
#include "output/out.h"
#include "output/table.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char ending[] = ".trawl";

struct jobs {
    struct out out;
    bool json;
};

/* A job that is there: looking must not make one. */
static struct job *open_existing(const char *path, struct error *err)
{
    if (access(path, F_OK) < 0) {
        fail_errno(err, ERROR_IO, errno, "%s", path);
        return NULL;
    }
    return job_open(path, err);
}

/* ---- list ---- */

static int list_one(struct jobs *jobs, const char *path, struct error *err)
{
    struct job_facts facts;
    struct job *job = open_existing(path, err);
    int rc = job ? job_facts(job, &facts, err) : -1;
    job_close(job);
    if (rc < 0)
        return -1;
    if (jobs->json) {
        out_text(&jobs->out, "{\"job\": ");
        out_json_text(&jobs->out, path, strlen(path));
        out_key_count(&jobs->out, "runs", facts.n_runs);
        out_key_count(&jobs->out, "documents", facts.n_documents);
        out_key_count(&jobs->out, "answers", facts.n_answers);
        out_text(&jobs->out, "}\n");
    } else {
        out_format(&jobs->out, "%s: %" PRIu64 " runs, %" PRIu64 " documents, %" PRIu64 " answers\n",
                   path, facts.n_runs, facts.n_documents, facts.n_answers);
    }
    return 0;
}

static int is_job(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name), n_ending = sizeof ending - 1;
    return n > n_ending && strcmp(entry->d_name + n - n_ending, ending) == 0;
}

/* One that cannot be read (a run has it, or it is none) is told and the others are listed. */
static int list(struct jobs *jobs, const struct arguments *arguments, struct error *err)
{
    const char *folder = arguments->n_operands > 1 ? arguments->operands[1] : ".";
    bool here = strcmp(folder, ".") == 0;
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, is_job, alphasort), rc = 0;
    if (n < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", folder);
    for (int i = 0; i < n; i++) {
        char path[4096];
        struct error trouble = {0};
        snprintf(path, sizeof path, "%s%s%s", here ? "" : folder, here ? "" : "/",
                 entries[i]->d_name);
        if (list_one(jobs, path, &trouble) < 0) {
            message("%s", trouble.text);
            rc = 1;
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

/* ---- show ---- */

static void print_line(struct out *out, const char *what, const char *text)
{
    if (text && *text)
        out_format(out, "  %-10s %s\n", what, text);
}

static int show_run(void *context, const struct job_past_run *run, struct error *err)
{
    struct jobs *jobs = context;
    struct out *out = &jobs->out;
    const char *state = run->state ? run->state : "killed";
    if (jobs->json) {
        out_text(out, "{\"started\": ");
        out_json_text(out, run->started, strlen(run->started));
        out_key_text(out, "ended", run->ended);
        out_key_text(out, "state", state);
        out_key_text(out, "output", run->output);
        out_key_text(out, "command", run->command);
        out_key_text(out, "model", run->model);
        out_key_text(out, "template", run->template_name);
        out_key_text(out, "numerics", run->numerics);
        out_key_count(out, "documents", run->documents);
        out_key_count(out, "prompts", run->answers);
        out_key_count(out, "recalled", run->recalled);
        out_text(out, "}\n");
        return out_check(out, err);
    }
    out_format(out, "%s  %s", run->started, state);
    if (run->state)
        out_format(out, ": %" PRIu64 " documents, %" PRIu64 " prompts run, %" PRIu64 " remembered",
                   run->documents, run->answers, run->recalled);
    out_char(out, '\n');
    print_line(out, "command", run->command);
    print_line(out, "output", run->output);
    print_line(out, "model", run->model);
    print_line(out, "numerics", run->numerics);
    return out_check(out, err);
}

static int show(struct jobs *jobs, const struct arguments *arguments, struct error *err)
{
    if (arguments->n_operands != 2)
        return fail(err, ERROR_USAGE, "trawl jobs show JOB");
    struct job *job = open_existing(arguments->operands[1], err);
    int rc = job ? job_each_run(job, show_run, jobs, err) : -1;
    job_close(job);
    return rc;
}

/* ---- export ---- */

static bool is_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

static int export(struct jobs *jobs, const struct arguments *arguments, struct error *err)
{
    const struct option_use *output = arguments_find(arguments, OPTION_OUTPUT),
                            *name = arguments_find(arguments, OPTION_FORMAT);
    const char *path = output && strcmp(output->value, "-") != 0 ? output->value : NULL;
    const char *format_name = "jsonl";
    (void)jobs;
    if (arguments->n_operands != 2)
        return fail(err, ERROR_USAGE, "trawl jobs export JOB [-o FILE]");
    if (name && value_name(name, &format_name, err) < 0)
        return -1;
    const struct table_format *format =
        path && !name ? table_format_by_path(path) : table_format_by_name(format_name);
    if (!format)
        return fail(err, ERROR_USAGE,
                    "-o %s: the name does not end as any format's does; --format says which", path);
    if (format->wants_text)
        return fail(err, ERROR_USAGE,
                    "the report is of a table with a row per document, which trawl ask -o writes");
    if (format->needs_path && !path)
        return fail(err, ERROR_USAGE, "the format %s needs a file: -o FILE", format->name);
    if (path && is_same_file(path, arguments->operands[1]))
        return fail(err, ERROR_USAGE, "-o %s: that is the job itself", path);
    struct job *job = open_existing(arguments->operands[1], err);
    int rc = job ? job_export(job, arguments->operands[1], format, path, err) : -1;
    job_close(job);
    return rc;
}

/* ---- merge, rm ---- */

static int merge(struct jobs *jobs, const struct arguments *arguments, struct error *err)
{
    (void)jobs;
    if (arguments->n_operands < 3)
        return fail(err, ERROR_USAGE, "trawl jobs merge JOB FROM...");
    for (size_t i = 2; i < arguments->n_operands; i++)
        if (access(arguments->operands[i], F_OK) < 0)
            return fail_errno(err, ERROR_IO, errno, "%s", arguments->operands[i]);
    struct job *job = job_open(arguments->operands[1], err);
    int rc = job ? 0 : -1;
    for (size_t i = 2; i < arguments->n_operands && rc == 0; i++)
        rc = job_merge(job, arguments->operands[i], err);
    job_close(job);
    return rc;
}

/* Only what is a job that no run has. */
static int remove_one(const char *path, struct error *err)
{
    struct job *job = open_existing(path, err);
    if (!job)
        return -1;
    job_close(job);
    if (unlink(path) < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", path);
    sweep_file_remove(path);
    return 0;
}

static int rm(struct jobs *jobs, const struct arguments *arguments, struct error *err)
{
    (void)jobs;
    if (arguments->n_operands < 2)
        return fail(err, ERROR_USAGE, "trawl jobs rm JOB...");
    for (size_t i = 1; i < arguments->n_operands; i++)
        if (remove_one(arguments->operands[i], err) < 0)
            return -1;
    return 0;
}

int cmd_jobs(const struct arguments *arguments)
{
    static const struct {
        const char *name;
        int (*run)(struct jobs *jobs, const struct arguments *arguments, struct error *err);
    } actions[] = {
        {"list", list}, {"show", show}, {"export", export}, {"merge", merge}, {"rm", rm}};
    struct error err = {0};
    struct jobs jobs = {.out.file = stdout, .json = arguments_find(arguments, OPTION_JSON)};
    const char *name = arguments->n_operands > 0 ? arguments->operands[0] : "list";
    size_t i = 0;
    while (i < sizeof actions / sizeof *actions && strcmp(actions[i].name, name) != 0)
        i++;
    if (i == sizeof actions / sizeof *actions) {
        fail(&err, ERROR_USAGE, "'%s' is not one of: list show export merge rm", name);
        return message_usage(&err, "jobs");
    }
    int rc = actions[i].run(&jobs, arguments, &err);
    if (rc >= 0 && out_flush(&jobs.out, &err) < 0)
        rc = -1;
    if (rc < 0)
        return err.kind == ERROR_USAGE ? message_usage(&err, "jobs") : message_error(&err);
    return rc > 0 ? EXIT_TROUBLE : EXIT_MATCH;
}
