/* Writes an HTML report of made-up rows, for tests of the page: make_report FILE N_ROWS [cut]. The
 * first rows hold everything that could be taken for markup or script; "cut" leaves the file as a
 * killed run does. */

#include "output/table.h"

#include "support/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof literal - 1                                                                \
    }
static const struct {
    const char *text;
    size_t n_bytes;
} HOSTILE[] = {
    TEXT("</script><script>document.title='hacked'</script>"),
    TEXT("<img src=x onerror=\"document.title='hacked'\">"),
    TEXT("<!-- <script> --> ]]> \"quotes\" 'and' \\back\\slashes\\u003c"),
    TEXT("line\nbreaks\r\nand\ttabs, \x01 control, \x7f, nul \0 and \xff bytes, \xe2\x80\xa8 "
         "U+2028"),
    TEXT("=HYPERLINK(\"http://example.com\")"),
    TEXT("javascript:document.title='hacked'"),
    TEXT("\xf0\x9f\x90\x9f \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x80\xae reversed "
         "\xcc\x81\xcc\x81\xcc\x81"),
    TEXT(""),
};
#define N_HOSTILE (sizeof HOSTILE / sizeof HOSTILE[0])

static const char *const WORDS[] = {"meadow", "brass",  "harbour", "lentils", "evening", "ticket",
                                    "annual", "market", "closed",  "river",   "choir",   "free"};

static struct table_cell text_cell(const char *text, size_t n_bytes)
{
    return (struct table_cell){.kind = CELL_TEXT, .text = text, .n_bytes = n_bytes};
}

static struct table_cell number_cell(double number)
{
    return (struct table_cell){.kind = CELL_NUMBER, .number = number};
}

int main(int argc, char **argv)
{
    static const char stars_all[] = "[[\"1\", 0.2], [\"2\", 0.5], [\"3\", 0.3]]";
    static const char *const stars[] = {"1", "2", "3"};
    static const char *const sizes[] = {"small", "middling", "large"};
    const struct table_question questions[] = {
        {"event", "Is this page describing an <b>event</b>?", "yes_no", NULL, 0, 0.5},
        {"free", "Is the event on this page free of charge?", "yes_no", NULL, 0, 0.6},
        {"size", "How large is it?", "choice", sizes, 3, 0},
        {"stars", "How good is it?", "score", stars, 3, 0},
    };
    const struct table_column columns[] = {
        {"file", COLUMN_ID, -1},
        {"source", COLUMN_FIELD, -1},
        {"year", COLUMN_FIELD, -1},
        {"event", COLUMN_ANSWER, 0},
        {"event_p", COLUMN_PROBABILITY, 0},
        {"free", COLUMN_ANSWER, 1},
        {"free_p", COLUMN_PROBABILITY, 1},
        {"size", COLUMN_ANSWER, 2},
        {"size_p", COLUMN_PROBABILITY, 2},
        {"size_all", COLUMN_DISTRIBUTION, 2},
        {"text", COLUMN_TEXT, -1},
        {"stars", COLUMN_ANSWER, 3},
        {"stars_p", COLUMN_PROBABILITY, 3},
        {"stars_distribution", COLUMN_DISTRIBUTION, 3},
    };
    enum { N_COLUMNS = sizeof columns / sizeof columns[0] };
    struct table_options options = {.path = argc > 2 ? argv[1] : NULL,
                                    .columns = columns,
                                    .n_columns = N_COLUMNS,
                                    .questions = questions,
                                    .n_questions = 4,
                                    .title = "Events & </title><script>pages"};
    struct error err = {0};
    size_t n_rows = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    struct table *table = table_html.open(&options, &err);
    int status = table ? 0 : -1;
    struct rng rng = rng_make(1);
    for (size_t i = 0; i < n_rows && status == 0; i++) {
        char id[64], source[64], all[128], text[1024] = "";
        snprintf(id, sizeof id, "pages/%05zu.txt", i);
        snprintf(source, sizeof source, "https://example.org/%zu", i % 100);
        for (size_t w = 0, n = 12 + rng_below(&rng, 60); w < n; w++) {
            strcat(text, w == 0 ? "" : w % 12 == 0 ? ".\n" : " ");
            strcat(text, WORDS[rng_below(&rng, sizeof WORDS / sizeof WORDS[0])]);
        }
        double p = (double)rng_unit(&rng), free_p = (double)rng_unit(&rng);
        p = p * p * (3 - 2 * p);
        int size = (int)rng_below(&rng, 3);
        snprintf(all, sizeof all, "[[\"small\",%.3f],[\"middling\",%.3f],[\"large\",%.3f]]",
                 size == 0 ? 0.8 : 0.1, size == 1 ? 0.8 : 0.1, size == 2 ? 0.8 : 0.1);
        struct table_cell cells[N_COLUMNS] = {
            text_cell(id, strlen(id)),
            i < N_HOSTILE ? text_cell(HOSTILE[i].text, HOSTILE[i].n_bytes)
                          : text_cell(source, strlen(source)),
            number_cell(2000 + (double)(i * 7 % 27)),
            text_cell(p >= 0.5 ? "yes" : "no", p >= 0.5 ? 3 : 2),
            number_cell(p),
            p >= 0.5 ? text_cell(free_p >= 0.6 ? "yes" : "no", free_p >= 0.6 ? 3 : 2)
                     : (struct table_cell){0},
            p >= 0.5 ? number_cell(free_p) : (struct table_cell){0},
            text_cell(sizes[size], strlen(sizes[size])),
            number_cell(0.8),
            text_cell(all, strlen(all)),
            i < N_HOSTILE ? text_cell(HOSTILE[i].text, HOSTILE[i].n_bytes)
                          : text_cell(text, strlen(text)),
            number_cell(1 + 2 * free_p),
            number_cell(0.5),
            text_cell(stars_all, sizeof stars_all - 1),
        };
        status = table_html.row(table, cells, &err);
    }
    if (status == 0 && argc <= 3)
        status = table_html.finish(table, &err);
    table_html.close(table);
    if (status < 0)
        fprintf(stderr, "make_report: %s\n", err.text);
    return status < 0;
}
