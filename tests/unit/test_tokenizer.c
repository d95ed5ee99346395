/* Tokenizers against published vectors, against themselves, and against vocabularies that mean harm. */

#include "support/check.h"
#include "support/fault.h"
#include "support/gguf_write.h"
#include "support/json_scan.h"
#include "text/splitter.h"
#include "text/tokenizer.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A vocabulary written by hand. */
struct recipe {
    const char *model, *pre;
    const char *const *tokens;
    const int32_t *types; /* NULL: none in the file */
    const float *scores;  /* NULL: none in the file */
    const char *const *merges;
    size_t n_tokens, n_merges;
};

static void put_recipe(struct gguf_writer *writer, const struct recipe *r)
{
    gguf_put_text(writer, "general.architecture", "llama");
    if (r->model != NULL)
        gguf_put_text(writer, "tokenizer.ggml.model", r->model);
    if (r->pre != NULL)
        gguf_put_text(writer, "tokenizer.ggml.pre", r->pre);
    if (r->tokens != NULL)
        gguf_put_texts(writer, "tokenizer.ggml.tokens", r->tokens, r->n_tokens);
    if (r->types != NULL)
        gguf_put_array(writer, "tokenizer.ggml.token_type", GGUF_I32, r->types, r->n_tokens);
    if (r->scores != NULL)
        gguf_put_array(writer, "tokenizer.ggml.scores", GGUF_F32, r->scores, r->n_tokens);
    if (r->merges != NULL)
        gguf_put_texts(writer, "tokenizer.ggml.merges", r->merges, r->n_merges);
}

/* Opens what the writer holds and frees it. NULL with [err] when it is refused. */
static struct tokenizer *open_written(struct gguf_writer *writer, struct error *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/vocabulary.gguf", check_tmp_dir());
    gguf_writer_save(writer, path);
    gguf_writer_free(writer);
    struct gguf *gguf = gguf_open(path, err);
    if (gguf == NULL)
        return NULL;
    struct tokenizer *tokenizer = tokenizer_open(gguf, NULL, err);
    gguf_close(gguf);
    return tokenizer;
}

static struct tokenizer *open_recipe(const struct recipe *recipe, struct error *err)
{
    struct gguf_writer *writer = gguf_writer_new(3, 0);
    put_recipe(writer, recipe);
    return open_written(writer, err);
}

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

/* "1 2 3", malloced. */
static char *ids_text(const int32_t *ids, size_t n)
{
    char *text = calloc(n + 1, 12);
    for (size_t i = 0, at = 0; text != NULL && i < n; i++)
        at += (size_t)sprintf(text + at, i > 0 ? " %d" : "%d", (int)ids[i]);
    return text;
}

static void check_ids(const struct tokenizer *tokenizer, const char *text, size_t n_bytes, bool special,
                      const char *expected)
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
    CHECK_INT(tokenizer_decode(tokenizer, list.ids, list.n_tokens, NULL, &back, &err), 0);
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
    char *in = json_read_file(check_data_path(relative), &n_in);
    strcpy(strrchr(relative, '.'), ".out");
    char *out = json_read_file(check_data_path(relative), &n_out);
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

TEST(vectors_llama_spm) { check_vector_file("llama-spm"); }
TEST(vectors_phi_3) { check_vector_file("phi-3"); }
TEST(vectors_gpt_2) { check_vector_file("gpt-2"); }
TEST(vectors_llama_bpe) { check_vector_file("llama-bpe"); }
TEST(vectors_qwen2) { check_vector_file("qwen2"); }
TEST(vectors_deepseek_llm) { check_vector_file("deepseek-llm"); }
TEST(vectors_refact) { check_vector_file("refact"); }

/* Objects {"text": ..., "ids": [...]} between [at] and [end]; [bos] when the ids begin with it. */
static size_t check_objects(const struct tokenizer *tokenizer, const char *at, const char *end, bool bos)
{
    size_t n_cases = 0;
    while ((at = json_find(at, end, "text")) != NULL) {
        size_t n_bytes = 0;
        int32_t ids[1024];
        char *text = json_string(at, &n_bytes);
        const char *array = json_find(at, end, "ids");
        if (text == NULL || array == NULL) {
            free(text);
            break;
        }
        size_t n = json_integers(array, ids, COUNT(ids));
        char *expected = ids_text(ids + bos, n - bos);
        check_case("text %.60s", text);
        if (bos)
            CHECK_INT(ids[0], tokenizer_role(tokenizer, TOKEN_BOS));
        check_ids(tokenizer, text, n_bytes, !bos, expected);
        free(expected);
        free(text);
        n_cases++;
        at = array;
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
    size_t n_bytes;
    const char *path = check_data_path("vocab/more-vectors.json");
    char *json = path ? json_read_file(path, &n_bytes) : NULL;
    if (json == NULL)
        SKIP("no vocab/more-vectors.json in the shared test data");
    for (size_t i = 0; i < COUNT(SETS); i++) {
        char relative[64];
        snprintf(relative, sizeof(relative), "vocab/ggml-vocab-%s.gguf", SETS[i].vocabulary);
        struct tokenizer *tokenizer = open_file(relative);
        const char *at = json_find(json, NULL, SETS[i].key);
        const char *end = at ? strstr(at, "\"Xenova/") : NULL;
        if (CHECK(tokenizer != NULL && at != NULL))
            CHECK(check_objects(tokenizer, at, end, SETS[i].bos) >= 20);
        tokenizer_close(tokenizer);
    }
    free(json);
}

TEST(vectors_of_llama_2)
{
    size_t n_bytes;
    const char *path = check_data_path("vocab/llama2-prompt-vectors.json");
    char *json = path ? json_read_file(path, &n_bytes) : NULL;
    struct tokenizer *tokenizer = open_file("vocab/ggml-vocab-llama-spm.gguf");
    if (json == NULL || tokenizer == NULL)
        SKIP("no vocab/llama2-prompt-vectors.json in the shared test data");
    CHECK(tokenizer_add_bos(tokenizer));
    CHECK_UINT(check_objects(tokenizer, json, NULL, true), 5);
    tokenizer_close(tokenizer);
    free(json);
}

/* Byte-level BPE with all 256 bytes, a few merges, a special and a user-defined token. */
static const char *const BPE_MERGES[] = {"h e",  "l l",   "he ll",      "hell o",  "Ġ hello", "a a",
                                         "aa aa", "no such", "Ġ Ġ", "x",       "",        "a a"};

struct bpe_vocabulary {
    char names[256][4];
    const char *tokens[300];
    int32_t types[300];
    struct recipe recipe;
};

static void make_bpe(struct bpe_vocabulary *v, const char *pre)
{
    static const char *const MORE[] = {"he",    "ll",       "hell",       "hello",   "Ġhello", "aa", "aaaa",
                                       "ĠĠ",    "<|im_start|>", "<|im_end|>", "<piece>", "<piece>s"};
    static const int32_t MORE_TYPES[] = {1, 1, 1, 1, 1, 1, 1, 1, 3, 4, 4, 4};
    uint32_t other = 0x100;
    for (int byte = 0; byte < 256; byte++) {
        bool printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
        json_put_utf8(printable ? (uint32_t)byte : other, v->names[byte]);
        other += !printable;
        v->tokens[byte] = v->names[byte];
        v->types[byte] = 1;
    }
    for (size_t i = 0; i < COUNT(MORE); i++) {
        v->tokens[256 + i] = MORE[i];
        v->types[256 + i] = MORE_TYPES[i];
    }
    v->recipe = (struct recipe){.model = "gpt2",
                                .pre = pre,
                                .tokens = v->tokens,
                                .types = v->types,
                                .merges = BPE_MERGES,
                                .n_tokens = 256 + COUNT(MORE),
                                .n_merges = COUNT(BPE_MERGES)};
}

static struct tokenizer *open_bpe(const char *pre)
{
    struct error err = {0};
    struct bpe_vocabulary v = {0};
    make_bpe(&v, pre);
    struct tokenizer *tokenizer = open_recipe(&v.recipe, &err);
    CHECK_TEXT(err.text, "");
    return tokenizer;
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
    CHECK(tokenizer_ends_turn(t, 265));
    CHECK_INT(tokenizer_role(t, TOKEN_EOT), 265);
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
    CHECK_INT(tokenizer_decode(t, ids, 3, &(struct decode_options){.hide_control = true}, &text, &err), 0);
    CHECK_TEXT(text.data, "ab");
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
    CHECK_INT(tokenizer_decode(t, bad, 2, NULL, &text, &err), -1);
    CHECK_CONTAINS(err.text, "5000");
    bytes_deinit(&text);
    tokenizer_close(t);
}

static size_t random_text(struct rng *rng, char *to, size_t capacity)
{
    static const char *const PARTS[] = {"hello", " hello", "  ", "\n", "\r\n", "\t", "12345", "'s", "'LL", "Aa", "é", "日本語",
                                        "👩‍👩‍👧", "́", "\xc2\xa0", "\xff", "\xe2\x96", "<|im_end|>", "...", "स्ते", "\xe2\x96\x81", "�"};
    size_t n = 0;
    for (size_t parts = rng_below(rng, 40); parts > 0; parts--) {
        char byte = (char)rng_below(rng, 256);
        bool raw = rng_below(rng, 8) == 0;
        const char *part = PARTS[rng_below(rng, COUNT(PARTS))];
        size_t length = raw ? 1 : strlen(part);
        if (n + length > capacity)
            break;
        memcpy(to + n, raw ? &byte : part, length);
        n += length;
    }
    return n;
}

struct words {
    char text[4096];
    size_t n_bytes, n_words;
};

static int take_word(void *arg, const char *word, size_t n_bytes, struct error *err)
{
    struct words *words = arg;
    (void)err;
    CHECK(n_bytes > 0);
    memcpy(words->text + words->n_bytes, word, n_bytes);
    words->n_bytes += n_bytes;
    words->n_words++;
    return 0;
}

TEST(every_rule_covers_the_text)
{
    for (size_t i = 0; split_rule_at(i) != NULL; i++) {
        struct error err = {0};
        struct rng rng = rng_make(check_seed() + i);
        struct splitter *splitter = splitter_open(split_rule_at(i), &err);
        check_case("rule %s", split_rule_at(i)->names);
        CHECK_TEXT(err.text, "");
        for (int round = 0; splitter != NULL && round < 200; round++) {
            char text[4096];
            struct words words = {0};
            size_t n = random_text(&rng, text, sizeof(text));
            CHECK_INT(splitter_split(splitter, text, n, take_word, &words, &err), 0);
            CHECK_UINT(words.n_bytes, n);
            CHECK_BYTES(words.text, text, n);
        }
        splitter_close(splitter);
    }
    CHECK(split_rule_find("") == NULL);
    CHECK(split_rule_find("llama-bp") == NULL);
    CHECK(split_rule_find("jina-de") == split_rule_find("gpt-2"));
}

static void check_words(const char *rule, const char *text, size_t n_words)
{
    struct error err = {0};
    struct words words = {0};
    struct splitter *splitter = splitter_open(split_rule_find(rule), &err);
    check_case("%s: %s", rule, text);
    CHECK_INT(splitter_split(splitter, text, strlen(text), take_word, &words, &err), 0);
    CHECK_UINT(words.n_words, n_words);
    splitter_close(splitter);
}

TEST(rules_cut_where_they_should)
{
    check_words("gpt-2", "it's 123 four", 4);     /* it 's _123 _four */
    check_words("llama-bpe", "it's 1234 four", 6); /* it 's _ 123 4 _four */
    check_words("qwen2", "1234", 4);
    check_words("smollm", "a 12", 4); /* a _ 1 2 */
    check_words("tekken", "camelCase", 2);
    check_words("superbpe", "a b 1234567", 4); /* "a b " 1 234 567 */
    check_words("tiny_aya", "1234567 12x", 6); /* 1 234 567 _ 12 x */
    check_words("deepseek-llm", "ab  \ncd  ", 5); /* ab "  " \n cd "  " */
    check_words("kimi-k2", "中文abc", 2);
    check_words("llama-bpe", "a   b", 3); /* a "  " _b */
}

/* Long words and long runs: in time, and without the engine of the expressions giving up. */
TEST(long_runs_take_no_time)
{
    enum { N = 400000 };
    static const char *const RULES[] = {"gpt-2", "llama-bpe", "deepseek-llm", "tiny_aya", "exaone-moe", "kimi-k2"};
    static const char *const UNITS[] = {"a", " ", "\n", " \n", "1", "中", "\xff", "aB", "!", "<|im_end", "a "};
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

/* SentencePiece with byte fallback for all bytes ("<0x00>" is token 3). */
struct spm_vocabulary {
    char names[256][8];
    const char *tokens[300];
    int32_t types[300];
    float scores[300];
    struct recipe recipe;
};

static void make_spm(struct spm_vocabulary *v, bool with_bytes)
{
    static const char *const MORE[] = {"▁", "a", "b", "▁a", "▁ab", "ab", "é", "▁▁", "<|x|>", "c", "bc"};
    static const float SCORES[] = {-9, -9, -9, -1, -3, -2, -9, -1, 0, -9, -0.5f};
    static const char *const FIRST[] = {"<unk>", "<s>", "</s>"};
    size_t n = 0;
    for (size_t i = 0; i < 3; i++, n++) {
        v->tokens[n] = FIRST[i];
        v->types[n] = i == 0 ? 2 : 3;
    }
    for (int byte = 0; with_bytes && byte < 256; byte++, n++) {
        snprintf(v->names[byte], sizeof(v->names[byte]), "<0x%02X>", (unsigned)byte);
        v->tokens[n] = v->names[byte];
        v->types[n] = 6;
    }
    for (size_t i = 0; i < COUNT(MORE); i++, n++) {
        v->tokens[n] = MORE[i];
        v->types[n] = strcmp(MORE[i], "<|x|>") == 0 ? 3 : 1;
        v->scores[n] = SCORES[i];
    }
    v->recipe = (struct recipe){
        .model = "llama", .tokens = v->tokens, .types = v->types, .scores = v->scores, .n_tokens = n};
}

static struct tokenizer *open_spm(bool with_bytes)
{
    struct error err = {0};
    struct spm_vocabulary v = {0};
    make_spm(&v, with_bytes);
    struct tokenizer *tokenizer = open_recipe(&v.recipe, &err);
    CHECK_TEXT(err.text, "");
    return tokenizer;
}

TEST(pieces_by_score)
{
    struct tokenizer *t = open_spm(true);
    REQUIRE(t != NULL);
    CHECK(tokenizer_add_bos(t));
    CHECK_INT(tokenizer_role(t, TOKEN_BOS), 1);
    check_ids(t, "ab", 2, false, "263");         /* "▁a" (-1) + "b" -> "▁ab" */
    check_ids(t, "abc", 3, false, "262 269");    /* "bc" (-0.5) first, then "▁a" */
    check_ids(t, " ab", 3, false, "266 264");    /* two spaces merge first */
    check_ids(t, "é\xff\n", 4, false, "259 265 258 13");
    check_ids(t, "<|x|>a", 6, true, "267 262");  /* behind a special token the prefix comes again */
    check_ids(t, "<s>", 3, false, "259 63 118 65");
    CHECK_INT(tokenizer_find(t, "<0x0A>", 6), 13);
    CHECK_INT(tokenizer_find(t, "▁ab", 5), 263);
    struct token_list list = {0};
    struct error err = {0};
    CHECK_INT(tokenizer_encode(t, "ab", 2, &(struct encode_options){.no_space_prefix = true}, &list, &err), 0);
    CHECK_INT(list.n_tokens == 1 ? list.ids[0] : -1, 264);
    token_list_deinit(&list);
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
    CHECK_INT(tokenizer_decode(t, ids, 3, NULL, &text, &err), 0);
    CHECK_TEXT(text.data, "<s>ab ab");
    bytes_clear(&text);
    CHECK_INT(tokenizer_decode(t, ids + 1, 2, &(struct decode_options){.keep_space_prefix = true}, &text, &err), 0);
    CHECK_TEXT(text.data, " ab ab");
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
static size_t merge_slowly(const struct tokenizer *t, const float *scores, const char *text, size_t n_bytes,
                           int32_t *ids)
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
        CHECK_INT(tokenizer_encode(t, text, n, &(struct encode_options){.no_space_prefix = true}, &list, &err), 0);
        char *got = ids_text(list.ids, list.n_tokens);
        CHECK_TEXT(got, expected);
        free(got);
        free(expected);
        token_list_deinit(&list);
    }
    tokenizer_close(t);
}

static void check_refused(struct gguf_writer *writer, enum error_kind kind, const char *part)
{
    struct error err = {0};
    struct tokenizer *t = open_written(writer, &err);
    CHECK(t == NULL);
    CHECK_INT(err.kind, kind);
    CHECK_CONTAINS(err.text, part);
    tokenizer_close(t);
}

static struct gguf_writer *write_recipe(const struct recipe *recipe)
{
    struct gguf_writer *writer = gguf_writer_new(3, 0);
    put_recipe(writer, recipe);
    return writer;
}

TEST(refuses_by_name)
{
    struct bpe_vocabulary v = {0};
    make_bpe(&v, "no-such-pre");
    check_refused(write_recipe(&v.recipe), ERROR_UNSUPPORTED, "\"no-such-pre\"");
    static const char *const MODELS[] = {"bert", "t5", "rwkv", "plamo2", "no_vocab"};
    for (size_t i = 0; i < COUNT(MODELS); i++) {
        v.recipe.model = MODELS[i];
        check_refused(write_recipe(&v.recipe), ERROR_UNSUPPORTED, MODELS[i]);
    }
}

TEST(refuses_what_is_missing)
{
    struct bpe_vocabulary v = {0};
    make_bpe(&v, "gpt-2");
    struct recipe r = v.recipe;
    r.model = NULL;
    check_refused(write_recipe(&r), ERROR_FORMAT, "tokenizer.ggml.model: missing");
    r = v.recipe;
    r.tokens = NULL;
    check_refused(write_recipe(&r), ERROR_FORMAT, "tokenizer.ggml.tokens: missing");
    r = v.recipe;
    r.merges = NULL;
    check_refused(write_recipe(&r), ERROR_FORMAT, "tokenizer.ggml.merges: missing");
    struct spm_vocabulary s = {0};
    make_spm(&s, true);
    r = s.recipe;
    r.scores = NULL;
    check_refused(write_recipe(&r), ERROR_FORMAT, "tokenizer.ggml.scores: missing");
}

TEST(refuses_what_contradicts_itself)
{
    struct spm_vocabulary s = {0};
    make_spm(&s, true);
    s.scores[20] = NAN;
    check_refused(write_recipe(&s.recipe), ERROR_FORMAT, "token 20 has the score NaN");
    s.scores[20] = 0;
    struct recipe r = s.recipe;
    r.scores = NULL;
    struct gguf_writer *writer = write_recipe(&r);
    gguf_put_array(writer, "tokenizer.ggml.scores", GGUF_F32, s.scores, 7);
    check_refused(writer, ERROR_FORMAT, "tokenizer.ggml.scores: 7 items");
    r.scores = s.scores;
    r.types = NULL;
    writer = write_recipe(&r);
    gguf_put_array(writer, "tokenizer.ggml.token_type", GGUF_U8, "\1\1\1", 3);
    check_refused(writer, ERROR_FORMAT, "tokenizer.ggml.token_type");
    writer = write_recipe(&s.recipe);
    gguf_put_u32(writer, "tokenizer.ggml.bos_token_id", 12345);
    check_refused(writer, ERROR_FORMAT, "tokenizer.ggml.bos_token_id: token 12345");
    writer = write_recipe(&s.recipe);
    gguf_put_text(writer, "tokenizer.ggml.eos_token_id", "one");
    check_refused(writer, ERROR_FORMAT, "tokenizer.ggml.eos_token_id");
}

TEST(no_bos_where_the_file_says_none)
{
    struct error err = {0};
    struct spm_vocabulary s = {0};
    make_spm(&s, true);
    struct gguf_writer *writer = write_recipe(&s.recipe);
    gguf_put_i32(writer, "tokenizer.ggml.bos_token_id", -1);
    struct tokenizer *t = open_written(writer, &err);
    REQUIRE(t != NULL);
    CHECK_INT(tokenizer_role(t, TOKEN_BOS), TOKEN_NONE);
    CHECK(!tokenizer_add_bos(t));
    tokenizer_close(t);
    writer = write_recipe(&s.recipe);
    gguf_put_bool(writer, "tokenizer.ggml.add_bos_token", false);
    t = open_written(writer, &err);
    REQUIRE(t != NULL);
    CHECK(!tokenizer_add_bos(t));
    tokenizer_close(t);
}

/* Empty, doubled and huge tokens, types out of range, merges of nonsense: all of it opens, and encodes without harm. */
TEST(survives_odd_vocabularies)
{
    char *huge = malloc(100001);
    REQUIRE(huge != NULL);
    memset(huge, 'a', 100000);
    huge[100000] = '\0';
    const char *tokens[] = {"", "a", "a", "", huge, "\xff\xfe", "b", "<0xZZ>", "<0x4>", "ab", "▁"};
    int32_t types[] = {3, 4, 1, 4, 4, 4, 77, 6, 6, -5, 1};
    float scores[] = {INFINITY, -INFINITY, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    const char *merges[] = {"a b", "b a", " ", "  ", "a", huge, "a ", " b", "ab ab", "a b c"};
    static const char *const MODELS[] = {"llama", "gpt2"};
    for (size_t i = 0; i < 2; i++) {
        struct recipe r = {.model = MODELS[i], .tokens = tokens, .types = types, .scores = scores, .merges = merges,
                           .n_tokens = COUNT(tokens), .n_merges = COUNT(merges)};
        struct error err = {0};
        struct tokenizer *t = open_recipe(&r, &err);
        check_case("%s", MODELS[i]);
        CHECK_TEXT(err.text, "");
        struct token_list list = {0};
        for (int special = 0; t != NULL && special < 2; special++) {
            struct encode_options options = {.parse_special = special};
            CHECK_INT(tokenizer_encode(t, huge, 100000, &options, &list, &err), 0);
            CHECK_INT(tokenizer_encode(t, "abba \xff\xfe zz", 10, &options, &list, &err), 0);
            for (size_t k = 0; k < list.n_tokens; k++)
                CHECK(list.ids[k] >= 0 && list.ids[k] < (int32_t)COUNT(tokens));
        }
        token_list_deinit(&list);
        tokenizer_close(t);
    }
    free(huge);
}

TEST(survives_failing_allocations)
{
    struct bpe_vocabulary b = {0};
    struct spm_vocabulary s = {0};
    make_bpe(&b, "llama-bpe");
    make_spm(&s, true);
    const struct recipe *recipes[] = {&b.recipe, &s.recipe};
    char path[4096];
    snprintf(path, sizeof(path), "%s/faults.gguf", check_tmp_dir());
    for (size_t i = 0; i < 2; i++) {
        struct gguf_writer *writer = write_recipe(recipes[i]);
        gguf_writer_save(writer, path);
        gguf_writer_free(writer);
        struct error err = {0};
        struct gguf *gguf = gguf_open(path, &err);
        REQUIRE(gguf != NULL);
        for (uint64_t n = 1;; n++) {
            struct token_list list = {0};
            err = (struct error){0};
            fault_arm(FAULT_ALLOCATION, n);
            struct tokenizer *t = tokenizer_open(gguf, NULL, &err);
            int rc = t ? tokenizer_encode(t, "hello ab 123", 12, NULL, &list, &err) : -1;
            bool struck = fault_disarm();
            if (rc < 0)
                CHECK(struck && err.kind == ERROR_MEMORY);
            token_list_deinit(&list);
            tokenizer_close(t);
            if (!struck) {
                CHECK_INT(rc, 0);
                break;
            }
        }
        gguf_close(gguf);
    }
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
