#include "batch_options.h"

#include "base/bytes.h"
#include "run_options.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char errors_ending[] = ".errors.jsonl", usual_ending[] = ".jsonl";

static const char *file_or_null(const char *value)
{
    return strcmp(value, "-") == 0 ? NULL : value;
}

static int read_one(struct batch_options *options, const char **errors,
                    const struct option_use *use, struct error *err)
{
    uint64_t count = 0;
    switch (use->row->id) {
    case OPTION_MODEL:
        options->model = use->value;
        return 0;
    case OPTION_INPUT:
        options->input = file_or_null(use->value);
        return 0;
    case OPTION_OUTPUT:
        options->output = file_or_null(use->value);
        return 0;
    case OPTION_ERRORS:
        *errors = use->value;
        return 0;
    case OPTION_TEMPLATE:
        return value_name(use, &options->template_name, err);
    case OPTION_WINDOW:
        if (value_count(use, 8, UINT32_MAX, &count, err) < 0)
            return -1;
        options->window_tokens = (uint32_t)count;
        return 0;
    default:
        return 0;
    }
}

/* OUT.errors.jsonl for OUT.jsonl and for OUT. */
static int name_errors(struct batch_options *options, const char *given, struct error *err)
{
    struct bytes path = {0};
    const char *output = options->output;
    int rc = 0;
    if (given && file_or_null(given)) {
        rc = bytes_append_text(&path, given, err);
    } else if (!given && output) {
        size_t n = strlen(output), n_ending = sizeof usual_ending - 1;
        if (n > n_ending && strcmp(output + n - n_ending, usual_ending) == 0)
            n -= n_ending;
        rc = bytes_append(&path, output, n, err);
        if (rc == 0)
            rc = bytes_append_text(&path, errors_ending, err);
    }
    options->errors = path.data;
    return rc;
}

static bool same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    if (!a || !b)
        return false;
    return strcmp(a, b) == 0 ||
           (stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
            of_a.st_ino == of_b.st_ino && S_ISREG(of_a.st_mode));
}

/* No file may be written over another. */
static int check_files(const struct batch_options *options, struct error *err)
{
    const struct {
        const char *what, *path;
    } files[] = {{"the input", options->input},
                 {"the output", options->output},
                 {"the error file", options->errors},
                 {"the job", options->recording.job}};
    for (int a = 0; a < 4; a++)
        for (int b = a + 1; b < 4; b++)
            if (same_file(files[a].path, files[b].path))
                return fail(err, ERROR_USAGE, "%s is %s and %s: give one of them another name",
                            files[a].path, files[a].what, files[b].what);
    return 0;
}

int batch_options_read(struct batch_options *options, const struct arguments *arguments,
                       struct error *err)
{
    const char *errors = NULL;
    *options = (struct batch_options){0};
    report_options_read(&options->report, arguments);
    if (arguments->n_operands > 0)
        return fail(err, ERROR_USAGE, "batch reads one file of requests: -i %s",
                    arguments->operands[0]);
    for (size_t i = 0; i < arguments->n_uses; i++)
        if (read_one(options, &errors, &arguments->uses[i], err) < 0)
            return -1;
    if (run_options_read(&options->run, arguments, err) < 0 ||
        power_options_read(&options->power, arguments, err) < 0 ||
        name_errors(options, errors, err) < 0 ||
        recording_options_read(&options->recording, arguments, options->output, err) < 0)
        return -1;
    return check_files(options, err);
}

void batch_options_deinit(struct batch_options *options)
{
    free(options->errors);
    recording_options_deinit(&options->recording);
    *options = (struct batch_options){0};
}
