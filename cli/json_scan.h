#ifndef JSON_SCAN_H
#define JSON_SCAN_H
/* JSON texts (RFC 8259), value by value, as they are written: nothing is copied, and memory is that
 * of the struct, however deep the text. NaN, Infinity and -Infinity, which Python writes, count as
 * numbers. A tree of a whole text is made by json_read. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define JSON_MOST_DEPTH 512 /* arrays and objects in one another */

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* A value, or the end of an array or object. */
struct json_item {
    enum json_kind kind;
    bool is_end;
    unsigned depth;   /* of the arrays and objects around it */
    const char *name; /* the key in an object, without its quotes; else NULL */
    size_t n_name;
    const char *text; /* a string without its quotes; of an array or object only the bracket */
    size_t n_bytes;
};

struct json_scan {
    const char *start, *at, *end;
    unsigned depth;
    bool has_value; /* the array, object or text has one already */
    bool in_object[JSON_MOST_DEPTH + 1];
};

void json_scan_init(struct json_scan *scan, const char *text, size_t n_bytes);

/* 1: *item points into the text; 0: the text was one value, and is over; -1 saying at which byte it
 * is not JSON. */
int json_scan_next(struct json_scan *scan, struct json_item *item, struct error *err) MUST_CHECK;

/* Whether a text is JSON. */
int json_check(const char *text, size_t n_bytes, struct error *err) MUST_CHECK;

/* What a lone surrogate \udcXX with XX >= 80 stands for: what Python and out_json_text write for
 * the byte XX of a text that is not UTF-8, or nothing that is text. */
enum json_surrogates { JSON_SURROGATE_IS_BYTE, JSON_SURROGATE_IS_NO_TEXT };

/* The characters of a string, or name, of an item as UTF-8; returns how many bytes, never more than
 * [n_bytes], for which [to] has room. Bytes stay as they are, other lone surrogates become U+FFFD.
 */
size_t json_decode(const char *text, size_t n_bytes, enum json_surrogates surrogates, char *to);

#endif
