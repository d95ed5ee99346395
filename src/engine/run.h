#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H
/* A run from inside: what trawl_run and trawl_ask share. */

#include "engine/model.h"
#include "kernels/kernels.h"
#include "plan/plan.h"

/* Kernels, reader, threads and budget that the options name, or the best there are. */
struct run_setup {
    struct kernels kernels;
    const struct reader_ops *reader;
    int n_threads;
    uint64_t memory_bytes;
};
int run_setup(const struct trawl_run_options *options, struct run_setup *setup,
              struct error *err) MUST_CHECK;

int run_plan(const struct trawl_model *model, const struct trawl_run_options *options,
             const struct run_setup *setup, const struct trawl_readout_options *readout,
             uint32_t max_tokens, struct trawl_plan *plan, struct slicing *slicing,
             struct error *err) MUST_CHECK;

/* Sequence lengths a run must be ready for when nothing else is said. */
#define DEFAULT_WINDOW_TOKENS 4096

#endif
