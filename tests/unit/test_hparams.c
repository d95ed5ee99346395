/* Hyper-parameters: what a file may leave out, and what is refused by name. */

#include "model/hparams.h"
#include "support/check.h"
#include "support/gguf_write.h"

#include <stdio.h>

#define N_LAYERS 3

static struct gguf_writer *write_llama(void)
{
    struct gguf_writer *to = gguf_writer_new(3, 0);
    static const float embeddings[8 * 5] = {1};
    gguf_put_text(to, "general.architecture", "llama");
    gguf_put_u32(to, "llama.block_count", N_LAYERS);
    gguf_put_u32(to, "llama.embedding_length", 8);
    gguf_put_u32(to, "llama.feed_forward_length", 16);
    gguf_put_u32(to, "llama.attention.head_count", 2);
    gguf_put_u32(to, "llama.context_length", 64);
    gguf_put_tensor(to, "token_embd.weight", TENSOR_F32, 2, (const uint64_t[]){8, 5}, embeddings,
                    sizeof embeddings);
    return to;
}

static int read(struct gguf_writer *writer, struct hparams *h, struct error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/hparams.gguf", check_tmp_dir());
    gguf_writer_save(writer, path);
    gguf_writer_free(writer);
    *err = (struct error){0};
    struct gguf *gguf = gguf_open(path, err);
    int rc = gguf ? hparams_read(gguf, h, err) : -1;
    gguf_close(gguf);
    return rc;
}

TEST(what_is_left_out)
{
    struct hparams h;
    struct error err;
    CHECK_INT(read(write_llama(), &h, &err), 0);
    CHECK_TEXT(err.text, "");
    CHECK_UINT(h.n_kv_heads, 2);
    CHECK_UINT(h.head_dim, 4);
    CHECK_UINT(h.value_dim, 4);
    CHECK_UINT(h.rope.n_rot, 4);
    CHECK_UINT(h.n_vocab, 5);
    CHECK_UINT(h.sliding_window, 0);
}

/* Per-layer arrays, as newer converters write them. */
TEST(layers_that_differ_are_refused)
{
    static const char *const keys[] = {"llama.attention.head_count_kv",
                                       "llama.attention.sliding_window",
                                       "llama.attention.key_length"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct hparams h;
        struct error err;
        struct gguf_writer *writer = write_llama();
        check_case("%s", keys[i]);
        gguf_put_array(writer, keys[i], GGUF_I32, (const int32_t[N_LAYERS]){2, 2, 2}, N_LAYERS);
        CHECK_INT(read(writer, &h, &err), 0);
        writer = write_llama();
        gguf_put_array(writer, keys[i], GGUF_I32, (const int32_t[N_LAYERS]){2, 2, 1}, N_LAYERS);
        CHECK_INT(read(writer, &h, &err), -1);
        CHECK_INT(err.kind, ERROR_UNSUPPORTED);
        CHECK_CONTAINS(err.text, keys[i]);
        writer = write_llama();
        gguf_put_array(writer, keys[i], GGUF_I32, (const int32_t[N_LAYERS]){0}, 0);
        CHECK_INT(read(writer, &h, &err), -1);
        CHECK_INT(err.kind, ERROR_FORMAT);
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
