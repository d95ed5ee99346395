/* Results of a job: the rows of its tables, a cell per question, as they were last given, and what
 * could not be read. */

#ifdef HAVE_SQLITE

#include "job_internal.h"

#include "base/sha256.h"

#include <stdlib.h>
#include <string.h>

/* ---- Questions ---- */

static void add_text(struct sha256 *sha, const char *text)
{
    if (text)
        sha256_add(sha, text, strlen(text));
    sha256_add(sha, "", 1);
}

/* All that makes another column of it; a threshold does not. */
static void hash_question(const struct job_run *run, const struct job_question *question,
                          uint8_t hash[JOB_HASH_BYTES])
{
    struct sha256 sha;
    sha256_init(&sha);
    sha256_add(&sha, run->model_hash, JOB_HASH_BYTES);
    add_text(&sha, run->numerics);
    add_text(&sha, run->template_name);
    add_text(&sha, question->name);
    add_text(&sha, question->text);
    add_text(&sha, question->kind);
    for (size_t l = 0; l < question->n_labels; l++)
        add_text(&sha, question->labels[l]);
    sha256_finish(&sha, hash);
}

static int add_labels(struct job *job, int64_t number, const struct job_question *question,
                      struct error *err)
{
    sqlite3_stmt *add = NULL;
    int rc = job_prepare(job, "INSERT INTO labels(question, n, text) VALUES(?, ?, ?)", &add, err);
    for (size_t l = 0; l < question->n_labels && rc == 0; l++) {
        sqlite3_bind_int64(add, 1, number);
        sqlite3_bind_int64(add, 2, (int64_t)l);
        sqlite3_bind_text(add, 3, question->labels[l], -1, SQLITE_STATIC);
        rc = job_run_once(job, add, err);
    }
    sqlite3_finalize(add);
    return rc;
}

/* The number of a row that [find] finds by [hash]: 1; 0: there is none; -1. */
static int find_number(struct job *job, sqlite3_stmt *find, const uint8_t hash[JOB_HASH_BYTES],
                       int64_t *number, struct error *err)
{
    sqlite3_bind_blob(find, 1, hash, JOB_HASH_BYTES, SQLITE_STATIC);
    int code = sqlite3_step(find), rc = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        *number = sqlite3_column_int64(find, 0);
    else if (code != SQLITE_DONE)
        rc = job_fail(job, err);
    sqlite3_reset(find);
    return rc;
}

static int number_question(struct job *job, sqlite3_stmt *find, sqlite3_stmt *add,
                           const struct job_run *run, const struct job_question *question,
                           int64_t *number, struct error *err)
{
    uint8_t hash[JOB_HASH_BYTES];
    hash_question(run, question, hash);
    int rc = find_number(job, find, hash, number, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    sqlite3_bind_blob(add, 1, hash, sizeof hash, SQLITE_STATIC);
    sqlite3_bind_text(add, 2, question->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 3, question->text, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 4, question->kind, -1, SQLITE_STATIC);
    if (job_run_once(job, add, err) < 0)
        return -1;
    *number = sqlite3_last_insert_rowid(job->db);
    return add_labels(job, *number, question, err);
}

int job_number_questions(struct job *job, const struct job_run *run, struct error *err)
{
    sqlite3_stmt *find = NULL, *add = NULL;
    job->questions = calloc(run->n_questions + 1, sizeof *job->questions);
    if (!job->questions)
        return fail_memory(err, run->n_questions * sizeof *job->questions, "questions");
    job->n_questions = run->n_questions;
    int rc = job_prepare(job, "SELECT n FROM questions WHERE hash = ?", &find, err);
    if (rc == 0)
        rc = job_prepare(job, "INSERT INTO questions(hash, name, text, kind) VALUES(?, ?, ?, ?)",
                         &add, err);
    for (size_t q = 0; q < run->n_questions && rc == 0; q++)
        rc = number_question(job, find, add, run, &run->questions[q], &job->questions[q], err);
    sqlite3_finalize(find);
    sqlite3_finalize(add);
    return rc;
}

/* ---- Rows ---- */

static int number_record(struct job *job, const struct job_row *row, int64_t *number,
                         struct error *err)
{
    sqlite3_stmt *add = job->statements[ADD_RECORD];
    int rc = find_number(job, job->statements[FIND_RECORD], row->hash, number, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    sqlite3_bind_blob(add, 1, row->hash, JOB_HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_text(add, 2, row->id, -1, SQLITE_STATIC);
    sqlite3_bind_blob(add, 3, row->document, JOB_HASH_BYTES, SQLITE_STATIC);
    rc = job_run_once(job, add, err);
    *number = sqlite3_last_insert_rowid(job->db);
    return rc;
}

int job_row(struct job *job, const struct job_row *row, struct error *err)
{
    sqlite3_stmt *put = job->statements[CELL];
    int64_t record = 0;
    if (job_begin(job, err) < 0 || number_record(job, row, &record, err) < 0)
        return -1;
    for (size_t q = 0; q < job->n_questions; q++) {
        const struct job_cell *cell = &row->cells[q];
        sqlite3_bind_int64(put, 1, record);
        sqlite3_bind_int64(put, 2, job->questions[q]);
        sqlite3_bind_int64(put, 3, job->run);
        if (cell->text)
            sqlite3_bind_text(put, 4, cell->text, -1, SQLITE_STATIC);
        else if (cell->is_answered)
            sqlite3_bind_double(put, 4, cell->number);
        if (cell->is_answered) {
            sqlite3_bind_double(put, 5, cell->p);
            sqlite3_bind_double(put, 6, cell->p_other);
        }
        if (cell->distribution)
            sqlite3_bind_blob(put, 7, cell->distribution,
                              (int)(cell->n_distribution * sizeof *cell->distribution),
                              SQLITE_STATIC);
        if (job_run_once(job, put, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- What could not be read ---- */

int job_find_trouble(struct job *job, const char *id, const uint8_t state[JOB_HASH_BYTES],
                     struct bytes *why, struct error *err)
{
    sqlite3_stmt *find = job->statements[FIND_TROUBLE];
    sqlite3_bind_text(find, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(find), rc = 0;
    if (code == SQLITE_ROW) {
        const void *then = sqlite3_column_blob(find, 0);
        const char *reason = (const char *)sqlite3_column_text(find, 1);
        bool same = then && sqlite3_column_bytes(find, 0) == JOB_HASH_BYTES &&
                    memcmp(then, state, JOB_HASH_BYTES) == 0;
        rc = same ? 1 : 2;
        if (same && bytes_append_text(why, reason ? reason : "", err) < 0)
            rc = -1;
    } else if (code != SQLITE_DONE) {
        rc = job_fail(job, err);
    }
    sqlite3_reset(find);
    return rc;
}

int job_record_trouble(struct job *job, const char *id, const uint8_t *state, const char *why,
                       struct error *err)
{
    sqlite3_stmt *put = job->statements[TROUBLE];
    if (job_begin(job, err) < 0)
        return -1;
    sqlite3_bind_text(put, 1, id, -1, SQLITE_STATIC);
    if (state)
        sqlite3_bind_blob(put, 2, state, JOB_HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_text(put, 3, why, -1, SQLITE_STATIC);
    return job_run_once(job, put, err);
}

int job_forget_trouble(struct job *job, const char *id, struct error *err)
{
    sqlite3_stmt *forget = job->statements[FORGET_TROUBLE];
    if (job_begin(job, err) < 0)
        return -1;
    sqlite3_bind_text(forget, 1, id, -1, SQLITE_STATIC);
    return job_run_once(job, forget, err);
}

/* ---- All of it ---- */

struct lines {
    int (*each)(void *context, const struct job_line *line, struct error *err);
    void *context;
    sqlite3_stmt *labels;
    struct bytes names; /* of the labels of one answer, each ended by NUL */
};

static const char *text_at(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

/* The labels' names, as many as the distribution has. */
static int read_labels(struct job *job, struct lines *lines, struct job_line *line,
                       int64_t question, struct error *err)
{
    int code;
    size_t n = 0;
    bytes_clear(&lines->names);
    sqlite3_bind_int64(lines->labels, 1, question);
    while ((code = sqlite3_step(lines->labels)) == SQLITE_ROW) {
        const char *name = text_at(lines->labels, 0);
        if (bytes_append_text(&lines->names, name ? name : "", err) < 0 ||
            bytes_append(&lines->names, "", 1, err) < 0)
            return -1;
        n++;
    }
    sqlite3_reset(lines->labels);
    if (code != SQLITE_DONE)
        return job_fail(job, err);
    if (n != line->cell.n_distribution)
        return fail(err, ERROR_FORMAT, "%s: an answer is damaged", job->path);
    line->labels = lines->names.data;
    return 0;
}

static int give_cell(struct job *job, struct lines *lines, sqlite3_stmt *cells, struct error *err)
{
    struct job_line line = {
        .id = text_at(cells, 0),
        .question = text_at(cells, 1),
        .kind = text_at(cells, 2),
        .text = text_at(cells, 3),
        .cell.is_answered = sqlite3_column_type(cells, 4) != SQLITE_NULL,
        .cell.p = sqlite3_column_double(cells, 5),
        .cell.p_other = sqlite3_column_double(cells, 6),
        .cell.distribution = sqlite3_column_blob(cells, 7),
        .cell.n_distribution = (size_t)sqlite3_column_bytes(cells, 7) / sizeof(double),
        .model = text_at(cells, 8),
        .numerics = text_at(cells, 9),
        .template_name = text_at(cells, 10),
        .run = text_at(cells, 11),
        .document = sqlite3_column_blob(cells, 12),
    };
    if (sqlite3_column_type(cells, 4) == SQLITE_TEXT)
        line.cell.text = text_at(cells, 4);
    else
        line.cell.number = sqlite3_column_double(cells, 4);
    if (sqlite3_column_bytes(cells, 12) != JOB_HASH_BYTES)
        line.document = NULL;
    if (line.cell.distribution &&
        read_labels(job, lines, &line, sqlite3_column_int64(cells, 13), err) < 0)
        return -1;
    return lines->each(lines->context, &line, err);
}

static int give_trouble(struct job *job, struct lines *lines, sqlite3_stmt *troubles,
                        struct error *err)
{
    struct job_line line = {.id = text_at(troubles, 0), .error = text_at(troubles, 1)};
    (void)job;
    return lines->each(lines->context, &line, err);
}

/* Hands [give] each row of [sql]. */
static int walk(struct job *job, struct lines *lines, const char *sql,
                int (*give)(struct job *job, struct lines *lines, sqlite3_stmt *row,
                            struct error *err),
                struct error *err)
{
    sqlite3_stmt *rows = NULL;
    int rc = job_prepare(job, sql, &rows, err), code = SQLITE_DONE;
    while (rc == 0 && (code = sqlite3_step(rows)) == SQLITE_ROW)
        rc = give(job, lines, rows, err);
    if (rc == 0 && code != SQLITE_DONE)
        rc = job_fail(job, err);
    sqlite3_finalize(rows);
    return rc;
}

int job_each_line(struct job *job,
                  int (*each)(void *context, const struct job_line *line, struct error *err),
                  void *context, struct error *err)
{
    struct lines lines = {.each = each, .context = context};
    int rc = job_prepare(job, "SELECT text FROM labels WHERE question = ? ORDER BY n",
                         &lines.labels, err);
    if (rc == 0)
        rc = walk(job, &lines, "SELECT * FROM results", give_cell, err);
    if (rc == 0)
        rc = walk(job, &lines, "SELECT id, reason FROM troubles ORDER BY id", give_trouble, err);
    sqlite3_finalize(lines.labels);
    bytes_deinit(&lines.names);
    return rc;
}

#endif
