/* JSON lines (RFC 8259, one object a row): texts, numbers, null for an empty cell; a distribution
 * is an array of [label, probability]. */

#include "table_file.h"

#include <string.h>

static int jsonl_row(struct table *table, const struct table_cell *cells, struct error *err)
{
    struct out *out = &table->out;
    for (size_t i = 0; i < table->options->n_columns; i++) {
        const struct table_column *column = &table->options->columns[i];
        out_text(out, i == 0 ? "{" : ", ");
        out_json_text(out, column->name, strlen(column->name));
        out_text(out, ": ");
        if (cells[i].kind == CELL_EMPTY)
            out_text(out, "null");
        else if (cells[i].kind == CELL_NUMBER)
            out_number(out, cells[i].number);
        else if (column->role == COLUMN_DISTRIBUTION)
            out_bytes(out, cells[i].text, cells[i].n_bytes);
        else
            out_json_text(out, cells[i].text, cells[i].n_bytes);
    }
    out_text(out, "}\n");
    return table_file_end_row(table, err);
}

const struct table_format table_jsonl = {
    .name = "jsonl",
    .extensions = "jsonl json ndjson",
    .open = table_file_open,
    .row = jsonl_row,
    .flush = table_file_flush,
    .finish = table_file_finish,
    .close = table_file_close,
};
