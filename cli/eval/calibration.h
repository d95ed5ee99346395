#ifndef CALIBRATION_H
#define CALIBRATION_H
/* From a model's p_yes to the probability that the answer is yes, learned from labels. Both ways
 * keep the order of p_yes. */

#include "base/error.h"
#include "metrics.h"

enum calibration_method { CALIBRATION_PLATT, CALIBRATION_ISOTONIC };

struct calibration {
    enum calibration_method method;
    /* Platt: 1 / (1 + exp(-(slope x logit(p) + intercept))). Slope 1 and intercept 0 change
     * nothing. */
    double slope, intercept;
    /* Isotonic: straight lines between points of rising x and y, flat outside. Owned. */
    double *x, *y; /* [n_points] */
    size_t n_points;
};

/* "platt", "isotonic". */
const char *calibration_method_name(enum calibration_method method);

/* Fits on [items], sorted by metrics_sort. Fails unless there are both kinds (platt) or anything at
 * all (isotonic).
 *
 * Platt's targets are not 0 and 1 but (n_yes + 1) / (n_yes + 2) and 1 / (n_no + 2), and the fit is
 * by Newton's method with backtracking (Lin, Lin, Weng 2007). The isotonic fit pools adjacent
 * violators of the means of equal p. */
int calibration_fit(struct calibration *calibration, enum calibration_method method,
                    const struct scored *sorted, size_t n, struct error *err) MUST_CHECK;

double calibration_apply(const struct calibration *calibration, double p);

/* The lowest p that is calibrated to [wanted] or more; 2 where none is. */
double calibration_threshold(const struct calibration *calibration, double wanted);

void calibration_deinit(struct calibration *calibration);

#endif
