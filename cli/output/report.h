#ifndef REPORT_H
#define REPORT_H
/* What a run did: a screen for people, a JSON object for programs. */

#include "out.h"
#include "trawl.h"

struct report {
    struct trawl_stats stats;
    bool asked;            /* documents were asked; else sequences were scored */
    uint64_t selected;     /* documents that were printed or would have been */
    uint64_t binary;       /* files that were skipped because of NUL bytes */
    uint64_t unreadable;   /* files that were missing or failed */
    uint64_t sampled_from; /* documents that --sample chose from, 0: no sampling */
};

void report_screen(const struct report *report, struct out *out);
/* The keys are documented in docs/commands.md. */
void report_json(const struct report *report, struct out *out);
/* report_json into a file of this name; "-" is standard output. */
int report_save(const struct report *report, const char *path, struct error *err) MUST_CHECK;
/* What --dry-run says. */
void report_dry_run(const struct report *report, struct out *out);
/* What a plan's memory consists of, a line each, also used by inspect. */
void report_memory(const struct trawl_plan *plan, struct out *out);

#endif
