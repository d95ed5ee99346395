/* JSON lines: an object per line, its members are the fields; what is nested stays as written. A
 * line that is only a string is a text. */

#include "charset.h"
#include "json.h"
#include "kinds.h"
#include "lines.h"
#include "record_build.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool jsonl_recognise(const char *head, size_t n_bytes, const char *path)
{
    struct json_value value;
    struct error ignored;
    if (path_has_extension(path, "jsonl ndjson"))
        return !memchr(head, '\0', n_bytes) || charset_is_wide(head, n_bytes);
    const char *end = memchr(head, '\n', n_bytes);
    return n_bytes > 0 && head[0] == '{' && end &&
           json_parse(head, (size_t)(end - head), &value, &ignored) == 0;
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

static int add_member(struct record *record, const char *key, const struct json_value *value,
                      struct error *err)
{
    struct bytes text = {0};
    if (value->type != JSON_STRING)
        return record_replace(record, key, value->text,
                              value->type == JSON_NULL ? 0 : value->n_bytes, err);
    int status = json_append_string(value, &text, err);
    if (status == 0)
        status = record_replace(record, key, text.data ? text.data : "", text.n_bytes, err);
    bytes_deinit(&text);
    return status;
}

static int read_object(struct record *record, const struct json_value *object, struct error *err)
{
    struct json_value value;
    struct bytes key = {0};
    size_t at = 0;
    int status;
    while ((status = json_next_member(object, &at, &key, &value, err)) > 0)
        if (charset_repair(&key, err) < 0 ||
            add_member(record, key.data ? key.data : "", &value, err) < 0)
            break;
    bytes_deinit(&key);
    return status == 0 ? 0 : -1;
}

static int read_value(struct record *record, const struct json_value *value, struct error *err)
{
    struct bytes text = {0};
    if (value->type == JSON_OBJECT)
        return read_object(record, value, err);
    if (value->type != JSON_STRING)
        return fail(err, ERROR_FORMAT, "neither a JSON object nor a string");
    if (json_append_string(value, &text, err) < 0) {
        bytes_deinit(&text);
        return -1;
    }
    return record_take_text(record, &text, err);
}

/* A line that is wrong is only that. */
static int jsonl_next(struct reader *reader, struct record *record, struct error *err)
{
    struct lines *lines = reader->state;
    struct line line = {0};
    struct json_value value;
    struct error trouble = {0};
    int status;
    do
        status = lines_next(lines, &line, &trouble);
    while (status > 0 && line_is_blank(line.text, line.n_bytes));
    if (status == 0)
        return 0;
    bool too_long = status < 0 && trouble.kind == ERROR_LIMIT;
    bool is_last = status < 0 && !too_long;
    if (status > 0 && (json_parse(line.text, line.n_bytes, &value, &trouble) < 0 ||
                       read_value(record, &value, &trouble) < 0))
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
