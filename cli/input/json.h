#ifndef JSON_H
#define JSON_H
/* JSON texts (RFC 8259, and NaN and Infinity, which Python writes) in memory: checked whole, then
 * given member by member. Nesting is limited, so that no text can exhaust the stack. */

#include "base/bytes.h"

enum json_type {
    JSON_NULL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_value {
    enum json_type type;
    const char *text; /* as written, in the text that was given */
    size_t n_bytes;
};

/* The one value that [text] is, with white space around it. Errors say at which byte. */
int json_parse(const char *text, size_t n_bytes, struct json_value *value,
               struct error *err) MUST_CHECK;

/* The members of an object that json_parse gave: starts at *at = 0. [key] is replaced. 1; 0: no
 * more; -1: out of memory. */
int json_next_member(const struct json_value *object, size_t *at, struct bytes *key,
                     struct json_value *value, struct error *err) MUST_CHECK;

/* Appends the characters of a string as UTF-8; half a surrogate pair becomes U+FFFD. */
int json_append_string(const struct json_value *string, struct bytes *out,
                       struct error *err) MUST_CHECK;

#endif
