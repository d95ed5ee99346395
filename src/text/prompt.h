#ifndef TEXT_PROMPT_H
#define TEXT_PROMPT_H
/* A rendered prompt -> token ids. Special tokens are parsed in template spans only; the text
 * between two special tokens is one piece for the tokenizer, also where it crosses from template to
 * data, so that ids are those the model saw in training. */

#include "base/error.h"
#include "text/template.h"
#include "text/tokenizer.h"

/* Appends the ids to [out], which is empty at the start of a sequence: BOS first when [add_bos] and
 * the tokenizer or the template says that sequences begin with it, unless the text begins with BOS
 * itself. May be called from any thread. */
int prompt_tokenize(const struct tokenizer *tokenizer, const struct rendered *rendered,
                    bool add_bos, struct token_list *out, struct error *err) MUST_CHECK;

#endif
