/* Any bytes as CSV, or as TSV with escapes: rows that are read, written and read again are the same
 * rows. The first byte chooses the delimiter, how little memory a row may take, and the escapes. */
#include "../../cli/input/csv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void append(struct bytes *out, const void *data, size_t n_bytes)
{
    struct error err;
    if (bytes_append(out, data, n_bytes, &err) < 0)
        abort();
}

static void open_text(struct csv *csv, const void *data, size_t n_bytes, uint8_t choice,
                      size_t most_bytes)
{
    struct error err;
    struct bytes copy = {0};
    append(&copy, data, n_bytes);
    struct intake *intake = intake_open_bytes(&copy, &err);
    if (!intake)
        abort();
    csv_init(csv, intake, choice & 8 ? '\t' : ",;\t|"[choice & 3], most_bytes);
    csv->escapes = choice & 8;
}

static void write_escaped_row(const struct csv *csv, struct bytes *out)
{
    static const char special[] = "\t\n\r\\", letters[] = "tnr\\";
    for (size_t i = 0; i < csv->n_cells; i++) {
        size_t n_bytes;
        const char *cell = csv_cell(csv, i, &n_bytes);
        append(out, "\t", i > 0);
        for (size_t k = 0; k < n_bytes; k++) {
            const char *found = cell[k] ? strchr(special, cell[k]) : NULL;
            append(out, "\\", found != NULL);
            append(out, found ? letters + (found - special) : cell + k, 1);
        }
    }
    append(out, "\n", 1);
}

/* Writes the row with every cell in quotes. */
static void write_row(const struct csv *csv, struct bytes *out)
{
    if (csv->escapes) {
        write_escaped_row(csv, out);
        return;
    }
    for (size_t i = 0; i < csv->n_cells; i++) {
        size_t n_bytes;
        const char *cell = csv_cell(csv, i, &n_bytes);
        append(out, i > 0 ? &csv->delimiter : "\"", 1);
        if (i > 0)
            append(out, "\"", 1);
        for (size_t k = 0; k < n_bytes; k++)
            append(out, cell[k] == '"' ? "\"\"" : cell + k, cell[k] == '"' ? 2 : 1);
        append(out, "\"", 1);
    }
    append(out, "\r\n", 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {0};
    struct csv csv, again;
    struct bytes written = {0}, rewritten = {0};
    if (n_bytes == 0)
        return 0;
    open_text(&csv, bytes + 1, n_bytes - 1, bytes[0], bytes[0] & 4 ? 16 : 1 << 20);
    int status;
    while ((status = csv_next(&csv, &err)) != 0) {
        if (status > 0)
            write_row(&csv, &written);
        else if (err.kind != ERROR_LIMIT && err.kind != ERROR_FORMAT)
            abort();
    }
    open_text(&again, written.data, written.n_bytes, bytes[0], 1 << 20);
    while ((status = csv_next(&again, &err)) > 0)
        write_row(&again, &rewritten);
    if (status < 0 || written.n_bytes != rewritten.n_bytes ||
        (written.n_bytes > 0 && memcmp(written.data, rewritten.data, written.n_bytes) != 0))
        abort();
    csv_deinit(&csv);
    csv_deinit(&again);
    bytes_deinit(&written);
    bytes_deinit(&rewritten);
    return 0;
}
