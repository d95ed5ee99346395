/* JSON lines: an object per line, its members are the fields; what is nested stays as written. A
 * line that is only a string is a text. */

#include "../json_scan.h"
#include "charset.h"
#include "kinds.h"
#include "lines.h"
#include "record_build.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool jsonl_recognise(const char *head, size_t n_bytes, const char *path)
{
    struct error ignored;
    if (path_has_extension(path, "jsonl ndjson"))
        return !memchr(head, '\0', n_bytes) || charset_is_wide(head, n_bytes);
    const char *end = memchr(head, '\n', n_bytes);
    return n_bytes > 0 && head[0] == '{' && end &&
           json_check(head, (size_t)(end - head), &ignored) == 0;
}

static int jsonl_open(struct reader *reader, struct error *err)
{
    struct lines *lines = reader->state = calloc(1, sizeof *lines);
    if (!lines)
        return fail_memory(err, sizeof *lines, "lines");
    struct intake *intake = charset_open(reader->intake, err);
    reader->intake = NULL;
    if (!intake)
        return -1;
    lines_init(lines, intake, '\n', reader->most_bytes);
    return 0;
}

/* Appends a string, or a name, as text. */
static int append_decoded(struct bytes *out, const char *text, size_t n_bytes, struct error *err)
{
    if (bytes_reserve(out, n_bytes, err) < 0)
        return -1;
    out->n_bytes += json_decode(text, n_bytes, JSON_SURROGATE_IS_NO_TEXT, out->data + out->n_bytes);
    out->data[out->n_bytes] = '\0';
    return 0;
}

/* The value of [item] is as it is written, but for a string. */
static int add_member(struct record *record, const struct json_item *item, struct error *err)
{
    struct bytes name = {0}, text = {0};
    const char *value = item->text;
    size_t n_bytes = item->kind == JSON_NULL ? 0 : item->n_bytes;
    int status = append_decoded(&name, item->name, item->n_name, err);
    if (status == 0 && item->kind == JSON_STRING) {
        status = append_decoded(&text, item->text, item->n_bytes, err);
        value = text.data;
        n_bytes = text.n_bytes;
    }
    if (status == 0 && charset_repair(&name, err) == 0)
        status = record_replace(record, name.data, value, n_bytes, err);
    else
        status = -1;
    bytes_deinit(&name);
    bytes_deinit(&text);
    return status;
}

static int take_string(struct record *record, const struct json_item *item, struct error *err)
{
    struct bytes text = {0};
    if (append_decoded(&text, item->text, item->n_bytes, err) < 0) {
        bytes_deinit(&text);
        return -1;
    }
    return record_take_text(record, &text, err);
}

static int read_value(struct record *record, const char *text, size_t n_bytes, struct error *err)
{
    struct json_scan scan;
    struct json_item item, nested = {0};
    int status;
    if (json_check(text, n_bytes, err) < 0) /* all of it, before there are fields of it */
        return -1;
    json_scan_init(&scan, text, n_bytes);
    while ((status = json_scan_next(&scan, &item, err)) > 0) {
        if (item.depth == 0 && item.kind == JSON_STRING)
            return take_string(record, &item, err);
        if (item.depth == 0 && item.kind != JSON_OBJECT)
            return fail(err, ERROR_FORMAT, "neither a JSON object nor a string");
        if (item.depth != 1)
            continue;
        if (item.is_end) {
            nested.n_bytes = (size_t)(item.text + 1 - nested.text);
            item = nested;
        } else if (item.kind == JSON_ARRAY || item.kind == JSON_OBJECT) {
            nested = item;
            continue;
        }
        if (add_member(record, &item, err) < 0)
            return -1;
    }
    return status;
}

/* A line that is wrong is only that. */
static int jsonl_next(struct reader *reader, struct record *record, struct error *err)
{
    struct lines *lines = reader->state;
    struct line line = {0};
    struct error trouble = {0};
    int status;
    do
        status = lines_next(lines, &line, &trouble);
    while (status > 0 && line_is_blank(line.text, line.n_bytes));
    if (status == 0)
        return 0;
    bool too_long = status < 0 && trouble.kind == ERROR_LIMIT;
    bool is_last = status < 0 && !too_long;
    if (status > 0 && read_value(record, line.text, line.n_bytes, &trouble) < 0)
        status = -1;
    if (status > 0)
        return 1;
    if (is_last || trouble.kind == ERROR_MEMORY || (too_long && lines_skip(lines, err) < 0)) {
        *err = trouble;
        return -1;
    }
    return record_set_trouble(record, trouble.text, err) < 0 ? -1 : 1;
}

static void jsonl_close(struct reader *reader)
{
    if (reader->state)
        lines_deinit(reader->state);
    free(reader->state);
}

const struct input_kind KIND_JSONL = {.name = "jsonl",
                                      .recognise = jsonl_recognise,
                                      .open = jsonl_open,
                                      .next = jsonl_next,
                                      .close = jsonl_close};
