/* Looking into jobs, and joining them. */

#ifdef HAVE_SQLITE

#include "job_internal.h"

int job_facts(struct job *job, struct job_facts *facts, struct error *err)
{
    const char *const counts[] = {"SELECT count(*) FROM runs", "SELECT count(*) FROM documents",
                                  "SELECT count(*) FROM answers", "SELECT count(*) FROM cells"};
    uint64_t *const places[] = {&facts->n_runs, &facts->n_documents, &facts->n_answers,
                                &facts->n_cells};
    for (int i = 0; i < 4; i++) {
        int64_t n = 0;
        if (job_read_integer(job, counts[i], &n, err) < 0)
            return -1;
        *places[i] = (uint64_t)n;
    }
    return 0;
}

int job_each_run(struct job *job,
                 int (*each)(void *context, const struct job_past_run *run, struct error *err),
                 void *context, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    if (job_prepare(job,
                    "SELECT started, ended, state, output, command, model, template, numerics,"
                    " documents, answers, recalled FROM runs ORDER BY id",
                    &statement, err) < 0)
        return -1;
    int rc = 0, code = SQLITE_DONE;
    while (rc == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *texts_of[8];
        for (int i = 0; i < 8; i++)
            texts_of[i] = (const char *)sqlite3_column_text(statement, i);
        struct job_past_run run = {
            .started = texts_of[0],
            .ended = texts_of[1],
            .state = texts_of[2],
            .output = texts_of[3],
            .command = texts_of[4],
            .model = texts_of[5],
            .template_name = texts_of[6],
            .numerics = texts_of[7],
            .documents = (uint64_t)sqlite3_column_int64(statement, 8),
            .answers = (uint64_t)sqlite3_column_int64(statement, 9),
            .recalled = (uint64_t)sqlite3_column_int64(statement, 10),
        };
        rc = each(context, &run, err);
    }
    if (rc == 0 && code != SQLITE_DONE)
        rc = job_fail(job, err);
    sqlite3_finalize(statement);
    return rc;
}

/* Numbers are each job's own: what they stand for is found by its hash, a run by when it began and
 * what it was told. What both have stays as it is here. */
static int copy_all(struct job *job, struct error *err)
{
    static const char copying[] =
        "BEGIN IMMEDIATE;"
        "INSERT OR IGNORE INTO main.answers SELECT * FROM other.answers;"
        "INSERT OR IGNORE INTO main.documents SELECT * FROM other.documents;"
        "INSERT INTO main.runs(started, ended, state, output, command, sheet, model, model_hash,"
        " template, numerics, documents, answers, recalled) SELECT started, ended, state, output,"
        " command, sheet, model, model_hash, template, numerics, documents, answers, recalled"
        " FROM other.runs AS o WHERE NOT EXISTS (SELECT 1 FROM main.runs AS m WHERE"
        " m.started = o.started AND m.output = o.output AND m.command IS o.command) ORDER BY id;"
        "INSERT OR IGNORE INTO main.questions(hash, name, text, kind)"
        " SELECT hash, name, text, kind FROM other.questions ORDER BY n;"
        "INSERT OR IGNORE INTO main.labels SELECT m.n, l.n, l.text FROM other.labels AS l"
        " JOIN other.questions AS o ON o.n = l.question JOIN main.questions AS m"
        " ON m.hash = o.hash;"
        "INSERT OR IGNORE INTO main.records(hash, id, document)"
        " SELECT hash, id, document FROM other.records ORDER BY n;"
        "INSERT OR IGNORE INTO main.cells SELECT r.n, q.n, run.id, c.answer, c.p, c.p_other,"
        " c.distribution FROM other.cells AS c"
        " CROSS JOIN other.records AS o ON o.n = c.record"
        " CROSS JOIN main.records AS r ON r.hash = o.hash"
        " CROSS JOIN other.questions AS p ON p.n = c.question"
        " CROSS JOIN main.questions AS q ON q.hash = p.hash"
        " LEFT JOIN other.runs AS past ON past.id = c.run"
        " LEFT JOIN main.runs AS run ON run.started = past.started"
        " AND run.output = past.output AND run.command IS past.command;"
        "INSERT OR IGNORE INTO main.troubles SELECT * FROM other.troubles;"
        "COMMIT";
    if (job_execute(job, copying, err) == 0)
        return 0;
    sqlite3_exec(job->db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

int job_merge(struct job *job, const char *from, struct error *err)
{
    /* Opened once by itself: whether it is a job, and that no run has it. */
    struct job *other = job_open(from, err);
    if (!other)
        return -1;
    job_close(other);
    sqlite3_stmt *statement = NULL;
    if (job_prepare(job, "ATTACH ? AS other", &statement, err) < 0)
        return -1;
    sqlite3_bind_text(statement, 1, from, -1, SQLITE_STATIC);
    int rc = job_run_once(job, statement, err);
    sqlite3_finalize(statement);
    if (rc < 0)
        return fail_context(err, "%s", from);
    rc = copy_all(job, err);
    sqlite3_exec(job->db, "DETACH other", NULL, NULL, NULL);
    return rc;
}

#endif
