#ifndef SWEEP_SWEEP_H
#define SWEEP_SWEEP_H
/* The executor: walks a program once per batch, pulling each slice of the weights from the stream
 * when its step is due, multiplying it with all rows, and handing it back. It knows steps and
 * buffers, not model families.
 *
 * All memory is taken when the sweep is made; none while it runs but the buffer that embeddings are
 * read through. Driven by one thread; the pool's threads help inside steps. */

#include "base/memory.h"
#include "base/pool.h"
#include "batch/batch.h"
#include "kernels/kernels.h"
#include "model/program.h"
#include "stream/stream.h"
#include "sweep/slicing.h"

#include <stdatomic.h>

/* What is kept of the logits of every row that is read out. */
struct readout {
    const int32_t *wanted; /* [n_wanted] ascending ids */
    uint32_t n_wanted;
    bool next;      /* log-probability of each row's token after its parent */
    uint32_t n_top; /* best ids */
    bool draws;     /* sequences may have one */
};

/* Everything that decides how much memory a sweep takes. */
struct sweep_shape {
    const struct network *network;
    const struct kernels *kernels;
    bool exact; /* f32 operands instead of int8 */
    int n_threads;
    uint32_t max_rows;
    uint32_t max_positions; /* longest sequence */
    struct readout readout;
};

struct sweep_bytes {
    uint32_t per_row;          /* of the batch, including its descriptors */
    uint64_t rows;             /* all of max_rows */
    uint64_t scratch;          /* all threads */
    uint32_t piece, ffn_piece; /* outputs of one work item: where slices may be cut */
    uint32_t n_kept;           /* draws of a batch whose logits can be kept */
};

/* Pure arithmetic: what sweep_init will take. Fails when a dimension is beyond what sizes can hold.
 */
int sweep_measure(const struct sweep_shape *shape, struct sweep_bytes *bytes,
                  struct error *err) MUST_CHECK;

/* Rows of activations in the form in which matrices are multiplied (kernels.h: packed activations).
 * One of q8 and f32. */
struct packed {
    int8_t *q;     /* tiles: kernels.h */
    float *scales; /* tiles of [n_groups, mr] */
    float *x;      /* tiles of [k, mr] */
};

/* One worker's room: a work item's unpacked weights and its products. */
struct scratch {
    float *tile; /* [mr, widest k]: rows on their way into a tile */

    /* int8 */
    int8_t *q;              /* [mr, k_pad]: rounded rows of one tile, whole or a group of columns */
    float *q_scales;        /* [mr, n_groups] */
    struct panel_q8 own;    /* room for the panels of one work item */
    struct panel_q8 panels; /* of the item at hand: its own, or where the slice keeps them */

    /* exact */
    float *floats;  /* [256] weights of one output on their way into a panel */
    float *panel_x; /* panels of one work item */

    float *products;  /* [SWEEP_ROW_CHUNK, outputs of an item] */
    float *attention; /* see attention.c */
    uint32_t *path;   /* [max_positions] */
    float *top;       /* logits of the best ids, [max_readings, n_top] */
    int32_t *top_ids;
    uint32_t *n_top;           /* [max_readings] how many are filled */
    float *biased;             /* [piece] */
    struct candidate *drawing; /* [max_readings] by draw: the best so far */

    uint64_t unpack_ns, products_ns; /* of this worker, all sweeps so far */
};

struct sweep {
    struct sweep_shape shape;
    struct sweep_bytes bytes;
    const struct program *program;
    const struct slicing *slicing;
    struct stream *stream;
    struct pool *pool;
    struct memory *memory;

    /* Buffers of program.h. Attention's, the feed-forward part's and the read-out's never meet and
     * share a room. */
    void *shared;
    uint64_t shared_bytes;
    float *hidden;
    struct packed input, ffn;
    float *q, *k, *v;
    float *lowrank;
    float *cos_sin; /* [max_positions][2][n_rot/2] */

    /* The batch being run. */
    const struct batch *batch;
    const struct row_list *active; /* rows of the current step, compacted */

    /* Read-out (see head.c). A reading is a row that is read out or, behind these, a draw:
     * max_readings = max_rows, one more with draws. Blocks and kept logits lie over q, k, v once
     * the last layer is done. */
    float *block_max, *block_sum; /* [n_readings, n_blocks] */
    float *kept;                  /* [n_kept, n_vocab]: all logits of draws that need them */
    float *wanted; /* [max_readings, n_wanted]: logits, at the end log-probabilities */
    float *next;   /* [max_rows] of a row's token after its parent */
    struct wish {
        int32_t token;
        uint32_t readout, row;
    } * wishes; /* [n_rows] ascending by token */
    uint32_t n_wishes;
    float *top; /* [max_readings, n_top] */
    int32_t *top_ids;
    struct head_draw *draws; /* [n_draws] by read-out */
    struct candidate *drawn; /* [max_readings] by draw */
    float *drawn_logprob;    /* [max_readings] by draw */

    struct scratch *scratch;          /* [n_threads] */
    uint32_t *order;                  /* [max_rows] rows by token */
    uint32_t *distinct;               /* [max_rows + 1] */
    _Atomic(const char *) bad_values; /* tensor or place where NaN or infinity appeared */

    void *rows_block, *scratch_block;
    uint64_t scratch_from, scratch_to; /* of its bytes: what the threads use */
    const struct reader_ops *reader;   /* for embeddings */

    /* Called between slices; returns nonzero to stop. */
    int (*progress)(void *context, size_t step, size_t slice);
    void *progress_context;

    uint64_t embedding_bytes_read, embedding_wait_ns;
    uint64_t attention_ns;
};

#define SWEEP_ROW_CHUNK                                                                            \
    384 /* rows multiplied before the products are put where they belong: a multiple of all tile   \
           heights */

int sweep_init(struct sweep *sweep, const struct sweep_shape *shape, const struct program *program,
               const struct slicing *slicing, struct stream *stream, struct pool *pool,
               struct memory *memory, struct error *err) MUST_CHECK;
void sweep_deinit(struct sweep *sweep);

/* Runs steps [from, to) of the program over a closed batch; 0 .. n_steps is a whole sweep. Between
 * two layers the state of a batch is its hidden rows ([n_rows, n_embd], sweep->hidden), which a
 * caller may take out after one call and put back before the next. */
int sweep_run(struct sweep *sweep, const struct batch *batch, size_t from, size_t to,
              struct error *err) MUST_CHECK;

/* Between two layers: gives back to the system all memory but the first [n_rows] hidden rows. It is
 * taken again by the steps that use it. */
int sweep_vacate(struct sweep *sweep, uint32_t n_rows, struct error *err) MUST_CHECK;

#endif
