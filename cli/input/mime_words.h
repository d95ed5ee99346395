#ifndef MIME_WORDS_H
#define MIME_WORDS_H
/* The small codes of mail: transfer encodings of bodies (RFC 2045), encoded words (RFC 2047) and
 * parameters (RFC 2231) of headers. What is wrong in them is left as it is. */

#include "base/bytes.h"

#include <stdbool.h>

int mime_decode_base64(const char *text, size_t n_bytes, struct bytes *out,
                       struct error *err) MUST_CHECK;
/* [in_header]: the Q of encoded words, where an underscore is a space. */
int mime_decode_quoted(const char *text, size_t n_bytes, bool in_header, struct bytes *out,
                       struct error *err) MUST_CHECK;

/* Appends a header's value as UTF-8, its encoded words decoded. */
int mime_decode_header(const char *text, size_t n_bytes, struct bytes *out,
                       struct error *err) MUST_CHECK;

/* A parameter of a header such as `text/plain; charset="utf-8"`, replacing [out], which is empty
 * when there is none. */
int mime_parameter(const char *header, const char *name, struct bytes *out,
                   struct error *err) MUST_CHECK;

#endif
