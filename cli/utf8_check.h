#ifndef UTF8_CHECK_H
#define UTF8_CHECK_H
/* What is UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF). */

#include <stdbool.h>
#include <stddef.h>

/* Length of the character at [text], 0 when it is none. [n_bytes] >= 1. */
size_t utf8_char_bytes(const char *text, size_t n_bytes);
bool utf8_is_valid(const char *text, size_t n_bytes);

#endif
