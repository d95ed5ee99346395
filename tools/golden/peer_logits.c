// What llama.cpp answers: full logits of token sequences, for comparing trawl and the golden files
// with it. Linked against the peer by tools/make_peer.sh; no part of trawl.
//
//   peer-logits MODEL [LORA SCALE] [--exact] < IDS > LOGITS
//
// IDS: one sequence per line, ids separated by spaces. LOGITS: for each sequence in turn, for each
// of its tokens, n_vocab float32 in the machine's byte order. Every sequence is one micro-batch on
// an empty cache. --exact keeps keys and values in F32 and takes the plain attention and plain
// kernels; without it everything is as llama.cpp runs by default.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llama.h"

enum { MAX_TOKENS = 8192 };

static void die(const char *what)
{
    fprintf(stderr, "peer-logits: %s\n", what);
    exit(2);
}

static void quiet(enum ggml_log_level level, const char *text, void *unused)
{
    (void)unused;
    if (level == GGML_LOG_LEVEL_ERROR)
        fputs(text, stderr);
}

// Reads one line of ids into tokens; returns how many, or -1 at the end of input.
static int read_sequence(llama_token *tokens, int n_vocab)
{
    static char line[16 * MAX_TOKENS];
    if (!fgets(line, sizeof line, stdin))
        return -1;
    int n_tokens = 0;
    for (char *at = line, *end;; at = end) {
        long id = strtol(at, &end, 10);
        if (end == at)
            return n_tokens;
        if (id < 0 || id >= n_vocab || n_tokens == MAX_TOKENS)
            die("an id outside the vocabulary, or too many of them");
        tokens[n_tokens++] = (llama_token)id;
    }
}

int main(int argc, char **argv)
{
    bool exact = argc > 2 && !strcmp(argv[argc - 1], "--exact");
    argc -= exact;
    if (argc != 2 && argc != 4)
        die("usage: peer-logits MODEL [LORA SCALE] [--exact] < IDS > LOGITS");
    llama_log_set(quiet, NULL);
    llama_backend_init();

    struct llama_model_params model_params = llama_model_default_params();
    model_params.use_extra_bufts = !exact;
    struct llama_model *model = llama_model_load_from_file(argv[1], model_params);
    if (!model)
        die("cannot load the model");
    int n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));

    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = params.n_ubatch = MAX_TOKENS;
    params.n_threads = params.n_threads_batch = 2;
    if (exact) {
        params.type_k = params.type_v = GGML_TYPE_F32;
        params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    }
    struct llama_adapter_lora *adapter = NULL;
    if (argc == 4 && !(adapter = llama_adapter_lora_init(model, argv[2])))
        die("cannot load the adapter");
    struct llama_context *context = llama_init_from_model(model, params);
    if (!context)
        die("cannot make a context");
    float scale = argc == 4 ? strtof(argv[3], NULL) : 0;
    if (adapter && llama_set_adapters_lora(context, &adapter, 1, &scale))
        die("cannot set the adapter");

    static llama_token tokens[MAX_TOKENS];
    struct llama_batch batch = llama_batch_init(MAX_TOKENS, 0, 1);
    for (int n; (n = read_sequence(tokens, n_vocab)) >= 0;) {
        llama_memory_clear(llama_get_memory(context), true);
        batch.n_tokens = n;
        for (int i = 0; i < n; i++) {
            batch.token[i] = tokens[i];
            batch.pos[i] = i;
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = true;
        }
        if (llama_decode(context, batch))
            die("the forward pass failed");
        for (int i = 0; i < n; i++)
            if (fwrite(llama_get_logits_ith(context, i), sizeof(float), n_vocab, stdout) !=
                (size_t)n_vocab)
                die("cannot write");
    }
    llama_batch_free(batch);
    llama_free(context);
    llama_model_free(model);
    return fflush(stdout) ? 2 : 0;
}
