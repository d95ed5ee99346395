#include "metrics.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = ((const struct scored *)a)->p, y = ((const struct scored *)b)->p;
    return (x < y) - (x > y);
}

void metrics_sort(struct scored *items, size_t n)
{
    if (n > 1)
        qsort(items, n, sizeof *items, compare);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

struct confusion confusion_at(const struct scored *items, size_t n, double threshold)
{
    struct confusion c = {0};
    for (size_t i = 0; i < n; i++) {
        bool yes = items[i].p >= threshold;
        c.true_yes += yes && items[i].yes;
        c.false_yes += yes && !items[i].yes;
        c.false_no += !yes && items[i].yes;
        c.true_no += !yes && !items[i].yes;
    }
    return c;
}

double confusion_accuracy(const struct confusion *c)
{
    return share(c->true_yes + c->true_no, c->true_yes + c->true_no + c->false_yes + c->false_no);
}

double confusion_precision(const struct confusion *c)
{
    return share(c->true_yes, c->true_yes + c->false_yes);
}

double confusion_recall(const struct confusion *c)
{
    return share(c->true_yes, c->true_yes + c->false_no);
}

double confusion_f1(const struct confusion *c)
{
    return share(2 * c->true_yes, 2 * c->true_yes + c->false_yes + c->false_no);
}

size_t metrics_step_end(const struct scored *sorted, size_t n, size_t i)
{
    double p = sorted[i].p;
    while (i < n && sorted[i].p == p)
        i++;
    return i;
}

/* The counts when everything before [end] is answered yes, from those up to [begin]. */
static void take_step(struct confusion *c, const struct scored *sorted, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        c->true_yes += sorted[i].yes;
        c->false_yes += !sorted[i].yes;
        c->false_no -= sorted[i].yes;
        c->true_no -= !sorted[i].yes;
    }
}

static struct confusion all_answered_no(const struct scored *items, size_t n)
{
    return confusion_at(items, n, INFINITY);
}

double roc_auc(const struct scored *sorted, size_t n)
{
    struct confusion c = all_answered_no(sorted, n);
    double n_pairs = (double)c.false_no * (double)c.true_no, twice_won = 0;
    if (n_pairs == 0)
        return NAN;
    for (size_t i = 0, end; i < n; i = end) {
        struct confusion before = c;
        end = metrics_step_end(sorted, n, i);
        take_step(&c, sorted, i, end);
        twice_won +=
            (double)(c.false_yes - before.false_yes) * (double)(c.true_yes + before.true_yes);
    }
    return twice_won / (2 * n_pairs);
}

double average_precision(const struct scored *sorted, size_t n)
{
    struct confusion c = all_answered_no(sorted, n);
    double n_yes = (double)c.false_no, sum = 0;
    if (n_yes == 0)
        return NAN;
    for (size_t i = 0, end; i < n; i = end) {
        uint64_t before = c.true_yes;
        end = metrics_step_end(sorted, n, i);
        take_step(&c, sorted, i, end);
        sum += (double)(c.true_yes - before) / n_yes * confusion_precision(&c);
    }
    return sum;
}

double brier_score(const struct scored *items, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double distance = items[i].p - (items[i].yes ? 1 : 0);
        sum += distance * distance;
    }
    return n > 0 ? sum / (double)n : NAN;
}

void reliability_table(const struct scored *items, size_t n,
                       struct reliability_bin bins[N_RELIABILITY_BINS])
{
    for (int b = 0; b < N_RELIABILITY_BINS; b++)
        bins[b] = (struct reliability_bin){0};
    for (size_t i = 0; i < n; i++) {
        int b = 0;
        while (b + 1 < N_RELIABILITY_BINS && items[i].p > (b + 1) * (1.0 / N_RELIABILITY_BINS))
            b++;
        bins[b].n++;
        bins[b].n_yes += items[i].yes;
        bins[b].sum_p += items[i].p;
    }
}

/* Everything before [end] is answered yes, with these [counts]. */
static struct operating_point point_at(const struct scored *sorted, size_t n, size_t end,
                                       struct confusion counts)
{
    return (struct operating_point){
        .threshold = sorted[end - 1].p, .below = end < n ? sorted[end].p : -1, .counts = counts};
}

bool threshold_for_recall(const struct scored *sorted, size_t n, double wanted,
                          struct operating_point *point)
{
    struct confusion c = all_answered_no(sorted, n);
    for (size_t i = 0, end; i < n && c.true_yes + c.false_no > 0; i = end) {
        end = metrics_step_end(sorted, n, i);
        take_step(&c, sorted, i, end);
        if (confusion_recall(&c) >= wanted) {
            *point = point_at(sorted, n, end, c);
            return true;
        }
    }
    return false;
}

bool threshold_for_precision(const struct scored *sorted, size_t n, double wanted,
                             struct operating_point *point)
{
    struct confusion c = all_answered_no(sorted, n);
    bool found = false;
    for (size_t i = 0, end; i < n; i = end) {
        end = metrics_step_end(sorted, n, i);
        take_step(&c, sorted, i, end);
        if (confusion_precision(&c) >= wanted) {
            *point = point_at(sorted, n, end, c);
            found = true;
        }
    }
    return found;
}
