#include "formats/gguf.h"
#include "support/check.h"
#include "support/fault.h"
#include "support/gguf_write.h"
#include "support/tiny_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* "TMP/NAME"; valid until the next call. */
static const char *tmp_path(const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", check_tmp_dir(), name);
    return path;
}

/* From memory: a direct read of a file just written waits for the disk, and there are thousands of
 * these. */
static struct gguf *open_bytes(const void *bytes, size_t n_bytes, struct error *err)
{
    char path[64];
    int fd = memfd_create("bytes", 0);
    if (fd < 0 || write(fd, bytes, n_bytes) != (ssize_t)n_bytes)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    *err = (struct error){0};
    struct gguf *gguf = gguf_open(path, err);
    close(fd);
    return gguf;
}

/* Saves, frees the writer and opens. */
static struct gguf *open_writer(struct gguf_writer *writer, struct error *err)
{
    const char *path = tmp_path("written.gguf");
    gguf_writer_save(writer, path);
    gguf_writer_free(writer);
    *err = (struct error){0};
    return gguf_open(path, err);
}

/* One of everything. */
static struct gguf_writer *make_everything(uint32_t version, uint32_t alignment)
{
    struct gguf_writer *writer = gguf_writer_new(version, alignment);
    gguf_put_text(writer, "general.architecture", "llama");
    gguf_put_u32(writer, "a.u32", 4000000000u);
    gguf_put_i32(writer, "a.i32", -7);
    gguf_put_u16(writer, "a.u16", 65535);
    gguf_put_u64(writer, "a.u64", UINT64_C(1) << 40);
    gguf_put_float(writer, "a.float", 0.25f);
    gguf_put_bool(writer, "a.bool", true);
    gguf_put_raw(writer, "a.f64", GGUF_F64, &(double){1e300}, 8);
    gguf_put_raw(writer, "a.nan", GGUF_F32, &(uint32_t){0x7fc00000}, 4);
    gguf_put_raw(writer, "a.i8", GGUF_I8, &(int8_t){-1}, 1);
    gguf_put_array(writer, "a.ints", GGUF_I32, (int32_t[]){5, -6, 7}, 3);
    gguf_put_array(writer, "a.bytes", GGUF_U8, "xyz", 3);
    gguf_put_array(writer, "a.none", GGUF_F64, NULL, 0);
    gguf_put_texts(writer, "a.texts", (const char *const[]){"", "one", "zwei"}, 3);
    float weights[6] = {1, 2, 3, 4, 5, 6};
    gguf_put_tensor(writer, "first", TENSOR_F32, 2, (uint64_t[]){3, 2}, weights, sizeof weights);
    uint8_t blocks[68] = {1, 2, 3};
    gguf_put_tensor(writer, "second", TENSOR_Q8_0, 1, (uint64_t[]){64}, blocks, sizeof blocks);
    gguf_put_tensor(writer, "third", 10, 1, (uint64_t[]){256}, blocks,
                    40); /* Q2_K: known by name only */
    return writer;
}

static void check_everything(const struct gguf *gguf)
{
    struct error err;
    uint32_t u = 0;
    float f = 0;
    bool b = false;
    struct gguf_text text;
    CHECK_INT(gguf_get_text(gguf, "general.architecture", &text, &err), 1);
    CHECK_TEXT(text.data, "llama");
    CHECK_UINT(text.n_bytes, 5);
    CHECK_INT(gguf_get_u32(gguf, "a.u32", &u, &err), 1);
    CHECK_UINT(u, 4000000000u);
    CHECK_INT(gguf_get_u32(gguf, "a.u16", &u, &err), 1);
    CHECK_UINT(u, 65535);
    CHECK_INT(gguf_get_u32(gguf, "a.missing", &u, &err), 0);
    CHECK_UINT(u, 65535);
    CHECK_INT(gguf_get_u32(gguf, "a.i32", &u, &err), -1);
    CHECK_CONTAINS(err.text, "key 'a.i32': -7 is out of range");
    CHECK_INT(gguf_get_u32(gguf, "a.u64", &u, &err), -1);
    CHECK_INT(gguf_get_u32(gguf, "a.float", &u, &err), -1);
    CHECK_CONTAINS(err.text, "expected a whole number, found f32");
    CHECK_INT(gguf_get_float(gguf, "a.float", &f, &err), 1);
    CHECK_NEAR(f, 0.25, 0);
    CHECK_INT(gguf_get_float(gguf, "a.i8", &f, &err), 1);
    CHECK_NEAR(f, -1, 0);
    CHECK_INT(gguf_get_float(gguf, "a.f64", &f, &err), -1);
    CHECK_INT(gguf_get_float(gguf, "a.nan", &f, &err), -1);
    CHECK_INT(gguf_get_float(gguf, "a.texts", &f, &err), -1);
    CHECK_CONTAINS(err.text, "found an array of string");
    CHECK_INT(gguf_get_bool(gguf, "a.bool", &b, &err), 1);
    CHECK(b);
    CHECK_INT(gguf_get_bool(gguf, "a.u32", &b, &err), -1);
    CHECK_INT(gguf_get_text(gguf, "a.u32", &text, &err), -1);
    CHECK_INT(gguf_get_u32_at(gguf, "a.ints", 2, &u, &err), 1);
    CHECK_UINT(u, 7);
    CHECK_INT(gguf_get_u32_at(gguf, "a.ints", 1, &u, &err), -1);
    CHECK_INT(gguf_get_u32_at(gguf, "a.ints", 3, &u, &err), -1);
    CHECK_CONTAINS(err.text, "an array of 3 items, item 3 is needed");
    CHECK_INT(gguf_get_u32_at(gguf, "a.u16", 17, &u, &err), 1);
    CHECK_UINT(u, 65535);

    const struct gguf_value *value = gguf_find(gguf, "a.texts");
    REQUIRE(value && value->type == GGUF_ARRAY && value->item_type == GGUF_STRING);
    CHECK_UINT(value->n_items, 3);
    CHECK_TEXT(value->texts[0].data, "");
    CHECK_TEXT(value->texts[2].data, "zwei");
    value = gguf_find(gguf, "a.none");
    REQUIRE(value != NULL);
    CHECK_UINT(value->n_items, 0);

    CHECK_UINT(gguf_n_tensors(gguf), 3);
    const struct tensor *tensor = gguf_find_tensor(gguf, "first");
    REQUIRE(tensor != NULL);
    CHECK_UINT(tensor->dims[0], 3);
    CHECK_UINT(tensor->dims[1], 2);
    CHECK_UINT(tensor->dims[3], 1);
    CHECK_UINT(tensor->n_bytes, 24);
    float weights[6];
    CHECK_INT(file_read(gguf_file(gguf, 0), tensor->offset, weights, sizeof weights, &err), 0);
    CHECK_NEAR(weights[5], 6, 0);
    tensor = gguf_find_tensor(gguf, "second");
    REQUIRE(tensor != NULL);
    CHECK_UINT(tensor->n_bytes, 68);
    tensor = gguf_find_tensor(gguf, "third");
    REQUIRE(tensor != NULL);
    CHECK_UINT(tensor->n_bytes, 0);
    CHECK_TEXT(tensor_type_info(tensor->type)->name, "Q2_K");
    CHECK(gguf_find_tensor(gguf, "fourth") == NULL);
}

TEST(reads_every_version_and_alignment)
{
    for (uint32_t version = 1; version <= 3; version++)
        for (uint32_t alignment = 0; alignment <= 4096; alignment = alignment ? alignment * 8 : 1) {
            struct error err;
            check_case("version %u, alignment %u", version, alignment);
            struct gguf *gguf = open_writer(make_everything(version, alignment), &err);
            if (!CHECK(gguf != NULL)) {
                printf("%s\n", err.text);
                continue;
            }
            CHECK_UINT(gguf_version(gguf), version);
            CHECK_INT(gguf_n_files(gguf), 1);
            check_everything(gguf);
            CHECK(gguf_resident_bytes(gguf) > 1000);
            gguf_close(gguf);
        }
    gguf_close(NULL);
}

TEST(vocabulary_only_files_open)
{
    struct error err;
    struct gguf_writer *writer = gguf_writer_new(3, 0);
    gguf_put_text(writer, "general.architecture", "llama");
    struct gguf *gguf = open_writer(writer, &err);
    REQUIRE(gguf != NULL);
    CHECK_UINT(gguf_n_tensors(gguf), 0);
    CHECK(gguf_find_tensor(gguf, "x") == NULL);
    gguf_close(gguf);

    gguf = open_writer(gguf_writer_new(2, 0), &err); /* nothing at all */
    REQUIRE(gguf != NULL);
    CHECK(gguf_find(gguf, "x") == NULL);
    gguf_close(gguf);
}

TEST(reads_split_models_from_any_part)
{
    struct error err;
    struct tiny_model model = {.n_parts = 3, .type = TENSOR_Q8_0};
    tiny_model_write(&model, tmp_path("split-00001-of-00003.gguf"));
    for (int part = 1; part <= 3; part++) {
        char name[64];
        snprintf(name, sizeof name, "split-0000%d-of-00003.gguf", part);
        struct gguf *gguf = gguf_open(tmp_path(name), &err);
        if (!CHECK(gguf != NULL)) {
            printf("%s\n", err.text);
            return;
        }
        CHECK_INT(gguf_n_files(gguf), 3);
        CHECK_CONTAINS(gguf_path(gguf), "split-00001-of-00003.gguf");
        CHECK_UINT(gguf_n_tensors(gguf), 3 + 2 * 9);
        CHECK(gguf_find(gguf, "tokenizer.ggml.tokens") != NULL);
        gguf_close(gguf);
    }

    /* A part renamed, missing, of another model. */
    char other[600], second[600];
    snprintf(other, sizeof other, "%s", tmp_path("renamed.gguf"));
    snprintf(second, sizeof second, "%s", tmp_path("split-00002-of-00003.gguf"));
    REQUIRE(rename(second, other) == 0);
    CHECK(gguf_open(other, &err) == NULL);
    CHECK_CONTAINS(err.text, "rename it to end in -00002-of-00003.gguf");
    CHECK(gguf_open(tmp_path("split-00003-of-00003.gguf"), &err) == NULL);
    CHECK_CONTAINS(err.text, "part 2 of 3");
    CHECK_CONTAINS(err.text, "No such file");
    REQUIRE(link(tmp_path("split-00003-of-00003.gguf"), second) == 0);
    CHECK(gguf_open(tmp_path("split-00001-of-00003.gguf"), &err) == NULL);
    CHECK_CONTAINS(err.text, "says that it is part 3 of 3, expected part 2 of 3");
}

/* Bad files. */

/* The text of the error that opening the writer's file gives; "" when it opens. */
static const char *error_of(struct gguf_writer *writer)
{
    static struct error err;
    struct gguf *gguf = open_writer(writer, &err);
    gguf_close(gguf);
    return err.text;
}

TEST(refuses_what_makes_no_sense)
{
    struct gguf_writer *writer;
    const uint64_t four[] = {4, 4, 4, 4, 4};
    float data[1024] = {0};
#define REFUSED(part)                                                                              \
    do {                                                                                           \
        const char *text = error_of(writer);                                                       \
        CHECK_CONTAINS(text, part);                                                                \
        CHECK_CONTAINS(text, "written.gguf: ");                                                    \
    } while (0)

    writer = gguf_writer_new(4, 0);
    REFUSED("GGUF version 4");
    writer = gguf_writer_new(0, 0);
    REFUSED("GGUF version 0");
    writer = gguf_writer_new(3 << 24, 0);
    REFUSED("big-endian");
    writer = gguf_writer_new(3, 48);
    REFUSED("general.alignment is 48");
    writer = gguf_writer_new(3, 1u << 30);
    REFUSED("general.alignment is 1073741824");
    writer = gguf_writer_new(3, 0);
    gguf_put_u32(writer, "general.alignment", 0);
    REFUSED("general.alignment is 0");

    writer = gguf_writer_new(3, 0);
    gguf_put_u32(writer, "twice", 1);
    gguf_put_u32(writer, "other", 1);
    gguf_put_u32(writer, "twice", 1);
    REFUSED("key 'twice' is there twice");
    writer = gguf_writer_new(3, 0);
    gguf_put_u32(writer, "", 1);
    REFUSED("empty");
    writer = gguf_writer_new(3, 0);
    gguf_put_u32(writer, "esc\033[31m\n", 1);
    gguf_put_raw(writer, "bad\033[31m\n", 13, NULL, 0);
    REFUSED("key 'bad?[31m?': unknown type 13");
    writer = gguf_writer_new(3, 0);
    gguf_put_raw(writer, "b", GGUF_BOOL, "\2", 1);
    REFUSED("key 'b': bool of value 2");
    writer = gguf_writer_new(3, 0);
    uint32_t nested[] = {GGUF_ARRAY, 1, 0, GGUF_U8, 0, 0};
    gguf_put_raw(writer, "deep", GGUF_ARRAY, nested, sizeof nested);
    REFUSED("key 'deep': nested arrays");
    writer = gguf_writer_new(3, 0);
    uint32_t long_array[] = {GGUF_U64, 0xffffffff, 0xffffffff};
    gguf_put_raw(writer, "long", GGUF_ARRAY, long_array, sizeof long_array);
    REFUSED("key 'long': array of 18446744073709551615 items");
    writer = gguf_writer_new(3, 0);
    gguf_put_raw(writer, "text", GGUF_STRING, &(uint64_t){1000}, 8);
    REFUSED("claims 1000 bytes");

    writer = gguf_writer_new(3, 0);
    gguf_put_tensor(writer, "t", TENSOR_F32, 5, four, data, 4096);
    REFUSED("tensor 't': 5 dimensions");
    writer = gguf_writer_new(3, 0);
    gguf_put_tensor(writer, "t", TENSOR_F32, 0, four, data, 4);
    REFUSED("tensor 't': 0 dimensions");
    writer = gguf_writer_new(3, 0);
    gguf_put_tensor(writer, "t", TENSOR_F32, 2, (uint64_t[]){4, 0}, data, 64);
    REFUSED("tensor 't': dimension 1 is zero");
    writer = gguf_writer_new(3, 0);
    gguf_put_tensor(writer, "t", TENSOR_F32, 2, (uint64_t[]){UINT64_C(1) << 40, UINT64_C(1) << 40},
                    data, 64);
    REFUSED("2^63");
    writer = gguf_writer_new(3, 0);
    gguf_put_tensor(writer, "t", TENSOR_F32, 1, (uint64_t[]){UINT64_C(1) << 62}, data, 64);
    REFUSED("tensor 't': ");
    writer = gguf_writer_new(3, 0);
    gguf_put_tensor(writer, "t", TENSOR_Q4_K, 1, (uint64_t[]){128}, data, 144);
    REFUSED("rows of 128 weights, but type Q4_K needs a multiple of 256");
    writer = gguf_writer_new(3, 0);
    gguf_put_tensor(writer, "t", TENSOR_F32, 1, (uint64_t[]){100}, data, 396);
    REFUSED("tensor 't': its data ends at byte");
    writer = gguf_writer_new(3, 0);
    gguf_put_tensor(writer, "t", TENSOR_F32, 1, four, data, 16);
    gguf_put_tensor(writer, "t", TENSOR_F32, 1, four, data, 16);
    REFUSED("tensor 't' is there twice");
    writer = gguf_writer_new(3, 0);
    gguf_put_tensor(writer, "a", TENSOR_F32, 1, (uint64_t[]){40}, data, 16); /* really 160 bytes */
    gguf_put_tensor(writer, "b", TENSOR_F32, 1, (uint64_t[]){40}, data, 160);
    REFUSED("tensors 'a' and 'b' overlap");

    writer = gguf_writer_new(3, 0);
    gguf_put_u32(writer, "split.count", 5);
    REFUSED("is part 1 of 5 of a split model; rename it");
#undef REFUSED
}

TEST(says_what_was_passed_by_mistake)
{
    static const struct {
        const char *bytes, *part;
    } mistakes[] = {
        {"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
        {"<!DOCTYPE html>", "a web page"},
        {"FUGG\0\0\0\3", "big-endian"},
        {"hello, world", "starts with bytes 68 65 6c 6c"},
        {"GGU", "ends inside its header"},
        {"", "ends inside its header"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct error err;
        CHECK(open_bytes(mistakes[i].bytes, strlen(mistakes[i].bytes), &err) == NULL);
        CHECK_CONTAINS(err.text, mistakes[i].part);
    }
}

TEST(hostile_counts_take_no_memory)
{
    struct rng rng = rng_make(check_seed());
    for (uint32_t version = 1; version <= 3; version++) {
        size_t n_bytes;
        struct gguf_writer *writer = make_everything(version, 0);
        uint8_t *bytes = gguf_writer_bytes(writer, &n_bytes);
        gguf_writer_free(writer);
        size_t count_bytes = version == 1 ? 4 : 8;
        for (int i = 0; i < 200; i++) {
            uint8_t *copy = malloc(n_bytes);
            memcpy(copy, bytes, n_bytes);
            int64_t least_shift = version == 1 ? 33 : 1;
            uint64_t count = 20 + (rng_u64(&rng) >> rng_between(&rng, least_shift, 63));
            memcpy(copy + 8 + (i % 2 ? count_bytes : 0), &count, count_bytes);
            struct error err;
            struct gguf *gguf = open_bytes(copy, n_bytes, &err);
            CHECK(gguf == NULL);
            gguf_close(gguf);
            free(copy);
        }
        free(bytes);
    }
}

TEST(every_truncation_is_an_error)
{
    for (uint32_t version = 1; version <= 3; version += 2) {
        size_t n_bytes;
        struct gguf_writer *writer = make_everything(version, 0);
        gguf_put_tensor(writer, "last", TENSOR_F32, 1, (uint64_t[]){1}, &(float){1}, 4);
        uint8_t *bytes = gguf_writer_bytes(writer, &n_bytes);
        gguf_writer_free(writer);
        for (size_t n = 0; n < n_bytes; n++) {
            struct error err;
            check_case("version %u, %zu of %zu bytes", version, n, n_bytes);
            struct gguf *gguf = open_bytes(bytes, n, &err);
            CHECK(gguf == NULL);
            CHECK_INT(err.kind, ERROR_FORMAT);
            CHECK_CONTAINS(err.text, "/proc/self/fd/");
            gguf_close(gguf);
        }
        struct error err;
        struct gguf *gguf = open_bytes(bytes, n_bytes, &err);
        CHECK(gguf != NULL);
        gguf_close(gguf);
        free(bytes);
    }
}

/* Looks at everything, so that the sanitizers do. */
static void touch(const struct gguf *gguf)
{
    uint64_t sum = 0;
    struct error err;
    for (uint64_t i = 0; i < gguf_n_tensors(gguf); i++) {
        const struct tensor *tensor = gguf_tensor(gguf, i);
        CHECK(gguf_find_tensor(gguf, tensor->name) == tensor);
        CHECK(tensor->offset + tensor->n_bytes <= gguf_file(gguf, (int)tensor->file)->size_bytes);
        sum += strlen(tensor->name);
    }
    const struct gguf_value *texts = gguf_find(gguf, "a.texts");
    for (uint64_t i = 0; texts && texts->item_type == GGUF_STRING && i < texts->n_items; i++)
        sum += strlen(texts->texts[i].data) + texts->texts[i].n_bytes;
    uint32_t u;
    for (uint64_t i = 0; i < 5; i++)
        sum += (uint64_t)gguf_get_u32_at(gguf, "a.ints", i, &u, &err);
    CHECK(sum < UINT64_C(1) << 60);
}

TEST(random_damage_never_crashes)
{
    struct rng rng = rng_make(check_seed());
    int n_opened = 0;
    for (int i = 0; i < 6000; i++) {
        size_t n_bytes;
        struct gguf_writer *writer = make_everything(1 + (uint32_t)i % 3, i % 2 ? 8 : 0);
        uint8_t *bytes = gguf_writer_bytes(writer, &n_bytes);
        gguf_writer_free(writer);
        uint64_t n_flips = 1 + rng_below(&rng, 4);
        for (uint64_t f = 0; f < n_flips; f++) {
            size_t at = rng_below(&rng, n_bytes);
            if (rng_below(&rng, 2))
                bytes[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
            else
                bytes[at] = (uint8_t)rng_u64(&rng);
        }
        struct error err;
        struct gguf *gguf = open_bytes(bytes, n_bytes, &err);
        if (gguf) {
            touch(gguf);
            n_opened++;
        } else {
            CHECK_CONTAINS(err.text, "/proc/self/fd/");
        }
        gguf_close(gguf);
        free(bytes);
    }
    CHECK(n_opened > 100 && n_opened < 5900);
}

TEST(faults_are_clean_errors)
{
    struct tiny_model model = {.n_parts = 2, .n_layers = 1};
    tiny_model_write(&model, tmp_path("fault-00001-of-00002.gguf"));
    for (int kind = FAULT_ALLOCATION; kind <= FAULT_READ_INTERRUPT; kind++)
        for (uint64_t n = 1;; n++) {
            check_case("fault %d, number %" PRIu64, kind, n);
            struct error err = {0};
            fault_arm((enum fault_kind)kind, n);
            struct gguf *gguf = gguf_open(tmp_path("fault-00001-of-00002.gguf"), &err);
            bool struck = fault_disarm();
            CHECK(gguf || struck);
            CHECK(gguf || err.text[0]);
            gguf_close(gguf);
            if (!struck)
                break;
        }
}

TEST(reads_real_files)
{
    static const struct {
        const char *path;
        uint32_t version;
        uint64_t n_tensors, n_tokens;
    } files[] = {
        {"vocab/ggml-vocab-llama-bpe.gguf", 3, 0, 128256},
        {"vocab/ggml-vocab-qwen2.gguf", 3, 0, 151665},
        {"models/stories260K/tinyllamas-stories-260k-f32.gguf", 1, 48, 512},
        {"models/stories260K/stories260K-f32-v3.gguf", 3, 48, 512},
    };
    int n_found = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = check_data_path(files[i].path);
        if (!path)
            continue;
        n_found++;
        struct error err;
        struct gguf *gguf = gguf_open(path, &err);
        if (!CHECK(gguf != NULL)) {
            printf("%s\n", err.text);
            continue;
        }
        CHECK_UINT(gguf_version(gguf), files[i].version);
        CHECK_UINT(gguf_n_tensors(gguf), files[i].n_tensors);
        const struct gguf_value *tokens = gguf_find(gguf, "tokenizer.ggml.tokens");
        CHECK(tokens && tokens->n_items == files[i].n_tokens);
        touch(gguf);
        gguf_close(gguf);
    }
    if (n_found == 0)
        SKIP("the shared test data is not there (TRAWL_TEST_DATA)");
}

TEST(tensor_types_have_sizes)
{
    CHECK_TEXT(tensor_type_info(TENSOR_Q6_K)->name, "Q6_K");
    CHECK_UINT(tensor_row_bytes(tensor_type_info(TENSOR_Q6_K), 512), 420);
    CHECK_UINT(tensor_type_info(23)->block_len, 0);
    CHECK_TEXT(tensor_type_info(23)->name, "IQ4_XS");
    CHECK_TEXT(tensor_type_info(63)->name, "unknown");
    CHECK_TEXT(tensor_type_info(UINT32_MAX)->name, "unknown");
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
