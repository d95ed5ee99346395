#ifndef DAY_WINDOW_H
#define DAY_WINDOW_H
/* Spans of time as people write them: a part of every day by the local clock (23:00-07:00), and how
 * long something lasts (6h, 1h30m). */

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* [from, to) in minutes since midnight, across midnight where to < from. */
struct day_window {
    int from, to; /* equal: no window is set */
};

/* "HH:MM-HH:MM"; 24:00 may end one. */
int day_window_read(struct day_window *window, const char *text, struct error *err) MUST_CHECK;
bool day_window_holds(const struct day_window *window, time_t now);

/* Numbers (fractions too) with s, m, h or d behind each, added up: at least a millisecond, at most
 * a thousand days. */
int duration_read(uint64_t *ns, const char *text, struct error *err) MUST_CHECK;

#endif
