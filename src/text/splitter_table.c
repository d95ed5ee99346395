#include "text/splitter.h"

#include <string.h>

/* The ways of cutting text that models were trained with: facts from the tokenizer files of the
 * models, under the names that tokenizer.ggml.pre gives them. Written as the models have them,
 * where they are known, with three changes of form only: "\s+$" tests every position of a long run
 * of spaces to the end of the run, "\d{1,3}(?=(?:\d{3})*\b)" every position of a long number, and
 * an intersection of classes is no syntax of PCRE2. */

#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LINE_ENDS   "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* The family that began with GPT-4: [digits] is how many go into one word. */
#define GPT4(digits)                                                                               \
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                                           \
                "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" LINE_ENDS

/* GPT-4o's: words are cut where lower case is followed by upper case. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(upper, lower, contraction)                                                           \
    "[^\\r\\n\\p{L}\\p{N}]?" upper "*" lower "+" contraction "|[^\\r\\n\\p{L}\\p{N}]?" upper       \
    "+" lower "*" contraction
#define GPT4O_TAIL(digits)         "|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" LINE_ENDS
#define GPT4O(digits, contraction) CASED(UPPER, LOWER, contraction) GPT4O_TAIL(digits)

/* The script Han. (PCRE2's \p{Han} takes in the punctuation that goes with it.) */
#define HAN                                                                                        \
    "\\x{2e80}-\\x{2e99}\\x{2e9b}-\\x{2ef3}\\x{2f00}-\\x{2fd5}\\x{3005}\\x{3007}"                  \
    "\\x{3021}-\\x{3029}\\x{3038}-\\x{303b}\\x{3400}-\\x{4dbf}\\x{4e00}-\\x{9fff}"                 \
    "\\x{f900}-\\x{fa6d}\\x{fa70}-\\x{fad9}\\x{16fe2}\\x{16fe3}\\x{16ff0}\\x{16ff1}"               \
    "\\x{20000}-\\x{2ebe0}\\x{2f800}-\\x{2fa1d}\\x{30000}-\\x{323af}"

/* The same classes without Han: all that is of no other category. */
#define UPPER_NOT_HAN "[^\\p{Ll}\\p{N}\\p{P}\\p{S}\\p{Z}\\p{C}" HAN "]"
#define LOWER_NOT_HAN "[^\\p{Lu}\\p{Lt}\\p{N}\\p{P}\\p{S}\\p{Z}\\p{C}" HAN "]"

#define DEEPSEEK_CJK  "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"
#define DEEPSEEK3_CJK "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+"
#define DEEPSEEK3_WORDS                                                                            \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"                                        \
    "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"

/* DeepSeek's list of cased letters. */
#define DEEPSEEK_LETTERS                                                                           \
    "A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}"                 \
    "\\x{1c4}-\\x{293}\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}"         \
    "\\x{37f}\\x{386}\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}"                  \
    "\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}"                       \
    "\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}"                 \
    "\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}"                 \
    "\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}"        \
    "\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}"         \
    "\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}"                 \
    "\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}"                  \
    "\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}"                   \
    "\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}"        \
    "\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}"         \
    "\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}"                  \
    "\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}"                 \
    "\\x{fb13}-\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}"               \
    "\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}"         \
    "\\x{118a0}-\\x{118df}\\x{1e900}-\\x{1e943}"

#define DEEPSEEK_PUNCTUATION                                                                       \
    "\\s?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+"

#define BLOOM " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+"

/* Scripts of Asia that Trinity keeps apart from other letters. */
#define AFMOE_SCRIPTS                                                                              \
    "[\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{f900}-\\x{faff}\\x{3040}-\\x{309f}"                \
    "\\x{30a0}-\\x{30ff}\\x{ff65}-\\x{ff9f}\\x{2f00}-\\x{2fdf}\\x{e40}-\\x{e7f}"                   \
    "\\x{e80}-\\x{eff}\\x{1780}-\\x{17ff}\\x{1000}-\\x{109f}\\x{aa60}-\\x{aa7f}"                   \
    "\\x{a9e0}-\\x{a9ff}\\x{ac00}-\\x{d7af}\\x{1100}-\\x{11ff}]+"

#define YOUTU_SCRIPTS                                                                              \
    "[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+"                                                    \
    "|[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}"          \
    "\\x{ff0c}\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+|[\\x{3105}-\\x{312f}]+|" DEEPSEEK3_CJK

/* Symbols that are alphabetic: the end of a word, \b, does not lie in front of them. */
#define CIRCLED_LETTERS                                                                            \
    "\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"

#define JAIS2_SPACES                                                                               \
    "\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)"                 \
    "|\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}"

#define CUT(text)                                                                                  \
    {                                                                                              \
        .expression = text                                                                         \
    }
#define THREES(text)                                                                               \
    {                                                                                              \
        .expression = text, .threes_from_right = true                                              \
    }

static const struct split_rule rules[] = {
    {.names = "default",
     .stages = {CUT("[\\p{P}\\$\\+<=>\\^~\\|]+"), CUT(GPT2), CUT("\\p{N}+"),
                CUT("[0-9][0-9][0-9]")}},
    {.names = "gpt-2 gpt-neox phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de jina-v1-en "
              "jina-v2-code roberta-bpe a.x-4.0 mellum modern-bert exaone4 mpt olmo jais trillion "
              "granite-docling",
     .stages = {CUT(GPT2)}},
    {.names = "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     .stages = {CUT(GPT4("\\p{N}{1,3}"))},
     .whole_words = true,
     .add_bos = true},
    {.names = "glm4 glm5", .stages = {CUT(GPT4("\\p{N}{1,3}"))}, .whole_words = true},
    {.names = "dbrx smaug-bpe chatglm-bpe", .stages = {CUT(GPT4("\\p{N}{1,3}"))}},
    {.names = "qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2",
     .stages = {CUT(GPT4("\\p{N}"))}},
    {.names = "qwen35",
     .stages = {CUT(CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
                                "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINE_ENDS)}},
    {.names = "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
     .stages = {CUT("\\p{N}"), CUT(GPT2)}},
    {.names = "falcon",
     .stages = {CUT("[\\p{P}\\$\\+<=>\\^~\\|`]+"), CUT(GPT2), CUT("[0-9][0-9][0-9]")}},
    {.names = "deepseek-llm",
     .stages = {CUT("[\\r\\n]"), CUT("\\s?[" DEEPSEEK_LETTERS "]+"), CUT(DEEPSEEK_PUNCTUATION),
                CUT("(?<!\\s)\\s++\\z"), CUT(DEEPSEEK_CJK), CUT("\\p{N}+")}},
    {.names = "deepseek-coder",
     .stages = {CUT("[\\r\\n]"), CUT("\\s?\\p{L}+"), CUT("\\s?\\p{P}+"), CUT(DEEPSEEK_CJK),
                CUT("\\p{N}")}},
    {.names = "deepseek-v3 hunyuan-dense joyai-llm hy_v4",
     .stages = {CUT("\\p{N}{1,3}"), CUT(DEEPSEEK3_CJK),
                CUT(DEEPSEEK3_WORDS "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" LINE_ENDS)}},
    {.names = "spark2_5",
     .stages = {CUT("\\p{N}{1,3}"), CUT(DEEPSEEK3_CJK),
                CUT(DEEPSEEK3_WORDS "| ?[\\p{P}\\p{S}]+|[\\r\\n]|\\s+(?!\\S)|\\s+"),
                CUT("\\p{N}")}},
    {.names = "afmoe",
     .stages = {THREES("\\p{N}+"), CUT(AFMOE_SCRIPTS),
                CUT(DEEPSEEK3_WORDS "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" LINE_ENDS)}},
    {.names = "tekken", .stages = {CUT(GPT4O("\\p{N}", ""))}, .whole_words = true, .add_bos = true},
    {.names = "gpt-4o llama4 kanana2 talkie minimax-m2",
     .stages = {CUT(GPT4O("\\p{N}{1,3}", CONTRACTION "?"))}},
    {.names = "granite-embed-multi-97m",
     .stages = {CUT(GPT4O("\\p{N}{1,3}", CONTRACTION "?"))},
     .whole_words = true},
    {.names = "tiny_aya cohere2moe",
     .stages = {THREES("\\d++(?![\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}" CIRCLED_LETTERS "])"),
                CUT(GPT4O("\\p{N}{1,3}", CONTRACTION "?"))}},
    {.names = "youtu",
     .stages = {CUT(YOUTU_SCRIPTS), CUT(GPT4O("\\p{N}", CONTRACTION "?"))},
     .whole_words = true},
    {.names = "kimi-k2",
     .stages = {CUT("[" HAN "]+|" CASED(
         UPPER_NOT_HAN, LOWER_NOT_HAN,
         CONTRACTION "?") "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" LINE_ENDS)}},
    {.names = "bloom poro-chat gpt3-finnish", .stages = {CUT(BLOOM)}},
    {.names = "viking", .stages = {CUT(BLOOM), CUT("\\p{N}")}},
    {.names = "jais-2",
     .stages = {CUT(CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
                                "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" JAIS2_SPACES)}},
    {.names = "superbpe", .stages = {THREES("\\p{N}+")}},
    {.names = "bailingmoe bailingmoe2 llada-moe",
     .stages = {CUT("'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}"
                    "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+")}},
    {.names = "seed-coder",
     .stages = {CUT(CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
                                "| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" LINE_ENDS)}},
    {.names = "ufakzeka",
     .stages = {CUT(
         "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" LINE_ENDS)}},
    {.names = "laguna", .stages = {CUT("[^\\n]+|[\\n]+"), CUT(GPT4("\\p{N}"))}},
    {.names = "minicpm5",
     .stages = {CUT("\\p{N}{1,3}"), CUT(GPT4("\\p{N}+"))},
     .whole_words = true},
    {.names = "exaone-moe",
     .stages = {CUT(CONTRACTION
                    "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*+(?: \\p{L}\\p{M}*+)*+)++"
                    "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+")}},
    {.names = "chameleon",
     .stages = {CUT("<sentinel:[0-9]+>"), CUT("IMGIMG[A-I]{1,4}Z"), CUT("[\\t\\n]|    |  "),
                CUT("\\p{N}"), CUT("[\\p{P}!-/:-@\\[-`{-~]"), CUT(GPT2)},
     .add_bos = true},
};

const struct split_rule *split_rule_at(size_t i)
{
    return i < sizeof(rules) / sizeof(*rules) ? &rules[i] : NULL;
}

const struct split_rule *split_rule_find(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; n > 0 && split_rule_at(i) != NULL; i++) {
        for (const char *at = rules[i].names; *at != '\0';) {
            size_t length = strcspn(at, " ");
            if (length == n && memcmp(at, name, n) == 0) {
                return &rules[i];
            }
            at += length + strspn(at + length, " ");
        }
    }
    return NULL;
}
