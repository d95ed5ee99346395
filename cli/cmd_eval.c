/* trawl eval: answers beside labels; how good they are, and a calibration that makes them better.
 */

#include "commands.h"
#include "eval/answers.h"
#include "eval/curves_svg.h"
#include "eval/eval_report.h"
#include "message.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_FOLDS 5

struct eval {
    struct labels labels;
    struct calibrations corrections; /* of --calibration */
    struct calibrations fitted;      /* of --fit */
    struct answers answers;
    struct report_options report;
    bool json, any_labels, any_corrections;
    int fit; /* an enum calibration_method, -1: not asked for */
    const char *output_path, *svg_path;
};

static int value_share(const struct option_use *use, double *out, struct error *err)
{
    if (value_real(use, out, err) < 0)
        return -1;
    return *out > 0 && *out <= 1 ? 0
                                 : fail(err, ERROR_USAGE, "--%s: %s is not above 0 and at most 1",
                                        use->row->name, use->value);
}

static int read_option(struct eval *eval, const struct option_use *use, struct error *err)
{
    switch (use->row->id) {
    case OPTION_LABELS:
    case OPTION_REVIEW:
        eval->any_labels = true;
        return labels_read(&eval->labels, use->value, err);
    case OPTION_THRESHOLD:
        return value_real(use, &eval->report.threshold, err);
    case OPTION_RECALL:
        return value_share(use, &eval->report.recall, err);
    case OPTION_PRECISION:
        return value_share(use, &eval->report.precision, err);
    case OPTION_WHERE:
        eval->answers.where = use->value;
        return 0;
    case OPTION_BRIEF:
        eval->report.brief = true;
        return 0;
    case OPTION_JSON:
        eval->json = true;
        return 0;
    case OPTION_SVG:
        eval->svg_path = use->value;
        return 0;
    case OPTION_FIT:
        return value_choice(use, &eval->fit, err);
    case OPTION_OUTPUT:
        eval->output_path = use->value;
        return 0;
    case OPTION_CALIBRATION:
        eval->any_corrections = true;
        return calibrations_read(&eval->corrections, use->value, err);
    default:
        return 0;
    }
}

static int read_options(struct eval *eval, const struct arguments *arguments, struct error *err)
{
    for (size_t i = 0; i < arguments->n_uses; i++)
        if (read_option(eval, &arguments->uses[i], err) < 0)
            return -1;
    if (!eval->any_labels)
        return fail(err, ERROR_USAGE, "no labels: trawl eval --labels FILE ANSWERS...");
    if (arguments->n_operands == 0)
        return fail(err, ERROR_USAGE, "no answers: trawl eval --labels FILE ANSWERS...");
    if ((eval->fit >= 0) != (eval->output_path != NULL))
        return fail(err, ERROR_USAGE, "--fit METHOD and -o FILE go together");
    if (eval->fit >= 0 && eval->any_corrections)
        return fail(err, ERROR_USAGE, "--fit wants the answers as they are, without --calibration");
    return 0;
}

/* A slip of the pen among labels of yes and no makes a choice of them; that should be seen. */
static void tell_choice(const struct eval *eval, size_t question)
{
    const struct judged_question *judged = &eval->answers.questions[question];
    bool any_yes_or_no = false;
    for (size_t i = 0; i < judged->n_classes; i++)
        any_yes_or_no = any_yes_or_no || strcmp(judged->classes[i].name, "yes") == 0 ||
                        strcmp(judged->classes[i].name, "no") == 0;
    for (size_t i = 0; i < eval->labels.n_items && any_yes_or_no; i++) {
        struct error err = {0};
        enum truth truth;
        const struct label *label = &eval->labels.items[i];
        if (label->question == question && label_truth(label, &truth, &err) < 0) {
            message("%s: judged as a choice, since %s", judged->name, err.text);
            return;
        }
    }
}

static int read_answers(struct eval *eval, const struct arguments *arguments, struct error *err)
{
    if (labels_index(&eval->labels, err) < 0)
        return -1;
    eval->answers.labels = &eval->labels;
    eval->answers.corrections = eval->any_corrections ? &eval->corrections : NULL;
    if (answers_init(&eval->answers, err) < 0)
        return -1;
    for (size_t i = 0; i < arguments->n_operands; i++)
        if (answers_read(&eval->answers, arguments->operands[i], err) < 0)
            return -1;
    if (answers_complete(&eval->answers, err) < 0)
        return -1;
    for (size_t i = 0; i < eval->labels.n_questions; i++) {
        const struct judged_question *question = &eval->answers.questions[i];
        if (question->n_missing > 0)
            message("%s: %llu labelled documents have no answer", question->name,
                    (unsigned long long)question->n_missing);
        if (question->is_choice)
            tell_choice(eval, i);
        if (question->n_unsure > 0)
            message("%s: %llu answers are unsure (neither yes nor no was likely)", question->name,
                    (unsigned long long)question->n_unsure);
    }
    return 0;
}

/* Brier score when each fifth is calibrated by what the other four say; NaN where one cannot. */
static double cross_validate(const struct scored *sorted, size_t n, enum calibration_method method)
{
    struct scored *others = malloc((n + 1) * sizeof *others);
    struct scored *calibrated = malloc((n + 1) * sizeof *calibrated);
    bool good = others && calibrated;
    for (size_t fold = 0; fold < N_FOLDS && good; fold++) {
        struct calibration calibration;
        struct error err = {0};
        size_t n_others = 0;
        for (size_t i = 0; i < n; i++)
            if (i % N_FOLDS != fold)
                others[n_others++] = sorted[i];
        good = calibration_fit(&calibration, method, others, n_others, &err) == 0;
        for (size_t i = fold; i < n && good; i += N_FOLDS)
            calibrated[i] =
                (struct scored){calibration_apply(&calibration, sorted[i].p), sorted[i].yes};
        if (good)
            calibration_deinit(&calibration);
    }
    double brier = good ? brier_score(calibrated, n) : NAN;
    free(others);
    free(calibrated);
    return brier;
}

static int fit(struct eval *eval, struct error *err)
{
    enum calibration_method method = (enum calibration_method)eval->fit;
    for (size_t i = 0; i < eval->labels.n_questions; i++) {
        const struct judged_question *question = &eval->answers.questions[i];
        if (question->n_items == 0 || question->is_choice)
            continue;
        struct calibrated_question *fitted =
            calibrations_add(&eval->fitted, question->name, question->text, err);
        if (!fitted)
            return -1;
        fitted->n = question->n_items;
        for (size_t k = 0; k < question->n_items; k++)
            fitted->n_yes += question->items[k].yes;
        if (calibration_fit(&fitted->calibration, method, question->items, question->n_items, err) <
            0)
            return fail_context(err, "%s", question->name);
        message("%s: Brier score %.4f as it is, %.4f with %s (%d-fold cross-validation)",
                question->name, brier_score(question->items, question->n_items),
                cross_validate(question->items, question->n_items, method),
                calibration_method_name(method), N_FOLDS);
    }
    return eval->fitted.n_questions > 0
               ? 0
               : fail(err, ERROR_USAGE, "--fit: there is no question with answers of yes and no");
}

static int write_file(const char *path, void (*write)(const void *what, struct out *out),
                      const void *what, struct error *err)
{
    struct out out = {.file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we")};
    if (!out.file)
        return fail_errno(err, ERROR_IO, errno, "%s", path);
    write(what, &out);
    int status = out_flush(&out, err);
    if (out.file != stdout && fclose(out.file) != 0 && status == 0)
        status = fail_errno(err, ERROR_IO, errno, "write error");
    return status < 0 ? fail_context(err, "%s", path) : 0;
}

static void write_calibrations(const void *what, struct out *out)
{
    calibrations_write(what, out);
}

static void write_curves(const void *what, struct out *out)
{
    const struct eval *eval = what;
    curves_svg(&eval->answers, eval->report.threshold, out);
}

static int run(struct eval *eval, const struct arguments *arguments, struct error *err)
{
    struct out out = {.file = stdout};
    if (read_answers(eval, arguments, err) < 0 || (eval->fit >= 0 && fit(eval, err) < 0))
        return -1;
    if (eval->json)
        eval_report_json(&eval->answers, &eval->report, &out);
    else
        eval_report_text(&eval->answers, &eval->report, &out);
    if (out_flush(&out, err) < 0)
        return -1;
    if (eval->svg_path && write_file(eval->svg_path, write_curves, eval, err) < 0)
        return -1;
    return eval->output_path ? write_file(eval->output_path, write_calibrations, &eval->fitted, err)
                             : 0;
}

int cmd_eval(const struct arguments *arguments)
{
    struct error err = {0};
    struct eval eval = {.report.threshold = 0.5, .fit = -1};
    int status;
    if (read_options(&eval, arguments, &err) < 0)
        status = err.kind == ERROR_USAGE ? message_usage(&err, "eval") : message_error(&err);
    else
        status = run(&eval, arguments, &err) < 0 ? message_error(&err) : EXIT_MATCH;
    answers_deinit(&eval.answers);
    labels_deinit(&eval.labels);
    calibrations_deinit(&eval.corrections);
    calibrations_deinit(&eval.fitted);
    return status;
}
