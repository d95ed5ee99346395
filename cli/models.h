#ifndef MODELS_H
#define MODELS_H
/* Which model: -m, else TRAWL_MODEL, else `model = ...` in $XDG_CONFIG_HOME/trawl/config (~/.config
 * without it). A value without a slash that is no file is a name:
 * $XDG_CONFIG_HOME/trawl/models/NAME.conf has `model = PATH` and `lora = PATH[:SCALE]` lines. */

#include "arguments.h"
#include "trawl.h"

struct model_choice {
    char *path; /* owned */
    struct trawl_adapter
        *adapters; /* owned, with their paths: those of the name, then those of --lora */
    int n_adapters;
};

/* [given]: the value of -m, NULL without. Fails, saying how to get a model, when there is none. */
int models_choose(struct model_choice *choice, const struct arguments *arguments, const char *given,
                  struct error *err) MUST_CHECK;
void models_deinit(struct model_choice *choice);

/* Chooses and opens. NULL with [err]. */
struct trawl_model *models_open(const struct arguments *arguments, const char *given,
                                bool vocabulary_only, struct error *err) MUST_CHECK;

#endif
