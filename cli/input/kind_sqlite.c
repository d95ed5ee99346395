/* SQLite databases: the rows of --query, its columns are the fields. Opened for reading only; a
 * query that would write is refused. */

#include "kinds.h"
#include "record_build.h"

#include "../utf8_check.h"

#include <string.h>

static bool sqlite_recognise(const char *head, size_t n_bytes, const char *path)
{
    (void)path;
    return n_bytes >= 16 && memcmp(head, "SQLite format 3", 16) == 0;
}

#ifdef HAVE_SQLITE

#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>

struct sqlite_reader {
    sqlite3 *database;
    sqlite3_stmt *query;
};

static int fail_sqlite(const struct sqlite_reader *self, struct error *err)
{
    return fail(err, ERROR_FORMAT, "SQLite: %s", sqlite3_errmsg(self->database));
}

/* The names of the tables, to say what a query could be about; the number of them, -1. */
static int list_tables(struct sqlite_reader *self, struct bytes *names, struct error *err)
{
    sqlite3_stmt *list = NULL;
    int n = 0, status = SQLITE_ROW;
    if (sqlite3_prepare_v2(self->database,
                           "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND "
                           "name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
                           -1, &list, NULL) != SQLITE_OK)
        return fail_sqlite(self, err);
    while (n >= 0 && (status = sqlite3_step(list)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(list, 0);
        if (bytes_append_text(names, n > 0 ? ", " : "", err) < 0 ||
            bytes_append_text(names, name ? name : "?", err) < 0)
            n = -2;
        n++;
    }
    sqlite3_finalize(list);
    return n < 0 ? -1 : status == SQLITE_DONE ? n : fail_sqlite(self, err);
}

/* Without --query a database of one table is that table. */
static int choose_query(struct sqlite_reader *self, char **query, struct error *err)
{
    struct bytes names = {0};
    int n = list_tables(self, &names, err);
    if (n == 1 && !(*query = sqlite3_mprintf("SELECT * FROM \"%w\"", names.data)))
        n = fail_memory(err, names.n_bytes, "a query");
    else if (n == 0)
        fail(err, ERROR_FORMAT, "a database without tables");
    else if (n > 1)
        fail(err, ERROR_USAGE, "which rows? --query 'SELECT ... FROM ...'; there are %.300s",
             names.data);
    bytes_deinit(&names);
    return n == 1 ? 0 : -1;
}

static int prepare(struct sqlite_reader *self, const char *sql, struct error *err)
{
    const char *rest = NULL;
    if (sqlite3_prepare_v2(self->database, sql, -1, &self->query, &rest) != SQLITE_OK)
        return fail_sqlite(self, err);
    if (!self->query || !sqlite3_stmt_readonly(self->query))
        return fail(err, ERROR_USAGE, "--query: only a SELECT is run");
    if (rest && rest[strspn(rest, " \t\r\n;")] != '\0')
        return fail(err, ERROR_USAGE, "--query: one statement, not several");
    return 0;
}

static int sqlite_open(struct reader *reader, struct error *err)
{
    const char *path = reader->input->path;
    struct sqlite_reader *self = reader->state = calloc(1, sizeof *self);
    char *chosen = NULL;
    if (!self)
        return fail_memory(err, sizeof *self, "a database");
    if (!path)
        return fail(err, ERROR_UNSUPPORTED,
                    "a database is read where it lies: not from standard input or an archive");
    if (sqlite3_open_v2(path, &self->database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        return self->database ? fail_sqlite(self, err)
                              : fail_memory(err, sizeof *self, "a database");
    /* A file that came from somewhere: its schema gets no power, its values no more memory than
     * others. */
    sqlite3_db_config(self->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(self->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_limit(self->database, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(self->database, SQLITE_LIMIT_LENGTH,
                  reader->most_bytes < INT_MAX ? (int)reader->most_bytes : INT_MAX);
    sqlite3_busy_timeout(self->database, 5000);
    const char *sql = reader->options->query;
    if (!sql && choose_query(self, &chosen, err) < 0)
        return -1;
    int status = prepare(self, sql ? sql : chosen, err);
    sqlite3_free(chosen);
    return status;
}

/* A blob that is no text is left out: there is nothing to read in it. */
static int add_column(struct sqlite_reader *self, int i, struct record *record, struct error *err)
{
    const char *name = sqlite3_column_name(self->query, i);
    bool is_blob = sqlite3_column_type(self->query, i) == SQLITE_BLOB;
    const char *value = is_blob ? sqlite3_column_blob(self->query, i)
                                : (const char *)sqlite3_column_text(self->query, i);
    int n_bytes = sqlite3_column_bytes(self->query, i);
    if (!name)
        return fail_memory(err, 0, "the name of a column");
    if (!value || n_bytes < 0 ||
        (is_blob && (!utf8_is_valid(value, (size_t)n_bytes) || memchr(value, 0, (size_t)n_bytes))))
        return record_add(record, name, "", 0, err);
    return record_add(record, name, value, (size_t)n_bytes, err);
}

static int sqlite_next(struct reader *reader, struct record *record, struct error *err)
{
    struct sqlite_reader *self = reader->state;
    int status = sqlite3_step(self->query);
    if (status == SQLITE_DONE)
        return 0;
    if (status != SQLITE_ROW)
        return fail_sqlite(self, err);
    for (int i = 0; i < sqlite3_column_count(self->query); i++)
        if (add_column(self, i, record, err) < 0)
            return -1;
    return 1;
}

static void sqlite_close(struct reader *reader)
{
    struct sqlite_reader *self = reader->state;
    if (!self)
        return;
    sqlite3_finalize(self->query);
    sqlite3_close(self->database);
    free(self);
}

#else

static int sqlite_open(struct reader *reader, struct error *err)
{
    (void)reader;
    return fail(err, ERROR_UNSUPPORTED, "this trawl was built without SQLite");
}

static int sqlite_next(struct reader *reader, struct record *record, struct error *err)
{
    (void)reader, (void)record;
    return fail(err, ERROR_UNSUPPORTED, "this trawl was built without SQLite");
}

static void sqlite_close(struct reader *reader)
{
    (void)reader;
}

#endif

const struct input_kind KIND_SQLITE = {.name = "sqlite",
                                       .is_binary = true,
                                       .recognise = sqlite_recognise,
                                       .open = sqlite_open,
                                       .next = sqlite_next,
                                       .close = sqlite_close};
