#include "toml.h"

#include "../utf8_check.h"
#include "base/bytes.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const char *at, *end;
    unsigned line;
    struct arena *arena;
    struct error *err;
    struct bytes scratch; /* the string being read */
};

#define FAIL(parser, ...) fail_line(parser, fail((parser)->err, ERROR_FORMAT, __VA_ARGS__))

static int fail_line(struct parser *parser, int failed)
{
    (void)failed;
    return fail_context(parser->err, "line %u", parser->line);
}

static bool at_end(const struct parser *parser)
{
    return parser->at == parser->end;
}

static bool looking_at(const struct parser *parser, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(parser->end - parser->at) >= n && memcmp(parser->at, text, n) == 0;
}

static bool take(struct parser *parser, char c)
{
    if (at_end(parser) || *parser->at != c)
        return false;
    parser->at++;
    return true;
}

/* The end of a line, if it is here. */
static bool take_newline(struct parser *parser)
{
    if (looking_at(parser, "\r\n"))
        parser->at++;
    if (!take(parser, '\n'))
        return false;
    parser->line++;
    return true;
}

static void skip_blanks(struct parser *parser)
{
    while (!at_end(parser) && (*parser->at == ' ' || *parser->at == '\t'))
        parser->at++;
    if (!at_end(parser) && *parser->at == '#')
        while (!at_end(parser) && *parser->at != '\n')
            parser->at++;
}

static void skip_lines(struct parser *parser)
{
    do
        skip_blanks(parser);
    while (take_newline(parser));
}

static int end_line(struct parser *parser, const char *what)
{
    skip_blanks(parser);
    if (at_end(parser) || take_newline(parser))
        return 0;
    return FAIL(parser, "'%c' after %s", *parser->at, what);
}

static void *keep(struct parser *parser, const void *data, size_t n_bytes)
{
    void *copy = arena_alloc(parser->arena, n_bytes, 16, "a sheet", parser->err);
    if (copy && n_bytes > 0)
        memcpy(copy, data, n_bytes);
    return copy;
}

/* ---- Strings ---- */

/* \uXXXX, \UXXXXXXXX: the digits. */
static int read_code(struct parser *parser, int n_digits)
{
    char utf8[4];
    uint32_t c = 0;
    for (int i = 0; i < n_digits; i++, parser->at++) {
        if (at_end(parser) || !isxdigit((unsigned char)*parser->at))
            return FAIL(parser, "an escape of fewer than %d hexadecimal digits", n_digits);
        int digit = tolower((unsigned char)*parser->at);
        c = c << 4 | (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return FAIL(parser, "U+%04X is no character that a text may have", c);
    return bytes_append(&parser->scratch, utf8, utf8_encode(c, utf8), parser->err);
}

static int read_escape(struct parser *parser, bool multi_line)
{
    static const char letters[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
    char c = at_end(parser) ? '\0' : *parser->at;
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) {
        parser->at++;
        return bytes_append(&parser->scratch, &meanings[letter - letters], 1, parser->err);
    }
    if (c == 'u' || c == 'U') {
        parser->at++;
        return read_code(parser, c == 'u' ? 4 : 8);
    }
    /* A backslash at the end of a line: what is blank up to the next text is left out. */
    const char *start = parser->at;
    while (multi_line && !at_end(parser) && (*parser->at == ' ' || *parser->at == '\t'))
        parser->at++;
    if (multi_line && take_newline(parser)) {
        while (!at_end(parser) && (take(parser, ' ') || take(parser, '\t') || take_newline(parser)))
            continue;
        return 0;
    }
    parser->at = start;
    return FAIL(parser, "'\\%c' is no escape", c ? c : ' ');
}

static int read_string(struct parser *parser, const char **text)
{
    char quote = *parser->at;
    char three[] = {quote, quote, quote, '\0'};
    bool multi_line = looking_at(parser, three), literal = quote == '\'';
    unsigned first_line = parser->line;
    parser->at += multi_line ? 3 : 1;
    if (multi_line)
        take_newline(parser);
    bytes_clear(&parser->scratch);
    for (;;) {
        if (at_end(parser)) {
            parser->line = first_line;
            return FAIL(parser, "a string that does not end");
        }
        char c = *parser->at;
        if (multi_line ? looking_at(parser, three) : c == quote)
            break;
        int rc = 0;
        if (c == '\\' && !literal) {
            parser->at++;
            rc = read_escape(parser, multi_line);
        } else if (c == '\n' || looking_at(parser, "\r\n")) {
            if (!multi_line) {
                parser->line = first_line;
                return FAIL(parser, "a string that does not end on its line");
            }
            take_newline(parser);
            rc = bytes_append(&parser->scratch, "\n", 1, parser->err);
        } else if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7f) {
            return FAIL(parser, "a control character in a string");
        } else {
            rc = bytes_append(&parser->scratch, &c, 1, parser->err);
            parser->at++;
        }
        if (rc < 0)
            return -1;
    }
    parser->at += multi_line ? 3 : 1;
    /* """"four quotes"""": one or two before the end belong to the text. */
    for (int i = 0; multi_line && i < 2 && take(parser, quote); i++)
        if (bytes_append(&parser->scratch, &quote, 1, parser->err) < 0)
            return -1;
    size_t n = parser->scratch.n_bytes;
    *text = keep(parser, n ? parser->scratch.data : "", n + 1);
    return *text ? 0 : -1;
}

/* ---- Values ---- */

static int read_bare(struct parser *parser, struct toml_value *value)
{
    char word[64];
    size_t n = 0;
    while (n < sizeof word - 1 && !at_end(parser) &&
           (isalnum((unsigned char)*parser->at) || strchr("+-._:", *parser->at)))
        word[n++] = *parser->at++;
    word[n] = '\0';
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        value->kind = TOML_BOOLEAN;
        value->boolean = *word == 't';
        return 0;
    }
    const char *digits = word + (*word == '-' || *word == '+');
    bool whole = *digits && digits[strspn(digits, "0123456789")] == '\0';
    bool number = isdigit((unsigned char)*digits) && word[strspn(word, "+-.0123456789eE")] == '\0';
    bool leading_zero = digits[0] == '0' && isdigit((unsigned char)digits[1]);
    char *end = word;
    errno = 0;
    value->kind = whole ? TOML_INTEGER : TOML_NUMBER;
    value->integer = whole ? strtoll(word, &end, 10) : 0;
    value->number = number && errno == 0 ? strtod(word, &end) : 0;
    if (number && !leading_zero && errno == 0 && *end == '\0' && isfinite(value->number))
        return 0;
    if (n == 0)
        return FAIL(parser, "'%c' where a value should be%s", at_end(parser) ? ' ' : *parser->at,
                    !at_end(parser) && *parser->at == '{' ? " (inline tables are not read)" : "");
    return FAIL(parser, "'%s' is no value that is read here (strings have quotes)", word);
}

static int read_value(struct parser *parser, struct toml_value *value, bool in_array);

static int read_array(struct parser *parser, struct toml_value *value)
{
    struct toml_value *items = NULL;
    size_t n = 0, capacity = 0;
    int rc = 0;
    parser->at++;
    for (skip_lines(parser); rc == 0 && !take(parser, ']'); skip_lines(parser)) {
        if (n == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            struct toml_value *grown = realloc(items, capacity * sizeof *grown);
            if (!grown) {
                free(items);
                return fail_memory(parser->err, capacity * sizeof *grown, "a sheet");
            }
            items = grown;
        }
        rc = read_value(parser, &items[n++], true);
        skip_lines(parser);
        if (rc == 0 && !take(parser, ',') && (at_end(parser) || *parser->at != ']'))
            rc = FAIL(parser, "an array whose values are not separated by commas, or has no end");
    }
    value->kind = TOML_ARRAY;
    value->n_items = n;
    value->items = rc == 0 ? keep(parser, items, n * sizeof *items) : NULL;
    free(items);
    return value->items ? 0 : -1;
}

static int read_value(struct parser *parser, struct toml_value *value, bool in_array)
{
    *value = (struct toml_value){.line = parser->line};
    char c = at_end(parser) ? '\0' : *parser->at;
    if (c == '"' || c == '\'') {
        value->kind = TOML_STRING;
        return read_string(parser, &value->text);
    }
    if (c != '[')
        return read_bare(parser, value);
    return in_array ? FAIL(parser, "an array in an array") : read_array(parser, value);
}

/* ---- Lines ---- */

static int read_key(struct parser *parser, const char **key)
{
    const char *start = parser->at;
    if (*start == '"' || *start == '\'')
        return read_string(parser, key);
    while (!at_end(parser) &&
           (isalnum((unsigned char)*parser->at) || *parser->at == '_' || *parser->at == '-'))
        parser->at++;
    size_t n = (size_t)(parser->at - start);
    if (n == 0)
        return FAIL(parser, "'%c' where a key should be", *start);
    char *copy = arena_alloc(parser->arena, n + 1, 1, "a sheet", parser->err);
    if (!copy)
        return -1;
    memcpy(copy, start, n);
    copy[n] = '\0';
    *key = copy;
    return 0;
}

static int read_entry(struct parser *parser, struct toml_table *table)
{
    struct toml_entry entry = {0};
    if (read_key(parser, &entry.key) < 0)
        return -1;
    skip_blanks(parser);
    if (!take(parser, '='))
        return FAIL(parser, "no '=' behind the key '%.40s'%s", entry.key,
                    looking_at(parser, ".") ? " (dotted keys are not read)" : "");
    skip_blanks(parser);
    if (read_value(parser, &entry.value, false) < 0 || end_line(parser, "a value") < 0)
        return -1;
    struct toml_entry **place = &table->entries;
    for (; *place; place = &(*place)->next)
        if (strcmp((*place)->key, entry.key) == 0) {
            parser->line = entry.value.line;
            return FAIL(parser, "'%.40s' for the second time", entry.key);
        }
    *place = keep(parser, &entry, sizeof entry);
    return *place ? 0 : -1;
}

static struct toml_table *read_header(struct parser *parser)
{
    struct toml_table table = {.line = parser->line};
    if (!looking_at(parser, "[[")) {
        FAIL(parser, "a [table]; only [[tables]] of an array are read");
        return NULL;
    }
    parser->at += 2;
    skip_blanks(parser);
    if (at_end(parser) || read_key(parser, &table.name) < 0) {
        if (at_end(parser))
            FAIL(parser, "[[ without a name");
        return NULL;
    }
    skip_blanks(parser);
    if (!looking_at(parser, "]]")) {
        FAIL(parser, "no ]] behind [[%.40s", table.name);
        return NULL;
    }
    parser->at += 2;
    if (end_line(parser, "]]") < 0)
        return NULL;
    return keep(parser, &table, sizeof table);
}

const struct toml_table *toml_parse(const char *text, size_t n_bytes, struct arena *arena,
                                    struct error *err)
{
    struct parser parser = {
        .at = text, .end = text + n_bytes, .line = 1, .arena = arena, .err = err};
    struct toml_table *first =
        keep(&parser, &(struct toml_table){.name = "", .line = 1}, sizeof *first);
    struct toml_table *table = first;
    if (first && !utf8_is_valid(text, n_bytes)) {
        fail(err, ERROR_FORMAT, "the file is not UTF-8");
        table = NULL;
    }
    for (skip_lines(&parser); table && !at_end(&parser); skip_lines(&parser)) {
        if (*parser.at != '[') {
            if (read_entry(&parser, table) < 0)
                table = NULL;
            continue;
        }
        struct toml_table *next = read_header(&parser);
        if (next)
            table->next = next;
        table = next;
    }
    bytes_deinit(&parser.scratch);
    return table ? first : NULL;
}
