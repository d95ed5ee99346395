#define PCRE2_CODE_UNIT_WIDTH 8

#include "text/splitter.h"

#include "base/bytes.h"
#include "base/utf8.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* A match that needs more than this (it takes a run of millions of characters, or a hostile text)
 * is tried again on less text. */
#define MATCH_LIMIT        50000000
#define HEAP_LIMIT_KIB     1024
#define FIRST_WINDOW_BYTES (64 * 1024)
#define LAST_WINDOW_BYTES  256

/* Unicode's White_Space, as the engines that models were trained with understand \s. PCRE2's own
 * has U+180E besides. */
#define SPACES                                                                                     \
    "\\x{9}-\\x{d} "                                                                               \
    "\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

#define YOUNG_LETTERS "\\x{13460}-\\x{143fa}\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}"
#define YOUNG_SYMBOLS                                                                              \
    "\\x{1cc00}-\\x{1ccef}\\x{1cd00}-\\x{1ceb3}\\x{1f6dc}\\x{1fa75}-\\x{1fa77}"                    \
    "\\x{1fa87}-\\x{1fa89}\\x{1fa8f}\\x{1faad}-\\x{1faaf}\\x{1fabb}-\\x{1fabf}\\x{1fac6}"          \
    "\\x{1face}\\x{1facf}\\x{1fada}-\\x{1fadc}\\x{1fadf}\\x{1fae8}\\x{1fae9}\\x{1faf7}"            \
    "\\x{1faf8}"

struct splitter {
    const struct split_rule *rule;
    pcre2_code *codes[SPLITTER_MAX_STAGES];
    size_t n_stages;
};

/* What one call of splitter_split carries through the stages. */
struct split {
    const struct splitter *splitter;
    pcre2_match_data *match;
    pcre2_match_context *context;
    word_fn fn;
    void *arg;
};

/* What is written out in expressions: white space as above, and the larger additions of Unicode 15
 * and 16 (CJK extensions H and I, hieroglyphs, the emoji) to classes of which the PCRE2 at hand may
 * have an older edition. */
static const struct {
    const char *escape;
    const char *members; /* of a class */
    bool negated;        /* stands outside of classes only */
} escapes[] = {
    {"\\s", SPACES, false},
    {"\\S", SPACES, true},
    {"\\p{L}", "\\p{L}" YOUNG_LETTERS, false},
    {"\\p{Lo}", "\\p{Lo}" YOUNG_LETTERS, false},
    {"\\p{S}", "\\p{S}" YOUNG_SYMBOLS, false},
};

/* Writes out the escape at the start of [expression]; *n_bytes is its length, 0 when there is none.
 */
static int expand_escape(const char *expression, bool in_class, struct bytes *out, size_t *n_bytes,
                         struct error *err)
{
    *n_bytes = 0;
    for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
        size_t n = strlen(escapes[i].escape);
        if (strncmp(expression, escapes[i].escape, n) != 0) {
            continue;
        }
        *n_bytes = n;
        if ((!in_class && bytes_append_text(out, escapes[i].negated ? "[^" : "[", err) < 0) ||
            bytes_append_text(out, escapes[i].members, err) < 0 ||
            (!in_class && bytes_append_text(out, "]", err) < 0)) {
            return -1;
        }
        break;
    }
    return 0;
}

static int expand(const char *expression, struct bytes *out, struct error *err)
{
    bool in_class = false;
    for (const char *s = expression; *s != '\0';) {
        size_t n;
        if (expand_escape(s, in_class, out, &n, err) < 0) {
            return -1;
        }
        if (n == 0) {
            n = s[0] == '\\' && s[1] != '\0' ? 2 : 1;
            in_class = n == 2 ? in_class : s[0] == '[' || (in_class && s[0] != ']');
            if (bytes_append(out, s, n, err) < 0) {
                return -1;
            }
        }
        s += n;
    }
    return 0;
}

static pcre2_code *compile(const char *expression, struct error *err)
{
    struct bytes expanded = {0};
    pcre2_code *code = NULL;
    int error_code;
    PCRE2_SIZE error_at;
    if (expand(expression, &expanded, err) == 0) {
        code = pcre2_compile((PCRE2_SPTR)expanded.data, expanded.n_bytes, PCRE2_UTF | PCRE2_UCP,
                             &error_code, &error_at, NULL);
        if (code == NULL) {
            unsigned char text[160] = "";
            pcre2_get_error_message(error_code, text, sizeof(text));
            fail(err, ERROR_UNSUPPORTED, "pre-tokenizer expression, at %zu: %s", (size_t)error_at,
                 (char *)text);
        } else {
            (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without, it is only slower */
        }
    }
    bytes_deinit(&expanded);
    return code;
}

struct splitter *splitter_open(const struct split_rule *rule, struct error *err)
{
    struct splitter *splitter = calloc(1, sizeof(*splitter));
    if (splitter == NULL) {
        fail_memory(err, sizeof(*splitter), "a pre-tokenizer");
        return NULL;
    }
    splitter->rule = rule;
    while (rule->stages[splitter->n_stages].expression != NULL) {
        pcre2_code *code = compile(rule->stages[splitter->n_stages].expression, err);
        if (code == NULL) {
            splitter_close(splitter);
            return NULL;
        }
        splitter->codes[splitter->n_stages++] = code;
    }
    return splitter;
}

void splitter_close(struct splitter *splitter)
{
    if (splitter != NULL) {
        for (size_t i = 0; i < splitter->n_stages; i++) {
            pcre2_code_free(splitter->codes[i]);
        }
        free(splitter);
    }
}

static int split_piece(const struct split *split, size_t stage, const char *text, size_t n_bytes,
                       struct error *err);

/* A match of digits, in groups of three from its end: 1234567 -> 1 234 567. */
static int split_threes(const struct split *split, size_t stage, const char *text, size_t n_bytes,
                        struct error *err)
{
    size_t n_codes = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        n_codes += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    for (size_t at = 0; at < n_bytes;) {
        size_t from = at;
        for (size_t n = (n_codes - 1) % 3 + 1; n > 0; n--, n_codes--) {
            do {
                at++;
            } while (at < n_bytes && ((unsigned char)text[at] & 0xc0) == 0x80);
        }
        if (split_piece(split, stage + 1, text + from, at - from, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The next match at or after [at]: 1 and its borders, 0 when there is none. Where the engine gives
 * up, it looks at less and less of the text, and at last steps over it: a run that long is cut
 * somewhere, but time stays bounded and nothing fails. */
static int find_match(const struct split *split, size_t stage, const char *text, size_t n_bytes,
                      size_t at, size_t *from, size_t *to)
{
    const pcre2_code *code = split->splitter->codes[stage];
    size_t end = n_bytes;
    for (size_t window = FIRST_WINDOW_BYTES; window >= LAST_WINDOW_BYTES; window /= 4) {
        int rc = pcre2_match(code, (PCRE2_SPTR)text, end, at, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY,
                             split->match, split->context);
        if (rc == PCRE2_ERROR_NOMATCH) {
            *from = *to = end;
            return end < n_bytes;
        }
        if (rc >= 0) {
            const PCRE2_SIZE *borders = pcre2_get_ovector_pointer(split->match);
            *from = borders[0];
            *to = borders[1];
            return 1;
        }
        end = n_bytes - at > window ? at + window : n_bytes;
        while (end < n_bytes && ((unsigned char)text[end] & 0xc0) == 0x80) {
            end++;
        }
    }
    *from = *to = end;
    return 1;
}

/* Cuts text[0, n_bytes), valid UTF-8, by this stage and those after it. */
static int split_piece(const struct split *split, size_t stage, const char *text, size_t n_bytes,
                       struct error *err)
{
    if (stage == split->splitter->n_stages) {
        return split->fn(split->arg, text, n_bytes, err);
    }
    bool threes = split->splitter->rule->stages[stage].threes_from_right;
    for (size_t at = 0; at < n_bytes;) {
        size_t from, to;
        if (!find_match(split, stage, text, n_bytes, at, &from, &to) || from >= n_bytes) {
            return split_piece(split, stage + 1, text + at, n_bytes - at, err);
        }
        if (from > at && split_piece(split, stage + 1, text + at, from - at, err) < 0) {
            return -1;
        }
        if (to > from &&
            (threes ? split_threes(split, stage, text + from, to - from, err)
                    : split_piece(split, stage + 1, text + from, to - from, err)) < 0) {
            return -1;
        }
        at = to;
    }
    return 0;
}

int splitter_split(const struct splitter *splitter, const char *text, size_t n_bytes, word_fn fn,
                   void *arg, struct error *err)
{
    struct split split = {
        .splitter = splitter,
        .match = pcre2_match_data_create(1, NULL),
        .context = pcre2_match_context_create(NULL),
        .fn = fn,
        .arg = arg,
    };
    int rc = -1;
    if (split.match == NULL || split.context == NULL) {
        fail_memory(err, 256, "a pre-tokenizer's match");
        goto done;
    }
    pcre2_set_match_limit(split.context, MATCH_LIMIT);
    pcre2_set_heap_limit(split.context, HEAP_LIMIT_KIB);
    for (size_t at = 0; at < n_bytes;) {
        int valid;
        size_t n = utf8_run(text + at, n_bytes - at, &valid);
        if ((valid ? split_piece(&split, 0, text + at, n, err) : fn(arg, text + at, n, err)) < 0) {
            goto done;
        }
        at += n;
    }
    rc = 0;
done:
    pcre2_match_context_free(split.context);
    pcre2_match_data_free(split.match);
    return rc;
}
