#include "engine/prompt_maker.h"

#include "base/size.h"
#include "engine/run.h"
#include "text/prompt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char system_text[] =
    "You read a web page and answer a question about it with yes or no.";

/* A window begins and ends inside text whose tokens were found as a whole; by itself it can come
 * out a few tokens longer. */
#define BORDER_TOKENS 16

int prompt_maker_open(struct prompt_maker *maker, const struct trawl_model *model,
                      const struct trawl_ask_options *options, struct error *err)
{
    memset(maker, 0, sizeof *maker);
    maker->model = model;
    maker->options = options;
    if (model_template(model, options->template_name, &maker->template, err) < 0)
        return -1;
    maker->bos = !options->template_name && model_template_writes_bos(model);
    const char *eos = tokenizer_token_text(
        model->tokenizer, tokenizer_role(model->tokenizer, TOKEN_EOS), &maker->rendered.n_eos);
    maker->rendered.eos = maker->rendered.n_eos > 0 ? eos : NULL;

    /* What every prompt adds to its document: the longest question decides. */
    size_t added = 0;
    struct token_list prompt = {NULL, 0, 0};
    int rc = prompt_maker_document(maker, "", 0, err);
    for (int q = 0; q < options->n_questions && rc == 0; q++) {
        token_list_clear(&prompt);
        rc = prompt_maker_render(maker, 0, (uint32_t)q, err);
        if (rc == 0)
            rc = prompt_tokenize(model->tokenizer, &maker->rendered, true, &prompt, err);
        added = max_size(added, prompt.n_tokens);
    }
    token_list_deinit(&prompt);
    if (rc < 0)
        return -1;

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
    rendered_deinit(&maker->rendered);
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

int prompt_maker_document(struct prompt_maker *maker, const char *text, size_t n_bytes,
                          struct error *err)
{
    while (n_bytes > 0 && isspace((unsigned char)*text))
        text++, n_bytes--;
    while (n_bytes > 0 && isspace((unsigned char)text[n_bytes - 1]))
        n_bytes--;
    maker->text = text;
    maker->n_bytes = n_bytes;
    maker->n_windows = 0;
    /* No token is shorter than a byte: most documents need no counting. */
    if (n_bytes <= maker->window_tokens)
        return add_window(maker, 0, n_bytes, err);
    return cut_windows(maker, err);
}

int prompt_maker_render(struct prompt_maker *maker, uint32_t window, uint32_t question,
                        struct error *err)
{
    const struct window *cut = &maker->windows[window];
    const char *question_text = maker->options->questions[question];
    const char *document = maker->text + cut->from;
    size_t n_bytes = cut->to - cut->from;
    bytes_clear(&maker->message);
    rendered_clear(&maker->rendered);
    bool document_first = maker->options->layout == TRAWL_DOCUMENT_FIRST;
    if ((document_first && (bytes_append(&maker->message, document, n_bytes, err) < 0 ||
                            bytes_append_text(&maker->message, "\n\n", err) < 0)) ||
        bytes_append_text(&maker->message, question_text, err) < 0 ||
        (!document_first && (bytes_append_text(&maker->message, "\n\n", err) < 0 ||
                             bytes_append(&maker->message, document, n_bytes, err) < 0)))
        return -1;
    const struct message messages[] = {
        {MESSAGE_SYSTEM, system_text, sizeof system_text - 1},
        {MESSAGE_USER, maker->message.data, maker->message.n_bytes},
    };
    if (template_render(maker->template, messages, 2, true, &maker->rendered, err) < 0)
        return -1;
    maker->rendered.bos |= maker->bos;
    return 0;
}

int prompt_maker_tokens(struct prompt_maker *maker, uint32_t window, uint32_t question,
                        struct token_list *out, struct error *err)
{
    struct window *cut = &maker->windows[window];
    size_t before = out->n_tokens;
    for (;;) {
        if (prompt_maker_render(maker, window, question, err) < 0 ||
            prompt_tokenize(maker->model->tokenizer, &maker->rendered, true, out, err) < 0)
            return -1;
        size_t n_tokens = out->n_tokens - before;
        if (n_tokens <= maker->max_tokens)
            return 0;
        /* Text that falls apart at its border beyond what is allowed for: a little less of it. */
        cut->to -= min_size(cut->to - cut->from, n_tokens - maker->max_tokens);
        out->n_tokens = before;
    }
}

int trawl_prompt_text(const struct trawl_model *model, const struct trawl_ask_options *options,
                      const char *text, size_t n_bytes, struct bytes *out, struct error *err)
{
    struct prompt_maker maker;
    int rc = prompt_maker_open(&maker, model, options, err);
    if (rc == 0)
        rc = prompt_maker_document(&maker, text, n_bytes, err);
    struct token_list tokens = {NULL, 0, 0};
    if (rc == 0)
        rc = prompt_maker_tokens(&maker, 0, 0, &tokens, err);
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
