#ifndef BINOMIAL_H
#define BINOMIAL_H
/* What k of n says about the share behind it. */

#include <stdint.h>

struct interval {
    double low, high;
};

/* Clopper and Pearson's exact interval (1934): whatever the share is, it lies inside with at least
 * [confidence] (0..1). (0, 1) for n = 0. */
struct interval clopper_pearson(uint64_t k, uint64_t n, double confidence);

#endif
