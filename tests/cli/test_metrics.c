/* Metrics, intervals and calibrations of `trawl eval` against what scikit-learn and SciPy say of
 * the same answers. */

#include "eval/binomial.h"
#include "eval/calibration.h"
#include "eval/metrics.h"

#include "eval_vectors.h"
#include "support/check.h"

#define N_CASES (sizeof EVAL_CASES / sizeof EVAL_CASES[0])
#define CLOSE   1e-12

/* Equal, or both undefined. */
static void check_same(double got, double expected, double tolerance)
{
    if (isnan(expected))
        CHECK(isnan(got));
    else
        CHECK_NEAR(got, expected, tolerance);
}

/* The case's items, in an order that is not theirs. */
static void take_items(const struct eval_case *c, struct scored *items)
{
    struct rng rng = rng_make(check_seed());
    for (size_t i = 0; i < c->n; i++) {
        size_t at = rng_below(&rng, i + 1);
        items[i] = items[at];
        items[at] = (struct scored){c->p[i], c->yes[i]};
    }
}

TEST(metrics_are_scikit_learns)
{
    for (size_t i = 0; i < N_CASES; i++) {
        const struct eval_case *c = &EVAL_CASES[i];
        struct scored items[40];
        struct reliability_bin bins[N_RELIABILITY_BINS];
        check_case("%s", c->name);
        take_items(c, items);
        struct confusion counts = confusion_at(items, c->n, c->threshold);
        check_same(confusion_accuracy(&counts), c->accuracy, CLOSE);
        check_same(confusion_precision(&counts), c->precision, CLOSE);
        check_same(confusion_recall(&counts), c->recall, CLOSE);
        check_same(confusion_f1(&counts), c->f1, CLOSE);
        check_same(brier_score(items, c->n), c->brier, CLOSE);
        metrics_sort(items, c->n);
        check_same(roc_auc(items, c->n), c->roc_auc, CLOSE);
        check_same(average_precision(items, c->n), c->average_precision, CLOSE);

        reliability_table(items, c->n, bins);
        int at = 0;
        for (int b = 0; b < N_RELIABILITY_BINS; b++) {
            if (bins[b].n == 0)
                continue;
            REQUIRE(at < c->n_bins);
            check_same((double)bins[b].n_yes / (double)bins[b].n, c->bin_share[at], CLOSE);
            check_same(bins[b].sum_p / (double)bins[b].n, c->bin_mean[at++], CLOSE);
        }
        CHECK_INT(at, c->n_bins);
    }
}

/* Against trying every threshold. */
TEST(thresholds_reach_what_is_wanted)
{
    static const double wanted[] = {0.1, 0.5, 0.75, 0.9, 1};
    for (size_t i = 0; i < N_CASES * 5; i++) {
        const struct eval_case *c = &EVAL_CASES[i / 5];
        double want = wanted[i % 5], best_recall = NAN, best_precision = NAN;
        struct scored items[40];
        check_case("%s, %g", c->name, want);
        take_items(c, items);
        metrics_sort(items, c->n);
        for (size_t k = 0; k < c->n; k++) {
            struct confusion counts = confusion_at(items, c->n, items[k].p);
            if (confusion_recall(&counts) >= want)
                best_recall = fmax(best_recall, items[k].p); /* fmax leaves NaN out */
            if (confusion_precision(&counts) >= want)
                best_precision = fmin(best_precision, items[k].p);
        }
        struct operating_point point;
        CHECK(threshold_for_recall(items, c->n, want, &point) == !isnan(best_recall));
        if (!isnan(best_recall)) {
            struct confusion counts = confusion_at(items, c->n, best_recall);
            check_same(point.threshold, best_recall, 0);
            CHECK_UINT(point.counts.true_yes, counts.true_yes);
            CHECK_UINT(point.counts.false_yes, counts.false_yes);
            CHECK_UINT(point.counts.true_no, counts.true_no);
            CHECK_UINT(point.counts.false_no, counts.false_no);
        }
        CHECK(threshold_for_precision(items, c->n, want, &point) == !isnan(best_precision));
        if (!isnan(best_precision))
            check_same(point.threshold, best_precision, 0);
    }
}

TEST(intervals_are_exact)
{
    for (size_t i = 0; i < sizeof INTERVAL_CASES / sizeof INTERVAL_CASES[0]; i++) {
        const struct interval_case *c = &INTERVAL_CASES[i];
        struct interval got = clopper_pearson(c->k, c->n, c->confidence);
        check_case("%d of %d, %g", (int)c->k, (int)c->n, c->confidence);
        CHECK_NEAR(got.low, c->low, 1e-9);
        CHECK_NEAR(got.high, c->high, 1e-9);
    }
}

TEST(platt_is_the_best_sigmoid)
{
    for (size_t i = 0; i < N_CASES; i++) {
        const struct eval_case *c = &EVAL_CASES[i];
        struct scored items[40];
        struct calibration calibration;
        struct error err = {0};
        check_case("%s", c->name);
        take_items(c, items);
        metrics_sort(items, c->n);
        int status = calibration_fit(&calibration, CALIBRATION_PLATT, items, c->n, &err);
        if (c->has_platt) {
            REQUIRE(status == 0);
            CHECK_NEAR(calibration.slope, c->slope, 1e-6);
            CHECK_NEAR(calibration.intercept, c->intercept, 1e-6);
            for (size_t k = 0; k < N_EVAL_PROBES; k++)
                CHECK_NEAR(calibration_apply(&calibration, EVAL_PROBES[k]), c->platt[k], 1e-6);
        }
        if (status == 0)
            calibration_deinit(&calibration);
    }
}

TEST(platt_refuses_what_it_cannot_fit)
{
    struct scored same[] = {{0.9, true}, {0.1, true}};
    struct scored inverted[] = {{0.9, false}, {0.8, false}, {0.2, true}, {0.1, true}};
    struct scored equal[] = {{0.4, true}, {0.4, false}, {0.4, false}};
    struct calibration calibration;
    struct error err = {0};
    CHECK(calibration_fit(&calibration, CALIBRATION_PLATT, same, 2, &err) < 0);
    CHECK_CONTAINS(err.text, "both kinds");
    CHECK(calibration_fit(&calibration, CALIBRATION_PLATT, inverted, 4, &err) < 0);
    CHECK_CONTAINS(err.text, "lower p_yes");
    REQUIRE(calibration_fit(&calibration, CALIBRATION_PLATT, equal, 3, &err) == 0);
    CHECK_NEAR(calibration_apply(&calibration, 0.4), (2.0 / 3 + 2.0 / 4) / 3, 1e-6);
}

TEST(isotonic_is_scikit_learns)
{
    for (size_t i = 0; i < N_CASES; i++) {
        const struct eval_case *c = &EVAL_CASES[i];
        struct scored items[40];
        struct calibration calibration;
        struct error err = {0};
        check_case("%s", c->name);
        take_items(c, items);
        metrics_sort(items, c->n);
        REQUIRE(calibration_fit(&calibration, CALIBRATION_ISOTONIC, items, c->n, &err) == 0);
        for (size_t k = 0; k < N_EVAL_PROBES; k++)
            CHECK_NEAR(calibration_apply(&calibration, EVAL_PROBES[k]), c->isotonic[k], CLOSE);
        for (size_t k = 1; k < calibration.n_points; k++)
            CHECK(calibration.x[k] > calibration.x[k - 1] &&
                  calibration.y[k] >= calibration.y[k - 1]);
        calibration_deinit(&calibration);
    }
}

TEST(a_threshold_means_the_same_before)
{
    static const double wanted[] = {0, 1e-9, 0.1, 0.5, 0.8, 0.999, 1, 1.5};
    struct rng rng = rng_make(check_seed());
    for (size_t i = 0; i < N_CASES * 2; i++) {
        const struct eval_case *c = &EVAL_CASES[i / 2];
        struct scored items[40];
        struct calibration calibration;
        struct error err = {0};
        take_items(c, items);
        metrics_sort(items, c->n);
        if (calibration_fit(&calibration, (enum calibration_method)(i % 2), items, c->n, &err) < 0)
            continue;
        for (size_t w = 0; w < sizeof wanted / sizeof wanted[0]; w++) {
            double threshold = calibration_threshold(&calibration, wanted[w]);
            check_case("%s, %g", c->name, wanted[w]);
            for (int k = 0; k < 200; k++) {
                double p = k < 3 ? k / 2.0 : (double)rng_unit(&rng);
                CHECK((p >= threshold) == (calibration_apply(&calibration, p) >= wanted[w]));
            }
            if (threshold > 0 && threshold <= 1) {
                CHECK(calibration_apply(&calibration, threshold) >= wanted[w]);
                CHECK(calibration_apply(&calibration, nextafter(threshold, 0)) < wanted[w]);
            }
        }
        calibration_deinit(&calibration);
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
