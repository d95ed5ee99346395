#include "engine/prompt_maker.h"

#include "base/size.h"
#include "engine/run.h"
#include "text/prompt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char yes_no_system[] =
    "You read a web page and answer a question about it with yes or no.";
static const char mixed_system[] =
    "You read a web page and answer a question about it in the form it asks for, without a word "
    "more.";

/* A window begins and ends inside text whose tokens were found as a whole; by itself it can come
 * out a few tokens longer. */
#define BORDER_TOKENS 16

/* What a document's own texts may add to the questions that they fill in. */
#define FIELD_TOKENS 96

int prompt_maker_open(struct prompt_maker *maker, const struct trawl_model *model,
                      const struct trawl_ask_options *options, struct error *err)
{
    memset(maker, 0, sizeof *maker);
    maker->model = model;
    maker->options = options;
    maker->system_text = options->system_text ? options->system_text : yes_no_system;
    bool per_document = false;
    for (int q = 0; q < options->n_questions; q++) {
        maker->say_kind |= options->questions[q].kind != TRAWL_YES_NO;
        per_document |= options->questions[q].per_document;
    }
    if (maker->say_kind && !options->system_text)
        maker->system_text = mixed_system;
    if (chat_init(&maker->chat, model, options->template_name, err) < 0)
        return -1;

    /* What every prompt adds to its document: the longest question decides. */
    size_t added = 0;
    struct token_list prompt = {NULL, 0, 0};
    int rc = prompt_maker_document(maker, &(struct trawl_document){.text = ""}, err);
    for (int q = 0; q < options->n_questions && rc == 0; q++) {
        token_list_clear(&prompt);
        rc = prompt_maker_render(maker, 0, (uint32_t)q, err);
        if (rc == 0)
            rc = prompt_tokenize(model->tokenizer, &maker->chat.rendered, true, &prompt, err);
        added = max_size(added, prompt.n_tokens);
    }
    token_list_deinit(&prompt);
    if (rc < 0)
        return -1;
    added += per_document ? FIELD_TOKENS : 0;

    uint32_t context = model->network.hparams.n_context;
    /* The usual window is what the prompt leaves of it, so that the whole prompt has the usual
     * length. */
    uint32_t limit =
        options->window_tokens || context < DEFAULT_WINDOW_TOKENS ? context : DEFAULT_WINDOW_TOKENS;
    if (added + BORDER_TOKENS >= limit)
        return fail(err, ERROR_LIMIT,
                    "the question and its template take %zu tokens, which leaves no room in a "
                    "window of %u; ask a shorter one",
                    added, limit);
    uint32_t room = limit - (uint32_t)added - BORDER_TOKENS;
    uint32_t window = options->window_tokens ? options->window_tokens : room;
    if (options->window_tokens > context)
        return fail(err, ERROR_LIMIT, "--window %u is more than the model's context of %u tokens",
                    options->window_tokens, context);
    maker->window_tokens = window < room ? window : room;
    maker->max_tokens = maker->window_tokens + (uint32_t)added + BORDER_TOKENS;
    return 0;
}

void prompt_maker_close(struct prompt_maker *maker)
{
    free(maker->windows);
    token_list_deinit(&maker->tokens);
    bytes_deinit(&maker->message);
    chat_deinit(&maker->chat);
}

static int add_window(struct prompt_maker *maker, size_t from, size_t to, struct error *err)
{
    if (maker->n_windows == maker->windows_capacity) {
        uint32_t capacity = maker->windows_capacity ? 2 * maker->windows_capacity : 16;
        struct window *grown = realloc(maker->windows, capacity * sizeof *grown);
        if (!grown)
            return fail_memory(err, capacity * sizeof *grown, "windows");
        maker->windows = grown;
        maker->windows_capacity = capacity;
    }
    maker->windows[maker->n_windows++] = (struct window){from, to};
    return 0;
}

/* Cuts at token borders: token i of the document ends where its text does. */
static int cut_windows(struct prompt_maker *maker, struct error *err)
{
    const struct tokenizer *tokenizer = maker->model->tokenizer;
    token_list_clear(&maker->tokens);
    struct encode_options encode = {.no_space_prefix = true};
    if (tokenizer_encode(tokenizer, maker->text, maker->n_bytes, &encode, &maker->tokens, err) < 0)
        return -1;
    size_t n = maker->tokens.n_tokens, window = maker->window_tokens;
    if (n <= window)
        return add_window(maker, 0, maker->n_bytes, err);
    size_t step = window - window / 8;
    step = step ? step : 1;
    size_t token = 0, byte = 0; /* [byte] is where [token] begins */
    for (size_t first = 0;; first += step) {
        size_t from, end = min_size(first + window, n), ahead, ahead_byte;
        for (; token < first; token++) {
            size_t n_bytes = 0;
            tokenizer_token_text(tokenizer, maker->tokens.ids[token], &n_bytes);
            byte += n_bytes;
        }
        from = ahead_byte = min_size(byte, maker->n_bytes);
        for (ahead = first; ahead < end; ahead++) {
            size_t n_bytes = 0;
            tokenizer_token_text(tokenizer, maker->tokens.ids[ahead], &n_bytes);
            ahead_byte += n_bytes;
        }
        size_t to = end == n ? maker->n_bytes : min_size(ahead_byte, maker->n_bytes);
        if (add_window(maker, from, to, err) < 0)
            return -1;
        if (end == n)
            return 0;
    }
}

int prompt_maker_document(struct prompt_maker *maker, const struct trawl_document *document,
                          struct error *err)
{
    const char *text = document->text;
    size_t n_bytes = document->n_bytes;
    while (n_bytes > 0 && isspace((unsigned char)*text))
        text++, n_bytes--;
    while (n_bytes > 0 && isspace((unsigned char)text[n_bytes - 1]))
        n_bytes--;
    maker->text = text;
    maker->n_bytes = n_bytes;
    maker->questions = document->questions;
    maker->n_windows = 0;
    /* No token is shorter than a byte: most documents need no counting. */
    if (n_bytes <= maker->window_tokens)
        return add_window(maker, 0, n_bytes, err);
    return cut_windows(maker, err);
}

/* The question, and what kind of answer it wants. */
static int append_question(struct prompt_maker *maker, uint32_t index, struct error *err)
{
    const struct trawl_question *question = &maker->options->questions[index];
    const char *text = maker->questions ? maker->questions[index] : question->text;
    struct bytes *message = &maker->message;
    char scale[96];
    if (bytes_append_text(message, text, err) < 0)
        return -1;
    switch (question->kind) {
    case TRAWL_YES_NO:
        return maker->say_kind ? bytes_append_text(message, " Answer with yes or no.", err) : 0;
    case TRAWL_SCORE:
        snprintf(scale, sizeof scale, " Answer with a number from %d to %d.", question->scale_from,
                 question->scale_to);
        return bytes_append_text(message, scale, err);
    default:
        break;
    }
    for (int i = 0; i < question->n_labels; i++)
        if (bytes_append_text(message, i ? ", " : " Answer with one of these: ", err) < 0 ||
            bytes_append_text(message, question->labels[i], err) < 0)
            return -1;
    return bytes_append_text(message, ".", err);
}

/* System text and one user message; a reply of the assistant where there is one. */
static int render(struct prompt_maker *maker, const char *reply, struct error *err)
{
    const struct message messages[] = {
        {MESSAGE_SYSTEM, maker->system_text, strlen(maker->system_text)},
        {MESSAGE_USER, maker->message.data, maker->message.n_bytes},
        {MESSAGE_ASSISTANT, reply, reply ? strlen(reply) : 0},
    };
    return chat_render(&maker->chat, messages, reply ? 3 : 2, !reply, err);
}

int prompt_maker_render(struct prompt_maker *maker, uint32_t window, uint32_t question,
                        struct error *err)
{
    const struct window *cut = &maker->windows[window];
    const char *document = maker->text + cut->from;
    size_t n_bytes = cut->to - cut->from;
    bool document_first = maker->options->layout == TRAWL_DOCUMENT_FIRST;
    bool has_question = *maker->options->questions[question].text != '\0';
    bytes_clear(&maker->message);
    if ((document_first && bytes_append(&maker->message, document, n_bytes, err) < 0) ||
        (document_first && has_question && bytes_append_text(&maker->message, "\n\n", err) < 0) ||
        append_question(maker, question, err) < 0 ||
        (!document_first && (bytes_append_text(&maker->message, "\n\n", err) < 0 ||
                             bytes_append(&maker->message, document, n_bytes, err) < 0)))
        return -1;
    return render(maker, NULL, err);
}

int prompt_maker_tokens(struct prompt_maker *maker, uint32_t window, uint32_t question,
                        struct token_list *out, struct error *err)
{
    struct window *cut = &maker->windows[window];
    size_t before = out->n_tokens;
    for (;;) {
        if (prompt_maker_render(maker, window, question, err) < 0 ||
            prompt_tokenize(maker->model->tokenizer, &maker->chat.rendered, true, out, err) < 0)
            return -1;
        size_t n_tokens = out->n_tokens - before;
        if (n_tokens <= maker->max_tokens)
            return 0;
        out->n_tokens = before;
        if (maker->options->questions[question].per_document || cut->to == cut->from)
            return 1;
        /* Text that falls apart at its border beyond what is allowed for: a little less of it. */
        cut->to -= min_size(cut->to - cut->from, n_tokens - maker->max_tokens);
    }
}

/* Whether the template puts a space before a reply that its own beginning of one does not end in:
 * "[/INST]" is followed by " yes". */
static bool reply_takes_space(const struct prompt_maker *maker, const char *reply)
{
    const struct rendered *rendered = &maker->chat.rendered;
    const char *text = rendered->text.data;
    for (size_t i = rendered->n_spans; i-- > 1;) {
        const struct span *span = &rendered->spans[i];
        if (span->kind == SPAN_DATA && span->to - span->from == strlen(reply))
            return span->from >= 2 && text[span->from - 1] == ' ' &&
                   !isspace((unsigned char)text[span->from - 2]);
    }
    return false;
}

int prompt_maker_reply(struct prompt_maker *maker, const char *text, struct token_list *out,
                       struct turn_ends *ends, struct error *err)
{
    const struct tokenizer *tokenizer = maker->model->tokenizer;
    struct token_list prompt = {NULL, 0, 0}, both = {NULL, 0, 0};
    int rc = prompt_maker_document(maker, &(struct trawl_document){.text = ""}, err);
    bytes_clear(&maker->message);
    if (rc == 0)
        rc = bytes_append_text(&maker->message, "?", err);
    if (rc == 0)
        rc = render(maker, text, err);
    if (rc < 0)
        return -1;

    *ends = (struct turn_ends){.n_ids = 0};
    const int32_t candidates[] = {maker->chat.end, tokenizer_role(tokenizer, TOKEN_EOS)};
    for (int i = 0; i < 2; i++)
        if (candidates[i] != TOKEN_NONE && !(i == 1 && candidates[0] == candidates[1]))
            ends->ids[ends->n_ids++] = candidates[i];
    bool space = reply_takes_space(maker, text);

    rc = render(maker, NULL, err);
    if (rc == 0)
        rc = prompt_tokenize(tokenizer, &maker->chat.rendered, true, &prompt, err);
    size_t n_text = maker->chat.rendered.text.n_bytes;
    if (n_text > 0 && isspace((unsigned char)maker->chat.rendered.text.data[n_text - 1]))
        space = false;
    if (rc == 0 && space)
        rc = rendered_append(&maker->chat.rendered, SPAN_DATA, " ", 1, err);
    if (rc == 0)
        rc = rendered_append(&maker->chat.rendered, SPAN_DATA, text, strlen(text), err);
    if (rc == 0)
        rc = prompt_tokenize(tokenizer, &maker->chat.rendered, true, &both, err);
    /* Where the first token would swallow the prompt's end, the reply is taken by itself: the
     * model goes on behind the prompt as it is. */
    if (rc == 0 && (both.n_tokens <= prompt.n_tokens ||
                    memcmp(both.ids, prompt.ids, prompt.n_tokens * sizeof *both.ids) != 0)) {
        struct encode_options encode = {.no_space_prefix = !space};
        rc = tokenizer_encode(tokenizer, text, strlen(text), &encode, out, err);
    } else {
        for (size_t i = prompt.n_tokens; i < both.n_tokens && rc == 0; i++)
            rc = token_list_append(out, both.ids[i], err);
    }
    token_list_deinit(&prompt);
    token_list_deinit(&both);
    return rc;
}

int trawl_prompt_text(const struct trawl_model *model, const struct trawl_ask_options *options,
                      const struct trawl_document *document, int question, struct bytes *out,
                      struct error *err)
{
    struct prompt_maker maker;
    struct token_list tokens = {NULL, 0, 0};
    int rc = prompt_maker_open(&maker, model, options, err);
    if (rc == 0)
        rc = prompt_maker_document(&maker, document, err);
    if (rc == 0)
        rc = prompt_maker_tokens(&maker, 0, (uint32_t)question, &tokens, err);
    if (rc == 1)
        rc = fail(err, ERROR_LIMIT, "with its fields the question is too long for the window");
    for (size_t i = 0; i < tokens.n_tokens && rc == 0;
         i++) { /* as the model gets it: with BOS, by name, and cut to the window */
        size_t n = 0;
        const char *piece = tokenizer_token_text(model->tokenizer, tokens.ids[i], &n);
        rc = bytes_append(out, piece, n, err);
    }
    token_list_deinit(&tokens);
    prompt_maker_close(&maker);
    return rc;
}
