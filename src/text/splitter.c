#define PCRE2_CODE_UNIT_WIDTH 8

#include "text/splitter.h"

#include "base/bytes.h"
#include "text/utf8.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* A match that needs more than this (it takes a run of millions of characters, or a hostile text) is tried again on less text. */
#define MATCH_LIMIT 50000000
#define HEAP_LIMIT_KIB (64 * 1024)
#define FIRST_WINDOW_BYTES (64 * 1024)
#define LAST_WINDOW_BYTES 256

/* Unicode's White_Space, as the engines that models were trained with understand \s. PCRE2's own has U+180E besides. */
#define SPACES "\\x{9}-\\x{d} \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

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

/* The expression with \s and \S written out, inside and outside of classes. */
static int expand_spaces(const char *expression, struct bytes *out, struct error *err)
{
    bool in_class = false;
    for (const char *s = expression; *s != '\0'; s++) {
        const char *text = NULL;
        if (s[0] == '\\' && s[1] == 's') {
            text = in_class ? SPACES : "[" SPACES "]";
        } else if (s[0] == '\\' && s[1] == 'S') {
            text = "[^" SPACES "]"; /* no rule has it inside a class */
        }
        if (text != NULL) {
            s++;
            if (bytes_append_text(out, text, err) < 0) {
                return -1;
            }
            continue;
        }
        size_t n = s[0] == '\\' && s[1] != '\0' ? 2 : 1;
        in_class = n == 2 ? in_class : s[0] == '[' || (in_class && s[0] != ']');
        if (bytes_append(out, s, n, err) < 0) {
            return -1;
        }
        s += n - 1;
    }
    return 0;
}

static pcre2_code *compile(const char *expression, struct error *err)
{
    struct bytes expanded = {0};
    pcre2_code *code = NULL;
    int error_code;
    PCRE2_SIZE error_at;
    if (expand_spaces(expression, &expanded, err) == 0) {
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

/* The next match at or after [at]: 1 and its borders, 0 when there is none. Where the engine gives up, it looks at less and less of the text, and at last steps
 * over it: a run that long is cut somewhere, but time stays bounded and nothing fails. */
static int find_match(const struct split *split, size_t stage, const char *text, size_t n_bytes,
                      size_t at, size_t *from, size_t *to)
{
    const pcre2_code *code = split->splitter->codes[stage];
    size_t end = n_bytes;
    for (size_t window = FIRST_WINDOW_BYTES; window >= LAST_WINDOW_BYTES; window /= 4) {
        int rc = pcre2_match(code, (PCRE2_SPTR)text, end, at,
                             PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, split->match,
                             split->context);
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
        if (to > from && (threes ? split_threes(split, stage, text + from, to - from, err)
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
