#include "grep_options.h"

#include "run_options.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What several options say together, until defaults are known. */
struct given {
    bool unit, count, show_text, recursive;
    bool text_is_a; /* --text, with no -a or -I behind it: where it is no text of files, it is -a */
    int list;       /* -l: 1, -L: -1 */
    int filename;   /* -H: 1, -h: -1 */
    int color;      /* position in the choices: auto, always, never */
    int64_t context;
};

static int read_length(const struct option_use *use, int64_t *out, struct error *err)
{
    uint64_t value;
    if (value_count(use, 0, UINT64_MAX, &value, err) < 0)
        return -1;
    *out = value < INT64_MAX ? (int64_t)value : INT64_MAX;
    return 0;
}

static bool is_number(const char *text)
{
    text += *text == '-';
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* A negative NUM is no limit, as in grep. */
static int read_max_count(const struct option_use *use, int64_t *out, struct error *err)
{
    if (use->value[0] == '-' && is_number(use->value)) {
        *out = -1;
        return 0;
    }
    return read_length(use, out, err);
}

static int read_ask(struct grep_options *options, const struct option_use *use, struct error *err)
{
    switch (use->row->id) {
    case OPTION_QUESTION:
        options->questions[options->ask.n_questions++].text = use->value;
        return 0;
    case OPTION_SAMPLE:
        return value_count(use, 1, UINT32_MAX, &options->n_sample, err);
    case OPTION_SEED:
        return value_count(use, 0, UINT64_MAX, &options->seed, err);
    case OPTION_THRESHOLD:
        options->any_score = false;
        return value_real(use, &options->threshold, err);
    default:
        return prompt_option_read(&options->ask, use, err);
    }
}

static int read_input(struct grep_options *options, struct given *given,
                      const struct option_use *use, struct error *err)
{
    struct source_options *source = &options->source;
    int choice = 0;
    switch (use->row->id) {
    case OPTION_MODEL:
        if (use->by_letter && is_number(use->value))
            return read_max_count(use, &options->max_count, err);
        options->model = use->value;
        return 0;
    case OPTION_MAX_COUNT:
        return read_max_count(use, &options->max_count, err);
    case OPTION_UNIT:
        if (value_choice(use, &choice, err) < 0)
            return -1;
        source->unit = (enum unit)choice;
        given->unit = true;
        return 0;
    case OPTION_RECURSIVE:
        given->recursive = true;
        return 0;
    case OPTION_INCLUDE:
    case OPTION_EXCLUDE:
        options->globs[source->walk.n_globs++] =
            (struct glob_rule){.pattern = use->value, .include = use->row->id == OPTION_INCLUDE};
        return 0;
    case OPTION_NULL_DATA:
        source->null_data = options->text.null_data = source->walk.null_names = true;
        return 0;
    case OPTION_FILES_FROM:
        source->walk.files_from = use->value;
        return 0;
    case OPTION_FILTER:
        source->filter = use->value;
        return 0;
    case OPTION_FETCH:
        source->fetch.enabled = true;
        return fetch_load(err);
    case OPTION_FETCH_DELAY:
        return value_real(use, &source->fetch.delay_s, err);
    case OPTION_TEXT:
    case OPTION_SKIP_BINARY:
        source->binary = use->row->id == OPTION_TEXT;
        options->text.silent_binary = !source->binary;
        given->text_is_a = false;
        return 0;
    case OPTION_RAW:
        source->raw = true;
        return 0;
    case OPTION_NO_MESSAGES:
        options->no_messages = true;
        return 0;
    default:
        return read_ask(options, use, err);
    }
}

static int read_one(struct grep_options *options, struct given *given, const struct option_use *use,
                    struct error *err)
{
    struct text_options *text = &options->text;
    switch (use->row->id) {
    case OPTION_INVERT:
        options->invert = true;
        return 0;
    case OPTION_TOP:
        return value_count(use, 1, UINT32_MAX, &options->n_top, err);
    case OPTION_LIST:
    case OPTION_LIST_OTHERS:
        given->list = use->row->id == OPTION_LIST ? 1 : -1;
        return 0;
    case OPTION_COUNT:
        given->count = true;
        return 0;
    case OPTION_QUIET:
        options->quiet = true;
        return 0;
    case OPTION_LINE_NUMBER:
        text->line_numbers = true;
        return 0;
    case OPTION_WITH_FILENAME:
    case OPTION_NO_FILENAME:
        given->filename = use->row->id == OPTION_WITH_FILENAME ? 1 : -1;
        return 0;
    case OPTION_NULL:
        text->null_after_name = true;
        return 0;
    case OPTION_AFTER:
        return read_length(use, &text->after, err);
    case OPTION_BEFORE:
        return read_length(use, &text->before, err);
    case OPTION_CONTEXT:
        return read_length(use, &given->context, err);
    case OPTION_COLOR:
        given->color = 0;
        return use->value ? value_choice(use, &given->color, err) : 0;
    case OPTION_LINE_BUFFERED:
        options->line_buffered = true;
        return 0;
    case OPTION_SHOW_TEXT:
        given->show_text = given->text_is_a = true;
        return 0;
    case OPTION_PROBABILITIES:
        text->probabilities = true;
        return 0;
    case OPTION_JSON:
        options->json = true;
        return 0;
    case OPTION_NO_TEXT:
        options->no_text = true;
        return 0;
    case OPTION_SHOW_PROMPT:
        options->show_prompt = true;
        return 0;
    case OPTION_CALIBRATION:
        calibrations_deinit(&options->calibrations);
        return calibrations_read(&options->calibrations, use->value, err);
    default:
        return read_input(options, given, use, err);
    }
}

static bool is_directory(const char *path)
{
    struct stat st;
    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void choose_defaults(struct grep_options *options, const struct given *given)
{
    struct text_options *text = &options->text;
    const struct walk_options *walk = &options->source.walk;
    bool any_directory = false;
    for (size_t i = 0; i < walk->n_operands; i++)
        any_directory = any_directory || is_directory(walk->operands[i]);

    if (!given->unit)
        options->source.unit = given->list || any_directory ? UNIT_FILE : UNIT_LINE;
    text->unit = options->source.unit;
    if (given->show_text && text->unit == UNIT_FILE)
        text->show_text = true;
    else if (given->text_is_a)
        options->source.binary = true;
    text->with_filename = given->filename
                              ? given->filename > 0
                              : any_directory || walk->n_operands > 1 || walk->files_from;
    if (text->before < 0)
        text->before = given->context;
    if (text->after < 0)
        text->after = given->context;
    text->line_buffered = options->line_buffered;

    text->listing = options->quiet || options->json ? LIST_NOTHING
                    : given->list > 0               ? LIST_FILES_WITH
                    : given->list < 0               ? LIST_FILES_WITHOUT
                    : given->count                  ? LIST_COUNTS
                                                    : LIST_DOCUMENTS;
    const char *term = getenv("TERM");
    text->color = given->color == 1 ||
                  (given->color == 0 && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0);
    options->source.refuse_output = text->listing == LIST_DOCUMENTS && options->max_count != 1 &&
                                    (text->unit != UNIT_FILE || text->show_text);
    options->source.ask_nothing = options->max_count == 0;
}

static int check_together(struct grep_options *options, struct error *err)
{
    struct text_options *text = &options->text;
    bool context = text->before > 0 || text->after > 0;
    if (options->n_top > 0) {
        if (text->listing == LIST_FILES_WITH && text->unit == UNIT_FILE)
            text->listing = LIST_DOCUMENTS;
        if (options->quiet || (text->listing != LIST_DOCUMENTS && !options->json))
            return fail(err, ERROR_USAGE,
                        "--top prints documents: it does not go with -c, -L or -q, nor with -l "
                        "unless documents are files");
    }
    if (context && (options->n_top > 0 || options->n_sample > 0))
        return fail(err, ERROR_USAGE, "--top and --sample print no context (-A, -B, -C)");
    return 0;
}

static int choose_calibrations(struct grep_options *options, struct error *err)
{
    if (!options->calibrations.path)
        return 0;
    size_t n = (size_t)options->ask.n_questions;
    options->calibrated = calloc(n, sizeof *options->calibrated);
    if (!options->calibrated)
        return fail_memory(err, n * sizeof *options->calibrated, "options");
    for (size_t i = 0; i < n; i++) {
        const struct calibrated_question *question =
            calibrations_find(&options->calibrations, NULL, options->questions[i].text, err);
        if (!question)
            return -1;
        options->calibrated[i] = &question->calibration;
    }
    return 0;
}

int grep_options_read(struct grep_options *options, const struct arguments *arguments,
                      struct error *err)
{
    struct given given = {.context = -1};
    *options = (struct grep_options){.threshold = 0.5, .max_count = -1};
    options->text.before = options->text.after = -1;
    options->any_score = true;
    options->source.fetch.delay_s = 1;
    report_options_read(&options->report, arguments);
    options->questions = calloc(arguments->n_uses + 1, sizeof *options->questions);
    options->globs = calloc(arguments->n_uses + 1, sizeof *options->globs);
    if (!options->questions || !options->globs)
        return fail_memory(err, arguments->n_uses, "options");

    for (size_t i = 0; i < arguments->n_uses; i++)
        if (read_one(options, &given, &arguments->uses[i], err) < 0)
            return -1;
    if (run_options_read(&options->ask.run, arguments, err) < 0 ||
        power_options_read(&options->power, arguments, err) < 0)
        return -1;

    size_t first = 0;
    if (options->ask.n_questions == 0) {
        if (arguments->n_operands == 0)
            return fail(err, ERROR_USAGE,
                        "no question: trawl grep -m MODEL QUESTION [FILE|DIR...]");
        options->questions[options->ask.n_questions++].text = arguments->operands[first++];
    }
    struct walk_options *walk = &options->source.walk;
    walk->operands = arguments->operands + first;
    walk->n_operands = arguments->n_operands - first;
    walk->globs = options->globs;
    if (walk->n_operands == 0 && !walk->files_from) {
        options->stand_in = given.recursive ? "." : "-";
        walk->operands = &options->stand_in;
        walk->n_operands = 1;
        walk->relative_names = given.recursive;
    }
    choose_defaults(options, &given);

    options->any_score = options->any_score && options->n_top > 0;
    options->ask.questions = options->questions;
    options->ask.threshold = options->threshold;
    options->report.show_progress = options->report.show_progress && !options->quiet;
    return choose_calibrations(options, err) < 0 ? -1 : check_together(options, err);
}

void grep_options_deinit(struct grep_options *options)
{
    free(options->questions);
    free(options->globs);
    calibrations_deinit(&options->calibrations);
    free(options->calibrated);
    *options = (struct grep_options){0};
}
