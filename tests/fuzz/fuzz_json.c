/* Any bytes as JSON: what is accepted is a tree, but for numbers without bounds, and a tree that is
 * written and read again is the same tree. */
#include "../../cli/json_read.h"
#include "base/bytes.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void append(struct bytes *out, const void *data, size_t n_bytes)
{
    struct error err;
    if (bytes_append(out, data, n_bytes, &err) < 0)
        abort();
}

static void write_string(const char *text, size_t n_bytes, struct bytes *out)
{
    append(out, "\"", 1);
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[8];
        if (c < 0x20 || c == '"' || c == '\\')
            append(out, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else
            append(out, &c, 1);
    }
    append(out, "\"", 1);
}

static void write_tree(const struct json *json, struct bytes *out)
{
    static const char *const words[] = {
        [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true"};
    bool is_object = json->kind == JSON_OBJECT;
    if (json->kind == JSON_STRING) {
        write_string(json->text, json->n_bytes, out);
    } else if (json->kind == JSON_NUMBER) {
        append(out, json->text, json->n_bytes);
    } else if (!is_object && json->kind != JSON_ARRAY) {
        append(out, words[json->kind], strlen(words[json->kind]));
    } else {
        append(out, is_object ? "{" : "[", 1);
        for (const struct json *member = json->first; member; member = member->next) {
            if (is_object) {
                write_string(member->name, strlen(member->name), out);
                append(out, ":", 1);
            }
            write_tree(member, out);
            if (member->next)
                append(out, ",", 1);
        }
        append(out, is_object ? "}" : "]", 1);
    }
}

/* Whether it is JSON; items lie inside the text, and decode to no more than they are. */
static bool scan_all(const char *text, size_t n_bytes, bool *bounded)
{
    struct json_scan scan;
    struct json_item item;
    struct error err = {0};
    int status;
    *bounded = true;
    json_scan_init(&scan, text, n_bytes);
    while ((status = json_scan_next(&scan, &item, &err)) > 0) {
        if (item.text < text || item.text + item.n_bytes > text + n_bytes ||
            item.depth > JSON_MOST_DEPTH)
            abort();
        if (item.kind == JSON_NUMBER)
            *bounded &= item.n_bytes < 300 && !memchr(item.text, 'e', item.n_bytes) &&
                        !memchr(item.text, 'E', item.n_bytes) &&
                        !memchr(item.text, 'N', item.n_bytes) &&
                        !memchr(item.text, 'I', item.n_bytes);
        if (item.kind != JSON_STRING)
            continue;
        char *decoded = malloc(item.n_bytes);
        if ((!decoded && item.n_bytes > 0) ||
            json_decode(item.text, item.n_bytes, JSON_SURROGATE_IS_NO_TEXT, decoded) > item.n_bytes)
            abort();
        free(decoded);
    }
    if ((status < 0) != (err.text[0] != '\0'))
        abort();
    return status == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {0};
    struct arena arena = {0};
    struct bytes written = {0}, rewritten = {0};
    bool bounded;
    char *text = malloc(n_bytes); /* so that a byte read behind the end is seen */
    if (!text && n_bytes > 0)
        abort();
    if (n_bytes > 0)
        memcpy(text, bytes, n_bytes);
    bool is_json = scan_all(text, n_bytes, &bounded);
    const struct json *json = json_read(&arena, text, n_bytes, &err);
    if ((json && !is_json) || (!json && is_json && bounded) || (!json && err.text[0] == '\0'))
        abort();
    if (json) {
        write_tree(json, &written);
        json = json_read(&arena, written.data, written.n_bytes, &err);
        if (!json)
            abort();
        write_tree(json, &rewritten);
        if (written.n_bytes != rewritten.n_bytes ||
            memcmp(written.data, rewritten.data, written.n_bytes) != 0)
            abort();
    }
    bytes_deinit(&written);
    bytes_deinit(&rewritten);
    arena_deinit(&arena);
    free(text);
    return 0;
}
