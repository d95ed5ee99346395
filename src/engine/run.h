#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H
/* A run from inside: what trawl_run and trawl_ask share. */

#include "engine/model.h"
#include "kernels/kernels.h"
#include "plan/plan.h"

/* A run before it starts: what it uses, and its memory planned. */
struct prepared_run {
    const struct trawl_model *model;
    const struct trawl_run_options *options;
    struct kernels kernels;
    const struct reader_ops *reader;
    struct readout readout;
    uint32_t max_tokens; /* of the longest sequence */
    struct trawl_plan plan;
    struct slicing slicing;
};

/* Kernels, reader, threads and budget that [options] name, or the best there are, and the plan.
 * [options] and the ids of [readout] are borrowed until prepared_run_deinit, which is legal after a
 * failure too; run->plan then has what could be told (least_bytes). */
int run_prepare(struct prepared_run *run, const struct trawl_model *model,
                const struct trawl_run_options *options,
                const struct trawl_readout_options *readout, uint32_t max_tokens,
                struct error *err) MUST_CHECK;
void prepared_run_deinit(struct prepared_run *run);

/* What trawl_run does once it is prepared. [stats] is zeroed by the caller; filled on failure
 * too. */
int run_sequences(struct prepared_run *prepared, const struct trawl_run_callbacks *callbacks,
                  struct trawl_stats *stats, struct error *err) MUST_CHECK;

/* Sequence lengths a run must be ready for when nothing else is said. */
#define DEFAULT_WINDOW_TOKENS 4096

#endif
