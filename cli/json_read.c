#include "json_read.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DEPTH 64 /* the parser calls itself once per level */

struct parser {
    struct arena *arena;
    const char *start, *at, *end;
    struct error *err;
};

static int refuse(struct parser *parser, const char *what)
{
    return fail(parser->err, ERROR_FORMAT, "not JSON: %s at byte %zu", what,
                (size_t)(parser->at - parser->start) + 1);
}

static void skip_space(struct parser *parser)
{
    while (parser->at < parser->end && strchr(" \t\r\n", *parser->at) && *parser->at)
        parser->at++;
}

static bool take(struct parser *parser, char c)
{
    skip_space(parser);
    if (parser->at == parser->end || *parser->at != c)
        return false;
    parser->at++;
    return true;
}

/* Four hexadecimal digits; -1: they are not. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t code = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = at[i] ? strchr(digits, at[i] | (at[i] > '9' ? 0x20 : 0)) : NULL;
        if (!digit)
            return -1;
        code = code << 4 | (int32_t)(digit - digits);
    }
    return code;
}

static size_t put_utf8(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)((0xf00 >> n & 0xff) | code);
    return n;
}

/* What follows \u; at most 3 bytes for 6 read, 4 for 12. */
static int take_escape(struct parser *parser, char *to, size_t *n)
{
    int32_t code = hex4(parser->at, parser->end);
    if (code < 0)
        return refuse(parser, "four hexadecimal digits are missing");
    parser->at += 4;
    bool pair = code >= 0xd800 && code < 0xdc00 && parser->end - parser->at >= 6 &&
                parser->at[0] == '\\' && parser->at[1] == 'u';
    int32_t low = pair ? hex4(parser->at + 2, parser->end) : -1;
    if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        parser->at += 6;
    } else if (code >= 0xdc80 && code <= 0xdcff) {
        to[(*n)++] = (char)(code - 0xdc00);
        return 0;
    } else if (code >= 0xd800 && code < 0xe000) {
        code = 0xfffd;
    }
    *n += put_utf8((uint32_t)code, to + *n);
    return 0;
}

/* Behind the opening quote. The decoded text is never longer than the written one. */
static int take_string(struct parser *parser, const char **text, size_t *n_bytes)
{
    const char *close = parser->at;
    while (close < parser->end && *close != '"')
        close += *close == '\\' && close + 1 < parser->end ? 2 : 1;
    if (close >= parser->end)
        return refuse(parser, "a string does not end");
    char *to =
        arena_alloc(parser->arena, (uint64_t)(close - parser->at) + 1, 1, "JSON", parser->err);
    size_t n = 0;
    if (!to)
        return -1;
    while (parser->at < close) {
        unsigned char c = (unsigned char)*parser->at++;
        if (c < 0x20)
            return refuse(parser, "a control character in a string");
        if (c != '\\') {
            to[n++] = (char)c;
            continue;
        }
        static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
        char escape = *parser->at++;
        const char *name = escape ? strchr(names, escape) : NULL;
        if (name)
            to[n++] = meant[name - names];
        else if (escape != 'u')
            return refuse(parser, "an unknown escape");
        else if (take_escape(parser, to, &n) < 0)
            return -1;
    }
    to[n] = '\0';
    parser->at++;
    *text = to;
    *n_bytes = n;
    return 0;
}

/* JSON's numbers are less than what strtod takes: no "0x1", "inf", "+1" or "1.". */
static int take_number(struct parser *parser, struct json *json)
{
    const char *at = parser->at, *end = parser->end;
    at += at < end && *at == '-';
    const char *digits = at;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    bool good = at > digits && (*digits != '0' || at - digits == 1);
    if (good && at < end && *at == '.') {
        const char *fraction = ++at;
        while (at < end && *at >= '0' && *at <= '9')
            at++;
        good = at > fraction;
    }
    if (good && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        const char *exponent = at;
        while (at < end && *at >= '0' && *at <= '9')
            at++;
        good = at > exponent;
    }
    if (!good)
        return refuse(parser, "no value");
    json->n_bytes = (size_t)(at - parser->at);
    char *copy = arena_alloc(parser->arena, json->n_bytes + 1, 1, "JSON", parser->err);
    if (!copy)
        return -1;
    memcpy(copy, parser->at, json->n_bytes);
    copy[json->n_bytes] = '\0';
    json->text = copy;
    json->number = strtod(copy, NULL);
    parser->at = at;
    return isfinite(json->number) ? 0 : refuse(parser, "a number too large");
}

static bool take_word(struct parser *parser, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(parser->end - parser->at) < n || memcmp(parser->at, word, n) != 0)
        return false;
    parser->at += n;
    return true;
}

static struct json *take_value(struct parser *parser, int depth);

/* Behind the opening bracket. */
static int take_members(struct parser *parser, struct json *json, int depth)
{
    bool is_object = json->kind == JSON_OBJECT;
    char close = is_object ? '}' : ']';
    const struct json **link = &json->first;
    if (take(parser, close))
        return 0;
    do {
        const char *name = NULL;
        size_t n_bytes;
        if (is_object) {
            if (!take(parser, '"'))
                return refuse(parser, "a key is missing");
            if (take_string(parser, &name, &n_bytes) < 0)
                return -1;
            if (!take(parser, ':'))
                return refuse(parser, "a colon is missing");
        }
        struct json *member = take_value(parser, depth + 1);
        if (!member)
            return -1;
        member->name = name;
        *link = member;
        link = &member->next;
    } while (take(parser, ','));
    return take(parser, close) ? 0 : refuse(parser, is_object ? "} is missing" : "] is missing");
}

static struct json *take_value(struct parser *parser, int depth)
{
    struct json *json = arena_alloc(parser->arena, sizeof *json, 8, "JSON", parser->err);
    int status = 0;
    if (!json)
        return NULL;
    *json = (struct json){.kind = JSON_NULL};
    if (depth > MOST_DEPTH) {
        refuse(parser, "too many levels");
        return NULL;
    }
    if (take(parser, '"')) {
        json->kind = JSON_STRING;
        status = take_string(parser, &json->text, &json->n_bytes);
    } else if (take(parser, '{')) {
        json->kind = JSON_OBJECT;
        status = take_members(parser, json, depth);
    } else if (take(parser, '[')) {
        json->kind = JSON_ARRAY;
        status = take_members(parser, json, depth);
    } else if (take_word(parser, "true")) {
        json->kind = JSON_TRUE;
    } else if (take_word(parser, "false")) {
        json->kind = JSON_FALSE;
    } else if (!take_word(parser, "null")) {
        json->kind = JSON_NUMBER;
        status = take_number(parser, json);
    }
    return status < 0 ? NULL : json;
}

const struct json *json_read(struct arena *arena, const char *text, size_t n_bytes,
                             struct error *err)
{
    struct parser parser = {arena, text, text, text + n_bytes, err};
    const struct json *json = take_value(&parser, 0);
    skip_space(&parser);
    if (json && parser.at < parser.end) {
        refuse(&parser, "something behind the value");
        return NULL;
    }
    return json;
}

const struct json *json_member(const struct json *json, const char *name)
{
    const struct json *found = NULL;
    if (json && json->kind == JSON_OBJECT)
        for (const struct json *member = json->first; member; member = member->next)
            if (strcmp(member->name, name) == 0)
                found = member;
    return found;
}
