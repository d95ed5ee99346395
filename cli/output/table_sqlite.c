/* A table `answers` in an SQLite database, and a table `questions` that says what was asked. Rows
 * are committed some at a time and whenever the run flushes, so that a killed run leaves what it
 * had.
 *
 * Other tables of the database stay as they are. Where there are none, the finished database is
 * written once more, packed, beside itself, and takes its own place: its bytes then do not tell how
 * often it was committed or begun. */

#include "table.h"

#ifdef HAVE_SQLITE

#include "../durable.h"
#include "../utf8_check.h"
#include "base/bytes.h"
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS_PER_COMMIT 1000
#define WAIT_MS         10000 /* for another program that has the database locked */

struct table {
    const struct table_options *options;
    char *path; /* of the file itself, links followed */
    sqlite3 *db;
    sqlite3_stmt *insert;
    size_t n_uncommitted; /* rows in the open transaction */
    bool in_transaction;
    bool is_shared; /* there are tables of others */
};

static int fail_sqlite(const struct table *table, struct error *err)
{
    int code = table->db ? sqlite3_errcode(table->db) : SQLITE_NOMEM;
    enum error_kind kind = code == SQLITE_NOTADB ? ERROR_FORMAT : ERROR_IO;
    return fail(err, kind, "%s: %s%s", table->options->path,
                table->db ? sqlite3_errmsg(table->db) : sqlite3_errstr(code),
                code == SQLITE_NOTADB ? " (give another name, or remove the file)" : "");
}

static int run(struct table *table, const char *sql, struct error *err)
{
    return sqlite3_exec(table->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
                                                                       : fail_sqlite(table, err);
}

static int begin(struct table *table, struct error *err)
{
    if (!table->in_transaction && run(table, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    table->in_transaction = true;
    return 0;
}

static int commit(struct table *table, struct error *err)
{
    if (table->in_transaction && run(table, "COMMIT", err) < 0)
        return -1;
    table->in_transaction = false;
    table->n_uncommitted = 0;
    return 0;
}

/* ---- Opening ---- */

/* How many tables there are that are none of ours. */
static int count_others(struct table *table, int *n, struct error *err)
{
    sqlite3_stmt *query = NULL;
    int status = sqlite3_prepare_v2(table->db,
                                    "SELECT count(*) FROM sqlite_master "
                                    "WHERE lower(tbl_name) NOT IN ('answers', 'questions')",
                                    -1, &query, NULL) == SQLITE_OK &&
                         sqlite3_step(query) == SQLITE_ROW
                     ? 0
                     : fail_sqlite(table, err);
    *n = status == 0 ? sqlite3_column_int(query, 0) : 0;
    sqlite3_finalize(query);
    return status;
}

static int open_database(struct table *table, struct error *err)
{
    if (sqlite3_open_v2(table->options->path, &table->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        return fail_sqlite(table, err);
    sqlite3_busy_timeout(table->db, WAIT_MS);
    if (table->path)
        return 0;
    const char *path = sqlite3_db_filename(table->db, "main");
    table->path = strdup(path ? path : "");
    if (!table->path)
        return fail_memory(err, strlen(path), "output");
    return *table->path ? 0 : fail(err, ERROR_USAGE, "%s is no file", table->options->path);
}

/* A database that holds nothing but an earlier table begins anew; the query that finds out also
 * rolls back what a killed run had not committed. */
static int open_fresh(struct table *table, struct error *err)
{
    int n_others;
    if (open_database(table, err) < 0 || count_others(table, &n_others, err) < 0)
        return -1;
    table->is_shared = n_others > 0;
    if (table->is_shared)
        return 0;
    sqlite3_close(table->db);
    table->db = NULL;
    if (unlink(table->path) < 0 && errno != ENOENT)
        return fail_errno(err, ERROR_IO, errno, "%s", table->path);
    return open_database(table, err);
}

static int add_name(struct bytes *sql, const char *name, struct error *err)
{
    if (bytes_append_text(sql, "\"", err) < 0)
        return -1;
    for (; *name; name++)
        if (bytes_append(sql, name, 1, err) < 0 ||
            (*name == '"' && bytes_append_text(sql, "\"", err) < 0))
            return -1;
    return bytes_append_text(sql, "\"", err);
}

/* SQLite's names do not tell letters of either case apart: a second one gets a number. */
static int add_column_name(struct bytes *sql, const struct table_options *options, size_t column,
                           struct error *err)
{
    int n_before = 0;
    struct bytes name = {0};
    char number[16] = "";
    for (size_t i = 0; i < column; i++)
        n_before += strcasecmp(options->columns[i].name, options->columns[column].name) == 0;
    if (n_before > 0)
        snprintf(number, sizeof number, " %d", n_before + 1);
    int status = bytes_append_text(&name, options->columns[column].name, err) < 0 ||
                         bytes_append_text(&name, number, err) < 0
                     ? -1
                     : add_name(sql, name.data, err);
    bytes_deinit(&name);
    return status;
}

/* Cells keep the type they come with; a probability is a number whatever it looks like. */
static int create_answers(struct table *table, struct error *err)
{
    const struct table_options *options = table->options;
    struct bytes create = {0}, insert = {0};
    int status = bytes_append_text(&create, "CREATE TABLE answers (", err);
    if (status == 0)
        status = bytes_append_text(&insert, "INSERT INTO answers VALUES (", err);
    for (size_t i = 0; i < options->n_columns && status == 0; i++) {
        bool real = options->columns[i].role == COLUMN_PROBABILITY;
        if ((i > 0 && bytes_append_text(&create, ", ", err) < 0) ||
            add_column_name(&create, options, i, err) < 0 ||
            bytes_append_text(&create, real ? " REAL" : "", err) < 0 ||
            bytes_append_text(&insert, i > 0 ? ", ?" : "?", err) < 0)
            status = -1;
    }
    if (status == 0 &&
        (bytes_append_text(&create, ")", err) < 0 || bytes_append_text(&insert, ")", err) < 0))
        status = -1;
    if (status == 0)
        status = run(table, create.data, err);
    if (status == 0 &&
        sqlite3_prepare_v2(table->db, insert.data, -1, &table->insert, NULL) != SQLITE_OK)
        status = fail_sqlite(table, err);
    bytes_deinit(&create);
    bytes_deinit(&insert);
    return status;
}

/* The labels of a choice as a JSON array, malloced; NULL without memory. */
static char *labels_json(const struct table_question *question)
{
    char *text = NULL;
    size_t n_bytes;
    struct out out = {.file = open_memstream(&text, &n_bytes)};
    if (!out.file)
        return NULL;
    out_char(&out, '[');
    for (size_t i = 0; i < question->n_labels; i++) {
        out_text(&out, i > 0 ? ", " : "");
        out_json_text(&out, question->labels[i], strlen(question->labels[i]));
    }
    out_char(&out, ']');
    return fclose(out.file) == 0 ? text : NULL;
}

static int create_questions(struct table *table, struct error *err)
{
    sqlite3_stmt *insert = NULL;
    if (run(table,
            "CREATE TABLE questions (name TEXT, question TEXT, kind TEXT, labels TEXT, threshold "
            "REAL)",
            err) < 0)
        return -1;
    int status = sqlite3_prepare_v2(table->db, "INSERT INTO questions VALUES (?, ?, ?, ?, ?)", -1,
                                    &insert, NULL) == SQLITE_OK
                     ? 0
                     : fail_sqlite(table, err);
    for (size_t i = 0; i < table->options->n_questions && status == 0; i++) {
        const struct table_question *question = &table->options->questions[i];
        char *labels = question->n_labels > 0 ? labels_json(question) : NULL;
        sqlite3_bind_text(insert, 1, question->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 2, question->text, -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 3, question->kind, -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 4, labels, -1, SQLITE_STATIC);
        if (question->n_labels == 0)
            sqlite3_bind_double(insert, 5, question->threshold);
        if (question->n_labels > 0 && !labels)
            status = fail_memory(err, 1, "labels");
        else if (sqlite3_step(insert) != SQLITE_DONE)
            status = fail_sqlite(table, err);
        sqlite3_reset(insert);
        sqlite3_clear_bindings(insert);
        free(labels);
    }
    sqlite3_finalize(insert);
    return status;
}

static void sqlite_close(struct table *table)
{
    if (!table)
        return;
    struct error ignored = {0};
    int committed = table->db ? commit(table, &ignored) : 0; /* what was written stays */
    (void)committed;
    sqlite3_finalize(table->insert);
    sqlite3_close(table->db);
    free(table->path);
    free(table);
}

static struct table *sqlite_open(const struct table_options *options, struct error *err)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table) {
        fail_memory(err, sizeof *table, "output");
        return NULL;
    }
    table->options = options;
    if (open_fresh(table, err) < 0 || begin(table, err) < 0 ||
        run(table, "DROP TABLE IF EXISTS answers; DROP TABLE IF EXISTS questions", err) < 0 ||
        create_answers(table, err) < 0 || create_questions(table, err) < 0 ||
        commit(table, err) < 0) {
        sqlite_close(table);
        return NULL;
    }
    return table;
}

/* ---- Rows ---- */

static int bind_cell(sqlite3_stmt *insert, int at, const struct table_cell *cell)
{
    if (cell->kind == CELL_NUMBER)
        return sqlite3_bind_double(insert, at, cell->number);
    if (cell->kind == CELL_EMPTY)
        return sqlite3_bind_null(insert, at);
    const char *text = cell->text ? cell->text : "";
    if (utf8_is_valid(text, cell->n_bytes))
        return sqlite3_bind_text64(insert, at, text, cell->n_bytes, SQLITE_STATIC, SQLITE_UTF8);
    return sqlite3_bind_blob64(insert, at, text, cell->n_bytes, SQLITE_STATIC);
}

static int sqlite_row(struct table *table, const struct table_cell *cells, struct error *err)
{
    if (begin(table, err) < 0)
        return -1;
    for (size_t i = 0; i < table->options->n_columns; i++)
        if (bind_cell(table->insert, (int)i + 1, &cells[i]) != SQLITE_OK)
            return fail_sqlite(table, err);
    int step = sqlite3_step(table->insert);
    if (step != SQLITE_DONE)
        fail_sqlite(table, err);
    sqlite3_reset(table->insert);
    if (step != SQLITE_DONE)
        return -1;
    bool now = ++table->n_uncommitted >= ROWS_PER_COMMIT || table->options->each_row_now;
    return now ? commit(table, err) : 0;
}

static int sqlite_flush(struct table *table, struct error *err)
{
    return commit(table, err);
}

/* ---- The end ---- */

static int sync_file(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", path);
    int status = durable_sync(fd, err) < 0 ? fail_context(err, "%s", path) : 0;
    close(fd);
    return status;
}

/* The packed copy at [copy] takes the place of the database. */
static int replace_by(struct table *table, const char *copy, struct error *err)
{
    const char *path = table->path;
    sqlite3_stmt *vacuum = NULL;
    struct stat st;
    if (unlink(copy) < 0 && errno != ENOENT) /* a killed run may have left one */
        return fail_errno(err, ERROR_IO, errno, "%s", copy);
    bool good = sqlite3_prepare_v2(table->db, "VACUUM INTO ?", -1, &vacuum, NULL) == SQLITE_OK &&
                sqlite3_bind_text(vacuum, 1, copy, -1, SQLITE_STATIC) == SQLITE_OK &&
                sqlite3_step(vacuum) == SQLITE_DONE;
    if (!good)
        fail_sqlite(table, err);
    sqlite3_finalize(vacuum);
    if (!good)
        return -1;
    if (stat(path, &st) == 0 && chmod(copy, st.st_mode & 07777) < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", copy);
    if (sync_file(copy, err) < 0)
        return -1;
    sqlite3_finalize(table->insert);
    table->insert = NULL;
    sqlite3_close(table->db); /* also takes its journal away */
    table->db = NULL;
    if (rename(copy, path) < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", path);
    return durable_sync_name(path, err);
}

static int sqlite_finish(struct table *table, struct error *err)
{
    struct bytes copy = {0};
    int status = commit(table, err);
    if (table->is_shared) /* somebody may have it open; a commit is durable */
        return status;
    if (status == 0 && (bytes_append_text(&copy, table->path, err) < 0 ||
                        bytes_append_text(&copy, ".packed", err) < 0))
        status = -1;
    if (status == 0)
        status = replace_by(table, copy.data, err);
    bytes_deinit(&copy);
    return status;
}

#else

static struct table *sqlite_open(const struct table_options *options, struct error *err)
{
    fail(err, ERROR_UNSUPPORTED, "%s: this trawl was built without SQLite (libsqlite3-dev)",
         options->path);
    return NULL;
}

#define sqlite_row    NULL
#define sqlite_flush  NULL
#define sqlite_finish NULL
#define sqlite_close  NULL

#endif

const struct table_format table_sqlite = {
    .name = "sqlite",
    .extensions = "sqlite sqlite3 db",
    .wants_text = false,
    .needs_path = true,
    .open = sqlite_open,
    .row = sqlite_row,
    .flush = sqlite_flush,
    .finish = sqlite_finish,
    .close = sqlite_close,
};
