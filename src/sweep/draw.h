#ifndef SWEEP_DRAW_H
#define SWEEP_DRAW_H
/* Drawing a token from logits. With temperature t, an id of logit x gets x / t + g, where g is
 * noise of the Gumbel distribution that seed, position and id decide; the greatest is drawn, which
 * is then the id with the probability softmax(x / t) has for it. So a maximum is all that is kept
 * while logits come, in whatever order they do, and nobody's neighbours matter.
 *
 * Under top_p < 1 an id may be drawn when the ids above it (by logit, then lower id) have together
 * less than top_p of the probability; that is known when all logits are there. */

#include "batch/batch.h"

#include <math.h>

/* One id and what it would be drawn for. */
struct candidate {
    double value; /* the greatest is drawn, of equal ones the lowest id */
    float logit;
    int32_t id;
};

/* A draw at work. */
struct head_draw {
    const struct draw *draw;
    uint64_t key;     /* of its noise */
    uint32_t readout; /* the row among those read out */
    uint32_t index;   /* among the batch's draws */
    float *kept;      /* [n_vocab] its logits, NULL: not wanted */
};

#define NO_CANDIDATE ((struct candidate){-INFINITY, 0.0f, -1})

/* Whether all logits have to be there before the token can be drawn. */
bool draw_needs_all(const struct draw *draw);

/* What decides the noise of the token at [position]. */
uint64_t draw_key(const struct draw *draw, uint32_t position);

/* Adds the biases of ids [first, first + n) to their logits. */
void draw_bias(const struct draw *draw, uint32_t first, uint32_t n, float *logits);

/* Offers ids [first, first + n). */
void draw_offer(const struct head_draw *at, uint32_t first, uint32_t n, const float *logits,
                struct candidate *best);

/* The better of two; either may be NO_CANDIDATE. */
struct candidate draw_better(struct candidate a, struct candidate b);

/* From all of its logits, kept[n]. */
struct candidate draw_from_all(const struct head_draw *at, uint32_t n);

#endif
