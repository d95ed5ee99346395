#ifndef BATCH_BATCH_H
#define BATCH_BATCH_H
/* Sequences -> the rows of one batch. A row is a node of a prefix tree: what several sequences
 * share from their beginning on is one run of rows, computed once, at any depth. Rows are numbered
 * in the order in which sequences bring them and never move; runs of rows without a branch are
 * segments. All descriptors are flat arrays, so that a batch can be written down or sent elsewhere
 * as it is.
 *
 *     row         0 1 2 3 4 5 6 7 8            sequences:  a b c d e f     (rows 0-5)
 *     token       a b c d e f x y z                        a b c x y       (0-2, 6-7)
 *     parent     -1 0 1 2 3 4 2 6 2                        a b c z         (0-2, 8)
 *     segment     0 0 0 1 1 1 2 2 3            segments 1, 2 and 3 are children of segment 0 */

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROW_NONE UINT32_MAX

/* A run of rows [first_row, first_row + n_rows) at positions [position, position + n_rows), each
 * the child of the row before it. */
struct segment {
    uint32_t first_row, n_rows;
    uint32_t position; /* of first_row: the number of rows before it on its path */
    uint32_t parent;   /* segment whose last row is first_row's parent; ROW_NONE at the root */
};

struct batch_sequence {
    uint64_t tag;
    uint32_t last_row;
    uint32_t n_tokens;
    uint32_t first_readout; /* positions first_readout .. n_tokens-1 are read out */
    uint32_t draw;          /* place among the batch's draws; ROW_NONE: nothing is drawn */
};

/* How a token is drawn behind a sequence (trawl.h). The biases are borrowed. */
struct draw {
    const int32_t *bias_ids; /* [n_biases] ascending */
    const float *biases;
    uint32_t n_biases;
    double temperature, top_p;
    uint64_t seed;
};

/* A distribution of its own made from the logits of a row that several sequences may share. */
struct batch_draw {
    struct draw draw;
    uint32_t row, n_tokens; /* of its sequence */
};

/* Rows that one step handles, and how attention visits them: queries that share a path and a block
 * of 64 positions. */
struct query_group {
    uint32_t segment;
    uint32_t first, n; /* into row_list.rows */
};
struct row_list {
    uint32_t *rows; /* ascending; NULL: all rows 0..n-1 */
    uint32_t n_rows;
    struct query_group *groups;
    uint32_t n_groups;
};

struct branch_table; /* (segment, token) -> child segment */

struct batch {
    uint32_t max_rows;
    uint32_t n_rows;
    int32_t *token;     /* [n_rows] */
    uint32_t *position; /* [n_rows] */
    uint32_t *parent;   /* [n_rows] row, ROW_NONE at a root */
    uint8_t *read_out;  /* [n_rows] 1: logits of this row are wanted */
    uint32_t n_readouts;

    struct segment *segments; /* [n_segments] */
    uint32_t n_segments;

    struct batch_sequence *sequences; /* [n_sequences] in input order */
    uint32_t n_sequences;
    uint64_t n_tokens; /* of all sequences, shared or not */

    struct batch_draw *draws; /* [n_draws]; with the rows read out at most max_rows + 1 */
    uint32_t n_draws;

    struct row_list all, readouts; /* made by batch_close */
    uint32_t *readout_index;       /* [n_rows] place among the readouts, valid where read_out */

    bool share_prefixes; /* off: every sequence brings its own rows (for tests: the bits must not
                            change) */
    struct branch_table *branches;
    struct memory *memory;
    void *block;
    uint64_t block_bytes;
};

/* Bytes that a batch of [max_rows] takes for each row. */
uint32_t batch_bytes_per_row(void);

/* Memory for [max_rows] rows is taken at once, from [memory] under MEMORY_ROWS. */
int batch_init(struct batch *batch, uint32_t max_rows, struct memory *memory,
               struct error *err) MUST_CHECK;
void batch_deinit(struct batch *batch);

/* Empties the batch for the next sweep. */
void batch_clear(struct batch *batch);

/* Adds a sequence if its new rows fit: true; false leaves the batch as it was. 1 <= n_tokens,
 * first_readout < n_tokens. */
bool batch_add(struct batch *batch, uint64_t tag, const int32_t *tokens, uint32_t n_tokens,
               uint32_t first_readout);

/* Gives the sequence added last a draw. False where the next batch_add of [n_readouts] read-outs
 * would leave no room for it: to be asked before. */
bool batch_has_room_to_draw(const struct batch *batch, uint32_t n_readouts);
void batch_draw(struct batch *batch, const struct draw *draw);

/* After the last batch_add: marks what attention and read-out need. */
void batch_close(struct batch *batch);

/* Fills rows[0 .. n) with the path to [row], rows[p] at position p; n = position of row + 1. */
void batch_path(const struct batch *batch, uint32_t row, uint32_t *rows);

#endif
