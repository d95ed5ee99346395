#include "eval_report.h"

#include "binomial.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CONFIDENCE 0.95

/* All that is said of one question. */
struct figures {
    uint64_t n_yes;
    struct confusion counts;
    double majority, auc, average_precision, brier;
    struct reliability_bin bins[N_RELIABILITY_BINS];
};

static struct figures make_figures(const struct judged_question *question, double threshold)
{
    const struct scored *items = question->items;
    size_t n = question->n_items;
    struct figures f = {.counts = confusion_at(items, n, threshold),
                        .auc = roc_auc(items, n),
                        .average_precision = average_precision(items, n),
                        .brier = brier_score(items, n)};
    f.n_yes = f.counts.true_yes + f.counts.false_no;
    double share = n > 0 ? (double)f.n_yes / (double)n : NAN;
    f.majority = fmax(share, 1 - share);
    reliability_table(items, n, f.bins);
    return f;
}

/* Of a choice: always giving the commonest label, and the mean over labels of their F1. */
static double commonest_share(const struct judged_question *question)
{
    uint64_t most = 0;
    for (size_t i = 0; i < question->n_classes; i++)
        most = question->classes[i].n_truth > most ? question->classes[i].n_truth : most;
    return question->n_items > 0 ? (double)most / (double)question->n_items : NAN;
}

static double macro_f1(const struct judged_question *question)
{
    double sum = 0;
    for (size_t i = 0; i < question->n_classes; i++) {
        const struct judged_class *c = &question->classes[i];
        sum += 2 * (double)c->n_right / (double)(c->n_truth + c->n_answers);
    }
    return question->n_classes > 0 ? sum / (double)question->n_classes : NAN;
}

/* The share of answers that are right: of a choice the threshold has no part in it. */
static double accuracy_of(const struct judged_question *question, const struct figures *f)
{
    return question->is_choice ? (double)f->n_yes / (double)question->n_items
                               : confusion_accuracy(&f->counts);
}

static bool any_of_kind(const struct answers *answers, bool is_choice)
{
    for (size_t i = 0; i < answers->labels->n_questions; i++)
        if (answers->questions[i].n_items > 0 && answers->questions[i].is_choice == is_choice)
            return true;
    return false;
}

/* The shortest decimal that does what the point's threshold does: it need not be that p itself. */
struct threshold_text {
    char text[32];
};

static struct threshold_text threshold_text(const struct operating_point *point)
{
    struct threshold_text short_one;
    for (int digits = 2; digits <= 17; digits++) {
        snprintf(short_one.text, sizeof short_one.text, "%.*g", digits, point->threshold);
        double value = strtod(short_one.text, NULL);
        if (value <= point->threshold && value > point->below)
            break;
    }
    return short_one;
}

static uint64_t n_selected(const struct confusion *counts)
{
    return counts->true_yes + counts->false_yes;
}

static struct interval recall_interval(const struct confusion *counts)
{
    return clopper_pearson(counts->true_yes, counts->true_yes + counts->false_no, CONFIDENCE);
}

static struct interval precision_interval(const struct confusion *counts)
{
    return clopper_pearson(counts->true_yes, n_selected(counts), CONFIDENCE);
}

/* ---- For people ---- */

static void print_cell(struct out *out, int width, double value)
{
    if (isnan(value))
        out_format(out, "%*s", width, "-");
    else
        out_format(out, "%*.3f", width, value);
}

static int name_width(const struct answers *answers)
{
    size_t width = strlen("question");
    for (size_t i = 0; i < answers->labels->n_questions; i++)
        if (answers->questions[i].n_items > 0 && strlen(answers->questions[i].name) > width)
            width = strlen(answers->questions[i].name);
    return (int)width;
}

static void print_yes_no_table(const struct answers *answers, double threshold, struct out *out)
{
    int width = name_width(answers);
    out_format(out,
               "%-*s       n     yes  majority  accuracy  precision  recall     F1  ROC AUC  "
               "avg. precision  Brier\n",
               width, "question");
    for (size_t i = 0; i < answers->labels->n_questions; i++) {
        const struct judged_question *question = &answers->questions[i];
        if (question->n_items == 0 || question->is_choice)
            continue;
        struct figures f = make_figures(question, threshold);
        out_format(out, "%-*s %7zu %7" PRIu64, width, question->name, question->n_items, f.n_yes);
        print_cell(out, 10, f.majority);
        print_cell(out, 10, confusion_accuracy(&f.counts));
        print_cell(out, 11, confusion_precision(&f.counts));
        print_cell(out, 8, confusion_recall(&f.counts));
        print_cell(out, 7, confusion_f1(&f.counts));
        print_cell(out, 9, f.auc);
        print_cell(out, 16, f.average_precision);
        print_cell(out, 7, f.brier);
        out_char(out, '\n');
    }
}

static void print_choice_table(const struct answers *answers, struct out *out)
{
    int width = name_width(answers);
    out_format(out, "%-*s       n  labels  majority  accuracy  macro F1  Brier\n", width,
               "question");
    for (size_t i = 0; i < answers->labels->n_questions; i++) {
        const struct judged_question *question = &answers->questions[i];
        if (question->n_items == 0 || !question->is_choice)
            continue;
        struct figures f = make_figures(question, 0);
        out_format(out, "%-*s %7zu %7zu", width, question->name, question->n_items,
                   question->n_classes);
        print_cell(out, 10, commonest_share(question));
        print_cell(out, 10, accuracy_of(question, &f));
        print_cell(out, 10, macro_f1(question));
        print_cell(out, 7, f.brier);
        out_char(out, '\n');
    }
}

static void print_reliability(const struct judged_question *question, const struct figures *f,
                              struct out *out)
{
    out_text(out, question->is_choice
                      ? "  p              n   mean p   share right   (95 % interval)\n"
                      : "  p_yes          n   mean p   share of yes  (95 % interval)\n");
    for (int b = 0; b < N_RELIABILITY_BINS; b++) {
        const struct reliability_bin *bin = &f->bins[b];
        if (bin->n == 0)
            continue;
        struct interval interval = clopper_pearson(bin->n_yes, bin->n, CONFIDENCE);
        out_format(out, "  %.1f-%.1f  %7" PRIu64 "    %.3f          %.3f  (%.3f to %.3f)\n",
                   b / 10.0, (b + 1) / 10.0, bin->n, bin->sum_p / (double)bin->n,
                   (double)bin->n_yes / (double)bin->n, interval.low, interval.high);
    }
}

static void print_point(const char *what, double wanted, const struct operating_point *point,
                        const struct judged_question *question, struct out *out)
{
    if (!point) {
        out_format(out, "  %s %g: no threshold reaches it\n", what, wanted);
        return;
    }
    struct interval recall = recall_interval(&point->counts);
    struct interval precision = precision_interval(&point->counts);
    out_format(out,
               "  %s %g: --threshold %s selects %" PRIu64 " of %zu; recall %.3f (95 %%: %.3f to "
               "%.3f), precision %.3f (%.3f to %.3f)\n",
               what, wanted, threshold_text(point).text, n_selected(&point->counts),
               question->n_items, confusion_recall(&point->counts), recall.low, recall.high,
               confusion_precision(&point->counts), precision.low, precision.high);
}

static void print_points(const struct judged_question *question,
                         const struct report_options *options, struct out *out)
{
    struct operating_point point;
    const struct scored *items = question->items;
    size_t n = question->n_items;
    if (options->recall > 0)
        print_point("recall", options->recall,
                    threshold_for_recall(items, n, options->recall, &point) ? &point : NULL,
                    question, out);
    if (options->precision > 0)
        print_point("precision", options->precision,
                    threshold_for_precision(items, n, options->precision, &point) ? &point : NULL,
                    question, out);
}

void eval_report_text(const struct answers *answers, const struct report_options *options,
                      struct out *out)
{
    bool any_points = options->recall > 0 || options->precision > 0;
    if (any_of_kind(answers, false))
        print_yes_no_table(answers, options->threshold, out);
    if (any_of_kind(answers, true)) {
        out_text(out, any_of_kind(answers, false) ? "\n" : "");
        print_choice_table(answers, out);
    }
    for (size_t i = 0; i < answers->labels->n_questions; i++) {
        const struct judged_question *question = &answers->questions[i];
        bool points = any_points && !question->is_choice;
        if (question->n_items == 0 || (options->brief && !points))
            continue;
        out_format(out, "\n%s%s%s\n", question->name, question->text ? ": " : "",
                   question->text ? question->text : "");
        if (!options->brief) {
            struct figures f = make_figures(question, options->threshold);
            print_reliability(question, &f, out);
        }
        if (points)
            print_points(question, options, out);
    }
}

/* ---- For programs ---- */

static void json_interval(struct out *out, const char *key, struct interval interval)
{
    out_format(out, ", \"%s\": [", key);
    out_number(out, interval.low);
    out_text(out, ", ");
    out_number(out, interval.high);
    out_char(out, ']');
}

static void json_counts(struct out *out, const struct confusion *counts)
{
    out_key_number(out, "accuracy", confusion_accuracy(counts));
    out_key_number(out, "precision", confusion_precision(counts));
    out_key_number(out, "recall", confusion_recall(counts));
    out_key_number(out, "f1", confusion_f1(counts));
    out_key_count(out, "true_yes", counts->true_yes);
    out_key_count(out, "false_yes", counts->false_yes);
    out_key_count(out, "false_no", counts->false_no);
    out_key_count(out, "true_no", counts->true_no);
}

static void json_reliability(struct out *out, const struct figures *f, bool is_choice)
{
    bool any = false;
    out_text(out, ", \"reliability\": [");
    for (int b = 0; b < N_RELIABILITY_BINS; b++) {
        const struct reliability_bin *bin = &f->bins[b];
        if (bin->n == 0)
            continue;
        out_format(out, "%s{\"from\": %.1f, \"to\": %.1f", any ? ", " : "", b / 10.0,
                   (b + 1) / 10.0);
        out_key_count(out, "n", bin->n);
        out_key_number(out, "mean_p", bin->sum_p / (double)bin->n);
        out_key_number(out, is_choice ? "share_right" : "share_yes",
                       (double)bin->n_yes / (double)bin->n);
        json_interval(out, "interval", clopper_pearson(bin->n_yes, bin->n, CONFIDENCE));
        out_char(out, '}');
        any = true;
    }
    out_char(out, ']');
}

/* null where no threshold reaches it. */
static void json_point(struct out *out, const char *key, double wanted,
                       const struct operating_point *point)
{
    out_format(out, ", \"%s\": ", key);
    if (!point) {
        out_text(out, "null");
        return;
    }
    out_text(out, "{\"wanted\": ");
    out_number(out, wanted);
    out_format(out, ", \"threshold\": %s", threshold_text(point).text);
    out_key_count(out, "selected", n_selected(&point->counts));
    json_counts(out, &point->counts);
    json_interval(out, "recall_interval", recall_interval(&point->counts));
    json_interval(out, "precision_interval", precision_interval(&point->counts));
    out_char(out, '}');
}

static void json_question(struct out *out, const struct judged_question *question,
                          const struct report_options *options)
{
    struct figures f = make_figures(question, options->threshold);
    struct operating_point point;
    const struct scored *items = question->items;
    size_t n = question->n_items;
    out_text(out, "{\"name\": ");
    out_json_text(out, question->name, strlen(question->name));
    out_key_text(out, "question", question->text);
    out_key_count(out, "n", n);
    out_key_count(out, "unsure", question->n_unsure);
    out_key_count(out, "unlabelled", question->n_unlabelled);
    out_key_count(out, "missing", question->n_missing);
    if (question->is_choice) {
        out_key_count(out, "labels", question->n_classes);
        out_key_number(out, "majority", commonest_share(question));
        out_key_number(out, "accuracy", accuracy_of(question, &f));
        out_key_number(out, "macro_f1", macro_f1(question));
    } else {
        out_key_count(out, "yes", f.n_yes);
        out_key_number(out, "majority", f.majority);
        json_counts(out, &f.counts);
        out_key_number(out, "roc_auc", f.auc);
        out_key_number(out, "average_precision", f.average_precision);
    }
    out_key_number(out, "brier", f.brier);
    json_reliability(out, &f, question->is_choice);
    if (options->recall > 0 && !question->is_choice)
        json_point(out, "at_recall", options->recall,
                   threshold_for_recall(items, n, options->recall, &point) ? &point : NULL);
    if (options->precision > 0 && !question->is_choice)
        json_point(out, "at_precision", options->precision,
                   threshold_for_precision(items, n, options->precision, &point) ? &point : NULL);
    out_char(out, '}');
}

void eval_report_json(const struct answers *answers, const struct report_options *options,
                      struct out *out)
{
    bool any = false;
    out_text(out, "{\"threshold\": ");
    out_number(out, options->threshold);
    out_key_text(out, "where", answers->where);
    out_key_text(out, "calibration", answers->corrections ? answers->corrections->path : NULL);
    out_text(out, ", \"questions\": [");
    for (size_t i = 0; i < answers->labels->n_questions; i++) {
        if (answers->questions[i].n_items == 0)
            continue;
        out_text(out, any ? ", " : "");
        json_question(out, &answers->questions[i], options);
        any = true;
    }
    out_text(out, "]}\n");
}
