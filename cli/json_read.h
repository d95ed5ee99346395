#ifndef JSON_READ_H
#define JSON_READ_H
/* JSON texts (RFC 8259) as trees, for what people and other programs write: labels, answers,
 * calibrations. Everything lives in the caller's arena, and takes many times the text's memory:
 * what may be large is read with json_scan. */

#include "base/arena.h"
#include "json_scan.h"

struct json {
    enum json_kind kind;
    const char *name; /* the key, in an object */
    /* A string, decoded (NUL-terminated, NULs may be inside); a number, as it is written. A lone
     * surrogate \udcXX is the byte XX, as out_json_text writes it; others become U+FFFD. */
    const char *text;
    size_t n_bytes;
    double number;                   /* finite */
    const struct json *first, *next; /* what an array or object holds; its neighbour */
};

/* NULL with [err] saying at which byte. */
const struct json *json_read(struct arena *arena, const char *text, size_t n_bytes,
                             struct error *err) MUST_CHECK;

/* The last of that name in an object; NULL when there is none, or [json] is no object or NULL. */
const struct json *json_member(const struct json *json, const char *name);

/* Whether it is the string [text]. [json] may be NULL. */
bool json_is_text(const struct json *json, const char *text);

#endif
