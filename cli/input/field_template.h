#ifndef FIELD_TEMPLATE_H
#define FIELD_TEMPLATE_H
/* Texts made of a record's fields: "{title}, {city}". {{ and }} are braces. */

#include "base/bytes.h"
#include "record.h"

#include <stdbool.h>

/* What the text is for, and so what else it may say. */
enum template_use {
    /* \n, \t and \\ mean what they mean in most languages, {text} is the record's own text where no
     * field is called so, and a field that a record lacks is empty. */
    TEMPLATE_OF_DOCUMENT,
    /* {id} is the record's name where no field is called so, and no field may be missing: a
     * question with a gap would be another question. */
    TEMPLATE_OF_QUESTION,
};

/* Whether it can be used: every brace closed. *has_fields, which may be NULL: whether what it gives
 * depends on the record. */
int field_template_check(const char *template, enum template_use use, bool *has_fields,
                         struct error *err) MUST_CHECK;

/* Appends the text. ERROR_USAGE naming a field that is missing. */
int field_template_render(const char *template, enum template_use use, const struct record *record,
                          struct bytes *out, struct error *err) MUST_CHECK;

#endif
