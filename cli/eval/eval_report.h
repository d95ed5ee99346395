#ifndef EVAL_REPORT_H
#define EVAL_REPORT_H
/* What `trawl eval` prints. */

#include "../output/out.h"
#include "answers.h"

struct report_options {
    double threshold;
    double recall, precision; /* wanted; 0: not asked for */
    bool brief;               /* the table alone */
};

void eval_report_text(const struct answers *answers, const struct report_options *options,
                      struct out *out);
/* The keys are documented in docs/commands.md. */
void eval_report_json(const struct answers *answers, const struct report_options *options,
                      struct out *out);

#endif
