#include "calibration.h"

#include <math.h>
#include <stdlib.h>

/* log(p / (1 - p)), with 0 and 1 where a float's last answers before them are. */
#define MOST_LOGIT 20.0

const char *calibration_method_name(enum calibration_method method)
{
    return method == CALIBRATION_PLATT ? "platt" : "isotonic";
}

static double logit(double p)
{
    if (p <= 0 || p >= 1)
        return p <= 0 ? -MOST_LOGIT : MOST_LOGIT;
    return fmin(fmax(log(p) - log1p(-p), -MOST_LOGIT), MOST_LOGIT);
}

static double sigmoid(double z)
{
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

/* ---- Platt ---- */

struct platt {
    const struct scored *items;
    size_t n;
    double target_yes, target_no;
};

/* The cross entropy of targets t under sigmoid(z), summed: log(1 + exp(z)) - t z, in the form that
 * does not overflow. */
static double platt_loss(const struct platt *platt, double slope, double intercept)
{
    double sum = 0;
    for (size_t i = 0; i < platt->n; i++) {
        double z = slope * logit(platt->items[i].p) + intercept;
        double target = platt->items[i].yes ? platt->target_yes : platt->target_no;
        sum += (z > 0 ? z : 0) - target * z + log1p(exp(-fabs(z)));
    }
    return sum;
}

/* One step of Newton's method on (slope, intercept); false when it is at the bottom. */
static bool platt_step(const struct platt *platt, double *slope, double *intercept)
{
    /* A ridge of 1e-12 keeps the Hessian invertible where all scores are equal. */
    double h11 = 1e-12, h22 = 1e-12, h21 = 0, g1 = 0, g2 = 0;
    for (size_t i = 0; i < platt->n; i++) {
        double x = logit(platt->items[i].p), p = sigmoid(*slope * x + *intercept);
        double weight = p * (1 - p);
        double error = p - (platt->items[i].yes ? platt->target_yes : platt->target_no);
        h11 += x * x * weight;
        h22 += weight;
        h21 += x * weight;
        g1 += x * error;
        g2 += error;
    }
    double enough = 1e-11 * (double)platt->n;
    double determinant = h11 * h22 - h21 * h21;
    if ((fabs(g1) < enough && fabs(g2) < enough) || !(determinant > 0))
        return false;
    double d1 = -(h22 * g1 - h21 * g2) / determinant;
    double d2 = -(h11 * g2 - h21 * g1) / determinant;
    double before = platt_loss(platt, *slope, *intercept), falls = g1 * d1 + g2 * d2;
    for (double length = 1; length >= 1e-10; length /= 2) {
        double s = *slope + length * d1, b = *intercept + length * d2;
        if (platt_loss(platt, s, b) < before + 1e-4 * length * falls) {
            *slope = s;
            *intercept = b;
            return true;
        }
    }
    return false;
}

static int fit_platt(struct calibration *calibration, const struct scored *items, size_t n,
                     struct error *err)
{
    double n_yes = 0;
    for (size_t i = 0; i < n; i++)
        n_yes += items[i].yes;
    double n_no = (double)n - n_yes;
    if (n_yes == 0 || n_no == 0)
        return fail(err, ERROR_USAGE,
                    "all %zu labels are the same: a calibration wants some of "
                    "both kinds",
                    n);
    struct platt platt = {items, n, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2)};
    calibration->slope = 0;
    calibration->intercept = log((n_yes + 1) / (n_no + 1));
    for (int i = 0; i < 100 && platt_step(&platt, &calibration->slope, &calibration->intercept);)
        i++;
    if (calibration->slope < -1e-9) /* 0, when p_yes says nothing, may come out as -1e-17 */
        return fail(err, ERROR_USAGE,
                    "documents labelled yes have the lower p_yes: this cannot be calibrated (are "
                    "the labels those of this question?)");
    calibration->slope = fmax(calibration->slope, 0);
    return 0;
}

/* ---- Isotonic ---- */

struct block {
    double first_x, last_x, sum_y, weight;
};

static double block_mean(const struct block *block)
{
    return block->sum_y / block->weight;
}

static int fit_isotonic(struct calibration *calibration, const struct scored *sorted, size_t n,
                        struct error *err)
{
    struct block *blocks = n > 0 ? calloc(n, sizeof *blocks) : NULL;
    size_t n_blocks = 0;
    if (n == 0)
        return fail(err, ERROR_USAGE, "a calibration wants labels");
    if (!blocks)
        return fail_memory(err, n * sizeof *blocks, "calibration");
    for (size_t end = n; end > 0;) { /* rising p */
        size_t begin = end;
        struct block block = {.first_x = sorted[end - 1].p, .last_x = sorted[end - 1].p};
        while (begin > 0 && sorted[begin - 1].p == block.first_x)
            block.sum_y += sorted[--begin].yes;
        block.weight = (double)(end - begin);
        end = begin;
        while (n_blocks > 0 && block_mean(&blocks[n_blocks - 1]) >= block_mean(&block)) {
            const struct block *last = &blocks[--n_blocks];
            block.first_x = last->first_x;
            block.sum_y += last->sum_y;
            block.weight += last->weight;
        }
        blocks[n_blocks++] = block;
    }
    calibration->x = calloc(2 * n_blocks, sizeof *calibration->x);
    calibration->y = calloc(2 * n_blocks, sizeof *calibration->y);
    if (!calibration->x || !calibration->y) {
        free(blocks);
        return fail_memory(err, 4 * n_blocks * sizeof *calibration->x, "calibration");
    }
    for (size_t b = 0; b < n_blocks; b++) {
        size_t i = calibration->n_points;
        calibration->x[i] = blocks[b].first_x;
        calibration->y[i++] = block_mean(&blocks[b]);
        if (blocks[b].last_x > blocks[b].first_x) {
            calibration->x[i] = blocks[b].last_x;
            calibration->y[i++] = block_mean(&blocks[b]);
        }
        calibration->n_points = i;
    }
    free(blocks);
    return 0;
}

static double apply_isotonic(const struct calibration *calibration, double p)
{
    const double *x = calibration->x, *y = calibration->y;
    size_t low = 0, high = calibration->n_points - 1;
    if (p <= x[low] || p >= x[high])
        return p <= x[low] ? y[low] : y[high];
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (x[middle] <= p)
            low = middle;
        else
            high = middle;
    }
    return y[low] + (y[high] - y[low]) * ((p - x[low]) / (x[high] - x[low]));
}

/* ---- Either ---- */

int calibration_fit(struct calibration *calibration, enum calibration_method method,
                    const struct scored *sorted, size_t n, struct error *err)
{
    *calibration = (struct calibration){.method = method};
    int status = method == CALIBRATION_PLATT ? fit_platt(calibration, sorted, n, err)
                                             : fit_isotonic(calibration, sorted, n, err);
    if (status < 0)
        calibration_deinit(calibration);
    return status;
}

double calibration_apply(const struct calibration *calibration, double p)
{
    if (calibration->method == CALIBRATION_ISOTONIC)
        return apply_isotonic(calibration, p);
    return sigmoid(calibration->slope * logit(p) + calibration->intercept);
}

/* By halving, until there is no number between: what apply says is then kept to the last bit. */
double calibration_threshold(const struct calibration *calibration, double wanted)
{
    double below = 0, reaches = 1;
    if (calibration_apply(calibration, below) >= wanted)
        return below;
    if (!(calibration_apply(calibration, reaches) >= wanted))
        return 2;
    for (;;) {
        double middle = below + (reaches - below) / 2;
        if (middle <= below || middle >= reaches)
            return reaches;
        if (calibration_apply(calibration, middle) >= wanted)
            reaches = middle;
        else
            below = middle;
    }
}

void calibration_deinit(struct calibration *calibration)
{
    free(calibration->x);
    free(calibration->y);
    calibration->x = calibration->y = NULL;
    calibration->n_points = 0;
}
