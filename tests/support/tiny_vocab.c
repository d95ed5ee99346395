#include "support/tiny_vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* tokenizer.ggml.token_type */
enum { TOKEN_NORMAL = 1, TOKEN_UNKNOWN = 2, TOKEN_CONTROL = 3, TOKEN_UNUSED = 5, TOKEN_BYTE = 6 };

#define MAX_TEXT_BYTES 24

struct vocab {
    uint32_t n, limit;
    char (*texts)[MAX_TEXT_BYTES]; /* [limit] */
    int32_t *types;
    float *scores;
};

static uint32_t add(struct vocab *vocab, const char *text, int32_t type, float score)
{
    if (vocab->n >= vocab->limit) {
        fprintf(stderr, "a tiny vocabulary needs more than %u tokens\n", vocab->limit);
        abort();
    }
    snprintf(vocab->texts[vocab->n], MAX_TEXT_BYTES, "%s", text);
    vocab->types[vocab->n] = type;
    vocab->scores[vocab->n] = score;
    return vocab->n++;
}

/* What byte-level BPE writes for a byte: printable Latin-1 for itself, the others as the characters
 * from U+0100 on (GPT-2's table). */
static void byte_symbol(int byte, char out[3])
{
    unsigned code = (unsigned)byte, n_moved = 0;
    for (int b = 0; b <= byte; b++) {
        bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (!printable && b == byte)
            code = 256 + n_moved;
        n_moved += !printable;
    }
    if (code < 128) {
        snprintf(out, 3, "%c", (char)code);
    } else {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 63));
        out[2] = '\0';
    }
}

#define GPT2_SPACE "\xc4\xa0"     /* U+0120 */
#define SPM_SPACE  "\xe2\x96\x81" /* U+2581 */

static void put_lists(struct gguf_writer *writer, const struct vocab *vocab)
{
    const char **texts = malloc(vocab->n * sizeof *texts);
    if (!texts)
        abort();
    for (uint32_t i = 0; i < vocab->n; i++)
        texts[i] = vocab->texts[i];
    gguf_put_texts(writer, "tokenizer.ggml.tokens", texts, vocab->n);
    gguf_put_array(writer, "tokenizer.ggml.token_type", GGUF_I32, vocab->types, vocab->n);
    free(texts);
}

static void fill_up(struct vocab *vocab)
{
    while (vocab->n < vocab->limit) {
        char text[MAX_TEXT_BYTES];
        snprintf(text, sizeof text, "<unused%u>", vocab->n);
        add(vocab, text, TOKEN_UNUSED, 0);
    }
}

static void put_bpe(struct gguf_writer *writer, struct vocab *vocab)
{
    static const char *const merges[] = {
        "y e",
        "ye s",
        "n o",
        "Y e",
        "Ye s",
        "N o",
        GPT2_SPACE " yes",
        GPT2_SPACE " no",
        GPT2_SPACE " Yes",
        GPT2_SPACE " No",
    };
    uint32_t end = add(vocab, "<|endoftext|>", TOKEN_CONTROL, 0);
    add(vocab, "<|im_start|>", TOKEN_CONTROL, 0);
    uint32_t end_of_turn = add(vocab, "<|im_end|>", TOKEN_CONTROL, 0);
    for (int byte = 0; byte < 256; byte++) {
        char symbol[3];
        byte_symbol(byte, symbol);
        add(vocab, symbol, TOKEN_NORMAL, 0);
    }
    for (size_t i = 0; i < sizeof merges / sizeof merges[0]; i++) {
        const char *space = strchr(merges[i], ' ');
        char text[MAX_TEXT_BYTES];
        snprintf(text, sizeof text, "%.*s%s", (int)(space - merges[i]), merges[i], space + 1);
        add(vocab, text, TOKEN_NORMAL, 0);
    }
    fill_up(vocab);
    gguf_put_text(writer, "tokenizer.ggml.model", "gpt2");
    gguf_put_text(writer, "tokenizer.ggml.pre", "smollm");
    put_lists(writer, vocab);
    gguf_put_texts(writer, "tokenizer.ggml.merges", merges, sizeof merges / sizeof merges[0]);
    gguf_put_u32(writer, "tokenizer.ggml.bos_token_id", end);
    gguf_put_u32(writer, "tokenizer.ggml.eos_token_id", end_of_turn);
    gguf_put_bool(writer, "tokenizer.ggml.add_bos_token", false);
}

static void put_spm(struct gguf_writer *writer, struct vocab *vocab)
{
    static const char *const pieces[] = {
        SPM_SPACE,
        "y",
        "e",
        "s",
        "n",
        "o",
        "Y",
        "N",
        "ye",
        "Ye",
        "no",
        "No",
        "yes",
        "Yes",
        SPM_SPACE "no",
        SPM_SPACE "No",
        SPM_SPACE "yes",
        SPM_SPACE "Yes",
    };
    const size_t n_pieces = sizeof pieces / sizeof pieces[0];
    uint32_t unknown = add(vocab, "<unk>", TOKEN_UNKNOWN, 0);
    uint32_t begin = add(vocab, "<s>", TOKEN_CONTROL, 0);
    add(vocab, "</s>", TOKEN_CONTROL, 0);
    for (int byte = 0; byte < 256; byte++) {
        char text[MAX_TEXT_BYTES];
        snprintf(text, sizeof text, "<0x%02X>", byte);
        add(vocab, text, TOKEN_BYTE, 0);
    }
    for (size_t i = 0; i < n_pieces;
         i++) /* longer pieces have higher scores: they are merged whenever they can be */
        add(vocab, pieces[i], TOKEN_NORMAL, (float)i - (float)n_pieces);
    add(vocab, "<|im_start|>", TOKEN_CONTROL, 0);
    uint32_t end_of_turn = add(vocab, "<|im_end|>", TOKEN_CONTROL, 0);
    fill_up(vocab);
    gguf_put_text(writer, "tokenizer.ggml.model", "llama");
    put_lists(writer, vocab);
    gguf_put_array(writer, "tokenizer.ggml.scores", GGUF_F32, vocab->scores, vocab->n);
    gguf_put_u32(writer, "tokenizer.ggml.unknown_token_id", unknown);
    gguf_put_u32(writer, "tokenizer.ggml.bos_token_id", begin);
    gguf_put_u32(writer, "tokenizer.ggml.eos_token_id", end_of_turn);
    gguf_put_bool(writer, "tokenizer.ggml.add_bos_token", true);
    gguf_put_bool(writer, "tokenizer.ggml.add_space_prefix", true);
}

void tiny_vocab_put(struct gguf_writer *writer, bool spm, uint32_t n_vocab)
{
    struct vocab vocab = {.limit = n_vocab};
    vocab.texts = calloc(n_vocab, sizeof *vocab.texts);
    vocab.types = calloc(n_vocab, sizeof *vocab.types);
    vocab.scores = calloc(n_vocab, sizeof *vocab.scores);
    if (!vocab.texts || !vocab.types || !vocab.scores)
        abort();
    if (spm)
        put_spm(writer, &vocab);
    else
        put_bpe(writer, &vocab);
    free(vocab.scores);
    free(vocab.types);
    free(vocab.texts);
}
