#include "out.h"

#include "../utf8_check.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

static void note(struct out *out, bool failed)
{
    out->unflushed = true;
    if (failed && !out->os_errno)
        out->os_errno = errno ? errno : EIO;
}

void out_bytes(struct out *out, const void *data, size_t n_bytes)
{
    if (!out->os_errno && n_bytes > 0)
        note(out, fwrite(data, 1, n_bytes, out->file) != n_bytes);
}

void out_text(struct out *out, const char *text)
{
    out_bytes(out, text, strlen(text));
}

void out_char(struct out *out, char c)
{
    if (!out->os_errno)
        note(out, putc(c, out->file) == EOF);
}

void out_format(struct out *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!out->os_errno)
        note(out, vfprintf(out->file, format, args) < 0);
    va_end(args);
}

void out_number(struct out *out, double value)
{
    if (isfinite(value))
        out_format(out, "%.9g", value);
    else
        out_text(out, "null");
}

void out_json_part(struct out *out, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = utf8_char_bytes(text + i, n_bytes - i);
        if (n == 0)
            out_format(out, "\\udc%02x", c);
        else if (c == '"' || c == '\\')
            out_format(out, "\\%c", c);
        else if (c == '\n' || c == '\t' || c == '\r')
            out_format(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else if (c < 0x20 || c == 0x7f)
            out_format(out, "\\u%04x", c);
        else
            out_bytes(out, text + i, n);
        i += n ? n : 1;
    }
}

void out_json_text(struct out *out, const char *text, size_t n_bytes)
{
    out_char(out, '"');
    out_json_part(out, text, n_bytes);
    out_char(out, '"');
}

static void out_base64(struct out *out, const unsigned char *data, size_t n_bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n_bytes; i += 3) {
        size_t n = n_bytes - i < 3 ? n_bytes - i : 3;
        unsigned group = (unsigned)data[i] << 16 | (n > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                         (n > 2 ? (unsigned)data[i + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63],
                        digits[group & 63]};
        memset(four + n + 1, '=', 3 - n);
        out_bytes(out, four, 4);
    }
}

void out_json_value(struct out *out, const char *text, size_t n_bytes)
{
    if (utf8_is_valid(text, n_bytes)) {
        out_json_text(out, text, n_bytes);
        return;
    }
    out_text(out, "{\"bytes\": \"");
    out_base64(out, (const unsigned char *)text, n_bytes);
    out_text(out, "\"}");
}

void out_key_count(struct out *out, const char *key, uint64_t value)
{
    out_format(out, ", \"%s\": %" PRIu64, key, value);
}

void out_key_number(struct out *out, const char *key, double value)
{
    out_format(out, ", \"%s\": ", key);
    out_number(out, value);
}

void out_key_text(struct out *out, const char *key, const char *value)
{
    out_format(out, ", \"%s\": ", key);
    if (value)
        out_json_text(out, value, strlen(value));
    else
        out_text(out, "null");
}

int out_check(const struct out *out, struct error *err)
{
    if (out->os_errno)
        return fail_errno(err, ERROR_IO, out->os_errno, "write error");
    return 0;
}

int out_flush(struct out *out, struct error *err)
{
    if (!out->os_errno && out->unflushed)
        note(out, fflush(out->file) != 0);
    out->unflushed = false;
    return out_check(out, err);
}
