/* Plain text, Markdown, and the lines of a text. */

#include "charset.h"
#include "kinds.h"
#include "lines.h"
#include "record_build.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is neither of another kind nor binary is text. */
static bool text_recognise(const char *head, size_t n_bytes, const char *path)
{
    (void)path;
    return charset_is_wide(head, n_bytes) || !memchr(head, '\0', n_bytes);
}

/* The whole input as UTF-8: 1; 0: it has been read; -1. */
static int read_whole(struct reader *reader, struct bytes *text, struct error *err)
{
    if (reader->state)
        return 0;
    reader->state = reader; /* read */
    return intake_read_all(reader->intake, reader->most_bytes, text, err) < 0 ||
                   charset_to_utf8(text, NULL, err) < 0
               ? -1
               : 1;
}

static int text_next(struct reader *reader, struct record *record, struct error *err)
{
    struct bytes text = {0};
    int status = read_whole(reader, &text, err);
    if (status > 0 && record_take_text(record, &text, err) < 0)
        status = -1;
    bytes_deinit(&text);
    return status;
}

const struct input_kind KIND_TEXT = {
    .name = "text", .is_single = true, .recognise = text_recognise, .next = text_next};

/* ---- Markdown ---- */

static bool markdown_recognise(const char *head, size_t n_bytes, const char *path)
{
    return path_has_extension(path, "md markdown mdown") && !memchr(head, '\0', n_bytes);
}

/* A line of text and where the next begins. */
static const char *next_line(const char *at, size_t *n_bytes)
{
    const char *end = strchr(at, '\n');
    *n_bytes = end ? (size_t)(end - at) : strlen(at);
    const char *next = at + *n_bytes + (end != NULL);
    *n_bytes -= *n_bytes > 0 && at[*n_bytes - 1] == '\r';
    return next;
}

/* `key: value` lines between two lines `---` at the beginning, as site generators write them. What
 * is nested there stays unread. Returns the text after it. */
static const char *read_front_matter(const char *text, struct record *record, struct error *err)
{
    size_t n;
    const char *start = next_line(text, &n);
    if (n != 3 || memcmp(text, "---", 3) != 0 || !strstr(start, "\n---"))
        return text;
    for (const char *line = start; *line;) {
        const char *next = next_line(line, &n);
        if (n == 3 && memcmp(line, "---", 3) == 0)
            return next;
        const char *colon = memchr(line, ':', n);
        if (colon && colon > line && line[0] != ' ' && line[0] != '-' && line[0] != '#') {
            char *name = strndup(line, (size_t)(colon - line));
            const char *value = colon + 1 + strspn(colon + 1, " \t");
            const char *end = line + n;
            while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
            if (end - value >= 2 && *value == end[-1] && (*value == '"' || *value == '\'')) {
                value++;
                end--;
            }
            int status = name ? record_replace(record, name, end > value ? value : "",
                                               end > value ? (size_t)(end - value) : 0, err)
                              : fail_memory(err, n, "a field");
            free(name);
            if (status < 0)
                return NULL;
        }
        line = next;
    }
    return text;
}

/* The first heading is the title, unless the front matter has one. */
static int add_title(const char *text, struct record *record, struct error *err)
{
    if (record_find(record, "title"))
        return 0;
    size_t n;
    for (const char *line = text, *next; *line; line = next) {
        next = next_line(line, &n);
        if (n > 2 && line[0] == '#' && line[1] == ' ')
            return record_add(record, "title", line + 2, n - 2, err);
    }
    return 0;
}

static int markdown_next(struct reader *reader, struct record *record, struct error *err)
{
    struct bytes text = {0};
    int status = read_whole(reader, &text, err);
    if (status > 0) {
        const char *start = read_front_matter(text.data ? text.data : "", record, err);
        if (!start || record_set_text(record, start, strlen(start), err) < 0 ||
            add_title(start, record, err) < 0)
            status = -1;
    }
    bytes_deinit(&text);
    return status;
}

const struct input_kind KIND_MARKDOWN = {
    .name = "markdown", .is_single = true, .recognise = markdown_recognise, .next = markdown_next};

/* ---- Lines ---- */

struct line_reader {
    struct lines lines;
    uint64_t number;
};

static int lines_open(struct reader *reader, struct error *err)
{
    struct line_reader *self = reader->state = calloc(1, sizeof *self);
    if (!self)
        return fail_memory(err, sizeof *self, "lines");
    struct intake *intake = charset_open(reader->intake, err);
    reader->intake = NULL;
    if (!intake)
        return -1;
    lines_init(&self->lines, intake, '\n', reader->most_bytes);
    return 0;
}

/* Blank lines are counted and passed over. */
static int line_next(struct reader *reader, struct record *record, struct error *err)
{
    struct line_reader *self = reader->state;
    struct line line = {0};
    int status;
    do {
        status = lines_next(&self->lines, &line, err);
        if (status == 0 || (status < 0 && err->kind != ERROR_LIMIT))
            return status;
        self->number++;
    } while (status > 0 && line_is_blank(line.text, line.n_bytes));

    size_t n_id = strlen(reader->input->name) + 24;
    record->id = malloc(n_id);
    if (!record->id)
        return fail_memory(err, n_id, "a record");
    snprintf(record->id, n_id, "%s:%llu", reader->input->name, (unsigned long long)self->number);
    if (status > 0) {
        line.n_bytes -= line.text[line.n_bytes - 1] == '\r';
        return record_set_text(record, line.text, line.n_bytes, err) < 0 ? -1 : 1;
    }
    char why[sizeof err->text];
    snprintf(why, sizeof why, "%s", err->text);
    return lines_skip(&self->lines, err) < 0 || record_set_trouble(record, why, err) < 0 ? -1 : 1;
}

static void lines_close(struct reader *reader)
{
    struct line_reader *self = reader->state;
    if (self)
        lines_deinit(&self->lines);
    free(self);
}

const struct input_kind KIND_LINES = {
    .name = "lines", .open = lines_open, .next = line_next, .close = lines_close};
