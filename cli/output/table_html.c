/* The HTML report: one file that holds its style, its program (html/) and the rows, and wants
 * nothing from outside. It is sorted, filtered and reviewed in the browser.
 *
 * Rows are lines of JSON in a script element of no script's type, the last thing in the file, so
 * that they are written as they come and a file that was cut off still opens. No byte of them is
 * ever markup: '<' is written \u003c, and the program only makes text of them. Should that fail,
 * the policy in the head runs no script but the one whose hash it names, and loads nothing. */

#include "table_file.h"

#include "../utf8_check.h"
#include "html_page.h" /* made from html/ when trawl is built */

#include <string.h>

/* As out_json_text, and nothing an HTML parser looks for. */
static void put_string(struct out *out, const char *text, size_t n_bytes)
{
    size_t begin = 0;
    out_char(out, '"');
    for (size_t i = 0, n; i < n_bytes; i += n) {
        unsigned char c = (unsigned char)text[i];
        size_t valid = utf8_char_bytes(text + i, n_bytes - i);
        n = valid ? valid : 1;
        if (valid && c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != 0x7f)
            continue;
        out_bytes(out, text + begin, i - begin);
        begin = i + n;
        if (!valid)
            out_format(out, "\\udc%02x", c);
        else if (c == '"' || c == '\\')
            out_format(out, "\\%c", c);
        else
            out_format(out, "\\u%04x", c);
    }
    out_bytes(out, text + begin, n_bytes - begin);
    out_char(out, '"');
}

static void put_text(struct out *out, const char *text)
{
    put_string(out, text ? text : "", text ? strlen(text) : 0);
}

/* ---- The head ---- */

static void put_title(struct out *out, const char *title)
{
    for (; *title; title++) {
        if (*title == '<' || *title == '&')
            out_text(out, *title == '<' ? "&lt;" : "&amp;");
        else
            out_char(out, *title);
    }
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The policy wants hashes in base64; the build knows them in hexadecimal digits. */
static void put_hash(struct out *out, const char *hex)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0;
    int n_bits = 0;
    out_text(out, "'sha256-");
    for (; *hex; hex++) {
        bits = bits << 4 | (unsigned)hex_digit(*hex);
        n_bits += 4;
        if (n_bits >= 6) {
            n_bits -= 6;
            out_char(out, digits[bits >> n_bits & 63]);
        }
    }
    if (n_bits > 0) /* 256 bits are 42 digits, 4 bits, and one = to fill up */
        out_char(out, digits[bits << (6 - n_bits) & 63]);
    out_text(out, "='");
}

static const char *role_name(enum column_role role)
{
    static const char *const names[] = {[COLUMN_ID] = "id",
                                        [COLUMN_FIELD] = "field",
                                        [COLUMN_TEXT] = "text",
                                        [COLUMN_ANSWER] = "answer",
                                        [COLUMN_PROBABILITY] = "probability",
                                        [COLUMN_DISTRIBUTION] = "distribution"};
    return names[role];
}

static void put_columns(struct out *out, const struct table_options *options)
{
    for (size_t i = 0; i < options->n_columns; i++) {
        const struct table_column *column = &options->columns[i];
        out_text(out, i > 0 ? ",\n{\"name\":" : "\n{\"name\":");
        put_text(out, column->name);
        out_format(out, ",\"role\":\"%s\",\"question\":%d}", role_name(column->role),
                   column->question);
    }
}

static void put_questions(struct out *out, const struct table_options *options)
{
    for (size_t i = 0; i < options->n_questions; i++) {
        const struct table_question *question = &options->questions[i];
        out_text(out, i > 0 ? ",\n{\"name\":" : "\n{\"name\":");
        put_text(out, question->name);
        out_text(out, ",\"text\":");
        put_text(out, question->text);
        out_text(out, ",\"kind\":");
        put_text(out, question->kind);
        out_text(out, ",\"threshold\":");
        out_number(out, question->threshold);
        out_char(out, '}');
    }
}

static void put_head(struct out *out, const struct table_options *options)
{
    const char *title = options->title ? options->title : "Answers";
    out_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "base-uri 'none'; form-action 'none'; style-src ");
    put_hash(out, HTML_STYLE_SHA256);
    out_text(out, "; script-src ");
    put_hash(out, HTML_SCRIPT_SHA256);
    out_text(out, "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"generator\" content=\"trawl\">\n<title>");
    put_title(out, title);
    out_text(out, "</title>\n<style>");
    out_bytes(out, HTML_STYLE, sizeof HTML_STYLE - 1);
    out_text(out, "</style>\n</head>\n<body>\n<noscript>This report is shown by a program inside "
                  "this file: allow scripts.</noscript>\n<script>");
    out_bytes(out, HTML_SCRIPT, sizeof HTML_SCRIPT - 1);
    out_text(out, "</script>\n<script type=\"application/json\" id=\"trawl-head\">{\"title\":");
    put_text(out, title);
    out_text(out, ",\"columns\":[");
    put_columns(out, options);
    out_text(out, "],\n\"questions\":[");
    put_questions(out, options);
    out_text(out, "]}</script>\n<script type=\"application/jsonl\" id=\"trawl-rows\">\n");
}

/* ---- The format ---- */

static struct table *html_open(const struct table_options *options, struct error *err)
{
    struct table *table = table_file_open(options, err);
    if (table)
        put_head(&table->out, options);
    return table;
}

static int html_row(struct table *table, const struct table_cell *cells, struct error *err)
{
    struct out *out = &table->out;
    for (size_t i = 0; i < table->options->n_columns; i++) {
        const struct table_cell *cell = &cells[i];
        out_char(out, i > 0 ? ',' : '[');
        if (cell->kind == CELL_TEXT)
            put_string(out, cell->text, cell->n_bytes);
        else if (cell->kind == CELL_NUMBER)
            out_number(out, cell->number);
        else
            out_text(out, "null");
    }
    out_text(out, "]\n");
    return table_file_end_row(table, err);
}

static int html_finish(struct table *table, struct error *err)
{
    out_text(&table->out, "</script>\n</body>\n</html>\n");
    return table_file_finish(table, err);
}

const struct table_format table_html = {
    .name = "html",
    .extensions = "html htm",
    .wants_text = true,
    .open = html_open,
    .row = html_row,
    .flush = table_file_flush,
    .finish = html_finish,
    .close = table_file_close,
};
