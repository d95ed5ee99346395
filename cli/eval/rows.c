#include "rows.h"

#include "../json_read.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_COLUMNS 100000

struct rows {
    FILE *file;
    char *path;
    bool first_is_read; /* the first row is in the buffer: of JSON, which has no header */
    char separator;
    uint64_t n_read; /* lines */
    char *line;      /* getline's */
    size_t line_capacity;
    struct bytes text; /* the row as it was read; texts of CSV are taken apart in place */
    struct row row;
    struct row_cell *cells; /* [capacity] */
    size_t capacity;
    char **header; /* [n_header] */
    size_t n_header;
    struct arena arena; /* of the JSON row */
};

static int fail_row(const struct rows *rows, struct error *err)
{
    return fail_context(err, "%s: line %" PRIu64, rows->path, rows->row.line);
}

/* Appends the next line with its end. 1, 0 at the end of the file, -1. */
static int read_line(struct rows *rows, struct error *err)
{
    errno = 0;
    ssize_t n = getline(&rows->line, &rows->line_capacity, rows->file);
    if (n < 0 && feof(rows->file) && !ferror(rows->file))
        return 0;
    if (n < 0)
        return fail_errno(err, ERROR_IO, errno ? errno : EIO, "%s", rows->path);
    rows->n_read++;
    return bytes_append(&rows->text, rows->line, (size_t)n, err) < 0 ? -1 : 1;
}

/* The next line that is not blank, alone in the buffer. */
static int read_row(struct rows *rows, struct error *err)
{
    int status;
    do {
        bytes_clear(&rows->text);
        status = read_line(rows, err);
        rows->row.line = rows->n_read;
    } while (status > 0 && strspn(rows->text.data, "\r\n") == rows->text.n_bytes);
    return status;
}

static int add_cell(struct rows *rows, struct row_cell cell, struct error *err)
{
    if (rows->row.n_cells == rows->capacity) {
        if (rows->capacity >= MOST_COLUMNS) {
            fail(err, ERROR_LIMIT, "more than %d columns", MOST_COLUMNS);
            return fail_row(rows, err);
        }
        size_t capacity = max_size(16, rows->capacity * 2);
        struct row_cell *cells = realloc(rows->cells, capacity * sizeof *cells);
        if (!cells)
            return fail_memory(err, capacity * sizeof *cells, "columns");
        rows->cells = cells;
        rows->capacity = capacity;
    }
    rows->cells[rows->row.n_cells++] = cell;
    return 0;
}

/* ---- CSV (RFC 4180), and TSV as trawl writes it: \t, \n, \r and \\, no quotes ---- */

/* Reads on while a quoted cell holds line ends. */
static int read_rest(struct rows *rows, struct error *err)
{
    bool quoted = false, begins = rows->separator != '\t';
    for (size_t at = 0; at < rows->text.n_bytes || quoted; at++) {
        if (at == rows->text.n_bytes) {
            int status = read_line(rows, err);
            if (status < 0)
                return -1;
            if (status == 0) {
                fail(err, ERROR_FORMAT, "a quoted cell does not end");
                return fail_row(rows, err);
            }
        }
        const char *text = rows->text.data; /* a NUL is behind the last */
        if (quoted && text[at] == '"' && text[at + 1] == '"')
            at++;
        else if (text[at] == '"' && (quoted || begins))
            quoted = !quoted;
        begins = text[at] == rows->separator && rows->separator != '\t';
    }
    return 0;
}

/* Takes the quotes off a cell that begins with one, moving its text to [to]; both are moved on to
 * where it ends. What stands behind the closing quote is left. */
static void unquote(const char **at, char **to)
{
    const char *from = *at + 1;
    for (; *from != '"' || from[1] == '"'; from++) {
        from += *from == '"';
        *(*to)++ = *from;
    }
    *at = from + 1;
}

/* The byte at [*at], which a backslash may stand for; both are moved on. */
static void unescape(const char **at, char **to)
{
    static const char letters[] = "tnr\\", special[] = "\t\n\r\\";
    const char *found = **at == '\\' && (*at)[1] ? strchr(letters, (*at)[1]) : NULL;
    *(*to)++ = found ? special[found - letters] : **at;
    *at += found ? 2 : 1;
}

static int split_cells(struct rows *rows, struct error *err)
{
    if (read_rest(rows, err) < 0)
        return -1;
    char *to = rows->text.data;
    const char *at = to, *end = to + rows->text.n_bytes;
    end -= end > at && end[-1] == '\n';
    end -= end > at && end[-1] == '\r';
    rows->row.n_cells = 0;
    for (bool more = true; more;) {
        size_t i = rows->row.n_cells;
        struct row_cell cell = {.name = i < rows->n_header ? rows->header[i] : "", .text = to};
        if (rows->separator == '\t') {
            while (at < end && *at != '\t')
                unescape(&at, &to);
        } else if (at < end && *at == '"') {
            unquote(&at, &to);
        }
        while (at < end && *at != rows->separator)
            *to++ = *at++;
        cell.n_bytes = (size_t)(to - cell.text);
        more = at++ < end;
        *to++ = '\0';
        if (add_cell(rows, cell, err) < 0)
            return -1;
    }
    return 0;
}

/* The first line, which is in the buffer, names the columns. */
static int take_header(struct rows *rows, struct error *err)
{
    const char *text = rows->text.data;
    rows->separator = strchr(text, '\t')                        ? '\t'
                      : strchr(text, ',') || !strchr(text, ';') ? ','
                                                                : ';';
    if (split_cells(rows, err) < 0)
        return -1;
    rows->header = calloc(rows->row.n_cells, sizeof *rows->header);
    if (!rows->header)
        return fail_memory(err, rows->row.n_cells * sizeof *rows->header, "columns");
    for (size_t i = 0; i < rows->row.n_cells; i++) {
        rows->header[i] = strdup(rows->cells[i].text);
        if (!rows->header[i])
            return fail_memory(err, rows->cells[i].n_bytes, "columns");
        rows->n_header++;
    }
    return 0;
}

static int take_cells(struct rows *rows, struct error *err)
{
    if (split_cells(rows, err) < 0)
        return -1;
    if (rows->row.n_cells > rows->n_header) {
        fail(err, ERROR_FORMAT, "%zu cells under %zu columns (is the first line the header?)",
             rows->row.n_cells, rows->n_header);
        return fail_row(rows, err);
    }
    return 1;
}

/* ---- JSON ---- */

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *digit = c ? strchr(digits, c) : NULL;
    return digit ? (int)(digit - digits) : -1;
}

/* The bytes of {"bytes": base64}, up to the first that is no digit. */
static int decode_base64(struct rows *rows, const struct json *json, struct row_cell *cell,
                         struct error *err)
{
    char *to = arena_alloc(&rows->arena, json->n_bytes + 1, 1, "JSON", err);
    unsigned bits = 0, n_bits = 0;
    size_t n = 0;
    if (!to)
        return -1;
    for (size_t i = 0; i < json->n_bytes && base64_digit(json->text[i]) >= 0; i++) {
        bits = (bits << 6 | (unsigned)base64_digit(json->text[i])) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            to[n++] = (char)(bits >> n_bits & 0xff);
        }
    }
    to[n] = '\0';
    cell->text = to;
    cell->n_bytes = n;
    return 0;
}

static int take_object(struct rows *rows, struct error *err)
{
    arena_deinit(&rows->arena);
    const struct json *json = json_read(&rows->arena, rows->text.data, rows->text.n_bytes, err);
    if (json && json->kind != JSON_OBJECT)
        fail(err, ERROR_FORMAT, "one JSON object per line is wanted");
    if (!json || json->kind != JSON_OBJECT)
        return fail_row(rows, err);
    rows->row.n_cells = 0;
    for (const struct json *member = json->first; member; member = member->next) {
        const struct json *bytes = json_member(member, "bytes");
        struct row_cell cell = {.name = member->name, .text = ""};
        if (member->kind == JSON_STRING || member->kind == JSON_NUMBER) {
            cell.text = member->text;
            cell.n_bytes = member->n_bytes;
        } else if (member->kind == JSON_TRUE || member->kind == JSON_FALSE) {
            cell.text = member->kind == JSON_TRUE ? "true" : "false";
            cell.n_bytes = strlen(cell.text);
        } else if (bytes && bytes->kind == JSON_STRING &&
                   decode_base64(rows, bytes, &cell, err) < 0) {
            return -1;
        }
        if (add_cell(rows, cell, err) < 0)
            return -1;
    }
    return 1;
}

/* ---- Either ---- */

struct rows *rows_open(const char *path, struct error *err)
{
    struct rows *rows = calloc(1, sizeof *rows);
    bool is_stdin = strcmp(path, "-") == 0;
    if (!rows) {
        fail_memory(err, sizeof *rows, "rows");
        return NULL;
    }
    rows->path = strdup(is_stdin ? "(standard input)" : path);
    rows->file = is_stdin ? stdin : fopen(path, "re");
    int status = -1;
    if (!rows->path)
        fail_memory(err, strlen(path), "rows");
    else if (!rows->file)
        fail_errno(err, ERROR_IO, errno, "%s", path);
    else
        status = read_row(rows, err);

    static const char mark[] = "\xef\xbb\xbf";
    if (status > 0 && rows->text.n_bytes >= 3 && memcmp(rows->text.data, mark, 3) == 0) {
        memmove(rows->text.data, rows->text.data + 3, rows->text.n_bytes - 2);
        rows->text.n_bytes -= 3;
    }
    if (status > 0) {
        char first = rows->text.data[strspn(rows->text.data, " \t")];
        if (first == '[')
            status = fail(err, ERROR_FORMAT,
                          "%s: one JSON object per line is wanted, not an array (jq -c '.[]' makes "
                          "them of one)",
                          rows->path);
        else if (first == '{')
            rows->first_is_read = true;
        else
            status = take_header(rows, err);
    }
    if (status >= 0)
        return rows;
    rows_close(rows);
    return NULL;
}

int rows_next(struct rows *rows, const struct row **row, struct error *err)
{
    int status = 1;
    if (!rows->first_is_read)
        status = read_row(rows, err);
    rows->first_is_read = false;
    if (status <= 0)
        return status;
    status = rows->header ? take_cells(rows, err) : take_object(rows, err);
    rows->row.cells = rows->cells;
    *row = &rows->row;
    return status;
}

void rows_close(struct rows *rows)
{
    if (!rows)
        return;
    if (rows->file && rows->file != stdin)
        fclose(rows->file);
    for (size_t i = 0; i < rows->n_header; i++)
        free(rows->header[i]);
    free(rows->header);
    free(rows->cells);
    free(rows->line);
    free(rows->path);
    bytes_deinit(&rows->text);
    arena_deinit(&rows->arena);
    free(rows);
}

const struct row_cell *row_find(const struct row *row, const char *name)
{
    for (size_t i = row->n_cells; i > 0; i--)
        if (strcmp(row->cells[i - 1].name, name) == 0)
            return &row->cells[i - 1];
    return NULL;
}

bool text_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end > text && *end == '\0' && isfinite(*out);
}

bool row_cell_number(const struct row_cell *cell, double *out)
{
    return text_number(cell->text, out);
}

int row_id(const struct row *row, struct bytes *id, struct error *err)
{
    const struct row_cell *cell = row_find(row, "id"), *line = NULL;
    if (!cell) {
        cell = row_find(row, "file");
        line = row_find(row, "line");
    }
    if (!cell)
        return 0;
    bytes_clear(id);
    if (bytes_append(id, cell->text, cell->n_bytes, err) < 0 ||
        (line && (bytes_append_text(id, ":", err) < 0 ||
                  bytes_append(id, line->text, line->n_bytes, err) < 0)))
        return -1;
    return 1;
}
