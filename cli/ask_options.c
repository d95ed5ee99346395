#include "ask_options.h"

#include "base/bytes.h"
#include "recording.h"
#include "run_options.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What must be known together, as far as the options said it. */
struct given {
    const char *sheet, *questions, *format;
};

/* "2/3" */
static int read_shard(struct ask_options *options, const struct option_use *use, struct error *err)
{
    unsigned long shard = 0, n_shards = 0;
    int n_read = 0;
    if (sscanf(use->value, "%9lu/%9lu%n", &shard, &n_shards, &n_read) != 2 ||
        use->value[n_read] != '\0' || shard < 1 || shard > n_shards)
        return fail(err, ERROR_USAGE, "--shard: '%s' is not I/N, such as 2/3", use->value);
    options->shard = shard;
    options->n_shards = n_shards;
    return 0;
}

static int read_one(struct ask_options *options, struct given *given, const struct option_use *use,
                    struct error *err)
{
    switch (use->row->id) {
    case OPTION_MODEL:
        options->model = use->value;
        return 0;
    case OPTION_QUESTION:
        return sheet_add(&options->sheet, use->value, err);
    case OPTION_SHEET:
        given->sheet = use->value;
        return 0;
    case OPTION_QUESTIONS:
        given->questions = use->value;
        return 0;
    case OPTION_OUTPUT:
        options->outputs[options->n_outputs++].path =
            strcmp(use->value, "-") == 0 ? NULL : use->value;
        return 0;
    case OPTION_RETRY_ERRORS:
        options->retry_errors = true;
        return 0;
    case OPTION_CALIBRATION:
        calibrations_deinit(&options->calibrations);
        return calibrations_read(&options->calibrations, use->value, err);
    case OPTION_REVIEW:
        return labels_read(&options->review, use->value, err);
    case OPTION_FORMAT:
        return value_name(use, &given->format, err);
    case OPTION_SHARD:
        return read_shard(options, use, err);
    case OPTION_FIELDS:
        options->fields = use->value;
        return 0;
    case OPTION_UNORDERED:
        options->ask.unordered = true;
        return 0;
    case OPTION_LINE_BUFFERED:
        options->line_buffered = true;
        return 0;
    case OPTION_SHOW_PROMPT:
        options->show_prompt = true;
        return 0;
    default:
        return prompt_option_read(&options->ask, use, err);
    }
}

/* -q, --sheet or --questions: one of them. */
static int read_questions(struct ask_options *options, const struct given *given, struct error *err)
{
    bool by_words = options->sheet.n_questions > 0;
    if (by_words + !!given->sheet + !!given->questions != 1)
        return fail(err, ERROR_USAGE,
                    by_words || given->sheet || given->questions
                        ? "questions come from -q, from --sheet or from --questions, not from two "
                          "of them"
                        : "no question: trawl ask -m MODEL -q QUESTION... | --sheet FILE "
                          "[FILE|DIR...] -o OUT");
    if (given->sheet)
        return sheet_read(&options->sheet, given->sheet, err);
    return given->questions ? sheet_read_lines(&options->sheet, given->questions, err) : 0;
}

/* Questions of the sheet that --calibration knows; the others stay as they are. */
static int calibrate(struct ask_options *options, struct error *err)
{
    struct sheet *sheet = &options->sheet;
    size_t n_found = 0;
    if (!options->calibrations.path)
        return 0;
    options->calibrated = calloc(sheet->n_questions, sizeof *options->calibrated);
    if (!options->calibrated)
        return fail_memory(err, sheet->n_questions * sizeof *options->calibrated, "options");
    fail(err, ERROR_USAGE, "--calibration: there is no yes/no question");
    for (size_t i = 0; i < sheet->n_questions; i++) {
        struct trawl_question *question = &sheet->questions[i];
        const struct calibrated_question *found =
            question->kind == TRAWL_YES_NO
                ? calibrations_find(&options->calibrations, sheet->names[i], question->text, err)
                : NULL;
        options->calibrated[i].threshold = question->threshold;
        if (!found)
            continue;
        double wanted = question->threshold > 0 ? question->threshold : 0.5;
        options->calibrated[i].calibration = &found->calibration;
        question->threshold = fmax(calibration_threshold(&found->calibration, wanted), DBL_MIN);
        n_found++;
    }
    if (n_found > 0)
        *err = (struct error){0};
    return n_found > 0 ? 0 : -1;
}

static int read_prompts(struct ask_options *options, struct error *err)
{
    static const struct trawl_question as_it_is = {.text = ""};
    options->prompts = true;
    options->ask.questions = &as_it_is;
    options->ask.n_questions = 1;
    options->ask.system_text = "You answer a question with yes or no.";
    return options->sheet.any_fields
               ? fail(err, ERROR_USAGE, "without a document a question has no {field} to fill in")
               : 0;
}

/* A pattern that matches the name that [path] ends in, and with [star] what begins so. */
static char *pattern_of(const char *path, bool star, struct error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *pattern = malloc(2 * strlen(name) + 2), *to = pattern;
    if (!pattern) {
        fail_memory(err, strlen(name), "options");
        return NULL;
    }
    for (; *name; name++) {
        if (strchr("*?[\\", *name))
            *to++ = '\\';
        *to++ = *name;
    }
    if (star)
        *to++ = '*';
    *to = '\0';
    return pattern;
}

/* What this run writes is no input of it; a database has files beside it. */
static int exclude_output(struct ask_options *options, struct error *err)
{
    struct record_options *input = &options->input;
    size_t n = options->n_outputs + 1; /* and the job */
    struct glob_rule *globs = realloc(input->globs, (input->records.n_globs + n) * sizeof *globs);
    if (globs)
        input->records.globs = input->globs = globs;
    options->output_patterns = calloc(n, sizeof *options->output_patterns);
    if (!globs || !options->output_patterns)
        return fail_memory(err, (input->records.n_globs + n) * sizeof *globs, "options");
    for (size_t i = 0; i < n; i++) {
        bool is_job = i == options->n_outputs;
        const char *path = is_job ? options->recording.job : options->outputs[i].path;
        if (!path)
            continue;
        char *pattern = pattern_of(path, is_job || options->outputs[i].format->needs_path, err);
        if (!pattern)
            return -1;
        options->output_patterns[i] = pattern;
        globs[input->records.n_globs++] = (struct glob_rule){.pattern = pattern};
    }
    return 0;
}

static bool is_same_output(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int choose_format(const struct ask_options *options, struct ask_output *output,
                         const char *format, struct error *err)
{
    output->format = format         ? table_format_by_name(format)
                     : output->path ? table_format_by_path(output->path)
                                    : table_format_by_name("jsonl");
    if (!output->format)
        return fail(err, ERROR_USAGE,
                    "-o %s: the name does not end as any format's does; --format says which",
                    output->path);
    if (output->format->needs_path && !output->path)
        return fail(err, ERROR_USAGE, "the format %s needs a file: -o FILE", output->format->name);
    for (const struct ask_output *other = options->outputs; other < output; other++)
        if (is_same_output(other->path, output->path))
            return fail(err, ERROR_USAGE, "-o %s is given twice",
                        output->path ? output->path : "-");
    return 0;
}

static int choose_outputs(struct ask_options *options, const struct given *given, struct error *err)
{
    if (options->n_outputs == 0)
        options->n_outputs = 1; /* standard output */
    if (given->format && options->n_outputs > 1)
        return fail(err, ERROR_USAGE, "--format is for one -o; of several each name says its own");
    for (size_t i = 0; i < options->n_outputs; i++)
        if (choose_format(options, &options->outputs[i], given->format, err) < 0)
            return -1;
    return 0;
}

/* The first output that is a file; NULL: none. */
static const char *first_file(const struct ask_options *options)
{
    for (size_t i = 0; i < options->n_outputs; i++)
        if (options->outputs[i].path)
            return options->outputs[i].path;
    return NULL;
}

int ask_options_read(struct ask_options *options, const struct arguments *arguments,
                     struct error *err)
{
    struct given given = {0};
    *options = (struct ask_options){0};
    report_options_read(&options->report, arguments);
    options->outputs = calloc(arguments->n_uses + 1, sizeof *options->outputs);
    if (!options->outputs)
        return fail_memory(err, arguments->n_uses * sizeof *options->outputs, "options");
    for (size_t i = 0; i < arguments->n_uses; i++)
        if (read_one(options, &given, &arguments->uses[i], err) < 0)
            return -1;
    if (record_options_read(&options->input, arguments, 0, err) < 0 ||
        run_options_read(&options->ask.run, arguments, err) < 0 ||
        power_options_read(&options->power, arguments, err) < 0 ||
        read_questions(options, &given, err) < 0 || calibrate(options, err) < 0 ||
        labels_index(&options->review, err) < 0 || choose_outputs(options, &given, err) < 0 ||
        recording_options_read(&options->recording, arguments, first_file(options), err) < 0 ||
        exclude_output(options, err) < 0)
        return -1;
    if (options->show_prompt)
        recording_options_deinit(&options->recording); /* nothing is run */
    options->ask.questions = options->sheet.questions;
    options->ask.n_questions = (int)options->sheet.n_questions;
    options->ask.system_text = options->sheet.system_text;
    options->ask.threshold = 0.5;
    bool has_input = arguments->n_operands > 0 || options->input.records.files_from;
    return !has_input && given.questions ? read_prompts(options, err) : 0;
}

void ask_options_deinit(struct ask_options *options)
{
    sheet_deinit(&options->sheet);
    record_options_deinit(&options->input);
    calibrations_deinit(&options->calibrations);
    labels_deinit(&options->review);
    free(options->calibrated);
    for (size_t i = 0; options->output_patterns && i <= options->n_outputs; i++)
        free(options->output_patterns[i]);
    free(options->output_patterns);
    free(options->outputs);
    recording_options_deinit(&options->recording);
    *options = (struct ask_options){0};
}
