#ifndef TEXT_TEMPLATE_H
#define TEXT_TEMPLATE_H
/* Chat templates: messages -> the text the model was trained on, as spans that are either the
 * template's own or data. Families are recognised by marks in the model's Jinja text
 * (tokenizer.chat_template) and rendered by code of ours; an engine for Jinja would fill the same
 * struct rendered. Where a family thinks aloud, the generation prompt is its own way of not doing
 * so.
 *
 * Templates are constants; everything here may be called from any thread. */

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum message_role { MESSAGE_SYSTEM, MESSAGE_USER, MESSAGE_ASSISTANT };

struct message {
    enum message_role role;
    const char *text; /* any bytes; borrowed */
    size_t n_bytes;
};

enum span_kind {
    SPAN_TEMPLATE, /* the template's own text: names of special tokens in it are these tokens */
    SPAN_DATA,     /* a message's text: only text, whatever it looks like */
};

/* A run of rendered text. Spans are in order, not empty, and cover the text without gaps. */
struct span {
    enum span_kind kind;
    size_t from, to; /* bytes [from, to) of the text */
};

/* Zero-initialised is empty; the owner calls rendered_deinit. */
struct rendered {
    struct bytes text;
    struct span *spans; /* [n_spans] */
    size_t n_spans;
    size_t capacity;
    bool bos; /* the template begins with BOS, whether the tokenizer says so or not; not part of the
                 text */
    const char *eos; /* [n_eos], borrowed, set by the caller: what a template's eos_token stands
                        for; NULL: </s> */
    size_t n_eos;
};

/* Appends to the text, joining with the last span when of one kind. For renderers; n_bytes 0 does
 * nothing. */
int rendered_append(struct rendered *rendered, enum span_kind kind, const char *text,
                    size_t n_bytes, struct error *err) MUST_CHECK;
void rendered_clear(struct rendered *rendered); /* keeps the memory */
void rendered_deinit(struct rendered *rendered);

struct template; /* borrowed, lives as long as the program */

/* What a model says of itself that recognition may use. */
struct template_source {
    const char *jinja; /* tokenizer.chat_template; NULL when absent */
    size_t n_bytes;    /* of jinja */
};

/* The template of a model: absent -> "plain"; present but of no known family -> ERROR_UNSUPPORTED,
 * saying how it begins and naming what --template accepts. */
int template_recognise(const struct template_source *source, const struct template **template,
                       struct error *err) MUST_CHECK;

/* Whether the model's own template writes BOS, wherever its family would leave that to the
 * tokenizer. */
bool template_writes_bos(const struct template_source *source);

/* By name, for --template. ERROR_USAGE with the list of names when there is none. */
int template_find(const char *name, const struct template **template, struct error *err) MUST_CHECK;

const char *template_name(const struct template *template);
const struct template *
template_at(size_t i); /* all of them, in the order of the help; NULL after the last */

/* Appends messages and generation prompt to [out]. Messages: at most one system message, first;
 * then user and assistant, in turn where the family's template wants that (or is not known to do
 * without). Families that have no system role put its text where their
 * template does, or in front of the first user message. [generation_prompt] false: the conversation
 * only. Text of messages is trimmed of white space where the family's template does so. BOS is not
 * rendered (but for two families that write it in front of every turn): prompt_tokenize adds it. */
int template_render(const struct template *template, const struct message *messages,
                    size_t n_messages, bool generation_prompt, struct rendered *out,
                    struct error *err) MUST_CHECK;

#endif
