#ifndef OUT_H
#define OUT_H
/* A stream that remembers its first failure with its errno, so that a full disk is told from a
 * closed pipe however late one looks. Writing after a failure does nothing. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct out {
    FILE *file;     /* borrowed */
    int os_errno;   /* of the first failure */
    bool unflushed; /* something was written since the last out_flush */
};

void out_bytes(struct out *out, const void *data, size_t n_bytes);
void out_text(struct out *out, const char *text);
void out_char(struct out *out, char c);
void out_format(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "%.9g", which gives back any float; null for what is not a number, as JSON wants. */
void out_number(struct out *out, double value);
/* A JSON string; a byte XX that is not UTF-8 becomes \udcXX (PEP 383's surrogateescape), so that
 * nothing is lost. */
void out_json_text(struct out *out, const char *text, size_t n_bytes);
/* The same without its quotes, for a string of several parts. */
void out_json_part(struct out *out, const char *text, size_t n_bytes);
/* A JSON string, or {"bytes": base64} for what is not UTF-8. */
void out_json_value(struct out *out, const char *text, size_t n_bytes);

/* `, "key": value` of a JSON object that has begun. Text may be NULL: null. */
void out_key_count(struct out *out, const char *key, uint64_t value);
void out_key_number(struct out *out, const char *key, double value);
void out_key_text(struct out *out, const char *key, const char *value);

/* Also reports what failed before. */
int out_flush(struct out *out, struct error *err) MUST_CHECK;
int out_check(const struct out *out, struct error *err) MUST_CHECK;

#endif
