#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H
/* Options that several commands read alike. */

#include "arguments.h"
#include "trawl.h"

/* Those of every run of the engine: --memory, --rows, --threads, --reader, --cpu, --exact,
 * --dry-run. */
int run_options_read(struct trawl_run_options *run, const struct arguments *arguments,
                     struct error *err) MUST_CHECK;

/* [use] if it is one of how prompts are made: --template, --layout, --window, --long. */
int prompt_option_read(struct trawl_ask_options *ask, const struct option_use *use,
                       struct error *err) MUST_CHECK;

#endif
