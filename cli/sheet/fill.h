#ifndef FILL_H
#define FILL_H
/* A question as a template over a document's fields: "Is this page about {name} in {city}?". {{ and
 * }} are braces. */

#include "base/bytes.h"

#include <stdbool.h>

struct record;

/* Whether [text] has fields. Fails on a brace that does not belong to one. */
int fill_has_fields(const char *text, bool *has_fields, struct error *err) MUST_CHECK;

/* Appends [text] with the fields of [record] ({id} too). ERROR_USAGE naming a field that the record
 * does not have. */
int fill_text(const char *text, const struct record *record, struct bytes *out,
              struct error *err) MUST_CHECK;

#endif
