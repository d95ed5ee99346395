#ifndef TABLE_FILE_H
#define TABLE_FILE_H
/* What the tables that are plain text share: a file that is replaced, or standard output. */

#include "out.h"
#include "table.h"

struct table {
    const struct table_options *options;
    struct out out;
};

/* Opens options->path. NULL with [err]. */
struct table *table_file_open(const struct table_options *options, struct error *err) MUST_CHECK;
int table_file_end_row(struct table *table, struct error *err) MUST_CHECK;
/* The rest of struct table_format. */
int table_file_flush(struct table *table, struct error *err) MUST_CHECK;
int table_file_finish(struct table *table, struct error *err) MUST_CHECK;
void table_file_close(struct table *table);

#endif
