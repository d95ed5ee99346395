#include "score_input.h"

#include "id_list.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_CONTEXT 512

static int add_span(struct score_input *input, size_t first, size_t n_ids, struct error *err)
{
    if (n_ids > UINT32_MAX)
        return fail(err, ERROR_LIMIT, "a sequence of %zu tokens", n_ids);
    if (input->n_spans == input->capacity) {
        size_t capacity = input->capacity ? input->capacity * 2 : 64;
        struct score_span *spans = realloc(input->spans, capacity * sizeof *spans);
        if (!spans)
            return fail_memory(err, capacity * sizeof *spans, "sequences");
        input->spans = spans;
        input->capacity = capacity;
    }
    input->spans[input->n_spans++] = (struct score_span){first, (uint32_t)n_ids};
    if (n_ids > input->longest)
        input->longest = (uint32_t)n_ids;
    return 0;
}

int score_input_ids(struct score_input *input, const struct trawl_model *model, const char *text,
                    size_t n_bytes, struct error *err)
{
    struct trawl_model_info info;
    if (trawl_model_info(model, &info, err) < 0)
        return -1;
    const char *end = text + n_bytes;
    for (size_t line = 1; text < end; line++) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        line_end = line_end ? line_end : end;
        size_t first = input->tokens.n_ids;
        if (id_list_read(text, line_end, &input->tokens, err) < 0)
            return fail_context(err, "line %zu", line);
        for (size_t i = first; i < input->tokens.n_ids; i++)
            if ((uint32_t)input->tokens.ids[i] >= info.n_vocab)
                return fail(err, ERROR_FORMAT,
                            "line %zu: token id %d is outside the vocabulary of %u", line,
                            (int)input->tokens.ids[i], (unsigned)info.n_vocab);
        if (input->tokens.n_ids > first &&
            add_span(input, first, input->tokens.n_ids - first, err) < 0)
            return -1;
        text = line_end + (line_end < end);
    }
    if (input->n_spans == 0)
        return fail(err, ERROR_FORMAT, "no token ids");
    return 0;
}

/* The token that the model puts before a text, -1: none. */
static int find_bos(const struct trawl_model *model, int32_t *bos, struct error *err)
{
    struct trawl_tokens with = {0}, without = {0};
    int status = 0;
    if (trawl_tokenize(model, "a", 1, &(struct trawl_tokenize_options){0}, &with, err) < 0 ||
        trawl_tokenize(model, "a", 1, &(struct trawl_tokenize_options){.no_bos = true}, &without,
                       err) < 0)
        status = -1;
    *bos = status == 0 && with.n_ids > without.n_ids ? with.ids[0] : -1;
    trawl_tokens_deinit(&with);
    trawl_tokens_deinit(&without);
    return status;
}

int score_input_text(struct score_input *input, const struct trawl_model *model, const char *text,
                     size_t n_bytes, uint32_t context, struct error *err)
{
    struct trawl_model_info info;
    int32_t bos;
    if (trawl_model_info(model, &info, err) < 0 || find_bos(model, &bos, err) < 0 ||
        trawl_tokenize(model, text, n_bytes, &(struct trawl_tokenize_options){0}, &input->tokens,
                       err) < 0)
        return -1;
    if (context == 0)
        context = info.n_context > 0 && info.n_context < DEFAULT_CONTEXT ? info.n_context
                                                                         : DEFAULT_CONTEXT;
    if (info.n_context > 0 && context > info.n_context)
        return fail(err, ERROR_USAGE, "--context %u is more than the model's context of %u",
                    (unsigned)context, (unsigned)info.n_context);
    if (input->tokens.n_ids < context)
        return fail(err, ERROR_USAGE,
                    "%zu tokens are less than one chunk of %u: take a longer text or --context N",
                    input->tokens.n_ids, (unsigned)context);

    input->halves = true;
    for (size_t first = 0; first + context <= input->tokens.n_ids; first += context) {
        if (bos >= 0)
            input->tokens.ids[first] = bos;
        if (add_span(input, first, context, err) < 0)
            return -1;
    }
    return 0;
}

void score_input_deinit(struct score_input *input)
{
    trawl_tokens_deinit(&input->tokens);
    free(input->spans);
    *input = (struct score_input){0};
}
