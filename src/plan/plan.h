#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H
/* Sizes of a run under a budget: a pure function of byte counts. */

#include "model/program.h"
#include "sweep/slicing.h"
#include "sweep/sweep.h"
#include "trawl.h"

struct plan_input {
    const struct network *network;
    const struct program *program;
    const struct kernels *kernels;
    const char *reader_name;
    bool exact;
    int n_threads;
    uint64_t memory_bytes;  /* the budget */
    uint64_t process_bytes; /* held already, less model_bytes */
    uint64_t model_bytes;
    uint32_t n_rows;     /* asked for; 0: the plan's choice */
    uint32_t max_tokens; /* of the longest sequence */
    struct readout readout;
};

/* Fills [plan] and makes the slices with the pinned ones marked ([slicing] may be NULL: only the
 * numbers are wanted). ERROR_LIMIT when the budget is too small or n_rows cannot hold one sequence:
 * then plan->least_bytes and least_rows are set all the same. */
int plan_make(const struct plan_input *input, struct trawl_plan *plan, struct slicing *slicing,
              struct error *err) MUST_CHECK;

#endif
