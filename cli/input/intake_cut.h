#ifndef INTAKE_CUT_H
#define INTAKE_CUT_H
/* The beginning of an input: at most [most_bytes] of it, and no half of a character of UTF-8 or
 * UTF-16 at the end. */

#include "intake.h"

#include <stdbool.h>

/* Takes [input], also on failure. Once the end has been read, *is_cut, which must stay where it is
 * until then, says whether there is more of the input. NULL with [err]. */
struct intake *intake_cut(struct intake *input, size_t most_bytes, bool *is_cut,
                          struct error *err) MUST_CHECK;

#endif
