/* The SQLite table: what is read back is what was given, other tables stay, and the finished file's
 * bytes do not tell how the run went. (The HTML report: report_test.py.) */

#include "output/table.h"

#include "support/check.h"

#ifdef HAVE_SQLITE

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const LABELS[] = {"small", "lar\"ge"};
static const struct table_question QUESTIONS[] = {
    {"event", "Is it an 'event'?", "yes_no", NULL, 0, 0.5},
    {"size", "How large?", "choice", LABELS, 2, 0},
};
static const struct table_column COLUMNS[] = {
    {"id", COLUMN_ID, -1},
    {"Id", COLUMN_FIELD, -1},
    {"a\"); DROP TABLE answers; --", COLUMN_FIELD, -1},
    {"event", COLUMN_ANSWER, 0},
    {"event_p", COLUMN_PROBABILITY, 0},
};
#define N_COLUMNS (sizeof COLUMNS / sizeof COLUMNS[0])

static char path[512];

static struct table_options options_of(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", check_tmp_dir(), name);
    return (struct table_options){.path = path,
                                  .columns = COLUMNS,
                                  .n_columns = N_COLUMNS,
                                  .questions = QUESTIONS,
                                  .n_questions = 2};
}

static struct table_cell text(const char *bytes, size_t n_bytes)
{
    return (struct table_cell){.kind = CELL_TEXT, .text = bytes, .n_bytes = n_bytes};
}

static int add_row(struct table *table, int i, struct error *err)
{
    char id[32];
    snprintf(id, sizeof id, "row %d", i);
    struct table_cell cells[N_COLUMNS] = {text(id, strlen(id)),
                                          text("caf\xe9", 4),
                                          text("a\0b", 3),
                                          i % 3 ? text("yes", 3) : (struct table_cell){0},
                                          {.kind = CELL_NUMBER, .number = 0.1 * i}};
    return table_sqlite.row(table, cells, err);
}

/* A whole table of [n] rows, flushed after every [n_flush]. */
static void write_table(const struct table_options *options, int n, int n_flush)
{
    struct error err = {0};
    struct table *table = table_sqlite.open(options, &err);
    REQUIRE(table);
    for (int i = 0; i < n; i++) {
        CHECK(add_row(table, i, &err) == 0);
        if (i % n_flush == 0)
            CHECK(table_sqlite.flush(table, &err) == 0);
    }
    CHECK(table_sqlite.finish(table, &err) == 0);
    CHECK_TEXT(err.text, "");
    table_sqlite.close(table);
}

/* The first cell of a query as text; "?" where there is none. */
static const char *ask(const char *sql)
{
    static char answer[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    snprintf(answer, sizeof answer, "?");
    if (sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW)
        snprintf(answer, sizeof answer, "%s", (const char *)sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
    sqlite3_close(db);
    return answer;
}

TEST(what_is_read_is_what_was_written)
{
    struct table_options options = options_of("plain.sqlite");
    write_table(&options, 2500, 10000);
    CHECK_TEXT(ask("SELECT count(*) FROM answers"), "2500");
    CHECK_TEXT(ask("SELECT group_concat(name, '|') FROM pragma_table_info('answers')"),
               "id|Id 2|a\"); DROP TABLE answers; --|event|event_p");
    CHECK_TEXT(ask("SELECT id FROM answers LIMIT 1 OFFSET 2499"), "row 2499");
    CHECK_TEXT(ask("SELECT typeof(\"Id 2\") || hex(\"Id 2\") FROM answers"), "blob636166E9");
    CHECK_TEXT(ask("SELECT hex(\"a\"\"); DROP TABLE answers; --\") FROM answers"), "610062");
    CHECK_TEXT(ask("SELECT count(*) FROM answers WHERE event IS NULL"), "834");
    CHECK_TEXT(ask("SELECT typeof(event_p) FROM answers"), "real");
    CHECK_TEXT(ask("SELECT sum(event_p) BETWEEN 312374.9 AND 312375.1 FROM answers"), "1");
    CHECK_TEXT(ask("SELECT question || threshold FROM questions WHERE kind = 'yes_no'"),
               "Is it an 'event'?0.5");
    CHECK_TEXT(ask("SELECT json_extract(labels, '$[1]') FROM questions WHERE name = 'size'"),
               "lar\"ge");
}

TEST(bytes_do_not_tell_how_the_run_went)
{
    struct error err = {0};
    size_t n_bytes = 0, n_other = 0;
    struct table_options options = options_of("once.sqlite");
    write_table(&options, 3000, 10000);
    char *once = check_read_file(path, &n_bytes);

    options = options_of("stopped.sqlite");
    for (int run = 0; run < 3; run++) { /* each stopped later than the one before */
        struct table *table = table_sqlite.open(&options, &err);
        REQUIRE(table);
        for (int i = 0; i < 700 * run; i++)
            CHECK(add_row(table, i, &err) == 0);
        table_sqlite.close(table);
        char expected[16];
        snprintf(expected, sizeof expected, "%d", 700 * run);
        CHECK_TEXT(ask("SELECT count(*) FROM answers"), expected);
    }
    write_table(&options, 3000, 7);
    char *stopped = check_read_file(path, &n_other);
    REQUIRE(once && stopped);
    CHECK_UINT(n_other, n_bytes);
    CHECK(n_other == n_bytes && memcmp(once, stopped, n_bytes) == 0);
    strcat(path, ".packed");
    CHECK(access(path, F_OK) != 0);
    free(once);
    free(stopped);
}

TEST(a_flushed_row_is_seen_by_others)
{
    struct error err = {0};
    struct table_options options = options_of("seen.sqlite");
    struct table *table = table_sqlite.open(&options, &err);
    REQUIRE(table);
    CHECK(add_row(table, 0, &err) == 0);
    CHECK_TEXT(ask("SELECT count(*) FROM answers"), "0");
    CHECK(table_sqlite.flush(table, &err) == 0);
    CHECK_TEXT(ask("SELECT count(*) FROM answers"), "1");
    table_sqlite.close(table);
    options.each_row_now = true;
    table = table_sqlite.open(&options, &err);
    REQUIRE(table);
    CHECK(add_row(table, 0, &err) == 0 && add_row(table, 1, &err) == 0);
    CHECK_TEXT(ask("SELECT count(*) FROM answers"), "2");
    table_sqlite.close(table);
}

TEST(other_tables_stay)
{
    struct table_options options = options_of("shared.db");
    CHECK_TEXT(ask("CREATE TABLE mine (x)"), "?");
    CHECK_TEXT(ask("INSERT INTO mine VALUES (7)"), "?");
    CHECK_TEXT(ask("CREATE TABLE Answers (old)"), "?");
    write_table(&options, 5, 1);
    CHECK_TEXT(ask("SELECT x FROM mine"), "7");
    CHECK_TEXT(ask("SELECT count(*) FROM answers"), "5");
}

TEST(what_is_no_database_is_left_alone)
{
    struct error err = {0};
    struct table_options options = options_of("notes.db");
    FILE *file = fopen(path, "w");
    REQUIRE(file);
    fputs("Not a database, but somebody's notes, which are long enough to be looked at.\n", file);
    fclose(file);
    CHECK(!table_sqlite.open(&options, &err));
    CHECK_CONTAINS(err.text, "notes.db");
    CHECK_CONTAINS(err.text, "not a database");
    size_t n_bytes = 0;
    char *left = check_read_file(path, &n_bytes);
    CHECK(left && strncmp(left, "Not a database, but", 19) == 0);
    free(left);

    options = options_of("no/such/folder.db");
    CHECK(!table_sqlite.open(&options, &err));
    CHECK_CONTAINS(err.text, "folder.db");
}

#else

TEST(sqlite)
{
    SKIP("built without SQLite");
}

#endif

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
