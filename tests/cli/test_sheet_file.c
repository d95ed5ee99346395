/* Sheets as files: the TOML that is read, and what is refused by its line and name. */

#include "input/field_template.h"
#include "sheet/sheet.h"
#include "sheet/toml.h"
#include "support/check.h"
#include "support/fault.h"

#include <stdio.h>
#include <stdlib.h>

static const char *write_file(const char *text, size_t n_bytes)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/sheet.toml", check_tmp_dir());
    FILE *file = fopen(path, "w");
    if (!file || fwrite(text, 1, n_bytes, file) != n_bytes || fclose(file) != 0)
        abort();
    return path;
}

static const struct toml_value *find(const struct toml_table *table, const char *key)
{
    for (const struct toml_entry *entry = table->entries; entry; entry = entry->next)
        if (strcmp(entry->key, key) == 0)
            return &entry->value;
    return NULL;
}

static void check_string(const struct toml_table *table, const char *key, const char *expected)
{
    const struct toml_value *value = find(table, key);
    check_case("key %s", key);
    if (CHECK(value && value->kind == TOML_STRING))
        CHECK_TEXT(value->text, expected);
}

TEST(toml_values)
{
    static const char text[] =
        "# A comment\r\n"
        "basic = \"a \\\"b\\\" \\\\ \\t \\u00e9 \\U0001F410\" # behind a value\n"
        "literal = 'C:\\new'\r\n"
        "'quoted key' = \"\"\n"
        "lines = \"\"\"\n"
        "one\n"
        "  two \\\n"
        "     three\"\"\"\n"
        "raw = '''\\n'''\n"
        "quotes = \"\"\"say \"yes\"\"\"\"\n"
        "whole = -17\n"
        "number = 6.5e-1\n"
        "yes = true\n"
        "list = [ 'a', # first\n"
        "  \"b\",\n"
        "]\n"
        "none = []\n"
        "[[question]]\n"
        "name = 'x'\n"
        "\t[[ question ]] # second\n"
        "name = 'y'";
    struct arena arena = {0};
    struct error err = {0};
    const struct toml_table *table = toml_parse(text, strlen(text), &arena, &err);
    CHECK_TEXT(err.text, "");
    REQUIRE(table != NULL);
    check_string(table, "basic", "a \"b\" \\ \t \xc3\xa9 \xf0\x9f\x90\x90");
    check_string(table, "literal", "C:\\new");
    check_string(table, "quoted key", "");
    check_string(table, "lines", "one\n  two three");
    check_string(table, "raw", "\\n");
    check_string(table, "quotes", "say \"yes\"");
    CHECK_INT(find(table, "whole")->integer, -17);
    CHECK_NEAR(find(table, "number")->number, 0.65, 1e-12);
    CHECK(find(table, "yes")->boolean);
    CHECK_UINT(find(table, "list")->n_items, 2);
    CHECK_TEXT(find(table, "list")->items[1].text, "b");
    CHECK_UINT(find(table, "list")->items[1].line, 15);
    CHECK_UINT(find(table, "none")->n_items, 0);
    REQUIRE(table->next && table->next->next && !table->next->next->next);
    check_string(table->next, "name", "x");
    check_string(table->next->next, "name", "y");
    CHECK_UINT(table->next->next->line, 20);
    arena_deinit(&arena);
}

TEST(toml_that_is_refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a = 1\na = 2", "line 2: 'a' for the second time"},
        {"\n\n[table]", "line 3: a [table]; only [[tables]]"},
        {"a.b = 1", "line 1: no '=' behind the key 'a' (dotted keys are not read)"},
        {"a = {b = 1}", "inline tables are not read"},
        {"a = 2024-05-01", "'2024-05-01' is no value"},
        {"a = 0x1f", "'0x1f' is no value"},
        {"a = 1_000", "'1_000' is no value"},
        {"a = 017", "'017' is no value"},
        {"a = 99999999999999999999", "is no value"},
        {"a = yes", "'yes' is no value that is read here (strings have quotes)"},
        {"a = [[1]]", "an array in an array"},
        {"a = [1 2]", "not separated by commas"},
        {"a = [1,", "where a value should be"},
        {"a = \"x\ny\"", "line 1: a string that does not end on its line"},
        {"a = \"\"\"x\n\n", "line 1: a string that does not end"},
        {"a = \"\\q\"", "'\\q' is no escape"},
        {"a = \"\\u12\"", "fewer than 4"},
        {"a = \"\\ud800\"", "U+D800 is no character"},
        {"a = \"\\u0000\"", "U+0000 is no character"},
        {"a = \"\x01\"", "a control character"},
        {"a = 1 2", "'2' after a value"},
        {"a =", "where a value should be"},
        {"a", "no '=' behind the key 'a'"},
        {"= 1", "'=' where a key should be"},
        {"[[q", "no ]] behind [[q"},
        {"[[q]] x", "'x' after ]]"},
        {"a = \"\xff\"", "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct error err = {0};
        check_case("%s", cases[i].text);
        /* In memory of just its size, for the sanitizer. */
        size_t n = strlen(cases[i].text);
        char *text = malloc(n);
        memcpy(text, cases[i].text, n);
        CHECK(toml_parse(text, n, &arena, &err) == NULL);
        CHECK_CONTAINS(err.text, cases[i].message);
        CHECK_INT(err.kind, ERROR_FORMAT);
        arena_deinit(&arena);
        free(text);
    }
}

static const char whole_sheet[] =
    "name = 'events'\nsystem = 'You read.'\n"
    "[[question]]\nname = 'is_event'\ntext = 'Is {title} an event?'\nthreshold = 0.6\n"
    "[[question]]\nname = 'amount'\ntext = 'One, several or none?'\nkind = 'choice'\n"
    "labels = ['one', 'several', 'none']\nlabels_read = 'mean'\nask_if = 'is_event'\n"
    "[[question]]\nname = 'weird'\ntext = 'How weird?'\nkind = 'score'\nscale = [1, 5]\n"
    "ask_if = 'amount = several'\n"
    "[[question]]\nname = 'other'\ntext = 'Is it a shop?'\nask_if = 'not is_event'\n"
    "[[question]]\nname = 'best'\ntext = 'Is it the best?'\nask_if = 'weird=5'\n";

TEST(a_sheet)
{
    struct sheet sheet = {0};
    struct error err = {0};
    CHECK_INT(sheet_read(&sheet, write_file(whole_sheet, strlen(whole_sheet)), &err), 0);
    CHECK_TEXT(err.text, "");
    REQUIRE(sheet.n_questions == 5);
    CHECK_TEXT(sheet.name, "events");
    CHECK_TEXT(sheet.system_text, "You read.");
    CHECK(sheet.any_fields);
    CHECK_TEXT(sheet.names[1], "amount");
    const struct trawl_question *q = sheet.questions;
    CHECK(q[0].per_document && q[0].kind == TRAWL_YES_NO && !q[0].ask_if);
    CHECK_NEAR(q[0].threshold, 0.6, 1e-12);
    CHECK(!q[1].per_document && q[1].kind == TRAWL_CHOICE && q[1].n_labels == 3);
    CHECK_TEXT(q[1].labels[1], "several");
    CHECK_INT(q[1].reading, TRAWL_LABELS_MEAN);
    CHECK(q[1].ask_if && q[1].ask_if->question == 0 && q[1].ask_if->label == 1);
    CHECK(q[2].kind == TRAWL_SCORE && q[2].scale_from == 1 && q[2].scale_to == 5);
    CHECK(q[2].ask_if && q[2].ask_if->question == 1 && q[2].ask_if->label == 1);
    CHECK(q[3].ask_if && q[3].ask_if->question == 0 && q[3].ask_if->label == 0);
    CHECK(q[4].ask_if && q[4].ask_if->question == 2 && q[4].ask_if->label == 4);
    sheet_deinit(&sheet);
}

TEST(sheets_that_are_refused)
{
#define Q "[[question]]\nname = 'a'\ntext = 'A?'\n"
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "a sheet without a [[question]]"},
        {"titel = 'x'\n" Q, "line 1: a sheet has no 'titel'"},
        {"name = 7\n" Q, "line 1: name is not a text"},
        {"[[questions]]", "line 1: a sheet has no [[questions]], only [[question]]"},
        {"[[question]]\ntext = 'A?'", "line 1: a question without name"},
        {"[[question]]\nname = 'a'", "line 1: a question without text"},
        {"[[question]]\nname = 'a b'\ntext = 'x'", "line 2: name is not letters, digits"},
        {"[[question]]\nname = '1a'\ntext = 'x'", "line 2: name is not"},
        {Q Q, "line 5: a second question called a"},
        {Q "labels = ['x', 'y']", "line 1: a has labels, which is not for its kind"},
        {Q "kind = 'choice'", "line 1: a question without labels"},
        {Q "kind = 'choice'\nlabels = ['x']", "line 5: labels is not two to a thousand texts"},
        {Q "kind = 'choice'\nlabels = ['x', 1]", "line 5: labels is not a list of texts"},
        {Q "kind = 'choice'\nlabels = ['x', 'x']", "the label 'x' for the second time"},
        {Q "kind = 'choice'\nlabels = ['x', 'y']\nthreshold = 0.3", "a has threshold"},
        {Q "kind = 'number'", "line 4: kind is not one of: yes_no choice score"},
        {Q "kind = 'score'", "line 1: a question without scale"},
        {Q "kind = 'score'\nscale = [5, 1]", "line 5: scale is not [from, to]"},
        {Q "kind = 'score'\nscale = [1, 1000]", "line 5: scale is not [from, to]"},
        {Q "threshold = 0", "line 4: threshold is not a probability above 0"},
        {Q "threshold = '0.5'", "line 4: threshold is not"},
        {Q "ask_if = 'b'", "line 4: ask_if: no question above is called 'b'"},
        {Q "ask_if = 'a'", "line 4: ask_if: no question above is called 'a'"},
        {Q "[[question]]\nname = 'b'\ntext = 'B?'\nask_if = 'a = maybe'",
         "line 7: ask_if: 'maybe' is no answer to a"},
        {Q "[[question]]\nname = 'b'\ntext = 'B?'\nask_if = 'a and b'", "line 7: ask_if is not"},
        {Q "weight = 2", "line 4: a question has no 'weight'"},
        {"[[question]]\nname = 'a'\ntext = 'Is {it?'", "a brace begins the name of a field"},
    };
#undef Q
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sheet sheet = {0};
        struct error err = {0};
        check_case("%s", cases[i].text);
        CHECK_INT(sheet_read(&sheet, write_file(cases[i].text, strlen(cases[i].text)), &err), -1);
        CHECK_CONTAINS(err.text, "sheet.toml: ");
        CHECK_CONTAINS(err.text, cases[i].message);
        sheet_deinit(&sheet);
    }
}

TEST(any_piece_of_a_sheet_and_any_byte_of_it)
{
    /* Whatever the file holds, it is read or refused; and so it is when memory runs out. */
    struct rng rng = rng_make(check_seed());
    char text[sizeof whole_sheet];
    for (int round = 0; round < 3000; round++) {
        size_t n = rng_below(&rng, sizeof whole_sheet);
        memcpy(text, whole_sheet, n);
        for (uint64_t change = rng_below(&rng, 4); n > 0 && change > 0; change--)
            text[rng_below(&rng, n)] = "\"'[]=\n\\#{}\0x7"[rng_below(&rng, 13)];
        struct arena arena = {0};
        struct error err = {0};
        const struct toml_table *table = toml_parse(text, n, &arena, &err);
        CHECK(table != NULL || *err.text);
        arena_deinit(&arena);
    }
    const char *path = write_file(whole_sheet, strlen(whole_sheet));
    for (uint64_t n = 1;; n++) {
        struct sheet sheet = {0};
        struct error err = {0};
        fault_arm(FAULT_ALLOCATION, n);
        int rc = sheet_read(&sheet, path, &err);
        bool struck = fault_disarm();
        CHECK_INT(rc, struck ? -1 : 0);
        if (struck)
            CHECK_INT(err.kind, ERROR_MEMORY);
        sheet_deinit(&sheet);
        if (!struck)
            break;
    }
}

TEST(lines_are_questions)
{
    struct sheet sheet = {0};
    struct error err = {0};
    CHECK_INT(sheet_read_lines(&sheet, write_file("One?\r\n\n  \nTwo?", 14), &err), 0);
    REQUIRE(sheet.n_questions == 2);
    CHECK_TEXT(sheet.questions[0].text, "One?");
    CHECK_TEXT(sheet.questions[1].text, "Two?");
    CHECK_TEXT(sheet.names[1], "q2");
    sheet_deinit(&sheet);
    CHECK_INT(sheet_read_lines(&sheet, write_file("\n", 1), &err), -1);
    CHECK_CONTAINS(err.text, "has no question");
    sheet_deinit(&sheet);
    CHECK_INT(sheet_read_lines(&sheet, write_file("a\0b", 3), &err), -1);
    CHECK_CONTAINS(err.text, "NUL");
    sheet_deinit(&sheet);
}

TEST(fields_are_filled_in)
{
    struct record_field fields[] = {{"title", "Kite {day}", 10}, {"city", "", 0}};
    struct record record = {
        .id = "p/1", .text = "its text", .n_bytes = 8, .fields = fields, .n_fields = 2};
    struct bytes out = {0};
    struct error err = {0};
    CHECK_INT(field_template_render("{{{title}}} in '{city}' of {id}, a\\n", TEMPLATE_OF_QUESTION,
                                    &record, &out, &err),
              0);
    CHECK_TEXT(out.data, "{Kite {day}} in '' of p/1, a\\n");
    CHECK_INT(field_template_render("{venue}", TEMPLATE_OF_QUESTION, &record, &out, &err), -1);
    CHECK_CONTAINS(err.text, "no field 'venue'");
    bytes_clear(&out);
    CHECK_INT(field_template_render("{venue}{id}{title}\\t\\\\\\x{{{text}\\", TEMPLATE_OF_DOCUMENT,
                                    &record, &out, &err),
              0);
    CHECK_TEXT(out.data, "Kite {day}\t\\\\x{its text\\");
    bool has_fields = true;
    CHECK_INT(field_template_check("a {{b}} c", TEMPLATE_OF_QUESTION, &has_fields, &err), 0);
    CHECK(!has_fields);
    CHECK_INT(field_template_check("a {b} c", TEMPLATE_OF_QUESTION, &has_fields, &err), 0);
    CHECK(has_fields);
    static const char *const bad[] = {"{", "a } b", "{}", "{a{b}}", "{a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_case("%s", bad[i]);
        CHECK_INT(field_template_check(bad[i], TEMPLATE_OF_QUESTION, &has_fields, &err), -1);
        CHECK_INT(field_template_check(bad[i], TEMPLATE_OF_DOCUMENT, NULL, &err), -1);
    }
    bytes_deinit(&out);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
