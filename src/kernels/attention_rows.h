#ifndef KERNELS_ATTENTION_ROWS_H
#define KERNELS_ATTENTION_ROWS_H
/* Queries of attention, six at once: as many as leave their sums and what these are made of in the
 * sixteen vectors of AVX2, or the thirty-two of NEON. */

#include "kernels/kernels.h"

enum { ROWS = 6 };

/* Calls [attend] for all queries, n_rows at a time: inlined, a loop of its own for each number. */
static inline __attribute__((always_inline)) void
attend_all(const struct attention_args *args,
           void (*attend)(const struct attention_args *args, size_t first, int n_rows))
{
    size_t i = 0;
    for (; i + ROWS <= args->n_q; i += ROWS)
        attend(args, i, ROWS);
    for (; i + 2 <= args->n_q; i += 2)
        attend(args, i, 2);
    if (i < args->n_q)
        attend(args, i, 1);
}

#endif
