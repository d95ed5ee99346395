#ifndef SWEEP_SLICING_H
#define SWEEP_SLICING_H
/* Cuts the matrices of a program into slices, in the order in which a sweep uses them: the stream
 * reads them in this order, round and round. A slice is a run of outputs of one matrix, or the same
 * run of gate and up together. Where the cuts fall never changes a result: they are multiples of
 * what one work item computes. */

#include "model/program.h"
#include "stream/stream.h"

struct slice_outputs {
    uint32_t first, n; /* outputs of the matrix */
};

struct slicing {
    struct slice *slices;          /* [n_slices] */
    struct slice_outputs *outputs; /* [n_slices] */
    size_t n_slices;
    size_t *first_of_step;  /* [n_steps + 1]: slices of step s are first_of_step[s] ..
                               first_of_step[s + 1] */
    uint64_t total_bytes;   /* read by a sweep that pins nothing */
    uint64_t largest_bytes; /* one slice, as read */
};

struct slicing_options {
    uint64_t usual_bytes;      /* of a slice, as whole rounds of the threads allow */
    uint64_t most_bytes;       /* of a slice, unless a single work item is more */
    uint32_t piece, ffn_piece; /* outputs of a work item; the second of gate and up */
    int n_threads;
};

int slicing_make(struct slicing *slicing, const struct program *program,
                 const struct slicing_options *options, struct error *err) MUST_CHECK;
void slicing_free(struct slicing *slicing);

/* Marks slices as pinned, [budget_bytes] in all at most, spread evenly over the sweep; returns the
 * bytes they take. */
uint64_t slicing_pin(struct slicing *slicing, uint64_t budget_bytes);

#endif
