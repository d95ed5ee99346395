/* Vocabularies that lack something, contradict themselves or mean harm. */

#include "support/check.h"
#include "support/fault.h"
#include "support/vocabulary_recipe.h"
#include "text/tokenizer.h"

#include <math.h>
#include <stdlib.h>

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

/* What ends a turn or a text is control, whatever a converter made of it. */
TEST(ends_are_control)
{
    static const char *const ENDS[] = {"<eos>", "</s>", "<end_of_turn>", "<turn|>", "[EOS]"};
    struct error err = {0};
    struct bpe_vocabulary v = {0};
    make_bpe(&v, "gpt-2");
    int32_t first = (int32_t)v.recipe.n_tokens;
    for (size_t i = 0; i < COUNT(ENDS); i++) {
        v.tokens[v.recipe.n_tokens] = ENDS[i];
        v.types[v.recipe.n_tokens++] = 1 + 3 * (i & 1);
    }
    struct tokenizer *t = open_recipe(&v.recipe, &err);
    REQUIRE(t != NULL);
    for (int32_t i = 0; i < (int32_t)COUNT(ENDS); i++)
        CHECK(tokenizer_is_control(t, first + i));
    CHECK(!tokenizer_is_control(t, first - 1));
    tokenizer_close(t);
}

/* Empty, doubled and huge tokens, types out of range, merges of nonsense: all of it opens, and
 * encodes without harm. */
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
        struct recipe r = {.model = MODELS[i],
                           .tokens = tokens,
                           .types = types,
                           .scores = scores,
                           .merges = merges,
                           .n_tokens = COUNT(tokens),
                           .n_merges = COUNT(merges)};
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

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
