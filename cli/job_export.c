#include "job_export.h"

#include "job/job.h"
#include "message.h"
#include "output/out.h"
#include "output/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ID,
    QUESTION,
    ANSWER,
    P,
    P_OTHER,
    DISTRIBUTION,
    KIND,
    TEXT,
    MODEL,
    NUMERICS,
    TEMPLATE,
    RUN,
    DOCUMENT,
    TROUBLE,
    N_COLUMNS
};

static const struct table_column columns[N_COLUMNS] = {
    [ID] = {"id", COLUMN_ID, -1},
    [QUESTION] = {"question", COLUMN_FIELD, -1},
    [ANSWER] = {"answer", COLUMN_FIELD, -1},
    [P] = {"p", COLUMN_FIELD, -1},
    [P_OTHER] = {"p_other", COLUMN_FIELD, -1},
    [DISTRIBUTION] = {"distribution", COLUMN_DISTRIBUTION, -1},
    [KIND] = {"kind", COLUMN_FIELD, -1},
    [TEXT] = {"text", COLUMN_FIELD, -1},
    [MODEL] = {"model", COLUMN_FIELD, -1},
    [NUMERICS] = {"numerics", COLUMN_FIELD, -1},
    [TEMPLATE] = {"template", COLUMN_FIELD, -1},
    [RUN] = {"run", COLUMN_FIELD, -1},
    [DOCUMENT] = {"document", COLUMN_FIELD, -1},
    [TROUBLE] = {"error", COLUMN_FIELD, -1},
};

struct export
{
    const struct table_format *format;
    struct table *table;
    struct table_cell cells[N_COLUMNS];
    char *distribution; /* owned; the cell's */
};

static void set_text(struct export *export, int column, const char *text)
{
    if (text)
        export->cells[column] =
            (struct table_cell){.kind = CELL_TEXT, .text = text, .n_bytes = strlen(text)};
}

static void set_number(struct export *export, int column, double number)
{
    export->cells[column] = (struct table_cell){.kind = CELL_NUMBER, .number = number};
}

/* [["one", 0.25], ...] */
static int set_distribution(struct export *export, const struct job_line *line, struct error *err)
{
    const char *label = line->labels;
    size_t n_bytes;
    free(export->distribution);
    export->distribution = NULL;
    struct out out = {.file = open_memstream(&export->distribution, &n_bytes)};
    if (!out.file)
        return fail_memory(err, 1, "a distribution");
    out_char(&out, '[');
    for (size_t l = 0; l < line->cell.n_distribution; l++, label += strlen(label) + 1) {
        out_text(&out, l > 0 ? ", [" : "[");
        out_json_text(&out, label, strlen(label));
        out_text(&out, ", ");
        out_number(&out, line->cell.distribution[l]);
        out_char(&out, ']');
    }
    out_char(&out, ']');
    if (fclose(out.file) != 0)
        return fail_memory(err, 1, "a distribution");
    set_text(export, DISTRIBUTION, export->distribution);
    return 0;
}

static int write_line(void *context, const struct job_line *line, struct error *err)
{
    struct export *export = context;
    char document[2 * JOB_HASH_BYTES + 1];
    memset(export->cells, 0, sizeof export->cells);
    set_text(export, ID, line->id);
    set_text(export, QUESTION, line->question);
    set_text(export, KIND, line->kind);
    set_text(export, TEXT, line->text);
    set_text(export, MODEL, line->model);
    set_text(export, NUMERICS, line->numerics);
    set_text(export, TEMPLATE, line->template_name);
    set_text(export, RUN, line->run);
    set_text(export, TROUBLE, line->error);
    for (size_t i = 0; line->document && i < JOB_HASH_BYTES; i++)
        snprintf(document + 2 * i, 3, "%02x", line->document[i]);
    set_text(export, DOCUMENT, line->document ? document : NULL);
    if (line->cell.is_answered) {
        set_text(export, ANSWER, line->cell.text);
        if (!line->cell.text)
            set_number(export, ANSWER, line->cell.number);
        set_number(export, P, line->cell.p);
        set_number(export, P_OTHER, line->cell.p_other);
    }
    if (line->cell.distribution && set_distribution(export, line, err) < 0)
        return -1;
    return export->format->row(export->table, export->cells, err);
}

int job_export(struct job *job, const char *name, const struct table_format *format,
               const char *path, struct error *err)
{
    struct job_facts facts;
    struct export export = {.format = format};
    struct table_options options = {
        .path = path, .columns = columns, .n_columns = N_COLUMNS, .title = name};
    if (job_facts(job, &facts, err) < 0)
        return -1;
    if (facts.n_answers > 0 && facts.n_cells == 0)
        message("%s: answers are there, but of no row: the same command, run again, completes them "
                "and computes none of these",
                name);
    export.table = format->open(&options, err);
    if (!export.table)
        return -1;
    int rc = job_each_line(job, write_line, &export, err);
    if (rc == 0)
        rc = format->finish(export.table, err);
    format->close(export.table);
    free(export.distribution);
    return rc;
}
