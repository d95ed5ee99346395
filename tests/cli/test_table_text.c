/* Tables as text: cells of any bytes, read back by the rules of their format. */

#include "input/whole.h"
#include "output/table.h"
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>

static const struct table_column columns[] = {
    {"id", COLUMN_ID, -1},
    {"a,\"b\"", COLUMN_FIELD, -1},
    {"is_event_p", COLUMN_PROBABILITY, 0},
    {"weird_distribution", COLUMN_DISTRIBUTION, 0},
};

static struct table_cell text_cell(const char *text)
{
    return (struct table_cell){.kind = CELL_TEXT, .text = text, .n_bytes = strlen(text)};
}

static void write_table(const struct table_format *format, const struct table_cell (*rows)[4],
                        size_t n_rows, struct bytes *out)
{
    char path[512];
    struct error err = {0};
    snprintf(path, sizeof path, "%s/table", check_tmp_dir());
    struct table_options options = {.path = path, .columns = columns, .n_columns = 4};
    struct table *table = format->open(&options, &err);
    REQUIRE(table != NULL);
    for (size_t i = 0; i < n_rows; i++)
        CHECK_INT(format->row(table, rows[i], &err), 0);
    CHECK_INT(format->finish(table, &err), 0);
    format->close(table);
    bytes_clear(out);
    CHECK_INT(whole_read(path, out, &err), 0);
}

TEST(cells_of_every_kind)
{
    const struct table_cell rows[2][4] = {
        {text_cell("p/1.html"),
         text_cell("say \"yes\",\r\nthen\tgo | \\ <b> *"),
         {.kind = CELL_NUMBER, .number = 0.25},
         text_cell("[[\"1\", 0.5]]")},
        {text_cell(" lead"), {.kind = CELL_EMPTY}, {.kind = CELL_EMPTY}, {.kind = CELL_EMPTY}},
    };
    struct bytes out = {0};
    write_table(&table_jsonl, rows, 2, &out);
    CHECK_TEXT(
        out.data,
        "{\"id\": \"p/1.html\", \"a,\\\"b\\\"\": \"say \\\"yes\\\",\\r\\nthen\\tgo | \\\\ <b> "
        "*\", \"is_event_p\": 0.25, \"weird_distribution\": [[\"1\", 0.5]]}\n"
        "{\"id\": \" lead\", \"a,\\\"b\\\"\": null, \"is_event_p\": null, "
        "\"weird_distribution\": null}\n");
    write_table(&table_csv, rows, 2, &out);
    CHECK_TEXT(
        out.data,
        "id,\"a,\"\"b\"\"\",is_event_p,weird_distribution\r\n"
        "p/1.html,\"say \"\"yes\"\",\r\nthen\tgo | \\ <b> *\",0.25,\"[[\"\"1\"\", 0.5]]\"\r\n"
        "\" lead\",,,\r\n");
    write_table(&table_tsv, rows, 2, &out);
    CHECK_TEXT(out.data,
               "id\ta,\"b\"\tis_event_p\tweird_distribution\n"
               "p/1.html\tsay \"yes\",\\r\\nthen\\tgo | \\\\ <b> *\t0.25\t[[\"1\", 0.5]]\n"
               " lead\t\t\t\n");
    write_table(&table_markdown, rows, 2, &out);
    CHECK_TEXT(out.data, "| id | a,\"b\" | is\\_event\\_p | weird\\_distribution |\n"
                         "| --- | --- | ---: | --- |\n"
                         "| p/1.html | say \"yes\",<br>then\tgo \\| \\\\ &lt;b> \\* | 0.25 | "
                         "\\[\\[\"1\", 0.5\\]\\] |\n"
                         "|  lead |  |  |  |\n");
    bytes_deinit(&out);
}

TEST(formats_by_name_and_extension)
{
    CHECK(table_format_by_path("a/b.CSV") == &table_csv);
    CHECK(table_format_by_path("b.ndjson") == &table_jsonl);
    CHECK(table_format_by_path("b.md") == &table_markdown);
    CHECK(table_format_by_path("b.tab") == &table_tsv);
    CHECK(table_format_by_path("dir.csv/b") == NULL);
    CHECK(table_format_by_path("csv") == NULL);
    CHECK(table_format_by_path("b.") == NULL);
    CHECK(table_format_by_name("markdown") == &table_markdown);
    CHECK(table_format_by_name("md") == NULL);
    for (size_t i = 0; table_formats[i]; i++)
        CHECK_TEXT(table_format_name(i), table_formats[i]->name);
}

TEST(a_file_that_cannot_be_written)
{
    struct error err = {0};
    struct table_options options = {
        .path = "/nowhere/at/all.csv", .columns = columns, .n_columns = 4};
    CHECK(table_csv.open(&options, &err) == NULL);
    CHECK_CONTAINS(err.text, "/nowhere/at/all.csv: No such file");
    FILE *full = fopen("/dev/full", "w");
    if (!full)
        SKIP("no /dev/full");
    fclose(full);
    options.path = "/dev/full";
    struct table *table = table_csv.open(&options, &err);
    REQUIRE(table != NULL);
    CHECK_INT(table_csv.finish(table, &err), -1);
    CHECK_CONTAINS(err.text, "/dev/full: write error: No space");
    table_csv.close(table);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
