#ifndef METRICS_H
#define METRICS_H
/* How good probabilities of yes are, beside what is true. Pure functions of doubles; equal
 * probabilities are one step of every curve, as scikit-learn has it, and what is undefined (0/0) is
 * NaN. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scored {
    double p; /* of yes, 0..1 */
    bool yes; /* the truth */
};

/* Highest p first. Functions that say [sorted] want it so. */
void metrics_sort(struct scored *items, size_t n);

struct confusion {
    uint64_t true_yes, false_yes, false_no, true_no;
};
/* An item is answered yes when p >= threshold. */
struct confusion confusion_at(const struct scored *items, size_t n, double threshold);
double confusion_accuracy(const struct confusion *c);
double
confusion_precision(const struct confusion *c);     /* of those answered yes, the share that is */
double confusion_recall(const struct confusion *c); /* of those that are yes, the share found */
double confusion_f1(const struct confusion *c);

/* How often a yes is above a no, ties counting half; NaN unless there are both. */
double roc_auc(const struct scored *sorted, size_t n);
/* Precision at every step of the curve weighed by the recall it adds; NaN without a yes. */
double average_precision(const struct scored *sorted, size_t n);
/* Mean squared distance of p from the truth. */
double brier_score(const struct scored *items, size_t n);

/* Tenths of p; the upper edge belongs to a bin, as in scikit-learn's calibration_curve. */
#define N_RELIABILITY_BINS 10
struct reliability_bin {
    uint64_t n, n_yes;
    double sum_p;
};
void reliability_table(const struct scored *items, size_t n,
                       struct reliability_bin bins[N_RELIABILITY_BINS]);

struct operating_point {
    double threshold; /* an item's p */
    double below;     /* the next lower p, -1 when there is none: anything between does the same */
    struct confusion counts;
};
/* The highest threshold whose recall is at least [wanted]: of all such it has the best precision
 * that raising it alone can give. False when there is no yes at all. */
bool threshold_for_recall(const struct scored *sorted, size_t n, double wanted,
                          struct operating_point *point);
/* The lowest threshold whose precision is at least [wanted]: it finds most. False when none is. */
bool threshold_for_precision(const struct scored *sorted, size_t n, double wanted,
                             struct operating_point *point);

/* Where p changes: one past the last item of the step that begins at [i]. */
size_t metrics_step_end(const struct scored *sorted, size_t n, size_t i);

#endif
