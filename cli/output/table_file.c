#include "table_file.h"

#include "../durable.h"

#include <errno.h>
#include <stdlib.h>

struct table *table_file_open(const struct table_options *options, struct error *err)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table) {
        fail_memory(err, sizeof *table, "output");
        return NULL;
    }
    table->options = options;
    table->out.file = options->path ? fopen(options->path, "we") : stdout;
    if (!table->out.file) {
        fail_errno(err, ERROR_IO, errno, "%s", options->path);
        free(table);
        return NULL;
    }
    return table;
}

static int name_file(const struct table *table, int rc, struct error *err)
{
    return rc < 0 && table->options->path ? fail_context(err, "%s", table->options->path) : rc;
}

int table_file_end_row(struct table *table, struct error *err)
{
    if (table->options->each_row_now)
        return table_file_flush(table, err);
    return name_file(table, out_check(&table->out, err), err);
}

int table_file_flush(struct table *table, struct error *err)
{
    return name_file(table, out_flush(&table->out, err), err);
}

int table_file_finish(struct table *table, struct error *err)
{
    if (table_file_flush(table, err) < 0)
        return -1;
    if (durable_sync(fileno(table->out.file), err) < 0)
        return name_file(table, -1, err);
    return table->options->path ? durable_sync_name(table->options->path, err) : 0;
}

void table_file_close(struct table *table)
{
    if (!table)
        return;
    if (table->out.file != stdout)
        fclose(table->out.file);
    free(table);
}
