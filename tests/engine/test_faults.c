/* What goes wrong below a run: memory that runs out, reads that fail, files that change or lie,
 * through the public header. Each gives a clean error, or the same bits as without the fault; the
 * sanitizers of the ASan build see that nothing leaks. */

#include "support/check.h"
#include "support/fault.h"
#include "support/gguf_write.h"
#include "support/run_ids.h"
#include "support/tiny_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1 << 20, BUDGET = 1000 * MIB, FEW_WORDS = 12 }; /* a sanitizer takes hundreds */

static const int32_t first_words[FEW_WORDS] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 10, 11, 12};
static const int32_t other_words[FEW_WORDS] = {9, 8, 7, 6, 50, 40, 30, 20};

static const char *model_path(void)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/faulty.gguf", check_tmp_dir());
    return path;
}

static void fill(struct run_ids *run, const char *reader)
{
    *run = (struct run_ids){.max_tokens = 16,
                            .n = 3,
                            .ids = {first_words, other_words, first_words},
                            .n_ids = {FEW_WORDS, 8, 3},
                            .most_in_batch = 2,
                            .readout = {.next = true, .n_top = 2},
                            .options = {.memory_bytes = BUDGET, .n_threads = 2, .reader = reader}};
}

/* Opens the model, runs two sweeps, closes. */
static int open_and_run(const struct trawl_model_options *options, struct run_ids *run,
                        struct error *err)
{
    struct trawl_model *model = trawl_model_open(options, err);
    if (!model)
        return -1;
    run->model = model;
    int rc = run_ids(run, err);
    trawl_model_close(model);
    return rc;
}

/* The Nth event fails, for N = 1 until none is hit. */
static void fail_each(enum fault_kind kind, const char *reader, enum error_kind expected_error)
{
    tiny_model_write(&(struct tiny_model){.n_layers = 2, .type = TENSOR_Q8_0, .seed = check_seed()},
                     model_path());
    const struct trawl_model_options options = {.path = model_path()};
    struct run_ids clean, run;
    fill(&clean, reader);
    fill(&run, reader);
    struct error err = {0};
    CHECK_INT(open_and_run(&options, &clean, &err), 0);
    CHECK_TEXT(err.text, "");
    CHECK_UINT(clean.stats.sweeps, 2);
    uint64_t n_failed = 0, n = 1;
    for (bool struck = true; struck; n++) {
        check_case("fault %d, number %llu, %s", (int)kind, (unsigned long long)n,
                   reader ? reader : "best reader");
        err = (struct error){0};
        fault_arm(kind, n);
        int rc = open_and_run(&options, &run, &err);
        struck = fault_disarm();
        if (rc < 0) {
            n_failed++;
            CHECK(struck);
            CHECK(err.text[0] != '\0');
            CHECK(expected_error == ERROR_NONE || err.kind == expected_error);
            if (expected_error == ERROR_IO)
                CHECK_CONTAINS(err.text, "faulty.gguf");
        } else {
            CHECK(run_ids_equal(&run, &clean));
        }
        if (getenv("TEST_LIGHT") && n > 200)
            n += n / 20;
    }
    CHECK(n > 4);
    CHECK((n_failed == 0) == (kind == FAULT_READ_SHORT || kind == FAULT_READ_INTERRUPT));
    run_ids_deinit(&clean);
    run_ids_deinit(&run);
}

TEST(an_allocation_fails)
{
    fail_each(FAULT_ALLOCATION, "pread", ERROR_NONE);
    fail_each(FAULT_ALLOCATION, NULL, ERROR_NONE);
}

TEST(a_read_fails)
{
    fail_each(FAULT_READ_ERROR, "pread", ERROR_IO);
}

TEST(a_read_is_short)
{
    fail_each(FAULT_READ_SHORT, "pread", ERROR_IO);
}

TEST(a_read_is_interrupted)
{
    fail_each(FAULT_READ_INTERRUPT, "pread", ERROR_IO);
}

TEST(a_read_finds_the_end)
{
    fail_each(FAULT_READ_END, "pread",
              ERROR_NONE); /* while opening it may be a damaged file as well */
}

/* A file that changes. */

enum change { TRUNCATED, EMPTIED, DELETED, REWRITTEN, REPLACED };

static void change_file(enum change change)
{
    char aside[600];
    snprintf(aside, sizeof aside, "%s.new", model_path());
    struct tiny_model other = {.n_layers = 2, .type = TENSOR_Q8_0, .seed = check_seed() + 1};
    switch (change) {
    case TRUNCATED:
        CHECK_INT(truncate(model_path(), 50000), 0);
        break;
    case EMPTIED:
        CHECK_INT(truncate(model_path(), 0), 0);
        break;
    case DELETED:
        CHECK_INT(unlink(model_path()), 0);
        break;
    case REWRITTEN:
        usleep(20000); /* the clock of the file system is coarse */
        tiny_model_write(&other, model_path());
        break;
    case REPLACED:
        tiny_model_write(&other, aside);
        CHECK_INT(rename(aside, model_path()), 0);
        break;
    }
}

struct change_at {
    enum change change;
    uint32_t n_given;
};

static int change_before(void *context, uint32_t n_given)
{
    const struct change_at *at = context;
    if (n_given == at->n_given)
        change_file(at->change);
    return 0;
}

TEST(a_file_changes_while_it_is_read)
{
    static const char *const remedy[] = {"", "", "vanished", "changed", "replaced"};
    for (int change = TRUNCATED; change <= REPLACED; change++)
        for (uint32_t n_given = 0; n_given < 3;
             n_given += 2) { /* before the first sweep, between both */
            check_case("change %d before sequence %u", change, n_given);
            tiny_model_write(
                &(struct tiny_model){.n_layers = 2, .type = TENSOR_Q8_0, .seed = check_seed()},
                model_path());
            struct run_ids run;
            fill(&run, NULL);
            run.options.n_rows = 16;
            struct change_at at = {(enum change)change, n_given};
            run.before = change_before;
            run.before_context = &at;
            struct error err = {0};
            CHECK_INT(open_and_run(&(struct trawl_model_options){.path = model_path()}, &run, &err),
                      -1);
            CHECK_INT(err.kind, ERROR_IO);
            CHECK_CONTAINS(err.text, "faulty.gguf");
            CHECK_CONTAINS(err.text, remedy[change]);
            run_ids_deinit(&run);
        }
}

/* A file that lies. */

struct image {
    uint8_t *bytes;
    size_t n_bytes;
};

static struct image image_read(void)
{
    struct stat status;
    FILE *file = fopen(model_path(), "rb");
    if (!file || fstat(fileno(file), &status) < 0)
        abort();
    struct image image = {malloc((size_t)status.st_size), (size_t)status.st_size};
    if (!image.bytes || fread(image.bytes, 1, image.n_bytes, file) != image.n_bytes)
        abort();
    fclose(file);
    return image;
}

/* Where the string [name] ends in the file: after its length, which makes it unmistakable. */
static uint8_t *after_name(const struct image *image, const char *name)
{
    uint64_t length = strlen(name);
    for (size_t i = 0; i + 8 + length < image->n_bytes; i++)
        if (memcmp(image->bytes + i, &length, 8) == 0 &&
            memcmp(image->bytes + i + 8, name, length) == 0)
            return image->bytes + i + 8 + length;
    CHECK_TEXT(name, "a name in the file");
    return NULL;
}

/* The error of opening and running what is at model_path(); "" when it went well. */
static const char *outcome(const char *adapter, float scale)
{
    static struct error err;
    err = (struct error){0};
    struct run_ids run;
    fill(&run, NULL);
    struct trawl_adapter adapters[] = {{adapter, scale}};
    int rc = open_and_run(&(struct trawl_model_options){.path = model_path(),
                                                        .adapters = adapters,
                                                        .n_adapters = adapter != NULL},
                          &run, &err);
    run_ids_deinit(&run);
    CHECK((rc < 0) == (err.text[0] != '\0'));
    const char *name = strstr(err.text, model_path());
    CHECK(name == NULL || strstr(name + 1, model_path()) == NULL);
    return err.text;
}

TEST(hyper_parameters_beyond_sense)
{
    static const struct {
        const char *key;
        uint32_t value;
        const char *text; /* the error names it; NULL: any outcome but a crash */
    } cases[] = {
        {"llama.attention.head_count", 0, "head_count is 0"},
        {"llama.attention.head_count", 3, "3 attention heads cannot share 4"},
        {"llama.attention.head_count", 0xffffffff, "head_count is 4294967295"},
        {"llama.attention.head_count_kv", 0, "head_count_kv is 0"},
        {"llama.attention.head_count_kv", 3, "cannot share 3 key/value heads"},
        {"llama.attention.key_length", 0, "key_length is 0"},
        {"llama.attention.key_length", 17, "blk.0.attn_q.weight: expected [68, 64]"},
        {"llama.attention.value_length", 1u << 19, "beyond sense"},
        {"llama.block_count", 0, "block_count is 0"},
        {"llama.block_count", 1, "blk.1."},
        {"llama.block_count", 3, "blk.2"},
        {"llama.block_count", 0x7fffffff, "block_count is 2147483647"},
        {"llama.embedding_length", 0, "embedding_length is 0"},
        {"llama.embedding_length", 65, "expected"},
        {"llama.embedding_length", 0x80000000, "embedding_length is 2147483648"},
        {"llama.feed_forward_length", 0, "feed_forward_length is 0"},
        {"llama.feed_forward_length", 1, "expected [1, 64]"},
        {"llama.context_length", 0, "context_length is 0"},
        {"llama.context_length", 0xffffffff, NULL},
        {"llama.rope.dimension_count", 0, "rope.dimension_count is 0"},
        {"llama.rope.dimension_count", 15, "even"},
        {"llama.rope.dimension_count", 18, "rope.dimension_count is 18"},
        {"llama.rope.freq_base", 0, "rope.freq_base is 0"},
        {"llama.rope.freq_base", 0x7fc00000, "not a finite"},
        {"llama.rope.freq_base", 0xff800000, "not a finite"},
        {"llama.attention.layer_norm_rms_epsilon", 0x7f800000, "not a finite"},
        {"llama.attention.layer_norm_rms_epsilon", 0xbf800000, "negative"},
        {"llama.attention.layer_norm_rms_epsilon", 0, NULL},
        {"llama.vocab_size", 0, NULL},
        {"tokenizer.ggml.bos_token_id", 0x40000000, NULL},
        {"tokenizer.ggml.eos_token_id", 0xffffffff, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tiny_model_write(&(struct tiny_model){.seed = 1}, model_path());
        struct image image = image_read();
        uint8_t *at = after_name(&image, cases[i].key);
        if (at) {
            memcpy(at + 4, &cases[i].value, 4); /* after the value's type */
            write_file(model_path(), image.bytes, image.n_bytes);
            check_case("%s = %u", cases[i].key, cases[i].value);
            const char *text = outcome(NULL, 0);
            if (cases[i].text)
                CHECK_CONTAINS(text, cases[i].text);
        }
        free(image.bytes);
    }
}

static const char *const tensor_names[] = {
    "token_embd.weight",        "output_norm.weight",    "blk.0.attn_norm.weight",
    "blk.1.attn_q.weight",      "blk.0.attn_k.weight",   "blk.1.attn_v.weight",
    "blk.1.attn_output.weight", "blk.0.ffn_norm.weight", "blk.0.ffn_gate.weight",
    "blk.1.ffn_up.weight",      "blk.1.ffn_down.weight", "blk.1.attn_q_norm.weight",
    "blk.0.attn_k_norm.weight",
};
enum { N_NAMES = sizeof tensor_names / sizeof *tensor_names };

TEST(tensors_that_are_missing_or_have_another_shape)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        check_case("without %s", tensor_names[i]);
        tiny_model_write(
            &(struct tiny_model){.arch = "qwen3", .seed = 1, .left_out = tensor_names[i]},
            model_path());
        const char *missing = outcome(NULL, 0);
        CHECK_CONTAINS(missing, tensor_names[i]);
        CHECK_CONTAINS(missing, "missing");

        tiny_model_write(
            &(struct tiny_model){.arch = "qwen3", .ffn_dim = 96, .n_kv_heads = 2, .seed = 1},
            model_path());
        struct image image = image_read();
        uint8_t *dims = after_name(&image, tensor_names[i]);
        uint64_t swapped[2] = {1, 1};
        uint32_t n_dims = 0;
        if (dims) {
            memcpy(&n_dims, dims, 4);
            memcpy(swapped, dims + 4, n_dims * 8);
            check_case("%s of half the width, %u dims", tensor_names[i], n_dims);
            swapped[0] /= 2;
            memcpy(dims + 4, swapped, 8);
            write_file(model_path(), image.bytes, image.n_bytes);
            const char *half = outcome(NULL, 0);
            CHECK_CONTAINS(half, tensor_names[i]);
            CHECK_CONTAINS(half, "expected");
        }
        free(image.bytes);
    }
}

TEST(tensor_types_that_are_not_supported_are_named)
{
    static const struct {
        uint32_t type;
        const char *name;
    } types[] = {{10, "Q2_K"}, {11, "Q3_K"},  {16, "IQ2_XXS"}, {20, "IQ4_NL"},
                 {9, "Q8_1"},  {39, "MXFP4"}, {4711, "4711"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        tiny_model_write(&(struct tiny_model){.dim = 256, .seed = 1}, model_path());
        struct image image = image_read();
        uint8_t *dims = after_name(&image, "blk.1.ffn_up.weight");
        if (dims) {
            memcpy(dims + 4 + 16, &types[i].type, 4);
            write_file(model_path(), image.bytes, image.n_bytes);
            check_case("type %u", types[i].type);
            const char *text = outcome(NULL, 0);
            CHECK_CONTAINS(text, types[i].name);
            CHECK_CONTAINS(text, "blk.1.ffn_up.weight");
        }
        free(image.bytes);
    }
}

TEST(weights_that_are_not_numbers)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        check_case("%s", tensor_names[i]);
        tiny_model_write(
            &(struct tiny_model){.arch = "qwen3", .seed = 1, .poisoned = tensor_names[i]},
            model_path());
        if (strcmp(tensor_names[i], "token_embd.weight") ==
            0) /* the first value is of id 0, which the run does not read */
            CHECK_TEXT(outcome(NULL, 0), "");
        else
            CHECK_CONTAINS(outcome(NULL, 0), tensor_names[i]);
    }
}

TEST(flipped_bytes_never_crash)
{
    struct rng rng = rng_make(check_seed());
    tiny_model_write(&(struct tiny_model){.seed = 1}, model_path());
    struct image image = image_read();
    uint8_t *first_tensor = after_name(&image, "token_embd.weight");
    size_t n_head = first_tensor ? (size_t)(first_tensor - image.bytes) + 4096 : 4096;
    for (int round = 0; round < (getenv("TEST_LIGHT") ? 60 : 300); round++) {
        size_t at[3];
        uint8_t had[3];
        for (int i = 0; i < 3; i++) {
            /* Most of the head is the vocabulary: half of the flips hit the rest. */
            at[i] = rng_below(&rng, 2)   ? rng_below(&rng, n_head)
                    : rng_below(&rng, 2) ? rng_below(&rng, 1024)
                                         : n_head - 1 - rng_below(&rng, 5120);
            had[i] = image.bytes[at[i]];
            image.bytes[at[i]] ^= (uint8_t)(1u << rng_below(&rng, 8));
        }
        write_file(model_path(), image.bytes, image.n_bytes);
        check_case("bytes %zu, %zu, %zu", at[0], at[1], at[2]);
        outcome(NULL, 0);
        for (int i = 2; i >= 0; i--)
            image.bytes[at[i]] = had[i];
    }
    for (size_t n = 0; n < image.n_bytes;
         n += 1 + image.n_bytes / (getenv("TEST_LIGHT") ? 20 : 100)) {
        check_case("cut to %zu of %zu bytes", n, image.n_bytes);
        write_file(model_path(), image.bytes, n);
        CHECK_CONTAINS(outcome(NULL, 0), "faulty.gguf");
    }
    free(image.bytes);
}

/* Adapters. */

TEST(adapters_that_do_not_fit)
{
    static const struct {
        const char *arch, *kind, *a_name, *b_name; /* NULL: not there */
        uint64_t a_dims[2], b_dims[2];             /* contiguous first */
        float alpha;
        const char *text; /* "": it fits */
    } cases[] = {
        {"llama",
         "lora",
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         {64, 4},
         {4, 64},
         8,
         ""},
        {"qwen2",
         "lora",
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         {64, 4},
         {4, 64},
         8,
         "architecture \"qwen2\""},
        {"llama",
         "ia3",
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         {64, 4},
         {4, 64},
         8,
         "\"ia3\" are not supported"},
        {"llama",
         "lora",
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         {64, 4},
         {5, 64},
         8,
         "expected a [rank, 64]"},
        {"llama",
         "lora",
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         {63, 4},
         {4, 64},
         8,
         "expected a [rank, 64]"},
        {"llama",
         "lora",
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         {64, 4},
         {4, 63},
         8,
         "expected a [rank, 64]"},
        {"llama",
         "lora",
         "blk.9.attn_q.weight.lora_a",
         "blk.9.attn_q.weight.lora_b",
         {64, 4},
         {4, 64},
         8,
         "no matrix of that name"},
        {"llama",
         "lora",
         "blk.0.attn_norm.weight.lora_a",
         "blk.0.attn_norm.weight.lora_b",
         {64, 4},
         {4, 64},
         8,
         "no matrix of that name"},
        {"llama",
         "lora",
         "blk.0.attn_q.weight.lora_a",
         NULL,
         {64, 4},
         {0},
         8,
         "blk.0.attn_q.weight.lora_b is missing"},
        {"llama",
         "lora",
         NULL,
         "blk.0.attn_q.weight.lora_b",
         {0},
         {4, 64},
         8,
         "blk.0.attn_q.weight.lora_a is missing"},
        {"llama", "lora", "blk.0.attn_q.weight", NULL, {64, 4}, {0}, 8, "not a low-rank factor"},
        {"llama",
         "lora",
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         {64, 4},
         {4, 64},
         NAN,
         "alpha': nan is not a finite"},
    };
    static float zeros[64 * 64];
    tiny_model_write(&(struct tiny_model){.seed = 1}, model_path());
    char path[512];
    snprintf(path, sizeof path, "%s/adapter.gguf", check_tmp_dir());
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gguf_writer *writer = gguf_writer_new(3, 0);
        gguf_put_text(writer, "general.type", "adapter");
        gguf_put_text(writer, "general.architecture", cases[i].arch);
        gguf_put_text(writer, "adapter.type", cases[i].kind);
        gguf_put_float(writer, "adapter.lora.alpha", cases[i].alpha);
        if (cases[i].a_name)
            gguf_put_tensor(writer, cases[i].a_name, TENSOR_F32, 2, cases[i].a_dims, zeros,
                            cases[i].a_dims[0] * cases[i].a_dims[1] * 4);
        if (cases[i].b_name)
            gguf_put_tensor(writer, cases[i].b_name, TENSOR_F32, 2, cases[i].b_dims, zeros,
                            cases[i].b_dims[0] * cases[i].b_dims[1] * 4);
        gguf_writer_save(writer, path);
        gguf_writer_free(writer);
        check_case("adapter %zu", i);
        const char *text = outcome(path, 1.0f);
        CHECK_CONTAINS(text, cases[i].text);
        CHECK((text[0] == '\0') == (cases[i].text[0] == '\0'));
        if (text[0])
            CHECK_CONTAINS(text, "adapter.gguf");
    }
    CHECK_CONTAINS(outcome("/nowhere/adapter.gguf", 1.0f), "/nowhere/adapter.gguf");
    CHECK_CONTAINS(outcome(model_path(), 1.0f), "is not an adapter");
    /* An adapter in place of the model. */
    struct error err = {0};
    CHECK(trawl_model_open(&(struct trawl_model_options){.path = path}, &err) == NULL);
    CHECK_CONTAINS(err.text, "--lora");
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
