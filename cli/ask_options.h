#ifndef ASK_OPTIONS_H
#define ASK_OPTIONS_H
/* The options of `trawl ask`, read, defaulted and checked against each other. */

#include "arguments.h"
#include "eval/calibration_file.h"
#include "eval/labels.h"
#include "output/table.h"
#include "output/report.h"
#include "power/power.h"
#include "record_options.h"
#include "recording.h"
#include "sheet/sheet.h"

/* One table of a run: they have the same rows. */
struct ask_output {
    const char *path; /* NULL: standard output */
    const struct table_format *format;
};

struct ask_options {
    struct trawl_ask_options ask; /* questions are those of [sheet], or the one of [prompts] */
    struct sheet sheet;
    bool prompts; /* no input: the sheet's questions are the documents, each its own prompt */
    struct calibrations calibrations; /* of --calibration */
    /* [sheet.n_questions], NULL without --calibration. The sheet's thresholds then are the p_yes
     * that its thresholds mean, so that the engine's conditions hold where the table's answers say
     * so. */
    struct ask_calibration {
        const struct calibration *calibration; /* NULL: p_yes is as it comes */
        double threshold;                      /* as the sheet has it; 0: 0.5 */
    } * calibrated;                            /* owned */
    struct labels review;                      /* of --review */
    struct record_options input;
    struct power_options power;
    struct recording_options recording;
    struct report_options report;
    struct ask_output *outputs; /* owned; one at least */
    size_t n_outputs;
    char **output_patterns; /* owned, [n_outputs + 1]: names that this run writes are not input */
    bool retry_errors;      /* what could not be read is tried again though it has not changed */
    const char *fields;     /* names separated by commas, NULL: those of the first document */
    const char *model;
    uint64_t shard, n_shards; /* 1..n_shards; 0: all documents */
    bool line_buffered;
    bool show_prompt;
};

/* [options] is to be deinited after a failure too. */
int ask_options_read(struct ask_options *options, const struct arguments *arguments,
                     struct error *err) MUST_CHECK;
void ask_options_deinit(struct ask_options *options);

#endif
