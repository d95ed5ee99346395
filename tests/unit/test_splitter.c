/* Pre-tokenizers: every rule compiles, covers any text, and cuts where it should. */

#include "support/check.h"
#include "support/vocabulary_recipe.h"
#include "text/splitter.h"

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
    check_words("gpt-2", "it's 123 four", 4);      /* it 's _123 _four */
    check_words("llama-bpe", "it's 1234 four", 6); /* it 's _ 123 4 _four */
    check_words("qwen2", "1234", 4);
    check_words("smollm", "a 12", 4); /* a _ 1 2 */
    check_words("tekken", "camelCase", 2);
    check_words("superbpe", "a b 1234567", 4);    /* "a b " 1 234 567 */
    check_words("tiny_aya", "1234567 12x", 6);    /* 1 234 567 _ 12 x */
    check_words("tiny_aya", "1403②", 3);          /* 1 403 ②: no letter */
    check_words("deepseek-llm", "ab  \ncd  ", 5); /* ab "  " \n cd "  " */
    check_words("kimi-k2", "中文abc", 2);
    check_words("llama-bpe", "a   b", 3); /* a "  " _b */
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
