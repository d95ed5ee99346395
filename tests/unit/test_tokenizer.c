/* Tokenizers against published vectors and against themselves. */

#include "../../cli/json_read.h"
#include "support/check.h"
#include "support/vocabulary_recipe.h"
#include "text/tokenizer.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct tokenizer *open_file(const char *relative)
{
    struct error err = {0};
    const char *path = check_data_path(relative);
    struct gguf *gguf = path ? gguf_open(path, &err) : NULL;
    struct tokenizer *tokenizer = gguf ? tokenizer_open(gguf, NULL, &err) : NULL;
    gguf_close(gguf);
    if (path != NULL && tokenizer == NULL)
        CHECK_TEXT(err.text, "");
    return tokenizer;
}

/* A file of the shared data; NULL when it is not there. */
static const struct json *read_json(struct arena *arena, const char *relative)
{
    struct error err = {0};
    size_t n_bytes;
    char *text = check_read_file(check_data_path(relative), &n_bytes);
    const struct json *json = text ? json_read(arena, text, n_bytes, &err) : NULL;
    CHECK_TEXT(err.text, "");
    free(text);
    return json;
}

/* "1 2 3", malloced. */
static char *ids_text(const int32_t *ids, size_t n)
{
    char *text = calloc(n + 1, 12);
    for (size_t i = 0, at = 0; text != NULL && i < n; i++)
        at += (size_t)sprintf(text + at, i > 0 ? " %d" : "%d", (int)ids[i]);
    return text;
}

static void check_ids(const struct tokenizer *tokenizer, const char *text, size_t n_bytes,
                      bool special, const char *expected)
{
    struct error err = {0};
    struct token_list list = {0};
    struct encode_options options = {.parse_special = special};
    CHECK_INT(tokenizer_encode(tokenizer, text, n_bytes, &options, &list, &err), 0);
    char *got = ids_text(list.ids, list.n_tokens);
    CHECK_TEXT(got, expected);
    free(got);
    token_list_deinit(&list);
}

/* decode(encode(text)) == text. */
static void check_round_trip(const struct tokenizer *tokenizer, const char *text, size_t n_bytes)
{
    struct error err = {0};
    struct token_list list = {0};
    struct bytes back = {0};
    CHECK_INT(tokenizer_encode(tokenizer, text, n_bytes, NULL, &list, &err), 0);
    CHECK_INT(tokenizer_decode(tokenizer, list.ids, list.n_tokens, &back, &err), 0);
    if (CHECK_UINT(back.n_bytes, n_bytes) && n_bytes > 0)
        CHECK_BYTES(back.data, text, n_bytes);
    token_list_deinit(&list);
    bytes_deinit(&back);
}

/* Texts separated by a line, one line of ids per text. */
static void check_vector_file(const char *name)
{
    static const char SEPARATOR[] = "\n__ggml_vocab_test__\n";
    char relative[128];
    snprintf(relative, sizeof(relative), "vocab/ggml-vocab-%s.gguf", name);
    struct tokenizer *tokenizer = open_file(relative);
    if (tokenizer == NULL)
        SKIP("no vocabularies in the shared test data");
    size_t n_in = 0, n_out = 0;
    strcat(relative, ".inp");
    char *in = check_read_file(check_data_path(relative), &n_in);
    strcpy(strrchr(relative, '.'), ".out");
    char *out = check_read_file(check_data_path(relative), &n_out);
    size_t n = 0;
    for (char *text = in, *line = out; in && out && text != NULL && *line != '\0'; n++) {
        char *end = strstr(text, SEPARATOR);
        size_t n_bytes = end ? (size_t)(end - text) : strlen(text);
        char *line_end = line + strcspn(line, "\n");
        bool last = *line_end == '\0';
        *line_end = '\0';
        check_case("%s, text %zu: %.*s", name, n + 1, (int)n_bytes, text);
        check_ids(tokenizer, text, n_bytes, false, line + (*line == ' '));
        check_round_trip(tokenizer, text, n_bytes);
        text = end ? end + sizeof(SEPARATOR) - 1 : NULL;
        line = last ? line_end : line_end + 1;
    }
    CHECK(n >= 40);
    free(in);
    free(out);
    tokenizer_close(tokenizer);
}

TEST(vectors_llama_spm)
{
    check_vector_file("llama-spm");
}
TEST(vectors_phi_3)
{
    check_vector_file("phi-3");
}
TEST(vectors_gpt_2)
{
    check_vector_file("gpt-2");
}
TEST(vectors_llama_bpe)
{
    check_vector_file("llama-bpe");
}
TEST(vectors_qwen2)
{
    check_vector_file("qwen2");
}
TEST(vectors_deepseek_llm)
{
    check_vector_file("deepseek-llm");
}
TEST(vectors_refact)
{
    check_vector_file("refact");
}

/* Objects {"text": ..., "ids": [...]}; [bos] when the ids begin with it. */
static size_t check_objects(const struct tokenizer *tokenizer, const struct json *list, bool bos)
{
    size_t n_cases = 0;
    for (const struct json *item = list ? list->first : NULL; item; item = item->next, n_cases++) {
        const struct json *text = json_member(item, "text"), *array = json_member(item, "ids");
        int32_t ids[1024];
        size_t n = 0;
        if (!CHECK(text && array))
            break;
        for (const struct json *id = array->first; id && n < COUNT(ids); id = id->next)
            ids[n++] = (int32_t)id->number;
        char *expected = ids_text(ids + bos, n - bos);
        check_case("text %.60s", text->text);
        if (bos)
            CHECK_INT(ids[0], tokenizer_role(tokenizer, TOKEN_BOS));
        check_ids(tokenizer, text->text, text->n_bytes, !bos, expected);
        free(expected);
    }
    return n_cases;
}

TEST(vectors_of_other_projects)
{
    static const struct {
        const char *key, *vocabulary;
        bool bos;
    } SETS[] = {{"Xenova/gpt2", "gpt-2", false},
                {"Xenova/llama-tokenizer", "llama-spm", true},
                {"Xenova/llama3-tokenizer", "llama-bpe", false},
                {"Xenova/Qwen1.5-0.5B-Chat", "qwen2", false}};
    struct arena arena = {0};
    const struct json *json = read_json(&arena, "vocab/more-vectors.json");
    if (json == NULL)
        SKIP("no vocab/more-vectors.json in the shared test data");
    for (size_t i = 0; i < COUNT(SETS); i++) {
        char relative[64];
        snprintf(relative, sizeof(relative), "vocab/ggml-vocab-%s.gguf", SETS[i].vocabulary);
        struct tokenizer *tokenizer = open_file(relative);
        if (CHECK(tokenizer != NULL))
            CHECK(check_objects(tokenizer, json_member(json, SETS[i].key), SETS[i].bos) >= 20);
        tokenizer_close(tokenizer);
    }
    arena_deinit(&arena);
}

TEST(vectors_of_llama_2)
{
    struct arena arena = {0};
    const struct json *json = read_json(&arena, "vocab/llama2-prompt-vectors.json");
    struct tokenizer *tokenizer = open_file("vocab/ggml-vocab-llama-spm.gguf");
    if (json == NULL || tokenizer == NULL)
        SKIP("no vocab/llama2-prompt-vectors.json in the shared test data");
    CHECK(tokenizer_add_bos(tokenizer));
    CHECK_UINT(check_objects(tokenizer, json_member(json, "cases"), true), 5);
    tokenizer_close(tokenizer);
    arena_deinit(&arena);
}

TEST(merges_by_rank)
{
    struct tokenizer *t = open_bpe("gpt-2");
    REQUIRE(t != NULL);
    CHECK_TEXT(tokenizer_model(t), "gpt2");
    CHECK_TEXT(tokenizer_pre(t), "gpt-2");
    CHECK(tokenizer_resident_bytes(t) > 4096);
    check_ids(t, "hello hello", 11, false, "259 260");
    check_ids(t, "aaaaaaa", 7, false, "262 261 97");
    check_ids(t, "", 0, false, "");
    check_ids(t, "\0\xff\xc3", 3, false, "0 255 195");
    CHECK_INT(tokenizer_find(t, "Ġhello", 7), 260);
    CHECK_INT(tokenizer_find(t, "<piece>", 7), 266);
    CHECK_INT(tokenizer_find(t, "none", 4), TOKEN_NONE);
    size_t n;
    CHECK_BYTES(tokenizer_token_text(t, 260, &n), " hello", 6);
    CHECK_UINT(n, 6);
    (void)tokenizer_token_text(t, 99999, &n);
    CHECK_UINT(n, 0);
    (void)tokenizer_token_text(t, -1, &n);
    CHECK_UINT(n, 0);
    tokenizer_close(t);
}

TEST(control_tokens_only_where_asked)
{
    static const char TEXT[] = "a<|im_end|><|im_start|>hello";
    struct tokenizer *t = open_bpe("gpt-2");
    REQUIRE(t != NULL);
    /* "<|im_end|>" is labelled as user-defined in this file, and is control all the same. */
    CHECK(tokenizer_is_control(t, 265));
    check_ids(t, TEXT, strlen(TEXT), true, "97 265 264 259");
    struct error err = {0};
    struct token_list list = {0};
    REQUIRE(tokenizer_encode(t, TEXT, strlen(TEXT), NULL, &list, &err) == 0);
    for (size_t i = 0; i < list.n_tokens; i++)
        CHECK(list.ids[i] < 264);
    check_round_trip(t, TEXT, strlen(TEXT));
    token_list_deinit(&list);
    struct bytes text = {0};
    int32_t ids[] = {97, 265, 98};
    CHECK_INT(tokenizer_decode(t, ids, 3, &text, &err), 0);
    CHECK_TEXT(text.data, "a<|im_end|>b");
    bytes_deinit(&text);
    tokenizer_close(t);
}

TEST(user_defined_tokens_longest_first)
{
    struct tokenizer *t = open_bpe("gpt-2");
    REQUIRE(t != NULL);
    check_ids(t, "<piece>s<piece>x", 16, false, "267 266 120");
    check_ids(t, "<piece", 6, false, "60 112 105 101 99 101");
    tokenizer_close(t);
}

TEST(decode_refuses_ids_out_of_range)
{
    struct tokenizer *t = open_bpe("gpt-2");
    struct error err = {0};
    struct bytes text = {0};
    int32_t bad[] = {97, 5000};
    CHECK_INT(tokenizer_decode(t, bad, 2, &text, &err), -1);
    CHECK_CONTAINS(err.text, "5000");
    bytes_deinit(&text);
    tokenizer_close(t);
}

/* Long words and long runs: in time, and without the engine of the expressions giving up. */
TEST(long_runs_take_no_time)
{
    enum { N = 400000 };
    static const char *const RULES[] = {"gpt-2",    "llama-bpe",  "deepseek-llm",
                                        "tiny_aya", "exaone-moe", "kimi-k2"};
    static const char *const UNITS[] = {"a",    " ",  "\n", " \n",      "1", "中",
                                        "\xff", "aB", "!",  "<|im_end", "a "};
    struct error err = {0};
    for (size_t r = 0; r < COUNT(RULES); r++) {
        struct tokenizer *t = open_bpe(RULES[r]);
        for (size_t u = 0; t != NULL && u < COUNT(UNITS); u++) {
            struct bytes text = {0};
            struct token_list list = {0};
            check_case("%s, unit %zu", RULES[r], u);
            while (text.n_bytes < N)
                REQUIRE(bytes_append_text(&text, UNITS[u], &err) == 0);
            REQUIRE(bytes_append_text(&text, "x", &err) == 0);
            CHECK_INT(tokenizer_encode(t, text.data, text.n_bytes, NULL, &list, &err), 0);
            size_t n_decoded = 0;
            for (size_t i = 0; i < list.n_tokens; i++) {
                size_t n;
                (void)tokenizer_token_text(t, list.ids[i], &n);
                n_decoded += n;
            }
            CHECK_UINT(n_decoded, text.n_bytes);
            token_list_deinit(&list);
            bytes_deinit(&text);
        }
        tokenizer_close(t);
    }
}

TEST(bytes_come_back)
{
    struct tokenizer *t = open_bpe("llama-bpe");
    struct rng rng = rng_make(check_seed());
    for (int round = 0; t != NULL && round < 2000; round++) {
        char text[2048];
        check_round_trip(t, text, random_text(&rng, text, sizeof(text)));
    }
    tokenizer_close(t);
}

TEST(pieces_by_score)
{
    struct tokenizer *t = open_spm(true);
    REQUIRE(t != NULL);
    CHECK(tokenizer_add_bos(t));
    CHECK_INT(tokenizer_role(t, TOKEN_BOS), 1);
    check_ids(t, "ab", 2, false, "263");      /* "▁a" (-1) + "b" -> "▁ab" */
    check_ids(t, "abc", 3, false, "262 269"); /* "bc" (-0.5) first, then "▁a" */
    check_ids(t, " ab", 3, false, "266 264"); /* two spaces merge first */
    check_ids(t, "é\xff\n", 4, false, "259 265 258 13");
    check_ids(t, "<|x|>a", 6, true, "267 262"); /* behind a special token the prefix comes again */
    check_ids(t, "<s>", 3, false, "259 63 118 65");
    CHECK_INT(tokenizer_find(t, "<0x0A>", 6), 13);
    CHECK_INT(tokenizer_find(t, "▁ab", 5), 263);
    struct token_list list = {0};
    struct error err = {0};
    CHECK_INT(tokenizer_encode(t, "ab", 2, &(struct encode_options){.no_space_prefix = true}, &list,
                               &err),
              0);
    CHECK_INT(list.n_tokens == 1 ? list.ids[0] : -1, 264);
    token_list_deinit(&list);
    tokenizer_close(t);
}

/* Converters write the spaces of user-defined tokens as spaces (Gemma's runs of them): these are
 * looked for in the text before anything merges, and no merge gives one. */
TEST(pieces_with_spaces_of_their_own)
{
    struct error err = {0};
    struct spm_vocabulary v = {0};
    make_spm(&v, true);
    static const char *const MORE[] = {"   ", "b  "};
    for (size_t i = 0; i < 2; i++) {
        v.tokens[270 + i] = MORE[i];
        v.types[270 + i] = 4;
        v.scores[270 + i] = 9;
    }
    v.recipe.n_tokens = 272;
    struct tokenizer *t = open_recipe(&v.recipe, &err);
    REQUIRE(t != NULL);
    check_ids(t, "a   b", 5, false, "262 270 259 261");
    check_ids(t, "ab  a", 5, false, "262 271 262");
    check_ids(t, "  a", 3, false, "266 262"); /* with the prefix three, but not in the text */
    check_round_trip(t, "a   b  b   ", 11);
    tokenizer_close(t);
}

TEST(pieces_decode_without_the_prefix)
{
    struct tokenizer *t = open_spm(true);
    struct rng rng = rng_make(check_seed());
    REQUIRE(t != NULL);
    for (int round = 0; round < 2000; round++) {
        char text[1024];
        size_t n = random_text(&rng, text, sizeof(text));
        /* A space mark in the text is a space to SentencePiece. */
        if (memmem(text, n, "▁", 3) == NULL)
            check_round_trip(t, text, n);
    }
    struct bytes text = {0};
    struct error err = {0};
    int32_t ids[] = {1, 263, 263};
    CHECK_INT(tokenizer_decode(t, ids, 3, &text, &err), 0);
    CHECK_TEXT(text.data, "<s>ab ab");
    bytes_deinit(&text);
    tokenizer_close(t);
}

TEST(pieces_without_bytes_are_unknown_once)
{
    struct tokenizer *t = open_spm(false);
    REQUIRE(t != NULL);
    check_ids(t, "axyzb", 5, false, "6 0 5");
    tokenizer_close(t);
}

/* Text merged in one go, the slow way: the best pair over all, again and again. */
static size_t merge_slowly(const struct tokenizer *t, const float *scores, const char *text,
                           size_t n_bytes, int32_t *ids)
{
    size_t starts[512], n = n_bytes;
    for (size_t i = 0; i <= n; i++)
        starts[i] = i;
    for (;;) {
        float best = -INFINITY;
        size_t at = n;
        for (size_t i = 0; i + 1 < n; i++) {
            char name[600];
            size_t length = 0;
            for (size_t k = starts[i]; k < starts[i + 2]; k++)
                length += (size_t)sprintf(name + length, text[k] == ' ' ? "▁" : "%c", text[k]);
            int32_t id = tokenizer_find(t, name, length);
            if (id >= 0 && scores[id] > best) {
                best = scores[id];
                at = i;
            }
        }
        if (at == n)
            break;
        memmove(starts + at + 1, starts + at + 2, (n - at) * sizeof(*starts));
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        char name[64];
        size_t length = 0;
        for (size_t k = starts[i]; k < starts[i + 1]; k++)
            length += (size_t)sprintf(name + length, text[k] == ' ' ? "▁" : "%c", text[k]);
        ids[i] = tokenizer_find(t, name, length);
    }
    return n;
}

TEST(stretches_merge_as_one_text_does)
{
    struct spm_vocabulary v = {0};
    struct error err = {0};
    make_spm(&v, true);
    struct tokenizer *t = open_recipe(&v.recipe, &err);
    struct rng rng = rng_make(check_seed());
    REQUIRE(t != NULL);
    for (int round = 0; round < 500; round++) {
        char text[200];
        int32_t ids[256];
        size_t n = 1 + rng_below(&rng, 120);
        for (size_t i = 0; i < n; i++)
            text[i] = "abc "[rng_below(&rng, 4)];
        size_t n_ids = merge_slowly(t, v.scores, text, n, ids);
        char *expected = ids_text(ids, n_ids);
        struct token_list list = {0};
        CHECK_INT(tokenizer_encode(t, text, n, &(struct encode_options){.no_space_prefix = true},
                                   &list, &err),
                  0);
        char *got = ids_text(list.ids, list.n_tokens);
        CHECK_TEXT(got, expected);
        free(got);
        free(expected);
        token_list_deinit(&list);
    }
    tokenizer_close(t);
}

struct worker {
    const struct tokenizer *tokenizer;
    uint64_t hash;
};

static void *encode_in_thread(void *arg)
{
    struct worker *worker = arg;
    struct rng rng = rng_make(42);
    for (int round = 0; round < 300; round++) {
        char text[1024];
        struct error err = {0};
        struct token_list list = {0};
        size_t n = random_text(&rng, text, sizeof(text));
        if (tokenizer_encode(worker->tokenizer, text, n, NULL, &list, &err) < 0)
            return NULL;
        for (size_t i = 0; i < list.n_tokens; i++)
            worker->hash = worker->hash * 31 + (uint64_t)list.ids[i] + 1;
        token_list_deinit(&list);
    }
    return NULL;
}

TEST(threads_share_a_tokenizer)
{
    struct tokenizer *t = open_bpe("llama-bpe");
    struct worker workers[4];
    pthread_t threads[4];
    REQUIRE(t != NULL);
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){.tokenizer = t};
        REQUIRE(pthread_create(&threads[i], NULL, encode_in_thread, &workers[i]) == 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < 4; i++)
        CHECK_UINT(workers[i].hash, workers[0].hash);
    tokenizer_close(t);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
