#ifndef WHOLE_H
#define WHOLE_H
/* A whole input in memory, for commands whose input is one text. */

#include "base/bytes.h"
#include "base/error.h"

/* Appends all of the file; NULL and "-" are standard input. */
int whole_read(const char *path, struct bytes *out, struct error *err) MUST_CHECK;

#endif
