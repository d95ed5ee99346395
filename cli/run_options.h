#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H
/* The options that every run of the engine has: --memory, --rows, --threads, --reader, --cpu,
 * --exact. */

#include "arguments.h"
#include "trawl.h"

int run_options_read(struct trawl_run_options *run, const struct arguments *arguments,
                     struct error *err) MUST_CHECK;

#endif
