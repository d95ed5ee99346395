#ifndef TEXT_SPLITTER_H
#define TEXT_SPLITTER_H
/* Pre-tokenization: text -> the words inside which byte-level BPE merges. A model names its way in
 * tokenizer.ggml.pre; splitter_table.c knows the ways. Read-only once open: any thread may split.
 */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define SPLITTER_MAX_STAGES 6

/* One stage cuts each piece of the stage before: every match is a piece, and so is what lies
 * between two matches. */
struct split_stage {
    const char *expression; /* PCRE2, with \s and \S meaning Unicode's White_Space; NULL after the
                               last stage */
    bool threes_from_right; /* a match (digits) is cut once more: groups of three, counted from its
                               end */
};

struct split_rule {
    const char *names; /* space-separated values of tokenizer.ggml.pre */
    struct split_stage stages[SPLITTER_MAX_STAGES + 1];
    bool whole_words; /* a word that is a token is that token, whatever the merges say */
    bool add_bos;     /* sequences begin with BOS unless the file says otherwise */
};

/* NULL when no rule has this name. */
const struct split_rule *split_rule_find(const char *name);
const struct split_rule *split_rule_at(size_t i); /* NULL after the last */

struct splitter;

struct splitter *splitter_open(const struct split_rule *rule, struct error *err) MUST_CHECK;
void splitter_close(struct splitter *splitter); /* NULL is legal */

/* Takes one word; returns 0, or -1 to stop. */
typedef int (*word_fn)(void *arg, const char *word, size_t n_bytes, struct error *err);

/* Calls [fn] for all words of [text] in order; together they are the text. Bytes that are not UTF-8
 * are words of their own. */
int splitter_split(const struct splitter *splitter, const char *text, size_t n_bytes, word_fn fn,
                   void *arg, struct error *err) MUST_CHECK;

#endif
