#include "calibration_file.h"

#include "../input/whole.h"
#include "../json_read.h"
#include "../output/out.h"
#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1

struct calibrated_question *calibrations_add(struct calibrations *calibrations, const char *name,
                                             const char *text, struct error *err)
{
    size_t n = calibrations->n_questions + 1;
    struct calibrated_question *questions = realloc(calibrations->questions, n * sizeof *questions);
    if (!questions) {
        fail_memory(err, n * sizeof *questions, "calibration");
        return NULL;
    }
    calibrations->questions = questions;
    struct calibrated_question *added = &questions[n - 1];
    *added = (struct calibrated_question){.name = strdup(name), .text = text ? strdup(text) : NULL};
    calibrations->n_questions = n;
    if (added->name && (added->text || !text))
        return added;
    fail_memory(err, strlen(name), "calibration");
    return NULL;
}

/* ---- Reading ---- */

static const char *string_of(const struct json *json)
{
    return json && json->kind == JSON_STRING ? json->text : NULL;
}

static int read_number(const struct json *object, const char *name, double *out, struct error *err)
{
    const struct json *json = json_member(object, name);
    if (!json || json->kind != JSON_NUMBER)
        return fail(err, ERROR_FORMAT, "there is no number \"%s\"", name);
    *out = json->number;
    return 0;
}

static int read_points(const struct json *object, struct calibration *calibration,
                       struct error *err)
{
    const struct json *points = json_member(object, "points");
    size_t n = 0;
    if (!points || points->kind != JSON_ARRAY || !points->first)
        return fail(err, ERROR_FORMAT, "there is no array \"points\"");
    for (const struct json *point = points->first; point; point = point->next)
        n++;
    calibration->x = calloc(n, sizeof *calibration->x);
    calibration->y = calloc(n, sizeof *calibration->y);
    if (!calibration->x || !calibration->y)
        return fail_memory(err, 2 * n * sizeof *calibration->x, "calibration");
    for (const struct json *point = points->first; point; point = point->next) {
        const struct json *x = point->kind == JSON_ARRAY ? point->first : NULL;
        const struct json *y = x ? x->next : NULL;
        if (!y || x->kind != JSON_NUMBER || y->kind != JSON_NUMBER)
            return fail(err, ERROR_FORMAT, "\"points\" are not pairs of numbers");
        size_t i = calibration->n_points;
        if (i > 0 && (x->number <= calibration->x[i - 1] || y->number < calibration->y[i - 1]))
            return fail(err, ERROR_FORMAT, "\"points\" do not rise");
        if (x->number < 0 || x->number > 1 || y->number < 0 || y->number > 1)
            return fail(err, ERROR_FORMAT, "\"points\" are not between 0 and 1");
        calibration->x[i] = x->number;
        calibration->y[i] = y->number;
        calibration->n_points++;
    }
    return 0;
}

static int read_question(struct calibrations *calibrations, const struct json *json,
                         struct error *err)
{
    const char *name = string_of(json_member(json, "name"));
    const char *method = string_of(json_member(json, "method"));
    double n = 0, n_yes = 0;
    if (!name)
        return fail(err, ERROR_FORMAT, "a question has no \"name\"");
    struct calibrated_question *question =
        calibrations_add(calibrations, name, string_of(json_member(json, "question")), err);
    if (!question)
        return -1;
    struct calibration *calibration = &question->calibration;
    if (read_number(json, "n", &n, err) < 0 || read_number(json, "n_yes", &n_yes, err) < 0)
        return -1;
    if (n >= 0 && n < 1e15 && n_yes >= 0 && n_yes <= n) {
        question->n = (uint64_t)n;
        question->n_yes = (uint64_t)n_yes;
    }
    if (method && strcmp(method, "platt") == 0) {
        calibration->method = CALIBRATION_PLATT;
        if (read_number(json, "slope", &calibration->slope, err) < 0 ||
            read_number(json, "intercept", &calibration->intercept, err) < 0)
            return -1;
        return calibration->slope >= 0 ? 0 : fail(err, ERROR_FORMAT, "\"slope\" is negative");
    }
    calibration->method = CALIBRATION_ISOTONIC;
    if (!method || strcmp(method, "isotonic") != 0)
        return fail(err, ERROR_UNSUPPORTED, "\"method\" is neither platt nor isotonic");
    return read_points(json, calibration, err);
}

static int read_all(struct calibrations *calibrations, const struct json *json, struct error *err)
{
    const struct json *version = json_member(json, "trawl_calibration");
    const struct json *questions = json_member(json, "questions");
    if (!version || !questions || questions->kind != JSON_ARRAY)
        return fail(err, ERROR_FORMAT,
                    "this is no calibration (`trawl eval --fit platt -o FILE` makes one)");
    if (version->kind != JSON_NUMBER || version->number != VERSION)
        return fail(err, ERROR_UNSUPPORTED, "a calibration of another version than %d", VERSION);
    for (const struct json *question = questions->first; question; question = question->next)
        if (read_question(calibrations, question, err) < 0)
            return -1;
    return 0;
}

int calibrations_read(struct calibrations *calibrations, const char *path, struct error *err)
{
    struct arena arena = {0};
    struct bytes text = {0};
    *calibrations = (struct calibrations){.path = strdup(path)};
    int status = calibrations->path ? whole_read(path, &text, err)
                                    : fail_memory(err, strlen(path), "calibration");
    if (status == 0) {
        const struct json *json = json_read(&arena, text.data, text.n_bytes, err);
        status = json ? read_all(calibrations, json, err) : -1;
        if (status < 0)
            fail_context(err, "%s", path);
    }
    arena_deinit(&arena);
    bytes_deinit(&text);
    return status;
}

/* ---- Writing ---- */

void calibrations_write(const struct calibrations *calibrations, struct out *out)
{
    out_format(out, "{\"trawl_calibration\": %d, \"questions\": [", VERSION);
    for (size_t i = 0; i < calibrations->n_questions; i++) {
        const struct calibrated_question *question = &calibrations->questions[i];
        const struct calibration *calibration = &question->calibration;
        out_text(out, i > 0 ? ",\n {\"name\": " : "\n {\"name\": ");
        out_json_text(out, question->name, strlen(question->name));
        out_key_text(out, "question", question->text);
        out_key_text(out, "method", calibration_method_name(calibration->method));
        out_key_count(out, "n", question->n);
        out_key_count(out, "n_yes", question->n_yes);
        if (calibration->method == CALIBRATION_PLATT) {
            out_format(out, ", \"slope\": %.17g, \"intercept\": %.17g}", calibration->slope,
                       calibration->intercept);
            continue;
        }
        out_text(out, ", \"points\": [");
        for (size_t k = 0; k < calibration->n_points; k++)
            out_format(out, "%s[%.17g, %.17g]", k > 0 ? ", " : "", calibration->x[k],
                       calibration->y[k]);
        out_text(out, "]}");
    }
    out_text(out, "\n]}\n");
}

void calibrations_deinit(struct calibrations *calibrations)
{
    for (size_t i = 0; i < calibrations->n_questions; i++) {
        free(calibrations->questions[i].name);
        free(calibrations->questions[i].text);
        calibration_deinit(&calibrations->questions[i].calibration);
    }
    free(calibrations->questions);
    free(calibrations->path);
    *calibrations = (struct calibrations){0};
}

const struct calibrated_question *calibrations_find(const struct calibrations *calibrations,
                                                    const char *name, const char *text,
                                                    struct error *err)
{
    for (size_t i = 0; i < calibrations->n_questions; i++) {
        const struct calibrated_question *question = &calibrations->questions[i];
        if (text && question->text && strcmp(question->text, text) == 0)
            return question;
    }
    for (size_t i = 0; i < calibrations->n_questions; i++) {
        const struct calibrated_question *question = &calibrations->questions[i];
        if ((name && strcmp(question->name, name) == 0) ||
            (text && strcmp(question->name, text) == 0))
            return question;
    }
    char names[256] = "";
    for (size_t i = 0; i < calibrations->n_questions; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? ", " : "",
                 calibrations->questions[i].name);
    fail(err, ERROR_USAGE, "%s: no calibration for the question '%s'; there is one for: %s",
         calibrations->path ? calibrations->path : "calibration", text ? text : name, names);
    return NULL;
}
