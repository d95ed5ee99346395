#ifndef CALIBRATION_FILE_H
#define CALIBRATION_FILE_H
/* Calibrations of several questions in one JSON file:
 *
 *   {"trawl_calibration": 1, "questions": [
 *    {"name": "event", "question": "Is this an event?", "method": "platt", "n": 160, "n_yes": 73,
 *     "slope": 0.93, "intercept": -0.21},
 *    {"name": "free", "question": null, "method": "isotonic", "n": 73, "n_yes": 37,
 *     "points": [[0.01, 0.0], [0.4, 0.25]]}]} */

#include "calibration.h"

struct out;

struct calibrated_question {
    char *name, *text; /* text may be NULL */
    uint64_t n, n_yes; /* what it was fitted on */
    struct calibration calibration;
};

struct calibrations {
    struct calibrated_question *questions; /* [n_questions] */
    size_t n_questions;
    char *path;
};

/* A new entry, zeroed but for its name and text, which are copied. NULL without memory. */
struct calibrated_question *calibrations_add(struct calibrations *calibrations, const char *name,
                                             const char *text, struct error *err) MUST_CHECK;

int calibrations_read(struct calibrations *calibrations, const char *path,
                      struct error *err) MUST_CHECK;
void calibrations_write(const struct calibrations *calibrations, struct out *out);
void calibrations_deinit(struct calibrations *calibrations);

/* By the text of the question, else by its name; either may be NULL. Fails naming what there is. */
const struct calibrated_question *calibrations_find(const struct calibrations *calibrations,
                                                    const char *name, const char *text,
                                                    struct error *err) MUST_CHECK;

#endif
