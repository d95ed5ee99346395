#ifndef BATCH_OPTIONS_H
#define BATCH_OPTIONS_H
/* The options of `trawl batch`, read and checked against each other. */

#include "arguments.h"
#include "output/report.h"
#include "power/power.h"
#include "recording.h"
#include "trawl.h"

struct batch_options {
    struct trawl_run_options run;
    struct power_options power;
    struct recording_options recording;
    struct report_options report;
    const char *input;  /* NULL: standard input */
    const char *output; /* NULL: standard output */
    char *errors;       /* owned; NULL: standard error */
    const char *model, *template_name;
    uint32_t window_tokens; /* most tokens of a prompt; 0: the usual window */
};

/* [options] is to be deinited after a failure too. */
int batch_options_read(struct batch_options *options, const struct arguments *arguments,
                       struct error *err) MUST_CHECK;
void batch_options_deinit(struct batch_options *options);

#endif
