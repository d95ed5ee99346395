/* The JSON reader on what is JSON, on what is not, and on texts that were damaged at random. */

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
        "",       " ",          "{",     "}",     "[1",   "[1,]",     "{\"a\"}",   "{\"a\":}",
        "{a: 1}", "{\"a\":1,}", "[1 2]", "\"",    "\"\\", "\"\\x\"",  "\"\\u12\"", "\"\\u12g4\"",
        "01",     "+1",         "1.",    ".5",    "1e",   "-",        "0x10",      "inf",
        "nan",    "1e999",      "tru",   "nulll", "1 1",  "\"a\nb\"", "'a'",       "[1]]",
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

TEST(depth_has_a_limit)
{
    char text[20001];
    struct arena arena = {0};
    struct error err = {0};
    memset(text, '[', 10000);
    memset(text + 10000, ']', 10000);
    text[20000] = '\0';
    CHECK(!parse(&arena, text, &err));
    CHECK_CONTAINS(err.text, "too many levels");
    CHECK(parse(&arena, text + 9940, &err) == NULL); /* unbalanced */
    text[10060] = '\0';
    CHECK(parse(&arena, text + 9940, &err) != NULL); /* 60 levels */
    arena_deinit(&arena);
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
