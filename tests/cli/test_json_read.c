/* The JSON readers, of values and of trees, on what is JSON, on what is not, and on texts that were
 * damaged at random. */

#include "json_read.h"

#include "support/check.h"

#include <stdlib.h>

static const struct json *parse(struct arena *arena, const char *text, struct error *err)
{
    return json_read(arena, text, strlen(text), err);
}

TEST(values)
{
    struct arena arena = {0};
    struct error err = {0};
    const struct json *json = parse(
        &arena,
        " {\"a\": [1, -2.5e3, true, false, null, \"\"], \"b\": {}, \"a b\": \"x\", \"b\": 7 } ",
        &err);
    REQUIRE(json && json->kind == JSON_OBJECT);
    const struct json *item = json_member(json, "a")->first;
    CHECK(item->kind == JSON_NUMBER && item->number == 1);
    item = item->next;
    CHECK(item->kind == JSON_NUMBER && item->number == -2500);
    CHECK_TEXT(item->text, "-2.5e3");
    item = item->next;
    CHECK(item->kind == JSON_TRUE && item->next->kind == JSON_FALSE);
    item = item->next->next;
    CHECK(item->kind == JSON_NULL && item->next->kind == JSON_STRING && !item->next->next);
    CHECK_UINT(item->next->n_bytes, 0);
    CHECK_TEXT(json_member(json, "a b")->text, "x");
    CHECK(json_member(json, "b")->number == 7); /* the last of a name */
    CHECK(!json_member(json, "c") && !json_member(item, "a") && !json_member(NULL, "a"));
    arena_deinit(&arena);
}

TEST(strings)
{
    static const struct {
        const char *text, *bytes;
        size_t n_bytes;
    } cases[] = {
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
        {"\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac", 6},
        {"\"\\ud83d\\uDC1F\"", "\xf0\x9f\x90\x9f", 4},
        {"\"caf\\udce9\"", "caf\xe9", 4},                        /* a byte that was not UTF-8 */
        {"\"\\ud83d!\\ud83d\"", "\xef\xbf\xbd!\xef\xbf\xbd", 7}, /* halves of pairs */
        {"\"\\ud83d\\u0041\"",
         "\xef\xbf\xbd"
         "A",
         4},
        {"\"a\\u0000b\"", "a\0b", 3},
        {"\"\xc3\xa9\xff\"", "\xc3\xa9\xff", 3}, /* as it stands */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena = {0};
        struct error err = {0};
        check_case("%s", cases[i].text);
        const struct json *json = parse(&arena, cases[i].text, &err);
        REQUIRE(json && json->kind == JSON_STRING);
        CHECK_UINT(json->n_bytes, cases[i].n_bytes);
        CHECK_BYTES(json->text, cases[i].bytes, cases[i].n_bytes + 1);
        arena_deinit(&arena);
    }
}

TEST(refuses_what_is_not_json)
{
    static const char *const cases[] = {
        "",
        " ",
        "{",
        "}",
        "[1",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{a: 1}",
        "{\"a\":1,}",
        "[1 2]",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "-",
        "0x10",
        "inf",
        "nan",
        "1e999",
        "tru",
        "nulll",
        "1 1",
        "\"a\nb\"",
        "'a'",
        "[1]]",
        "NaN",
        "-Infinity",
        "[",
        "[[]",
        "[]]",
        "[}",
        "{]",
        "{\"a\":1]",
        "[,1]",
        "[1,,2]",
        "[:]",
        "{,}",
        "{:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{1:2}",
        "{null:1}",
        "[\"a\":1]",
        "\"a",
        "\"\\u00\"",
        "\"\\U0041\"",
        "\"\\\"",
        "\"\t\"",
        "\"\\\x01\"",
        "-01",
        "--1",
        "1e+",
        "1.e1",
        "1..2",
        "1ee2",
        "- 1",
        "\xef\xbb\xbf"
        "1",
        "\xff",
        "/**/1",
        "1//",
        "True",
        "\f1",
        "[1\v]",
        "\xc2\xa0"
        "1",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena = {0};
        struct error err = {0};
        check_case("%s", cases[i]);
        CHECK(!parse(&arena, cases[i], &err));
        CHECK_CONTAINS(err.text, "not JSON");
        arena_deinit(&arena);
    }
}

/* [n] arrays in one another. */
static const struct json *parse_nested(struct arena *arena, size_t n, struct error *err)
{
    char *text = malloc(2 * n);
    if (!text)
        return NULL;
    memset(text, '[', n);
    memset(text + n, ']', n);
    const struct json *json = json_read(arena, text, 2 * n, err);
    free(text);
    return json;
}

TEST(depth_has_a_limit)
{
    struct arena arena = {0};
    struct error err = {0};
    const struct json *json = parse_nested(&arena, JSON_MOST_DEPTH, &err);
    size_t depth = 0;
    for (; json; json = json->first)
        depth += json->kind == JSON_ARRAY && !json->next;
    CHECK_UINT(depth, JSON_MOST_DEPTH);
    CHECK(!parse_nested(&arena, JSON_MOST_DEPTH + 1, &err));
    CHECK_CONTAINS(err.text, "nested too deeply");
    CHECK(!parse_nested(&arena, 1000000, &err));
    arena_deinit(&arena);
}

/* Every item, and its texts as they are written. */
TEST(items)
{
    static const char text[] = " {\"a\\n\": [12345678901234567890, 1.10 ,{}], \"\": "
                               "{\"b\":\"\\u00e9\"},\"c\":-Infinity }\n";
    static const struct {
        enum json_kind kind;
        bool is_end;
        unsigned depth;
        const char *name, *text;
    } expected[] = {
        {JSON_OBJECT, false, 0, NULL, "{"},
        {JSON_ARRAY, false, 1, "a\\n", "["},
        {JSON_NUMBER, false, 2, NULL, "12345678901234567890"},
        {JSON_NUMBER, false, 2, NULL, "1.10"},
        {JSON_OBJECT, false, 2, NULL, "{"},
        {JSON_OBJECT, true, 2, NULL, "}"},
        {JSON_ARRAY, true, 1, NULL, "]"},
        {JSON_OBJECT, false, 1, "", "{"},
        {JSON_STRING, false, 2, "b", "\\u00e9"},
        {JSON_OBJECT, true, 1, NULL, "}"},
        {JSON_NUMBER, false, 1, "c", "-Infinity"},
        {JSON_OBJECT, true, 0, NULL, "}"},
    };
    struct json_scan scan;
    struct json_item item;
    struct error err = {0};
    json_scan_init(&scan, text, sizeof text - 1);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        check_case("item %zu", i);
        REQUIRE(json_scan_next(&scan, &item, &err) == 1);
        CHECK(item.kind == expected[i].kind && item.is_end == expected[i].is_end);
        CHECK_UINT(item.depth, expected[i].depth);
        CHECK(!item.name == !expected[i].name);
        if (item.name && expected[i].name && CHECK_UINT(item.n_name, strlen(expected[i].name)))
            CHECK_BYTES(item.name, expected[i].name, item.n_name);
        if (CHECK_UINT(item.n_bytes, strlen(expected[i].text)))
            CHECK_BYTES(item.text, expected[i].text, item.n_bytes);
    }
    CHECK_INT(json_scan_next(&scan, &item, &err), 0);
    CHECK_INT(json_scan_next(&scan, &item, &err), 0);
}

TEST(lone_surrogates)
{
    static const char text[] = "\\udce9 \\udc7f\\ud800";
    char out[sizeof text];
    CHECK_UINT(json_decode(text, sizeof text - 1, JSON_SURROGATE_IS_BYTE, out), 8);
    CHECK_BYTES(out, "\xe9 \xef\xbf\xbd\xef\xbf\xbd", 8);
    CHECK_UINT(json_decode(text, sizeof text - 1, JSON_SURROGATE_IS_NO_TEXT, out), 10);
    CHECK_BYTES(out, "\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd", 10);
}

TEST(errors_say_where)
{
    static const char *const cases[][2] = {
        {"[1, x]", "not JSON at byte 5: a value was expected"},
        {"{\"a\": 1, 2}", "not JSON at byte 10: a key was expected"},
        {"[1 2]", "not JSON at byte 4: a comma or the end was expected"},
        {"[\"a", "not JSON at byte 4: it ends too early"},
        {"{} {}", "not JSON at byte 4: something follows the value"},
        {"[0, 1e999]", "not JSON at byte 5: a number without bounds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena = {0};
        struct error err = {0};
        CHECK(!parse(&arena, cases[i][0], &err));
        CHECK_TEXT(err.text, cases[i][1]);
        arena_deinit(&arena);
    }
}

/* Nothing is read outside the text, which ends without a NUL: for the sanitizers. */
TEST(damaged_texts)
{
    static const char whole[] = "{\"id\": \"pages/\\u00e9\\ud83d\\udc1f.txt\", \"p\": [0.25, "
                                "-1e-3], \"x\": {\"bytes\": \"Y2Fm6Q==\"}, "
                                "\"none\": null, \"yes\": true, \"q\": \"a \\\"quoted\\\" word\"}";
    struct rng rng = rng_make(check_seed());
    for (int i = 0; i < 20000; i++) {
        size_t n = rng_below(&rng, sizeof whole);
        char *text = malloc(n + 1);
        struct arena arena = {0};
        struct error err = {0};
        REQUIRE(text);
        memcpy(text, whole, n);
        for (uint64_t k = rng_below(&rng, 4); k > 0 && n > 0; k--)
            text[rng_below(&rng, n)] = rng_below(&rng, 3) ? "\\\"u{}[],:0e-"[rng_below(&rng, 12)]
                                                          : (char)rng_below(&rng, 256);
        char *exact = realloc(text, n > 0 ? n : 1);
        CHECK(json_read(&arena, exact, n, &err) || err.text[0]);
        arena_deinit(&arena);
        free(exact);
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
