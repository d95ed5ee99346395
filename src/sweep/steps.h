#ifndef SWEEP_STEPS_H
#define SWEEP_STEPS_H
/* The steps, one function each, for sweep.c's table. All run over sweep->active rows. */

#include "sweep/sweep.h"

int step_embed(struct sweep *sweep, const struct step *step, struct error *err);
int step_select(struct sweep *sweep, const struct step *step, struct error *err);
int step_norm(struct sweep *sweep, const struct step *step, struct error *err);
int step_pack(struct sweep *sweep, const struct step *step, struct error *err);
int step_rotate(struct sweep *sweep, const struct step *step, struct error *err);
int step_attention(struct sweep *sweep, const struct step *step, struct error *err);
int step_lowrank(struct sweep *sweep, const struct step *step, struct error *err);
int step_gemm(struct sweep *sweep, const struct step *step, struct error *err);

/* f32 rows of a buffer, and their width. */
float *sweep_floats(const struct sweep *sweep, enum buffer buffer);
uint32_t sweep_width(const struct sweep *sweep, enum buffer buffer);
const struct packed *sweep_packed(const struct sweep *sweep, enum buffer buffer);

/* Puts [n_rows] <= mr float rows (row i at rows + i * stride) of [k] into tile [tile] of [packed],
 * whose rows are [k] wide. False: NaN or infinite. */
bool pack_rows(const struct sweep *sweep, struct scratch *scratch, const struct packed *packed,
               uint32_t k, size_t tile, int n_rows, const float *rows, size_t stride);

/* Columns [first, first + n) only, of all rows of the tile: `first` on a group's border (int8). */
bool pack_columns(const struct sweep *sweep, struct scratch *scratch, const struct packed *packed,
                  uint32_t k, size_t tile, int n_rows, const float *rows, size_t stride,
                  uint32_t first, uint32_t n);

/* Read-out (head.c): from logits, as they come, to log-probabilities. */
void head_begin(struct sweep *sweep);
void head_reduce(struct sweep *sweep, int worker, uint32_t first_row, uint32_t n_rows,
                 uint32_t first_output, uint32_t n_outputs, const float *logits, size_t stride);
int head_finish(struct sweep *sweep, struct error *err);

/* Floats of scratch that one worker's attention takes. */
uint64_t attention_scratch_floats(const struct sweep_shape *shape);

#endif
