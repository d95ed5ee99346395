#ifndef GREP_OPTIONS_H
#define GREP_OPTIONS_H
/* The options of `trawl grep`, read, defaulted and checked against each other. */

#include "arguments.h"
#include "eval/calibration_file.h"
#include "input/source.h"
#include "output/report.h"
#include "output/sink.h"
#include "power/power.h"
#include "trawl.h"

struct grep_options {
    struct trawl_ask_options ask;     /* questions are in [questions] */
    struct trawl_question *questions; /* owned array of borrowed texts */
    struct glob_rule *globs;          /* owned */
    struct source_options source;
    struct text_options text;
    struct power_options power;
    struct report_options report;
    const char *model;              /* of -m, NULL: not given */
    const char *stand_in;           /* the operand when none was given: "-" or "." */
    int64_t max_count;              /* -1: all */
    uint64_t n_top, n_sample, seed; /* 0: not given */
    double threshold;
    struct calibrations calibrations;      /* of --calibration */
    const struct calibration **calibrated; /* of each question, owned; NULL: p_yes is as it comes */
    bool invert, no_messages, quiet;
    bool json, no_text, line_buffered;
    bool any_score; /* --top without --threshold: how high does not matter */
    bool show_prompt;
};

int grep_options_read(struct grep_options *options, const struct arguments *arguments,
                      struct error *err) MUST_CHECK;
void grep_options_deinit(struct grep_options *options);

#endif
