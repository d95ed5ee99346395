#include "binomial.h"

#include <math.h>

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m <= 10000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double change = 1;
        for (int half = 0; half < 2; half++) {
            double term = half == 0 ? even : odd;
            d = 1 + term * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + term / c;
            c = fabs(c) < tiny ? tiny : c;
            change = c * d;
            value *= change;
        }
        if (fabs(change - 1) < 1e-16)
            break;
    }
    return value;
}

/* The regularised incomplete beta function I_x(a, b); on the side of the mean where the fraction
 * converges at once. */
static double beta_cdf(double x, double a, double b)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* Halving is slow and cannot fail; 200 halvings are more than a double can tell apart. */
static double beta_quantile(double probability, double a, double b)
{
    double low = 0, high = 1;
    for (int i = 0; i < 200 && high - low > 0; i++) {
        double middle = low + (high - low) / 2;
        if (middle == low || middle == high)
            break;
        if (beta_cdf(middle, a, b) < probability)
            low = middle;
        else
            high = middle;
    }
    return high;
}

struct interval clopper_pearson(uint64_t k, uint64_t n, double confidence)
{
    double tail = (1 - confidence) / 2, yes = (double)k, no = (double)(n - k);
    struct interval interval = {0, 1};
    if (k > 0)
        interval.low = beta_quantile(tail, yes, no + 1);
    if (k < n)
        interval.high = beta_quantile(1 - tail, yes + 1, no);
    return interval;
}
