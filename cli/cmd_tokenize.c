/* trawl tokenize: text to ids and back. */

#include "commands.h"
#include "id_list.h"
#include "input/whole.h"
#include "message.h"
#include "models.h"
#include "output/out.h"

#include <inttypes.h>
#include <stdlib.h>

static int print_pieces(const struct trawl_model *model, const struct trawl_tokens *tokens,
                        struct out *out, struct error *err)
{
    struct bytes text = {0};
    int status = 0;
    for (size_t i = 0; i < tokens->n_ids && status == 0; i++) {
        bytes_clear(&text);
        status = trawl_token_text(model, tokens->ids[i], &text, err);
        if (status < 0)
            break;
        out_format(out, "%" PRId32 "\t", tokens->ids[i]);
        out_json_text(out, text.data ? text.data : "", text.n_bytes);
        out_char(out, '\n');
        status = out_check(out, err);
    }
    bytes_deinit(&text);
    return status;
}

static int encode(const struct trawl_model *model, const struct arguments *arguments,
                  const struct bytes *input, struct out *out, struct error *err)
{
    struct trawl_tokens tokens = {0};
    struct trawl_tokenize_options options = {
        .no_bos = arguments_find(arguments, OPTION_NO_BOS),
        .parse_special = arguments_find(arguments, OPTION_SPECIAL),
    };
    int status = trawl_tokenize(model, input->data ? input->data : "", input->n_bytes, &options,
                                &tokens, err);
    if (status == 0 && arguments_find(arguments, OPTION_PIECES)) {
        status = print_pieces(model, &tokens, out, err);
    } else if (status == 0) {
        for (size_t i = 0; i < tokens.n_ids; i++)
            out_format(out, "%s%" PRId32, i > 0 ? " " : "", tokens.ids[i]);
        out_char(out, '\n');
    }
    trawl_tokens_deinit(&tokens);
    return status;
}

static int decode(const struct trawl_model *model, const struct bytes *input, struct out *out,
                  struct error *err)
{
    struct trawl_tokens tokens = {0};
    struct bytes text = {0};
    int status = id_list_read(input->data, input->data + input->n_bytes, &tokens, err);
    if (status == 0)
        status = trawl_detokenize(model, tokens.ids, tokens.n_ids, &text, err);
    if (status == 0)
        out_bytes(out, text.data, text.n_bytes);
    trawl_tokens_deinit(&tokens);
    bytes_deinit(&text);
    return status;
}

int cmd_tokenize(const struct arguments *arguments)
{
    struct error err = {0};
    struct bytes input = {0};
    struct out out = {.file = stdout};
    struct trawl_model *model = NULL;
    const struct option_use *given = arguments_find(arguments, OPTION_MODEL);
    int status = 0;

    if (arguments->n_operands > 1)
        status = fail(&err, ERROR_USAGE, "tokenize reads one file, not %zu", arguments->n_operands);
    if (status == 0 && !(model = models_open(arguments, given ? given->value : NULL, true, &err)))
        status = -1;
    if (status == 0)
        status =
            whole_read(arguments->n_operands > 0 ? arguments->operands[0] : NULL, &input, &err);
    if (status == 0)
        status = arguments_find(arguments, OPTION_DECODE)
                     ? decode(model, &input, &out, &err)
                     : encode(model, arguments, &input, &out, &err);
    if (status == 0)
        status = out_flush(&out, &err);
    trawl_model_close(model);
    bytes_deinit(&input);
    return status < 0 ? message_error(&err) : EXIT_MATCH;
}
