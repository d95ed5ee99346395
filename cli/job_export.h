#ifndef JOB_EXPORT_H
#define JOB_EXPORT_H
/* trawl jobs export: all that a job holds about documents, a line per document and question (in
 * docs/commands.md), as a table of any format but the report. */

#include "base/error.h"

struct job;
struct table_format;

/* [path] NULL: standard output. [name] is the job's, for messages. */
int job_export(struct job *job, const char *name, const struct table_format *format,
               const char *path, struct error *err) MUST_CHECK;

#endif
