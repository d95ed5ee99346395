#include "json_scan.h"

#include "base/utf8.h"

#include <string.h>

static int refuse(const struct json_scan *scan, const char *what, struct error *err)
{
    return fail(err, ERROR_FORMAT, "not JSON at byte %zu: %s", (size_t)(scan->at - scan->start) + 1,
                scan->at == scan->end ? "it ends too early" : what);
}

void json_scan_init(struct json_scan *scan, const char *text, size_t n_bytes)
{
    scan->start = scan->at = text;
    scan->end = text + n_bytes;
    scan->depth = 0;
    scan->has_value = false;
    scan->in_object[0] = false;
}

static void skip_space(struct json_scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

static bool take(struct json_scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

static bool take_word(struct json_scan *scan, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(scan->end - scan->at) < n || memcmp(scan->at, word, n) != 0)
        return false;
    scan->at += n;
    return true;
}

/* -1: it is none. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind the opening quote, up to behind the closing one. */
static int take_string(struct json_scan *scan, const char **text, size_t *n_bytes,
                       struct error *err)
{
    *text = scan->at;
    while (scan->at < scan->end) {
        unsigned char c = (unsigned char)*scan->at;
        if (c < 0x20)
            return refuse(scan, "a control character in a string", err);
        scan->at++;
        if (c == '"') {
            *n_bytes = (size_t)(scan->at - 1 - *text);
            return 0;
        }
        if (c != '\\')
            continue;
        if (scan->at == scan->end || *scan->at == '\0' || !strchr("\"\\/bfnrtu", *scan->at))
            return refuse(scan, "an unknown escape", err);
        if (*scan->at++ == 'u')
            for (int i = 0; i < 4; i++, scan->at++)
                if (scan->at == scan->end || hex_digit(*scan->at) < 0)
                    return refuse(scan, "four hexadecimal digits were expected", err);
    }
    return refuse(scan, "", err);
}

static bool take_digits(struct json_scan *scan)
{
    const char *first = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return scan->at > first;
}

/* JSON's numbers are less than what strtod takes: no "0x1", "inf", "+1", "01" or "1.". */
static int take_number(struct json_scan *scan, struct error *err)
{
    if (take_word(scan, "NaN"))
        return 0;
    take(scan, '-');
    if (take_word(scan, "Infinity"))
        return 0;
    if (!take(scan, '0') && !take_digits(scan))
        return refuse(scan, "a value was expected", err);
    if (take(scan, '.') && !take_digits(scan))
        return refuse(scan, "a digit was expected", err);
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+'))
            take(scan, '-');
        if (!take_digits(scan))
            return refuse(scan, "a digit was expected", err);
    }
    return 0;
}

static int open_bracket(struct json_scan *scan, bool is_object, struct error *err)
{
    if (scan->depth == JSON_MOST_DEPTH)
        return refuse(scan, "nested too deeply", err);
    scan->at++;
    scan->in_object[++scan->depth] = is_object;
    scan->has_value = false;
    return 0;
}

static int take_value(struct json_scan *scan, struct json_item *item, struct error *err)
{
    char c = scan->at < scan->end ? *scan->at : '\0';
    int status = 0;
    item->text = scan->at;
    scan->has_value = true;
    if (c == '{' || c == '[') {
        item->kind = c == '{' ? JSON_OBJECT : JSON_ARRAY;
        status = open_bracket(scan, c == '{', err);
    } else if (take(scan, '"')) {
        item->kind = JSON_STRING;
        return take_string(scan, &item->text, &item->n_bytes, err);
    } else if (take_word(scan, "null")) {
        item->kind = JSON_NULL;
    } else if (take_word(scan, "true")) {
        item->kind = JSON_TRUE;
    } else if (take_word(scan, "false")) {
        item->kind = JSON_FALSE;
    } else {
        item->kind = JSON_NUMBER;
        status = take_number(scan, err);
    }
    item->n_bytes = (size_t)(scan->at - item->text);
    return status;
}

static int take_name(struct json_scan *scan, struct json_item *item, struct error *err)
{
    if (!take(scan, '"'))
        return refuse(scan, "a key was expected", err);
    if (take_string(scan, &item->name, &item->n_name, err) < 0)
        return -1;
    skip_space(scan);
    if (!take(scan, ':'))
        return refuse(scan, "a colon was expected", err);
    skip_space(scan);
    return 0;
}

int json_scan_next(struct json_scan *scan, struct json_item *item, struct error *err)
{
    bool in_object = scan->in_object[scan->depth];
    skip_space(scan);
    if (scan->depth == 0 && scan->has_value)
        return scan->at == scan->end ? 0 : refuse(scan, "something follows the value", err);
    *item = (struct json_item){.depth = scan->depth, .text = scan->at, .n_bytes = 1};
    if (scan->depth > 0 && take(scan, in_object ? '}' : ']')) {
        item->kind = in_object ? JSON_OBJECT : JSON_ARRAY;
        item->is_end = true;
        item->depth = --scan->depth;
        scan->has_value = true;
        return 1;
    }
    if (scan->has_value) {
        if (!take(scan, ','))
            return refuse(scan, "a comma or the end was expected", err);
        skip_space(scan);
    }
    if (in_object && take_name(scan, item, err) < 0)
        return -1;
    return take_value(scan, item, err) < 0 ? -1 : 1;
}

int json_check(const char *text, size_t n_bytes, struct error *err)
{
    struct json_scan scan;
    struct json_item item;
    int status;
    json_scan_init(&scan, text, n_bytes);
    while ((status = json_scan_next(&scan, &item, err)) > 0)
        ;
    return status;
}

static uint32_t hex4(const char *digits)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | (uint32_t)hex_digit(digits[i]);
    return code;
}

/* What follows \u at [*at], which goes behind it: at most 3 bytes for 6 that are written, 4 for 12.
 */
static size_t decode_code(const char **at, const char *end, enum json_surrogates surrogates,
                          char *to)
{
    uint32_t code = hex4(*at), low = 0;
    *at += 4;
    if (code < 0xd800 || code >= 0xe000)
        return utf8_encode(code, to);
    if (code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u')
        low = hex4(*at + 2);
    if (low >= 0xdc00 && low < 0xe000) {
        *at += 6;
        return utf8_encode(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), to);
    }
    if (surrogates == JSON_SURROGATE_IS_BYTE && code >= 0xdc80 && code <= 0xdcff) {
        to[0] = (char)(code - 0xdc00);
        return 1;
    }
    return utf8_encode(0xfffd, to);
}

size_t json_decode(const char *text, size_t n_bytes, enum json_surrogates surrogates, char *to)
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *end = text + n_bytes;
    size_t n = 0;
    while (text < end) {
        const char *escape = memchr(text, '\\', (size_t)(end - text));
        size_t n_plain = (size_t)((escape ? escape : end) - text);
        memcpy(to + n, text, n_plain);
        n += n_plain;
        text += n_plain;
        if (!escape)
            break;
        char c = text[1];
        const char *letter = strchr(letters, c);
        text += 2;
        if (c == 'u')
            n += decode_code(&text, end, surrogates, to + n);
        else
            to[n++] = letter ? meant[letter - letters] : c;
    }
    return n;
}
