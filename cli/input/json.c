#include "json.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MOST_NESTED 512

struct scan {
    const char *start, *at, *end;
    unsigned depth;
    struct error *err;
};

static int fail_at(const struct scan *scan, const char *what)
{
    return fail(scan->err, ERROR_FORMAT, "not JSON at byte %zu: %s",
                (size_t)(scan->at - scan->start) + 1,
                scan->at == scan->end ? "it ends too early" : what);
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

static bool take(struct scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

static bool take_word(struct scan *scan, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(scan->end - scan->at) < n || memcmp(scan->at, word, n) != 0)
        return false;
    scan->at += n;
    return true;
}

static int scan_string(struct scan *scan)
{
    if (!take(scan, '"'))
        return fail_at(scan, "a string was expected");
    while (scan->at < scan->end) {
        unsigned char c = (unsigned char)*scan->at;
        if (c < 0x20)
            return fail_at(scan, "a control character in a string");
        scan->at++;
        if (c == '"')
            return 0;
        if (c != '\\')
            continue;
        if (scan->at == scan->end || !strchr("\"\\/bfnrtu", *scan->at) || *scan->at == '\0')
            return fail_at(scan, "an escape that does not exist");
        if (*scan->at++ == 'u')
            for (int i = 0; i < 4; i++, scan->at++)
                if (scan->at == scan->end || !isxdigit((unsigned char)*scan->at))
                    return fail_at(scan, "four hexadecimal digits were expected");
    }
    return fail_at(scan, "");
}

static bool take_digits(struct scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && isdigit((unsigned char)*scan->at))
        scan->at++;
    return scan->at > start;
}

static int scan_number(struct scan *scan)
{
    take(scan, '-');
    if (take_word(scan, "Infinity"))
        return 0;
    if (!take(scan, '0') && !take_digits(scan))
        return fail_at(scan, "a value was expected");
    if (take(scan, '.') && !take_digits(scan))
        return fail_at(scan, "a digit was expected");
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+'))
            take(scan, '-');
        if (!take_digits(scan))
            return fail_at(scan, "a digit was expected");
    }
    return 0;
}

static int scan_value(struct scan *scan, struct json_value *value);

static int scan_items(struct scan *scan, bool is_object)
{
    struct json_value item;
    char end = is_object ? '}' : ']';
    scan->at++;
    if (++scan->depth > MOST_NESTED)
        return fail_at(scan, "nested too deeply");
    skip_space(scan);
    if (!take(scan, end)) {
        do {
            skip_space(scan);
            if (is_object && scan_string(scan) < 0)
                return -1;
            skip_space(scan);
            if (is_object && !take(scan, ':'))
                return fail_at(scan, "a colon was expected");
            if (scan_value(scan, &item) < 0)
                return -1;
            skip_space(scan);
        } while (take(scan, ','));
        if (!take(scan, end))
            return fail_at(scan, "a comma or the end was expected");
    }
    scan->depth--;
    return 0;
}

static int scan_value(struct scan *scan, struct json_value *value)
{
    skip_space(scan);
    value->text = scan->at;
    char c = scan->at < scan->end ? *scan->at : '\0';
    int status = 0;
    if (c == '{' || c == '[') {
        value->type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
        status = scan_items(scan, c == '{');
    } else if (c == '"') {
        value->type = JSON_STRING;
        status = scan_string(scan);
    } else if (take_word(scan, "null")) {
        value->type = JSON_NULL;
    } else if (take_word(scan, "true")) {
        value->type = JSON_TRUE;
    } else if (take_word(scan, "false")) {
        value->type = JSON_FALSE;
    } else {
        value->type = JSON_NUMBER;
        status = take_word(scan, "NaN") ? 0 : scan_number(scan);
    }
    value->n_bytes = (size_t)(scan->at - value->text);
    return status;
}

int json_parse(const char *text, size_t n_bytes, struct json_value *value, struct error *err)
{
    struct scan scan = {.start = text, .at = text, .end = text + n_bytes, .err = err};
    if (scan_value(&scan, value) < 0)
        return -1;
    skip_space(&scan);
    return scan.at < scan.end ? fail_at(&scan, "something follows the value") : 0;
}

int json_next_member(const struct json_value *object, size_t *at, struct bytes *key,
                     struct json_value *value, struct error *err)
{
    struct scan scan = {.start = object->text,
                        .at = object->text + *at,
                        .end = object->text + object->n_bytes,
                        .err = err};
    struct json_value name = {.type = JSON_STRING};
    while (scan.at < scan.end && *scan.at != '"' && *scan.at != '}') /* the brace, commas, space */
        scan.at++;
    if (scan.at == scan.end || *scan.at == '}')
        return 0;
    name.text = scan.at;
    if (scan_string(&scan) < 0)
        return -1;
    name.n_bytes = (size_t)(scan.at - name.text);
    skip_space(&scan);
    take(&scan, ':');
    if (scan_value(&scan, value) < 0)
        return -1;
    *at = (size_t)(scan.at - object->text);
    bytes_clear(key);
    return json_append_string(&name, key, err) < 0 ? -1 : 1;
}

static uint32_t hex4(const char *digits)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int c = tolower((unsigned char)digits[i]);
        value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return value;
}

static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((n == 2 ? 0xc0u : n == 3 ? 0xe0u : 0xf0u) | code);
    return n;
}

/* The escape after the backslash at [*at], which goes behind it. */
static size_t decode_escape(const char **at, const char *end, char out[4])
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    char c = *(*at)++;
    const char *letter = strchr(letters, c);
    out[0] = letter ? meanings[letter - letters] : c;
    if (c != 'u')
        return 1;
    uint32_t code = hex4(*at);
    *at += 4;
    if (code >= 0xd800 && code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        uint32_t low = hex4(*at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            *at += 6;
            return encode(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), out);
        }
    }
    return encode(code >= 0xd800 && code < 0xe000 ? 0xfffd : code, out);
}

int json_append_string(const struct json_value *string, struct bytes *out, struct error *err)
{
    const char *at = string->text + 1, *end = string->text + string->n_bytes - 1;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t n_plain = (size_t)((escape ? escape : end) - at);
        if (bytes_append(out, at, n_plain, err) < 0)
            return -1;
        at += n_plain;
        if (!escape)
            break;
        at++;
        char decoded[4];
        size_t n = decode_escape(&at, end, decoded);
        if (bytes_append(out, decoded, n, err) < 0)
            return -1;
    }
    return 0;
}
