#ifndef FIELD_TEMPLATE_H
#define FIELD_TEMPLATE_H
/* Texts made of fields: "{title}\n{body}". {{ and }} are braces; \n, \t and \\ mean what they mean
 * in most languages. {text} is the record's own text where no field is called so. A field that a
 * record lacks is empty. */

#include "base/bytes.h"
#include "record.h"

/* Whether it can be used: every brace closed. */
int field_template_check(const char *template, struct error *err) MUST_CHECK;
int field_template_render(const char *template, const struct record *record, struct bytes *out,
                          struct error *err) MUST_CHECK;

#endif
