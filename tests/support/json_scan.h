#ifndef SUPPORT_JSON_SCAN_H
#define SUPPORT_JSON_SCAN_H
/* Just enough JSON to read test vectors: jump to a key, read the string or the array of integers
 * behind it. A key is looked for in the text as it stands, which finds no key inside a string (its
 * quotes are escaped there). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole file, malloced and NUL-terminated; NULL when it cannot be read. */
static inline char *json_read_file(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) >= 0) {
        *n_bytes = (size_t)ftell(file);
        rewind(file);
        text = malloc(*n_bytes + 1);
        if (text != NULL && fread(text, 1, *n_bytes, file) == *n_bytes) {
            text[*n_bytes] = '\0';
        } else {
            free(text);
            text = NULL;
        }
    }
    fclose(file);
    return text;
}

/* Behind the next "key": and white space; NULL when there is none before [end] (NULL: the end of
 * the text). */
static inline const char *json_find(const char *at, const char *end, const char *key)
{
    size_t n = strlen(key);
    while (at != NULL && (at = strchr(at, '"')) != NULL && (end == NULL || at < end)) {
        if (strncmp(at + 1, key, n) == 0 && at[n + 1] == '"' && at[n + 2] == ':') {
            at += n + 3;
            return at + strspn(at, " \n\t\r");
        }
        at++;
    }
    return NULL;
}

static inline uint32_t json_hex4(const char *at)
{
    char digits[5] = {0};
    memcpy(digits, at, 4);
    return (uint32_t)strtoul(digits, NULL, 16);
}

static inline size_t json_put_utf8(uint32_t code, char *to)
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

/* The string at [at] (its opening quote), malloced; *n_bytes without the NUL behind it. NULL when
 * there is none. */
static inline char *json_string(const char *at, size_t *n_bytes)
{
    static const char ESCAPES[] = "nrtbf", MEANT[] = "\n\r\t\b\f";
    if (at == NULL || *at++ != '"')
        return NULL;
    char *text = malloc(strlen(at) + 1);
    size_t n = 0;
    for (; text != NULL && *at != '"' && *at != '\0'; at++) {
        if (*at != '\\') {
            text[n++] = *at;
            continue;
        }
        at++;
        const char *escape = strchr(ESCAPES, *at);
        if (*at != 'u') {
            text[n++] = escape ? MEANT[escape - ESCAPES] : *at;
            continue;
        }
        uint32_t code = json_hex4(at + 1);
        at += 4;
        if (code >= 0xd800 && code < 0xdc00 && at[1] == '\\' && at[2] == 'u') {
            code = 0x10000 + ((code - 0xd800) << 10) + (json_hex4(at + 3) - 0xdc00);
            at += 6;
        }
        n += json_put_utf8(code, text + n);
    }
    if (text != NULL) {
        text[n] = '\0';
        *n_bytes = n;
    }
    return text;
}

/* The integers of the array at [at], at most [capacity]; returns how many. */
static inline size_t json_integers(const char *at, int32_t *to, size_t capacity)
{
    size_t n = 0;
    for (at++; n < capacity; n++) {
        at += strspn(at, " \n\t\r,");
        if (*at == ']')
            break;
        char *end;
        to[n] = (int32_t)strtol(at, &end, 10);
        if (end == at)
            break;
        at = end;
    }
    return n;
}

#endif
