#ifndef CURVES_SVG_H
#define CURVES_SVG_H
/* Precision-recall and calibration curves, a row per question, as one SVG without anything from
 * outside. */

#include "../output/out.h"
#include "answers.h"

void curves_svg(const struct answers *answers, double threshold, struct out *out);

#endif
