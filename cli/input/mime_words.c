#include "mime_words.h"

#include "charset.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int mime_decode_base64(const char *text, size_t n_bytes, struct bytes *out, struct error *err)
{
    unsigned bits = 0, n_bits = 0;
    if (bytes_reserve(out, n_bytes / 4 * 3 + 3, err) < 0)
        return -1;
    for (size_t i = 0; i < n_bytes; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            continue; /* line ends, padding, and what does not belong there */
        bits = bits << 6 | (unsigned)digit;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out->data[out->n_bytes++] = (char)(bits >> n_bits & 0xff);
        }
    }
    out->data[out->n_bytes] = '\0';
    return 0;
}

static int hex_digit(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* Two hexadecimal digits at [text]; -1: they are not. */
static int hex_byte(const char *text, size_t n_bytes)
{
    int high = n_bytes >= 2 ? hex_digit(text[0]) : -1;
    int low = high >= 0 ? hex_digit(text[1]) : -1;
    return low >= 0 ? high * 16 + low : -1;
}

/* Spaces at the end of a line were added on the way; "=" at the end says that the line goes on. */
int mime_decode_quoted(const char *text, size_t n_bytes, bool in_header, struct bytes *out,
                       struct error *err)
{
    if (bytes_reserve(out, n_bytes, err) < 0)
        return -1;
    for (size_t i = 0; i < n_bytes; i++) {
        char c = text[i];
        size_t n_space = 0;
        int byte = c == '=' ? hex_byte(text + i + 1, n_bytes - i - 1) : -1;
        size_t after = i + (c == '=');
        while (after + n_space < n_bytes && !in_header && strchr(" \t", text[after + n_space]) &&
               text[after + n_space])
            n_space++;
        bool ends_line = after + n_space == n_bytes || text[after + n_space] == '\n';
        if (byte >= 0) {
            c = (char)byte;
            i += 2;
        } else if (c == '=' && ends_line && !in_header) {
            i = after + n_space;
            continue;
        } else if (n_space > 0 && c != '=') {
            if (!ends_line) {
                memcpy(out->data + out->n_bytes, text + i, n_space);
                out->n_bytes += n_space;
            }
            i += n_space - 1;
            continue;
        } else if (c == '_' && in_header) {
            c = ' ';
        }
        out->data[out->n_bytes++] = c;
    }
    out->data[out->n_bytes] = '\0';
    return 0;
}

/* ---- Encoded words ---- */

struct word {
    char charset[CHARSET_NAME_BYTES];
    bool is_base64;
    const char *text; /* encoded */
    size_t n_text;
    const char *end; /* behind it */
};

/* =?charset?B?text?= at [at]; a language after the charset (RFC 2231) does not matter. */
static bool read_word(const char *at, const char *end, struct word *word)
{
    if (end - at < 8 || memcmp(at, "=?", 2) != 0)
        return false;
    const char *charset = at + 2;
    const char *encoding = memchr(charset, '?', (size_t)(end - charset));
    if (!encoding || end - encoding < 5 || encoding[2] != '?')
        return false;
    size_t n_charset = (size_t)(encoding - charset);
    if (n_charset == 0 || n_charset >= sizeof word->charset)
        return false;
    memcpy(word->charset, charset, n_charset);
    word->charset[n_charset] = '\0';
    word->charset[strcspn(word->charset, "*")] = '\0';
    int letter = tolower((unsigned char)encoding[1]);
    word->is_base64 = letter == 'b';
    word->text = encoding + 3;
    const char *mark = word->text;
    while (mark + 1 < end && (mark[0] != '?' || mark[1] != '='))
        mark++;
    word->n_text = (size_t)(mark - word->text);
    word->end = mark + 2;
    return mark + 1 < end && (letter == 'b' || letter == 'q');
}

/* Words of one character set that follow each other are one text: some programs cut characters in
 * two. *at goes behind the last. */
static int decode_words(const char **at, const char *end, struct word *word, struct bytes *out,
                        struct error *err)
{
    struct bytes text = {0};
    struct word next = *word;
    int status = 0;
    for (;;) {
        status = next.is_base64 ? mime_decode_base64(next.text, next.n_text, &text, err)
                                : mime_decode_quoted(next.text, next.n_text, true, &text, err);
        *at = next.end;
        const char *after = next.end;
        while (after < end && strchr(" \t", *after) && *after)
            after++;
        if (status < 0 || !read_word(after, end, &next) ||
            strcasecmp(next.charset, word->charset) != 0)
            break;
    }
    if (status == 0)
        status = charset_to_utf8(&text, word->charset, err);
    if (status == 0)
        status = bytes_append(out, text.data ? text.data : "", text.n_bytes, err);
    bytes_deinit(&text);
    return status;
}

static int append_plain(const char *text, size_t n_bytes, struct bytes *out, struct error *err)
{
    struct bytes plain = {0};
    int status = bytes_append(&plain, text, n_bytes, err);
    if (status == 0)
        status = charset_repair(&plain, err);
    if (status == 0)
        status = bytes_append(out, plain.data, plain.n_bytes, err);
    bytes_deinit(&plain);
    return status;
}

int mime_decode_header(const char *text, size_t n_bytes, struct bytes *out, struct error *err)
{
    const char *at = text, *end = text + n_bytes;
    bool after_word = false;
    while (at < end) {
        struct word word;
        if (read_word(at, end, &word)) {
            if (decode_words(&at, end, &word, out, err) < 0)
                return -1;
            after_word = true;
            continue;
        }
        const char *next = at + 1;
        while (next < end && !(next[0] == '=' && read_word(next, end, &word)))
            next++;
        size_t n_plain = (size_t)(next - at), n_space = 0;
        while (n_space < n_plain && strchr(" \t", at[n_space]) && at[n_space])
            n_space++;
        bool between = after_word && next < end && n_space == n_plain; /* space of no meaning */
        if (!between && append_plain(at, n_plain, out, err) < 0)
            return -1;
        at = next;
        after_word = false;
    }
    return 0;
}

/* ---- Parameters ---- */

/* The value at [at], quoted or not; returns what is behind it. */
static const char *read_value(const char *at, struct bytes *out, struct error *err)
{
    if (*at != '"') {
        size_t n = strcspn(at, "; \t\r\n");
        return bytes_append(out, at, n, err) < 0 ? NULL : at + n;
    }
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
        if (bytes_append(out, at, 1, err) < 0)
            return NULL;
    }
    return at + (*at == '"');
}

/* charset'language'text with %XX, in place. */
static int decode_extended(struct bytes *value, struct error *err)
{
    char charset[CHARSET_NAME_BYTES] = "";
    struct bytes text = {0};
    const char *at = value->data;
    size_t n_charset = at ? strcspn(at, "'") : 0;
    const char *second = at && at[n_charset] ? strchr(at + n_charset + 1, '\'') : NULL;
    if (second && n_charset < sizeof charset) {
        memcpy(charset, at, n_charset);
        charset[n_charset] = '\0';
        at = second + 1;
    }
    int status = 0;
    while (at && *at && status == 0) {
        int byte = *at == '%' ? hex_byte(at + 1, strlen(at + 1)) : -1;
        char c = byte >= 0 ? (char)byte : *at;
        status = bytes_append(&text, &c, 1, err);
        at += byte >= 0 ? 3 : 1;
    }
    if (status == 0)
        status = charset_to_utf8(&text, charset[0] ? charset : NULL, err);
    bytes_deinit(value);
    *value = text;
    return status;
}

int mime_parameter(const char *header, const char *name, struct bytes *out, struct error *err)
{
    size_t n_name = strlen(name);
    bool extended = false;
    struct bytes value = {0};
    int status = 0;
    bytes_clear(out);
    for (const char *at = strchr(header, ';'); at && status == 0; at = strchr(at, ';')) {
        at += 1 + strspn(at + 1, " \t\r\n");
        size_t n = strcspn(at, "= \t;");
        const char *equals = at + n + strspn(at + n, " \t");
        bool is_it = n >= n_name && strncasecmp(at, name, n_name) == 0 &&
                     (n == n_name || at[n_name] == '*'); /* name, name*, name*0, name*0* */
        bool is_extended = n > n_name && at[n - 1] == '*';
        if (*equals != '=') {
            at = equals;
            continue;
        }
        bytes_clear(&value);
        at = read_value(equals + 1 + strspn(equals + 1, " \t"), &value, err);
        status = at ? 0 : -1;
        if (status == 0 && is_it && n == n_name && out->n_bytes > 0)
            continue; /* the extended form says more */
        if (status == 0 && is_it) {
            extended = extended || is_extended;
            status = bytes_append(out, value.data ? value.data : "", value.n_bytes, err);
        }
        if (!at)
            break;
    }
    bytes_deinit(&value);
    if (status == 0 && extended)
        status = decode_extended(out, err);
    return status;
}
