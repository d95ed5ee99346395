/* A table as GitHub's Markdown has it: one line a row, bars and what Markdown would take for markup
 * escaped, line ends as <br>. */

#include "table_file.h"

#include <string.h>

static void write_text(struct out *out, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        char c = text[i];
        if (c == '\r' && i + 1 < n_bytes && text[i + 1] == '\n')
            continue;
        if (c == '\n' || c == '\r')
            out_text(out, "<br>");
        else if (c == '<' || c == '&')
            out_text(out, c == '<' ? "&lt;" : "&amp;");
        else {
            if (c && strchr("|\\`*_[]", c))
                out_char(out, '\\');
            out_char(out, c);
        }
    }
}

static struct table *markdown_open(const struct table_options *options, struct error *err)
{
    struct table *table = table_file_open(options, err);
    if (!table)
        return NULL;
    for (size_t i = 0; i < options->n_columns; i++) {
        out_text(&table->out, "| ");
        write_text(&table->out, options->columns[i].name, strlen(options->columns[i].name));
        out_char(&table->out, ' ');
    }
    out_text(&table->out, "|\n");
    for (size_t i = 0; i < options->n_columns; i++)
        out_text(&table->out,
                 options->columns[i].role == COLUMN_PROBABILITY ? "| ---: " : "| --- ");
    out_text(&table->out, "|\n");
    return table;
}

static int markdown_row(struct table *table, const struct table_cell *cells, struct error *err)
{
    struct out *out = &table->out;
    for (size_t i = 0; i < table->options->n_columns; i++) {
        out_text(out, "| ");
        if (cells[i].kind == CELL_NUMBER)
            out_format(out, "%.4g", cells[i].number);
        else if (cells[i].kind == CELL_TEXT)
            write_text(out, cells[i].text, cells[i].n_bytes);
        out_char(out, ' ');
    }
    out_text(out, "|\n");
    return table_file_end_row(table, err);
}

const struct table_format table_markdown = {
    .name = "markdown",
    .extensions = "md markdown",
    .open = markdown_open,
    .row = markdown_row,
    .flush = table_file_flush,
    .finish = table_file_finish,
    .close = table_file_close,
};
