#ifndef CHARSET_H
#define CHARSET_H
/* Text of any character set as UTF-8. What a text says about itself is believed in this order: a
 * byte order mark; being valid UTF-8; a declaration; else it is windows-1252. Bytes that a set does
 * not have become U+FFFD: nothing is refused. */

#include "intake.h"

#include <stdbool.h>

#define CHARSET_NAME_BYTES 64

/* Converts in place. [declared], NULL: nothing, is a name as mail and pages write it; unknown ones
 * count as none. A declared set that is written in ASCII bytes (ISO-2022-JP) is believed first. */
int charset_to_utf8(struct bytes *text, const char *declared, struct error *err) MUST_CHECK;
/* The same without a mark and a declaration: for a part of a text. */
int charset_repair(struct bytes *text, struct error *err) MUST_CHECK;

/* What an HTML page declares in the <meta> of its first bytes; false: nothing. */
bool charset_of_page(const char *page, size_t n_bytes, char name[CHARSET_NAME_BYTES]);

/* Whether it begins with a mark of UTF-16 or UTF-32, whose text is full of NUL bytes. */
bool charset_is_wide(const char *head, size_t n_bytes);

/* The input without its byte order mark, from UTF-16 and UTF-32 as UTF-8. Takes [input], also on
 * failure. */
struct intake *charset_open(struct intake *input, struct error *err) MUST_CHECK;

#endif
