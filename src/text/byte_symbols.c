#include "text/byte_symbols.h"

#include "base/utf8.h"

#include <stdbool.h>

static bool is_printable(uint32_t code)
{
    return (code >= 0x21 && code <= 0x7e) || (code >= 0xa1 && code <= 0xff && code != 0xad);
}

/* The byte of a symbol, -1 when it is none. */
static int symbol_byte(uint32_t code)
{
    if (is_printable(code)) {
        return (int)code;
    }
    /* U+0100 + k is the k-th byte that is not printable: 0x00-0x20, 0x7f-0xa0, 0xad. */
    uint32_t k = code - 0x100;
    if (code < 0x100 || k > 67) {
        return -1;
    }
    return k <= 0x20 ? (int)k : k < 67 ? (int)(k - 0x21 + 0x7f) : 0xad;
}

long byte_symbols_decode(const char *name, size_t n_bytes, char *to)
{
    long n = 0;
    for (size_t at = 0; at < n_bytes;) {
        uint32_t code;
        size_t length = utf8_decode(name + at, n_bytes - at, &code);
        int byte = length > 0 ? symbol_byte(code) : -1;
        if (byte < 0) {
            return -1;
        }
        to[n++] = (char)byte;
        at += length;
    }
    return n;
}
