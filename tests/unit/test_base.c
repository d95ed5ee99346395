#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/sha256.h"
#include "base/size.h"
#include "support/check.h"
#include "support/fault.h"
#include "support/gguf_write.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Pool. */

struct tally {
    _Atomic int *n_runs; /* [n_items] */
    _Atomic bool bad_worker;
    int n_threads;
};

static void count_item(void *arg, size_t item, int worker)
{
    struct tally *tally = arg;
    atomic_fetch_add(&tally->n_runs[item], 1);
    if (worker < 0 || worker >= tally->n_threads)
        atomic_store(&tally->bad_worker, true);
}

TEST(pool_runs_every_item_once)
{
    struct rng rng = rng_make(check_seed());
    for (int n_threads = 1; n_threads <= 9; n_threads += 2) {
        struct error err;
        struct pool *pool = pool_new(n_threads, &err);
        REQUIRE(pool != NULL);
        for (int round = 0; round < 300; round++) {
            size_t n_items = rng_below(&rng, 3) ? rng_below(&rng, 40) : rng_below(&rng, 3000);
            struct tally tally = {calloc(n_items + 1, sizeof(_Atomic int)), false, n_threads};
            parallel_for(pool, n_items, count_item, &tally);
            size_t n_wrong = 0;
            for (size_t i = 0; i < n_items; i++)
                n_wrong += tally.n_runs[i] != 1;
            CHECK_UINT(n_wrong, 0);
            CHECK(!tally.bad_worker);
            free(tally.n_runs);
            if (round % 100 == 7)
                usleep(2000); /* longer than threads spin: they must be woken */
        }
        pool_free(pool);
    }
}

/* Plain memory written in one loop and read in the next by others: the race detector's case. */
static void add_neighbours(void *arg, size_t item, int worker)
{
    uint64_t *values = arg; /* [2, 64]: the loop's parity is in values[128] */
    (void)worker;
    uint64_t *from = values + 64 * (values[128] % 2), *to = values + 64 * ((values[128] + 1) % 2);
    to[item] = from[item] + from[(item + 1) % 64];
}

TEST(pool_orders_memory_between_loops)
{
    struct error err;
    struct pool *pool = pool_new(4, &err);
    REQUIRE(pool != NULL);
    uint64_t values[129] = {0}, expected[129] = {0};
    for (uint64_t i = 0; i < 64; i++)
        values[i] = expected[i] = i * i + 1;
    for (int round = 0; round < 2000; round++) {
        parallel_for(pool, 64, add_neighbours, values);
        for (size_t i = 0; i < 64; i++)
            add_neighbours(expected, i, 0);
        values[128]++;
        expected[128]++;
    }
    CHECK_BYTES(values, expected, sizeof values);
    pool_free(pool);
}

TEST(pool_survives_failed_allocations)
{
    for (uint64_t n = 1;; n++) {
        struct error err = {0};
        fault_arm(FAULT_ALLOCATION, n);
        struct pool *pool = pool_new(3, &err);
        bool struck = fault_disarm();
        if (!pool)
            CHECK_INT(err.kind, ERROR_MEMORY);
        pool_free(pool);
        if (!struck)
            break;
    }
}

TEST(pool_knows_cores)
{
    CHECK(pool_cores_available() >= 1);
    CHECK(pool_cores_available() <= sysconf(_SC_NPROCESSORS_CONF));
}

/* Memory. */

TEST(memory_is_zeroed_aligned_and_counted)
{
    struct memory memory = {0};
    struct error err;
    uint8_t *a = memory_alloc(&memory, MEMORY_RING, 5000, &err);
    uint8_t *b = memory_alloc(&memory, MEMORY_ROWS, 10u << 20, &err);
    REQUIRE(a && b);
    CHECK_UINT((uintptr_t)a % 4096, 0);
    CHECK_UINT((uintptr_t)b % 4096, 0);
    CHECK_INT(a[4999] | b[(10u << 20) - 1], 0);
    CHECK_UINT(memory.used_bytes[MEMORY_RING], 8192);
    CHECK_UINT(memory_used(&memory), 8192 + (10u << 20));
    memory_free(&memory, MEMORY_ROWS, b, 10u << 20);
    CHECK_UINT(memory.used_bytes[MEMORY_ROWS], 0);
    CHECK_UINT(memory.peak_bytes[MEMORY_ROWS], 10u << 20);
    memory_free(&memory, MEMORY_RING, a, 5000);
    memory_free(&memory, MEMORY_RING, NULL, 5000);
    CHECK_UINT(memory_used(&memory), 0);
}

TEST(memory_that_is_vacated_goes_back_to_the_system)
{
    enum { BYTES = 48 << 20 };
    struct memory memory = {0};
    struct error err;
    uint8_t *block = memory_alloc(&memory, MEMORY_PINNED, BYTES, &err);
    REQUIRE(block);
    memset(block, 1, BYTES);
    uint64_t before = memory_resident();
    CHECK_INT(memory_vacate(block + 100, BYTES - 4096, &err), 0);
    CHECK_INT(block[99], 1); /* the first and the last page are not given whole */
    CHECK_INT(block[BYTES - 1], 1);
    CHECK_INT(memory_vacate(block, 4095, &err), 0);
    CHECK_INT(block[0], 1);
#ifdef __linux__
    CHECK(memory_resident() + BYTES - (4u << 20) < before);
#else
    (void)before;
#endif
    for (size_t i = 65536; i < BYTES - 65536; i += 4096)
        if (!CHECK_INT(block[i], 0))
            break;
    CHECK_UINT(memory_used(&memory), BYTES);
    memory_free(&memory, MEMORY_PINNED, block, BYTES);
    CHECK_UINT(memory_used(&memory), 0);
}

TEST(memory_refuses_nonsense)
{
    struct memory memory = {0};
    struct error err = {0};
    CHECK(!memory_alloc(&memory, MEMORY_PINNED, UINT64_MAX - 5, &err));
    CHECK_INT(err.kind, ERROR_MEMORY);
    CHECK_CONTAINS(err.text, "pinned");
    CHECK(!memory_alloc(&memory, MEMORY_PINNED, 0, &err));
    fault_arm(FAULT_ALLOCATION, 1);
    CHECK(!memory_alloc(&memory, MEMORY_PINNED, 4096, &err));
    CHECK(fault_disarm());
    CHECK_UINT(memory_used(&memory), 0);
}

TEST(memory_figures_make_sense)
{
    CHECK(memory_available() > 1u << 20);
    CHECK(memory_available() < UINT64_C(1) << 50);
    uint64_t peak = memory_kernel_peak();
    CHECK(peak > 100u * 1024);
    CHECK(peak < UINT64_C(1) << 45);
}

/* Bytes and arena. */

TEST(bytes_grow)
{
    struct bytes bytes = {0};
    struct error err;
    for (int i = 0; i < 1000; i++)
        REQUIRE(bytes_append(&bytes, "abc\0d", 5, &err) == 0);
    CHECK_UINT(bytes.n_bytes, 5000);
    CHECK_BYTES(bytes.data + 4995, "abc\0d", 6); /* with the NUL after it */
    bytes_clear(&bytes);
    CHECK_UINT(bytes.n_bytes, 0);
    REQUIRE(bytes_append_text(&bytes, "", &err) == 0);
    CHECK_TEXT(bytes.data, "");
    REQUIRE(bytes_append_text(&bytes, "x", &err) == 0);
    CHECK_TEXT(bytes.data, "x");
    CHECK_INT(bytes_reserve(&bytes, SIZE_MAX - 1, &err), -1);
    CHECK_INT(err.kind, ERROR_MEMORY);
    bytes_deinit(&bytes);
    CHECK(bytes.data == NULL);
}

TEST(bytes_survive_failed_allocations)
{
    struct bytes bytes = {0};
    struct error err;
    REQUIRE(bytes_append_text(&bytes, "kept", &err) == 0);
    fault_arm(FAULT_ALLOCATION, 1);
    CHECK_INT(bytes_reserve(&bytes, 1000, &err), -1);
    CHECK(fault_disarm());
    CHECK_TEXT(bytes.data, "kept");
    bytes_deinit(&bytes);
}

TEST(arena_pieces_do_not_overlap)
{
    struct rng rng = rng_make(check_seed());
    struct arena arena = {0};
    struct error err;
    uint8_t *pieces[300];
    size_t n_bytes[300];
    for (int i = 0; i < 300; i++) {
        n_bytes[i] = rng_below(&rng, 20) == 0 ? rng_below(&rng, 200000) : rng_below(&rng, 300);
        pieces[i] = arena_alloc(&arena, n_bytes[i], i % 3 ? 1 : 16, "a piece", &err);
        REQUIRE(pieces[i] != NULL);
        CHECK(i % 3 || (uintptr_t)pieces[i] % 16 == 0);
        memset(pieces[i], i, n_bytes[i]);
    }
    for (int i = 0; i < 300; i++)
        for (size_t j = 0; j < n_bytes[i]; j++)
            if (pieces[i][j] != (uint8_t)i) {
                CHECK_INT(pieces[i][j], (uint8_t)i);
                break;
            }
    CHECK(!arena_alloc(&arena, UINT64_MAX - 3, 1, "everything", &err));
    arena_deinit(&arena);
    CHECK_UINT(arena.n_bytes, 0);
}

/* Files. */

static char *make_file(const char *name, size_t n_bytes, uint8_t **content)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", check_tmp_dir(), name);
    struct rng rng = rng_make(n_bytes);
    *content = malloc(n_bytes + 1);
    for (size_t i = 0; i < n_bytes; i++)
        (*content)[i] = (uint8_t)rng_u64(&rng);
    write_file(path, *content, n_bytes);
    return path;
}

TEST(file_reads_any_range)
{
    struct rng rng = rng_make(check_seed());
    const size_t n_bytes = 700001;
    uint8_t *content, *buffer = malloc(n_bytes);
    const char *path = make_file("ranges", n_bytes, &content);
    struct file file;
    struct error err;
    REQUIRE(file_open(&file, path, &err) == 0);
    CHECK_UINT(file.size_bytes, n_bytes);
    for (int buffered = 0; buffered <= 1; buffered++) {
        if (buffered) { /* what a filesystem without direct reads gives */
            int fd = open(path, O_RDONLY);
            dup2(fd, file.fd);
            close(fd);
            fcntl(file.fd, F_SETFL, 0);
            file.direct = false;
        }
        for (int i = 0; i < 200; i++) {
            uint64_t offset = rng_below(&rng, n_bytes + 1);
            uint64_t n = rng_below(&rng, i % 2 ? 100 : n_bytes);
            if (n > n_bytes - offset)
                n = n_bytes - offset;
            CHECK_INT(file_read(&file, offset, buffer, n, &err), 0);
            CHECK_BYTES(buffer, content + offset, n);
        }
    }
    CHECK_INT(file_read(&file, n_bytes - 1, buffer, 2, &err), -1);
    CHECK_CONTAINS(err.text, "truncated");
    CHECK_INT(file_read(&file, UINT64_MAX, buffer, 2, &err), -1);
    file_close(&file);
    free(buffer);
    free(content);
}

TEST(file_reads_through_short_and_interrupted_reads)
{
    const size_t n_bytes = 300000;
    uint8_t *content, *buffer = malloc(n_bytes);
    const char *path = make_file("short", n_bytes, &content);
    struct error err;
    for (int kind = FAULT_READ_ERROR; kind <= FAULT_READ_INTERRUPT; kind++)
        for (uint64_t n = 1;; n++) {
            check_case("kind %d, read %llu", kind, (unsigned long long)n);
            struct file file;
            REQUIRE(file_open(&file, path, &err) == 0);
            fault_arm((enum fault_kind)kind, n);
            memset(buffer, 0, n_bytes);
            int rc = file_read(&file, 5, buffer, n_bytes - 10, &err);
            bool struck = fault_disarm();
            bool harmless = kind == FAULT_READ_SHORT || kind == FAULT_READ_INTERRUPT || !struck;
            CHECK_INT(rc, harmless ? 0 : -1);
            if (rc == 0)
                CHECK_BYTES(buffer, content + 5, n_bytes - 10);
            else
                CHECK_INT(err.kind, ERROR_IO);
            file_close(&file);
            if (!struck)
                break;
        }
    free(buffer);
    free(content);
}

TEST(file_aligned_read_ends_with_the_file)
{
    uint8_t *content;
    const char *path = make_file("aligned", 10000, &content);
    struct file file;
    struct error err;
    REQUIRE(file_open(&file, path, &err) == 0);
    void *buffer = NULL;
    REQUIRE(posix_memalign(&buffer, FILE_ALIGN, 16384) == 0);
    CHECK_INT(file_read_aligned(&file, 0, buffer, 16384), 10000);
    CHECK_BYTES(buffer, content, 10000);
    CHECK_INT(file_read_aligned(&file, 8192, buffer, 4096), 10000 - 8192);
    CHECK_INT(file_read_aligned(&file, 12288, buffer, 4096), 0);
    free(buffer);
    file_close(&file);
    free(content);
}

TEST(file_notices_changes)
{
    uint8_t *content;
    char *path = make_file("changing", 5000, &content);
    struct file file;
    struct error err;
    REQUIRE(file_open(&file, path, &err) == 0);
    CHECK_INT(file_check_unchanged(&file, &err), 0);
    REQUIRE(truncate(path, 4000) == 0);
    CHECK_INT(file_check_unchanged(&file, &err), -1);
    CHECK_CONTAINS(err.text, "changed");
    unlink(path);
    CHECK_INT(file_check_unchanged(&file, &err), -1);
    CHECK_CONTAINS(err.text, "vanished");
    write_file(path, content, 5000);
    CHECK_INT(file_check_unchanged(&file, &err), -1);
    file_close(&file);
    free(content);
}

TEST(file_refuses_what_is_no_file)
{
    struct file file;
    struct error err;
    char path[600];
    snprintf(path, sizeof path, "%s/pipe", check_tmp_dir());
    REQUIRE(mkfifo(path, 0600) == 0);
    CHECK_INT(file_open(&file, path, &err), -1); /* and does not hang */
    CHECK_CONTAINS(err.text, "pipe");
    file_close(&file);
    CHECK_INT(file_open(&file, check_tmp_dir(), &err), -1);
    CHECK_CONTAINS(err.text, "directory");
    file_close(&file);
    snprintf(path, sizeof path, "%s/nothing", check_tmp_dir());
    CHECK_INT(file_open(&file, path, &err), -1);
    CHECK_CONTAINS(err.text, "nothing: cannot open: No such file");
    file_close(&file);
}

/* The examples of FIPS 180-4, and texts of every length around a block given in pieces. */
TEST(sha256_of_published_examples)
{
    static const struct {
        const char *text, *hex;
    } examples[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct sha256 sha;
        uint8_t hash[SHA256_BYTES];
        char hex[2 * SHA256_BYTES + 1];
        sha256_init(&sha);
        sha256_add(&sha, examples[i].text, strlen(examples[i].text));
        sha256_finish(&sha, hash);
        for (int b = 0; b < SHA256_BYTES; b++)
            snprintf(hex + 2 * b, 3, "%02x", hash[b]);
        CHECK_TEXT(hex, examples[i].hex);
    }
    char text[200];
    memset(text, 'x', sizeof text);
    for (size_t n = 0; n < sizeof text; n++) {
        struct sha256 whole, pieces;
        uint8_t expected[SHA256_BYTES], hash[SHA256_BYTES];
        sha256_init(&whole);
        sha256_init(&pieces);
        sha256_add(&whole, text, n);
        for (size_t at = 0, step = 1; at < n; at += step, step = 1 + (step * 7 + n) % 70)
            sha256_add(&pieces, text + at, at + step < n ? step : n - at);
        sha256_finish(&whole, expected);
        sha256_finish(&pieces, hash);
        CHECK_BYTES(hash, expected, sizeof hash);
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
