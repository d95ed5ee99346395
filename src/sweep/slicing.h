#ifndef SWEEP_SLICING_H
#define SWEEP_SLICING_H
/* Cuts the matrices of a program into slices, in the order in which a sweep uses them: the stream
 * reads them in this order, round and round. A slice is a run of outputs of one matrix, or the same
 * run of gate and up together. Where the cuts fall never changes a result: they are multiples of
 * what one work item computes.
 *
 * A slice that stays in memory is kept as panels of 8-bit weights where they take no more room than
 * its blocks: unpacked once, and half of the room where a model has floats of 16 bits. */

#include "kernels/kernels.h"
#include "model/program.h"
#include "stream/stream.h"

struct slice_outputs {
    uint32_t first, n; /* outputs of the matrix */
    uint64_t weights;  /* of all of them, gate and up together */
};

struct slicing {
    struct slice *slices;          /* [n_slices] */
    struct slice_outputs *outputs; /* [n_slices] */
    size_t n_slices;
    size_t *first_of_step;  /* [n_steps + 1]: slices of step s are first_of_step[s] ..
                               first_of_step[s + 1] */
    uint64_t total_bytes;   /* read by a sweep that pins nothing */
    uint64_t total_pinned;  /* memory in which all of it stays */
    uint64_t largest_bytes; /* one slice, as read */
};

struct slicing_options {
    uint64_t usual_bytes;      /* of a slice, as whole rounds of the threads allow */
    uint64_t most_bytes;       /* of a slice, unless a single work item is more */
    uint32_t piece, ffn_piece; /* outputs of a work item; the second of gate and up */
    int n_threads;
    const struct gemm_shape *panels; /* of the panels that may be kept; NULL: none are */
};

int slicing_make(struct slicing *slicing, const struct program *program,
                 const struct slicing_options *options, struct error *err) MUST_CHECK;
void slicing_free(struct slicing *slicing);

/* Marks slices as pinned, [budget_bytes] of memory in all at most, spread evenly over the sweep;
 * returns the bytes they take. */
uint64_t slicing_pin(struct slicing *slicing, uint64_t budget_bytes);

/* Bytes of the panels of [n] outputs by [layout], one operand: first all weights, then all scales,
 * then all starts. */
uint64_t slicing_panel_bytes(const struct gemm_shape *shape, const struct quant_layout *layout,
                             uint32_t n);

#endif
