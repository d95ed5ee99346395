/* Any vocabulary and any text: opening gives an error or a tokenizer; encoding never fails, never
 * makes a control token from plain text, and gives ids that decode. The input is text, so that it
 * can be mutated and read:
 *
 * - one byte, model and pre-tokenizer: even for SentencePiece, odd for byte-level BPE with rule
 *   (byte / 2)
 * - lines up to an empty one: tokens, each after its type ('0' to '7') and its score (any byte)
 * - lines up to an empty one: merges
 * - the rest: the text
 *
 * corpus/tokenizer has small seeds. Any program that calls LLVMFuzzerTestOneInput for each file
 * will do, libFuzzer first. */
#include "support/gguf_write.h"
#include "text/prompt.h"
#include "text/splitter.h"
#include "text/template.h"
#include "text/tokenizer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_LINES 512

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

struct lines {
    char *texts[MAX_LINES];
    int32_t types[MAX_LINES];
    float scores[MAX_LINES];
    uint64_t n;
};

/* Takes lines from text[at, n_bytes) up to an empty one; returns where that ends. */
static size_t take_lines(struct lines *lines, const uint8_t *text, size_t n_bytes, size_t at,
                         size_t n_head)
{
    while (at < n_bytes && lines->n < MAX_LINES) {
        const uint8_t *end = memchr(text + at, '\n', n_bytes - at);
        size_t n = (end ? (size_t)(end - text) : n_bytes) - at;
        const uint8_t *line = text + at;
        at += n + (end != NULL);
        if (n < n_head || n == 0)
            break;
        if (n_head == 2) {
            lines->types[lines->n] = line[0] - '0';
            lines->scores[lines->n] = (float)line[1] - 128;
        }
        char *copy = strndup((const char *)line + n_head, n - n_head);
        if (copy == NULL)
            abort();
        lines->texts[lines->n++] = copy;
    }
    return at;
}

static void free_lines(struct lines *lines)
{
    for (uint64_t i = 0; i < lines->n; i++)
        free(lines->texts[i]);
}

static struct tokenizer *open_lines(uint8_t kind, const struct lines *tokens,
                                    const struct lines *merges)
{
    size_t n_rules = 0, n_bytes;
    while (split_rule_at(n_rules) != NULL)
        n_rules++;
    char pre[32] = "";
    sscanf(split_rule_at(kind / 2 % n_rules)->names, "%31s", pre);
    struct gguf_writer *writer = gguf_writer_new(3, 0);
    gguf_put_text(writer, "tokenizer.ggml.model", kind & 1 ? "gpt2" : "llama");
    gguf_put_text(writer, "tokenizer.ggml.pre", pre);
    gguf_put_texts(writer, "tokenizer.ggml.tokens", (const char *const *)tokens->texts, tokens->n);
    gguf_put_array(writer, "tokenizer.ggml.token_type", GGUF_I32, tokens->types, tokens->n);
    gguf_put_array(writer, "tokenizer.ggml.scores", GGUF_F32, tokens->scores, tokens->n);
    gguf_put_texts(writer, "tokenizer.ggml.merges", (const char *const *)merges->texts, merges->n);
    uint8_t *file = gguf_writer_bytes(writer, &n_bytes);
    gguf_writer_free(writer);

    char path[64];
    int fd = memfd_create("vocabulary", 0);
    if (fd < 0 || write(fd, file, n_bytes) != (ssize_t)n_bytes)
        abort();
    free(file);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct error err = {0};
    struct gguf *gguf = gguf_open(path, &err);
    struct tokenizer *tokenizer = gguf ? tokenizer_open(gguf, NULL, &err) : NULL;
    if (tokenizer == NULL && err.text[0] == '\0')
        abort(); /* an error says what it is */
    gguf_close(gguf);
    close(fd);
    return tokenizer;
}

static void check_list(const struct tokenizer *tokenizer, const struct token_list *list,
                       bool control_allowed)
{
    struct error err = {0};
    struct bytes text = {0};
    for (size_t i = 0; i < list->n_tokens; i++)
        if (list->ids[i] < 0 || (uint32_t)list->ids[i] >= tokenizer_n_tokens(tokenizer) ||
            (!control_allowed && tokenizer_is_control(tokenizer, list->ids[i]) &&
             list->ids[i] != tokenizer_role(tokenizer, TOKEN_UNK)))
            abort();
    if (tokenizer_decode(tokenizer, list->ids, list->n_tokens, &text, &err) < 0)
        abort();
    bytes_deinit(&text);
}

static void encode(const struct tokenizer *tokenizer, const char *text, size_t n_bytes)
{
    struct error err = {0};
    struct token_list list = {0};
    if (tokenizer_encode(tokenizer, text, n_bytes, NULL, &list, &err) < 0)
        abort();
    check_list(tokenizer, &list, false);
    token_list_clear(&list);
    struct encode_options options = {.parse_special = true};
    if (tokenizer_encode(tokenizer, text, n_bytes, &options, &list, &err) < 0)
        abort();
    check_list(tokenizer, &list, true);
    token_list_clear(&list);

    const struct template *template;
    struct rendered rendered = {0};
    struct message message = {.role = MESSAGE_USER, .text = text, .n_bytes = n_bytes};
    if (template_find("chatml", &template, &err) < 0 ||
        template_render(template, &message, 1, true, &rendered, &err) < 0 ||
        prompt_tokenize(tokenizer, &rendered, true, &list, &err) < 0)
        abort();
    check_list(tokenizer, &list, true);
    rendered_deinit(&rendered);
    token_list_deinit(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    if (n_bytes == 0)
        return 0;
    struct lines tokens = {.n = 0}, merges = {.n = 0};
    size_t at = take_lines(&tokens, bytes, n_bytes, 1, 2);
    at = take_lines(&merges, bytes, n_bytes, at, 0);
    struct tokenizer *tokenizer = open_lines(bytes[0], &tokens, &merges);
    if (tokenizer != NULL)
        encode(tokenizer, (const char *)bytes + at, n_bytes - at);
    tokenizer_close(tokenizer);
    free_lines(&tokens);
    free_lines(&merges);
    return 0;
}
