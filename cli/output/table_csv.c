/* CSV (RFC 4180: lines end in CR LF, quotes where they are needed) and TSV (IANA's
 * text/tab-separated-values has no way to write a tab or a line end; they become \t, \n, \r and a
 * backslash \\, as in PostgreSQL's and MySQL's dumps). A first line has the columns' names. */

#include "table_file.h"

#include <string.h>

static void csv_text(struct out *out, const char *text, size_t n_bytes)
{
    bool quoted = n_bytes > 0 && (*text == ' ' || text[n_bytes - 1] == ' ');
    for (size_t i = 0; i < n_bytes && !quoted; i++)
        quoted = text[i] == '"' || text[i] == ',' || text[i] == '\n' || text[i] == '\r';
    if (!quoted) {
        out_bytes(out, text, n_bytes);
        return;
    }
    out_char(out, '"');
    for (size_t from = 0; from < n_bytes;) {
        const char *quote = memchr(text + from, '"', n_bytes - from);
        size_t to = quote ? (size_t)(quote - text) + 1 : n_bytes;
        out_bytes(out, text + from, to - from);
        if (quote)
            out_char(out, '"');
        from = to;
    }
    out_char(out, '"');
}

static void tsv_text(struct out *out, const char *text, size_t n_bytes)
{
    static const char special[] = "\t\n\r\\", letters[] = "tnr\\";
    for (size_t i = 0; i < n_bytes; i++) {
        const char *found = text[i] ? strchr(special, text[i]) : NULL;
        if (found)
            out_char(out, '\\');
        out_char(out, found ? letters[found - special] : text[i]);
    }
}

static void write_cell(struct out *out, bool tabs, const struct table_cell *cell)
{
    if (cell->kind == CELL_NUMBER)
        out_number(out, cell->number);
    else if (cell->kind == CELL_TEXT)
        (tabs ? tsv_text : csv_text)(out, cell->text, cell->n_bytes);
}

static int write_row(struct table *table, bool tabs, const struct table_cell *cells,
                     struct error *err)
{
    size_t n = table->options->n_columns;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            out_char(&table->out, tabs ? '\t' : ',');
        /* A line with nothing in it would be no row to some readers. */
        if (n == 1 && cells[i].kind == CELL_EMPTY && !tabs)
            out_text(&table->out, "\"\"");
        write_cell(&table->out, tabs, &cells[i]);
    }
    out_text(&table->out, tabs ? "\n" : "\r\n");
    return table_file_end_row(table, err);
}

static struct table *open_table(const struct table_options *options, bool tabs, struct error *err)
{
    struct table *table = table_file_open(options, err);
    for (size_t i = 0; table && i < options->n_columns; i++) {
        const char *name = options->columns[i].name;
        struct table_cell cell = {.kind = CELL_TEXT, .text = name, .n_bytes = strlen(name)};
        if (i > 0)
            out_char(&table->out, tabs ? '\t' : ',');
        write_cell(&table->out, tabs, &cell);
    }
    if (table)
        out_text(&table->out, tabs ? "\n" : "\r\n");
    return table;
}

static struct table *csv_open(const struct table_options *options, struct error *err)
{
    return open_table(options, false, err);
}

static int csv_row(struct table *table, const struct table_cell *cells, struct error *err)
{
    return write_row(table, false, cells, err);
}

static struct table *tsv_open(const struct table_options *options, struct error *err)
{
    return open_table(options, true, err);
}

static int tsv_row(struct table *table, const struct table_cell *cells, struct error *err)
{
    return write_row(table, true, cells, err);
}

const struct table_format table_csv = {
    .name = "csv",
    .extensions = "csv",
    .open = csv_open,
    .row = csv_row,
    .flush = table_file_flush,
    .finish = table_file_finish,
    .close = table_file_close,
};

const struct table_format table_tsv = {
    .name = "tsv",
    .extensions = "tsv tab",
    .open = tsv_open,
    .row = tsv_row,
    .flush = table_file_flush,
    .finish = table_file_finish,
    .close = table_file_close,
};
