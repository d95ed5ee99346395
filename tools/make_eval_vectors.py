#!/usr/bin/env python3
"""Makes tests/cli/eval_vectors.h: what scikit-learn and SciPy say of random and degenerate answers.

    pip install scikit-learn==1.9.1 && tools/make_eval_vectors.py > tests/cli/eval_vectors.h

scikit-learn fits Platt's sigmoid only to about four digits, so the table has the optimum that SciPy
finds to full precision, and this script checks that scikit-learn's is near it. What is undefined
(0/0) is NAN here; where scikit-learn has a stand-in for it, a comment says so.
"""

import math
import warnings

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import beta
from sklearn.calibration import _SigmoidCalibration, calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import (accuracy_score, average_precision_score, brier_score_loss, f1_score,
                             precision_score, recall_score, roc_auc_score)

MOST_LOGIT = 20.0
PROBES = [0.0, 1e-6, 0.05, 0.25, 0.5, 0.61, 0.9, 0.999, 1.0]


def cases():
    """name, p, truth, threshold"""
    rng = np.random.default_rng(5)
    for i in range(4):
        truth = rng.random(37) < (0.5, 0.2, 0.8, 0.5)[i]
        p = expit(rng.normal(size=37) * 2 + np.where(truth, 1.3, -1.1))
        yield f"random {i}", p, truth, (0.5, 0.5, 0.3, 0.9)[i]
    for i in range(3):
        truth = rng.random(40) < 0.4
        p = np.round(expit(rng.normal(size=40) + np.where(truth, 0.8, -0.8)), 1)
        yield f"ties {i}", p, truth, (0.5, 0.7, 0.0)[i]
    yield "noise", rng.random(30), rng.random(30) < 0.5, 0.5
    yield "all equal", np.full(9, 0.4), np.arange(9) % 3 == 0, 0.5
    yield "perfect", np.linspace(0.02, 0.98, 12), np.arange(12) >= 7, 0.5
    yield "inverted", np.linspace(0.02, 0.98, 12), np.arange(12) < 5, 0.5
    yield "edges", np.arange(11) / 10, np.array([0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1]) == 1, 0.3
    yield "steps of a tenth", np.arange(11) * 0.1, np.arange(11) % 2 == 1, 0.1 * 3
    yield "certain", np.array([0.0, 0.0, 1.0, 1.0, 1.0]), np.array([0, 1, 1, 1, 0]) == 1, 0.5
    yield "all yes", np.array([0.2, 0.7, 0.7, 0.9]), np.ones(4, bool), 0.5
    yield "all no", np.array([0.2, 0.7, 0.7, 0.9]), np.zeros(4, bool), 0.5
    yield "one", np.array([0.8]), np.ones(1, bool), 0.5
    yield "none reached", np.array([0.1, 0.2, 0.3]), np.array([0, 1, 0]) == 1, 0.5


def scores(p):
    with np.errstate(divide="ignore"):
        return np.clip(logit(p), -MOST_LOGIT, MOST_LOGIT)


def platt(p, truth):
    """Slope and intercept of the best sigmoid for Platt's targets; None where there is none."""
    n_yes, n_no = truth.sum(), (~truth).sum()
    if not n_yes or not n_no:
        return None
    x = scores(p)
    target = np.where(truth, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2))

    def loss(v):
        z = v[0] * x + v[1]
        return np.sum(np.logaddexp(0, z) - target * z), np.array(
            [np.sum(x * (expit(z) - target)), np.sum(expit(z) - target)])

    def hessian(v):
        w = expit(v[0] * x + v[1])
        w = w * (1 - w)
        return np.array([[np.sum(x * x * w), np.sum(x * w)], [np.sum(x * w), np.sum(w)]])

    if len(np.unique(x)) == 1:
        return None
    best = minimize(loss, [0.5, 0.0], jac=True, hess=hessian, method="trust-exact",
                    options={"gtol": 1e-11}).x
    theirs = _SigmoidCalibration().fit(x, truth.astype(int))
    assert np.allclose(theirs.predict(x), expit(best[0] * x + best[1]), atol=2e-3), (
        -theirs.a_, -theirs.b_, best)
    return best if best[0] >= 0 else None


def number(value):
    return "NAN" if value is None or math.isnan(value) else repr(float(value))


def numbers(values):
    return "{" + ", ".join(number(v) for v in values) + "}"


def case(name, p, truth, threshold):
    guess = p >= threshold
    both = 0 < truth.sum() < len(truth)
    values = [accuracy_score(truth, guess)]
    values += [f(truth, guess, zero_division=np.nan) for f in (precision_score, recall_score, f1_score)]
    values.append(roc_auc_score(truth, p) if both else None)
    values.append(average_precision_score(truth, p) if truth.any() else None)  # theirs: 0
    values.append(brier_score_loss(truth, p, pos_label=True) if len(p) else None)
    share, mean = calibration_curve(truth, p, n_bins=10, strategy="uniform")
    fit = platt(p, truth)
    sigmoid = expit(fit[0] * scores(np.array(PROBES)) + fit[1]) if fit is not None else []
    isotonic = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p, truth)
    print(f'    {{"{name}", {len(p)},\n     {numbers(p)},\n     {{{", ".join(str(int(t)) for t in truth)}}},')
    print(f"     {number(threshold)}, {', '.join(number(v) for v in values)},")
    print(f"     {len(share)}, {numbers(share)}, {numbers(mean)},")
    print(f"     {int(fit is not None)}, {number(fit[0] if fit is not None else None)}, "
          f"{number(fit[1] if fit is not None else None)}, {numbers(sigmoid) if len(sigmoid) else '{0}'},")
    print(f"     {numbers(isotonic.predict(PROBES))}}},")


def main():
    warnings.simplefilter("ignore")
    print("""/* Made by tools/make_eval_vectors.py: what scikit-learn and SciPy say. Do not edit. */
#ifndef EVAL_VECTORS_H
#define EVAL_VECTORS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

static const double EVAL_PROBES[] = """ + numbers(PROBES) + """;
enum { N_EVAL_PROBES = sizeof EVAL_PROBES / sizeof EVAL_PROBES[0] };

struct eval_case {
    const char *name;
    size_t n;
    double p[40];
    int yes[40];
    double threshold, accuracy, precision, recall, f1, roc_auc, average_precision, brier;
    int n_bins; /* that are not empty */
    double bin_share[10], bin_mean[10];
    int has_platt;
    double slope, intercept, platt[N_EVAL_PROBES];
    double isotonic[N_EVAL_PROBES];
};

static const struct eval_case EVAL_CASES[] = {""")
    for values in cases():
        case(*values)
    print("""};

struct interval_case {
    uint64_t k, n;
    double confidence, low, high;
};

static const struct interval_case INTERVAL_CASES[] = {""")
    for k, n in ((0, 0), (0, 1), (1, 1), (0, 10), (10, 10), (3, 10), (5, 10), (1, 160), (70, 73),
                 (159, 160), (500, 1000), (99990, 100000), (7, 1000000)):
        for confidence in (0.95, 0.8):
            tail = (1 - confidence) / 2
            low = 0.0 if k == 0 else beta.ppf(tail, k, n - k + 1)
            high = 1.0 if k == n else beta.ppf(1 - tail, k + 1, n - k)
            print(f"    {{{k}, {n}, {confidence!r}, {float(low)!r}, {float(high)!r}}},")
    print("""};

#endif""")


if __name__ == "__main__":
    main()
