/* A job's database: opened under a lock, written to in transactions, and its runs. */

#ifdef HAVE_SQLITE

#include "job_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define APPLICATION_ID 0x7472776c /* "trwl" */
#define BUSY_MS        1000

#define VERSION 2

static const char schema[] =
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, started TEXT NOT NULL, ended TEXT, state TEXT,"
    " output TEXT NOT NULL, command TEXT, sheet TEXT, model TEXT, model_hash BLOB, template TEXT,"
    " numerics TEXT, documents INTEGER, answers INTEGER, recalled INTEGER);"
    "CREATE TABLE documents(hash BLOB PRIMARY KEY, id TEXT, n_bytes INTEGER) WITHOUT ROWID;"
    "CREATE TABLE answers(key BLOB PRIMARY KEY, reading BLOB NOT NULL) WITHOUT ROWID;"
    "PRAGMA application_id = 1953658732;"
    "PRAGMA user_version = 1;";

/* What version 2 adds: which row and which question an answer is of, and what could not be read. */
static const char schema_results[] =
    "CREATE TABLE questions(n INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, name TEXT, text TEXT,"
    " kind TEXT);"
    "CREATE TABLE labels(question INTEGER, n INTEGER, text TEXT, PRIMARY KEY(question, n))"
    " WITHOUT ROWID;"
    "CREATE TABLE records(n INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, id TEXT,"
    " document BLOB);"
    "CREATE TABLE cells(record INTEGER, question INTEGER, run INTEGER, answer, p REAL,"
    " p_other REAL, distribution BLOB, PRIMARY KEY(record, question)) WITHOUT ROWID;"
    "CREATE TABLE troubles(id TEXT PRIMARY KEY, state BLOB, reason TEXT) WITHOUT ROWID;"
    "CREATE VIEW results AS SELECT records.id AS id, questions.name AS question,"
    " questions.kind AS kind, questions.text AS text, cells.answer AS answer, cells.p AS p,"
    " cells.p_other AS p_other, cells.distribution AS distribution, runs.model AS model,"
    " runs.numerics AS numerics, runs.template AS template, runs.started AS run,"
    " records.document AS document, questions.n AS n_question"
    " FROM cells CROSS JOIN records ON records.n = cells.record"
    " CROSS JOIN questions ON questions.n = cells.question LEFT JOIN runs ON runs.id = cells.run"
    " ORDER BY cells.record, cells.question;"
    "PRAGMA user_version = 2;";

static const char *const texts[N_STATEMENTS] = {
    [RECALL] = "SELECT reading FROM answers WHERE key = ?",
    [RECORD] = "INSERT OR IGNORE INTO answers(key, reading) VALUES(?, ?)",
    [DOCUMENT] = ("INSERT INTO documents(hash, id, n_bytes) VALUES(?, ?, ?)"
                  " ON CONFLICT(hash) DO UPDATE SET id = excluded.id WHERE id <> excluded.id"),
    [FIND_RECORD] = "SELECT n FROM records WHERE hash = ?",
    [ADD_RECORD] = "INSERT INTO records(hash, id, document) VALUES(?, ?, ?)",
    [CELL] = ("INSERT INTO cells(record, question, run, answer, p, p_other, distribution)"
              " VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(record, question) DO UPDATE"
              " SET run = excluded.run, answer = excluded.answer, p = excluded.p,"
              " p_other = excluded.p_other, distribution = excluded.distribution"
              " WHERE answer IS NOT excluded.answer OR p IS NOT excluded.p"
              " OR distribution IS NOT excluded.distribution"),
    [FIND_TROUBLE] = "SELECT state, reason FROM troubles WHERE id = ?",
    [TROUBLE] = "INSERT OR REPLACE INTO troubles(id, state, reason) VALUES(?, ?, ?)",
    [FORGET_TROUBLE] = "DELETE FROM troubles WHERE id = ?",
};

static int fail_no_job(const struct job *job, struct error *err)
{
    return fail(err, ERROR_FORMAT, "%s is no job of trawl; give another --job", job->path);
}

int job_fail(struct job *job, struct error *err)
{
    switch (sqlite3_errcode(job->db) & 0xff) {
    case SQLITE_BUSY:
        return fail(err, ERROR_IO,
                    "%s is in use: another run records there; wait for it, or give this one "
                    "another --job",
                    job->path);
    case SQLITE_NOTADB:
        return fail_no_job(job, err);
    case SQLITE_FULL:
        return fail(err, ERROR_IO,
                    "%s: no space left; make room and run the same command again: it goes on from "
                    "here",
                    job->path);
    case SQLITE_CORRUPT:
        return fail(err, ERROR_FORMAT, "%s is damaged: %s; another --job starts anew", job->path,
                    sqlite3_errmsg(job->db));
    default:
        return fail(err, ERROR_IO, "%s: %s", job->path, sqlite3_errmsg(job->db));
    }
}

int job_execute(struct job *job, const char *sql, struct error *err)
{
    return sqlite3_exec(job->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : job_fail(job, err);
}

int job_read_integer(struct job *job, const char *sql, int64_t *out, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(job->db, sql, -1, &statement, NULL) == SQLITE_OK ? 0 : -1;
    if (rc == 0 && sqlite3_step(statement) == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    else
        rc = job_fail(job, err);
    sqlite3_finalize(statement);
    return rc;
}

/* ---- Opening ---- */

/* Locks the file, sees what it is, and only then changes it. */
static int take_hold(struct job *job, struct error *err)
{
    int64_t application = 0, version = 0, n_tables = 0;
    /* Exclusive before the first use of the WAL: the lock is held until the file is closed, and the
     * WAL's index lies in this process's memory instead of a file beside it. */
    if (job_execute(job, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -1024", err) < 0 ||
        job_read_integer(job, "SELECT count(*) FROM sqlite_schema", &n_tables, err) < 0 ||
        job_read_integer(job, "PRAGMA application_id", &application, err) < 0 ||
        job_read_integer(job, "PRAGMA user_version", &version, err) < 0)
        return -1;
    bool is_new = application == 0 && n_tables == 0;
    if (!is_new && application != APPLICATION_ID)
        return fail_no_job(job, err);
    if (!is_new && (version < 1 || version > VERSION))
        return fail(err, ERROR_UNSUPPORTED, "%s is a job of a newer trawl (version %lld)",
                    job->path, (long long)version);
    if (job_execute(job,
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1;"
                    "BEGIN IMMEDIATE",
                    err) < 0 ||
        (is_new && job_execute(job, schema, err) < 0) ||
        (version < VERSION && job_execute(job, schema_results, err) < 0))
        return -1;
    return job_execute(job, "COMMIT", err);
}

static int open_all(struct job *job, struct error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(job->path, &job->db, flags, NULL) != SQLITE_OK)
        return job->db ? job_fail(job, err) : fail_memory(err, 0, "a job");
    sqlite3_busy_timeout(job->db, BUSY_MS);
    if (take_hold(job, err) < 0)
        return -1;
    for (int s = 0; s < N_STATEMENTS; s++)
        if (sqlite3_prepare_v3(job->db, texts[s], -1, SQLITE_PREPARE_PERSISTENT,
                               &job->statements[s], NULL) != SQLITE_OK)
            return job_fail(job, err);
    return 0;
}

struct job *job_open(const char *path, struct error *err)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job || !(job->path = strdup(path))) {
        fail_memory(err, sizeof *job, "a job");
        free(job);
        return NULL;
    }
    if (open_all(job, err) < 0) {
        job_close(job);
        return NULL;
    }
    return job;
}

void job_close(struct job *job)
{
    struct error ignored;
    if (!job)
        return;
    if (job->db && job_commit(job, &ignored) < 0)
        sqlite3_exec(job->db, "ROLLBACK", NULL, NULL, NULL);
    for (int s = 0; s < N_STATEMENTS; s++)
        sqlite3_finalize(job->statements[s]);
    sqlite3_close(job->db);
    free(job->questions);
    free(job->path);
    free(job);
}

/* ---- Recording ---- */

int job_begin(struct job *job, struct error *err)
{
    return sqlite3_get_autocommit(job->db) ? job_execute(job, "BEGIN IMMEDIATE", err) : 0;
}

int job_commit(struct job *job, struct error *err)
{
    return sqlite3_get_autocommit(job->db) ? 0 : job_execute(job, "COMMIT", err);
}

int job_run_once(struct job *job, sqlite3_stmt *statement, struct error *err)
{
    int rc = sqlite3_step(statement) == SQLITE_DONE ? 0 : job_fail(job, err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rc;
}

int job_recall(struct job *job, const uint8_t key[JOB_HASH_BYTES], double *values,
               uint32_t n_values, struct error *err)
{
    sqlite3_stmt *statement = job->statements[RECALL];
    sqlite3_bind_blob(statement, 1, key, JOB_HASH_BYTES, SQLITE_STATIC);
    int code = sqlite3_step(statement), rc = 0;
    if (code == SQLITE_ROW) {
        const void *blob = sqlite3_column_blob(statement, 0);
        rc = 1;
        if ((size_t)sqlite3_column_bytes(statement, 0) != n_values * sizeof *values)
            rc = fail(err, ERROR_FORMAT, "%s: an answer is damaged; another --job starts anew",
                      job->path);
        else
            memcpy(values, blob, n_values * sizeof *values);
    } else if (code != SQLITE_DONE) {
        rc = job_fail(job, err);
    }
    sqlite3_reset(statement);
    return rc;
}

int job_record(struct job *job, const uint8_t key[JOB_HASH_BYTES], const double *values,
               uint32_t n_values, struct error *err)
{
    sqlite3_stmt *statement = job->statements[RECORD];
    if (job_begin(job, err) < 0)
        return -1;
    sqlite3_bind_blob(statement, 1, key, JOB_HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, values, (int)(n_values * sizeof *values), SQLITE_STATIC);
    return job_run_once(job, statement, err);
}

int job_document(struct job *job, const uint8_t hash[JOB_HASH_BYTES], const char *id,
                 uint64_t n_bytes, struct error *err)
{
    sqlite3_stmt *statement = job->statements[DOCUMENT];
    if (job_begin(job, err) < 0)
        return -1;
    sqlite3_bind_blob(statement, 1, hash, JOB_HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)n_bytes);
    return job_run_once(job, statement, err);
}

/* ---- Runs ---- */

static void now_text(char text[32])
{
    time_t now = time(NULL);
    struct tm utc;
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
}

int job_prepare(struct job *job, const char *sql, sqlite3_stmt **statement, struct error *err)
{
    return sqlite3_prepare_v2(job->db, sql, -1, statement, NULL) == SQLITE_OK ? 0
                                                                              : job_fail(job, err);
}

/* Answers of other numerics would be computed all over, and no row would be what it was. */
static int check_numerics(struct job *job, const struct job_run *run, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    if (job_prepare(job,
                    "SELECT numerics FROM runs WHERE output = ? AND model_hash = ?"
                    " ORDER BY id DESC LIMIT 1",
                    &statement, err) < 0)
        return -1;
    sqlite3_bind_text(statement, 1, run->output, -1, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, run->model_hash, JOB_HASH_BYTES, SQLITE_STATIC);
    int code = sqlite3_step(statement), rc = 0;
    const char *before =
        code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (before && strcmp(before, run->numerics) != 0) {
        const char *level = strrchr(before, '-');
        rc = fail(err, ERROR_USAGE,
                  "%s: the answers so far were computed as %s, and this run would compute as %s, "
                  "whose answers differ; add --cpu %s%s to go on, or give another --job",
                  job->path, before, run->numerics, level ? level + 1 : before,
                  strncmp(before, "f32", 3) == 0 ? " --exact" : " (without --exact)");
    } else if (code != SQLITE_ROW && code != SQLITE_DONE) {
        rc = job_fail(job, err);
    }
    sqlite3_finalize(statement);
    return rc;
}

int job_begin_run(struct job *job, const struct job_run *run, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    char now[32];
    now_text(now);
    if (check_numerics(job, run, err) < 0 || job_begin(job, err) < 0 ||
        job_prepare(job,
                    "INSERT INTO runs(started, output, command, sheet, model, model_hash, template,"
                    " numerics) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                    &statement, err) < 0)
        return -1;
    const char *const columns[] = {now,        run->output, run->command,       run->sheet,
                                   run->model, NULL,        run->template_name, run->numerics};
    for (int i = 0; i < 8; i++)
        sqlite3_bind_text(statement, i + 1, columns[i], -1, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 6, run->model_hash, JOB_HASH_BYTES, SQLITE_STATIC);
    int rc = job_run_once(job, statement, err);
    sqlite3_finalize(statement);
    job->run = sqlite3_last_insert_rowid(job->db);
    if (rc < 0 || job_number_questions(job, run, err) < 0)
        return -1;
    return job_commit(job, err);
}

int job_first_start(struct job *job, int64_t *seconds, struct error *err)
{
    return job_read_integer(job, "SELECT CAST(strftime('%s', min(started)) AS INTEGER) FROM runs",
                            seconds, err);
}

int job_end_run(struct job *job, const struct job_result *result, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    char now[32];
    now_text(now);
    if (job_begin(job, err) < 0 ||
        job_prepare(job,
                    "UPDATE runs SET ended = ?, state = ?, documents = ?, answers = ?, recalled = ?"
                    " WHERE id = ?",
                    &statement, err) < 0)
        return -1;
    sqlite3_bind_text(statement, 1, now, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, result->state, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)result->documents);
    sqlite3_bind_int64(statement, 4, (int64_t)result->answers);
    sqlite3_bind_int64(statement, 5, (int64_t)result->recalled);
    sqlite3_bind_int64(statement, 6, job->run);
    int rc = job_run_once(job, statement, err);
    sqlite3_finalize(statement);
    return rc < 0 ? -1 : job_commit(job, err);
}

#endif
