#ifndef SWEEP_GEMM_H
#define SWEEP_GEMM_H
/* Matrices: slices of weights times all rows. One work item is a piece of a slice's outputs: its
 * weights are unpacked once into panels, the worker's own or those that the slice keeps from then
 * on, and then multiplied with every row, so workers share nothing but the activations. Three
 * parts: gemm.c unpacks and says what an item is, products.c has the micro-kernel and its cache
 * blocking, results.c where products go. */

#include "sweep/steps.h"

/* Weights in memory: rows of [k] values of [type]. */
struct operand {
    const uint8_t *rows;
    uint32_t type;
    uint64_t row_bytes;
    const struct weight *weight;
};

struct gemm_job {
    struct sweep *sweep;
    const struct step *step;
    struct operand operands[2]; /* the second is `up` */
    int n_operands;
    uint32_t first, n; /* outputs of the slice */
    uint32_t piece;    /* outputs of an item, of each operand */
    struct quant_layout layout;
    uint8_t *kept; /* the panels of all items, where the slice keeps them */
    bool made;     /* they are there already */
};

/* Blocks that are unpacked after some products, or kept weights, fetched meanwhile: few rows would
 * have to wait for memory once per panel. */
struct ahead {
    const uint8_t *blocks;
    size_t n_bytes; /* that were not asked for yet */
};

/* Panel [panel] of the item at hand. */
struct panel_q8 gemm_panel(const struct gemm_job *job, const struct scratch *scratch, size_t panel);

/* [n_rows] rows from tile [tile] on times panels [first, end) of the item at hand, to its products,
 * [stride] floats a row. */
void gemm_multiply(const struct gemm_job *job, struct scratch *scratch, size_t tile, size_t n_rows,
                   size_t first, size_t end, size_t stride, struct ahead ahead);

/* The products of rows [row, row + n_rows), all [n_panels] panels of the item, outputs [first,
 * first + n) of the matrix, go where they belong. */
void gemm_put(const struct gemm_job *job, struct scratch *scratch, int worker, size_t row,
              size_t n_rows, size_t n_panels, uint32_t first, uint32_t n);

#endif
