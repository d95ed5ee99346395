#include "rows.h"

#include "../input/charset.h"
#include "../input/csv.h"
#include "../input/lines.h"
#include "../json_read.h"
#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_COLUMNS   100000
#define MOST_ROW_BYTES ((size_t)256 << 20)

/* One of csv and lines is open. */
struct rows {
    char *path;
    bool is_json;
    struct csv csv;
    struct lines lines;
    uint64_t n_lines; /* of JSON, read */
    struct row row;
    struct row_cell *cells; /* [capacity] */
    size_t capacity;
    char **header; /* [n_header] of CSV */
    size_t n_header;
    struct arena arena; /* of the JSON row */
};

static int fail_row(const struct rows *rows, uint64_t line, struct error *err)
{
    return fail_context(err, "%s: line %" PRIu64, rows->path, line);
}

static int add_cell(struct rows *rows, struct row_cell cell, struct error *err)
{
    if (rows->row.n_cells == rows->capacity) {
        if (rows->capacity >= MOST_COLUMNS)
            return fail(err, ERROR_LIMIT, "more than %d columns", MOST_COLUMNS);
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

/* ---- CSV, and TSV as trawl writes it ---- */

/* The first row names the columns. */
static int take_header(struct rows *rows, struct error *err)
{
    rows->header = calloc(rows->csv.n_cells, sizeof *rows->header);
    if (!rows->header)
        return fail_memory(err, rows->csv.n_cells * sizeof *rows->header, "columns");
    for (; rows->n_header < rows->csv.n_cells; rows->n_header++) {
        size_t n_bytes;
        char **name = &rows->header[rows->n_header];
        *name = strdup(csv_cell(&rows->csv, rows->n_header, &n_bytes));
        if (!*name)
            return fail_memory(err, n_bytes, "columns");
    }
    return 0;
}

static int take_cells(struct rows *rows, struct error *err)
{
    size_t n_cells = rows->csv.n_cells;
    if (n_cells > rows->n_header)
        return fail(err, ERROR_FORMAT,
                    "%zu cells under %zu columns (is the first line the header?)", n_cells,
                    rows->n_header);
    for (size_t i = 0; i < n_cells; i++) {
        struct row_cell cell = {.name = rows->header[i]};
        cell.text = csv_cell(&rows->csv, i, &cell.n_bytes);
        if (add_cell(rows, cell, err) < 0)
            return -1;
    }
    return 1;
}

static int next_of_csv(struct rows *rows, struct error *err)
{
    int status = csv_next(&rows->csv, err);
    rows->row.line = rows->csv.line;
    return status > 0 ? take_cells(rows, err) : status;
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

static int take_object(struct rows *rows, const struct line *line, struct error *err)
{
    arena_deinit(&rows->arena);
    const struct json *json = json_read(&rows->arena, line->text, line->n_bytes, err);
    if (!json)
        return -1;
    if (json->kind != JSON_OBJECT)
        return fail(err, ERROR_FORMAT, "one JSON object per line is wanted");
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

static int next_of_json(struct rows *rows, struct error *err)
{
    struct line line;
    int status;
    do {
        rows->row.line = ++rows->n_lines;
        status = lines_next(&rows->lines, &line, err);
    } while (status > 0 && line_is_blank(line.text, line.n_bytes));
    return status > 0 ? take_object(rows, &line, err) : status;
}

/* ---- Either ---- */

/* Without its byte order mark. */
static struct intake *open_file(const char *path, struct error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fail_errno(err, ERROR_IO, errno, "%s", path);
        return NULL;
    }
    struct intake *file = intake_open_fd(fd, err);
    return file ? charset_open(file, err) : NULL;
}

/* [intake] is taken; its first bytes are looked at. */
static int open_rows(struct rows *rows, struct intake *intake, struct error *err)
{
    const char *head;
    size_t n_head, n_blank = 0;
    csv_init(&rows->csv, intake, ',', MOST_ROW_BYTES);
    if (intake_peek(intake, INTAKE_HEAD_BYTES, &head, &n_head, err) < 0)
        return fail_context(err, "%s", rows->path);
    while (n_blank < n_head && strchr(" \t\r\n", head[n_blank]) && head[n_blank])
        n_blank++;
    char first = n_blank < n_head ? head[n_blank] : '\0';
    if (first == '[')
        return fail(err, ERROR_FORMAT,
                    "%s: one JSON object per line is wanted, not an array (jq -c '.[]' makes them "
                    "of one)",
                    rows->path);
    if (first == '{') {
        rows->is_json = true;
        rows->csv.intake = NULL;
        lines_init(&rows->lines, intake, '\n', MOST_ROW_BYTES);
        return 0;
    }
    const char *end = memchr(head + n_blank, '\n', n_head - n_blank);
    size_t n_line = (size_t)((end ? end : head + n_head) - head);
    if (memchr(head, '\t', n_line)) {
        rows->csv.delimiter = '\t';
        rows->csv.escapes = true;
    } else if (!memchr(head, ',', n_line) && memchr(head, ';', n_line)) {
        rows->csv.delimiter = ';';
    }
    int status = csv_next(&rows->csv, err);
    if (status > 0)
        status = take_header(rows, err);
    return status < 0 ? fail_row(rows, rows->csv.line, err) : 0;
}

struct rows *rows_open(const char *path, struct error *err)
{
    struct rows *rows = calloc(1, sizeof *rows);
    if (!rows) {
        fail_memory(err, sizeof *rows, "rows");
        return NULL;
    }
    rows->path = strdup(strcmp(path, "-") == 0 ? "(standard input)" : path);
    if (!rows->path)
        fail_memory(err, strlen(path), "rows");
    struct intake *intake = rows->path ? open_file(path, err) : NULL;
    if (intake && open_rows(rows, intake, err) == 0)
        return rows;
    rows_close(rows);
    return NULL;
}

int rows_next(struct rows *rows, const struct row **row, struct error *err)
{
    rows->row.n_cells = 0;
    int status = rows->is_json ? next_of_json(rows, err) : next_of_csv(rows, err);
    rows->row.cells = rows->cells;
    *row = &rows->row;
    return status < 0 ? fail_row(rows, rows->row.line, err) : status;
}

void rows_close(struct rows *rows)
{
    if (!rows)
        return;
    for (size_t i = 0; i < rows->n_header; i++)
        free(rows->header[i]);
    free(rows->header);
    free(rows->cells);
    free(rows->path);
    csv_deinit(&rows->csv);
    lines_deinit(&rows->lines);
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
