#ifndef BASE_UTF8_H
#define BASE_UTF8_H
/* UTF-8, strictly (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF), one
 * character at a time. */

#include <stddef.h>
#include <stdint.h>

/* Bytes of the valid character at the start of text[0, n_bytes), its code point in *code; 0 when
 * there is none. */
static inline size_t utf8_decode(const char *text, size_t n_bytes, uint32_t *code)
{
    static const uint32_t LEAST[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)text;
    if (n_bytes == 0) {
        return 0;
    }
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    size_t n = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (n == 0 || n > n_bytes) {
        return 0;
    }
    uint32_t value = s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (s[i] & 0x3fu);
    }
    if (value < LEAST[n] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
        return 0;
    }
    *code = value;
    return n;
}

/* Writes [code] (at most U+10FFFF) to [to], returns its bytes, at most 4. */
static inline size_t utf8_encode(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* The run of one kind at the start of text[0, n_bytes), n_bytes > 0: *valid says whether it is
 * UTF-8 or bytes that are not. */
static inline size_t utf8_run(const char *text, size_t n_bytes, int *valid)
{
    uint32_t code;
    size_t at = 0;
    *valid = utf8_decode(text, n_bytes, &code) > 0;
    while (at < n_bytes) {
        size_t n = utf8_decode(text + at, n_bytes - at, &code);
        if ((n > 0) != *valid) {
            break;
        }
        at += n > 0 ? n : 1;
    }
    return at;
}

#endif
