#include "record_options.h"

#include <stdlib.h>

static int read_one(struct record_options *options, const struct option_use *use, struct error *err)
{
    struct records_options *records = &options->records;
    uint64_t n_bytes;
    switch (use->row->id) {
    case OPTION_FROM:
        return value_name(use, &records->from, err);
    case OPTION_TEXT_FIELD:
        records->text_field = use->value;
        return 0;
    case OPTION_ID_FIELD:
        records->id_field = use->value;
        return 0;
    case OPTION_DOCUMENT:
        records->document = use->value;
        return 0;
    case OPTION_QUERY:
        records->query = use->value;
        return 0;
    case OPTION_FILES_FROM:
        records->files_from = use->value;
        return 0;
    case OPTION_NULL_DATA:
        records->null_names = true;
        return 0;
    case OPTION_FILTER:
        records->filter = use->value;
        return 0;
    case OPTION_FETCH:
        records->fetch.enabled = true;
        return fetch_load(err);
    case OPTION_FETCH_DELAY:
        return value_real(use, &records->fetch.delay_s, err);
    case OPTION_MAX_SIZE:
        if (value_size(use, &n_bytes, err) < 0)
            return -1;
        records->most_bytes = n_bytes < SIZE_MAX / 8 ? (size_t)n_bytes : SIZE_MAX / 8;
        return 0;
    case OPTION_INCLUDE:
    case OPTION_EXCLUDE:
        options->globs[records->n_globs++] =
            (struct glob_rule){.pattern = use->value, .include = use->row->id == OPTION_INCLUDE};
        return 0;
    case OPTION_NO_MESSAGES:
        options->no_messages = true;
        return 0;
    default:
        return 0;
    }
}

int record_options_read(struct record_options *options, const struct arguments *arguments,
                        size_t first, struct error *err)
{
    *options = (struct record_options){.stand_in = "-", .records.fetch.delay_s = 1};
    options->globs = calloc(arguments->n_uses + 1, sizeof *options->globs);
    if (!options->globs)
        return fail_memory(err, arguments->n_uses * sizeof *options->globs, "options");
    options->records.globs = options->globs;
    for (size_t i = 0; i < arguments->n_uses; i++)
        if (read_one(options, &arguments->uses[i], err) < 0)
            return -1;
    struct records_options *records = &options->records;
    records->operands = arguments->operands + first;
    records->n_operands = arguments->n_operands - first;
    if (records->n_operands == 0 && !records->files_from) {
        records->operands = &options->stand_in;
        records->n_operands = 1;
    }
    return 0;
}

void record_options_deinit(struct record_options *options)
{
    free(options->globs);
    *options = (struct record_options){0};
}
