#ifndef SUPPORT_CHECK_H
#define SUPPORT_CHECK_H
/* The test framework: a test is a function that registers itself.
 *
 *     TEST(splits_lines) { CHECK_INT(count_lines("a\nb"), 2); }
 *     int main(int argc, char **argv) { return check_main(argc, argv); }
 *
 * A failing CHECK prints file, line and values and the test goes on; REQUIRE leaves the test (it
 * returns from the function it is in). `test_x NAME...` runs only tests whose names contain one of
 * the NAMEs; `--seed N` repeats a printed seed. One thread. */

#include "support/rng.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct check_test {
    const char *name, *file;
    void (*run)(void);
    struct check_test *next;
};

void check_register(struct check_test *test);
int check_main(
    int argc,
    char **argv); /* exit status: 0 all passed, 1 some failed, 77 nothing but skipped tests */

uint64_t check_seed(void); /* of this run; printed */
void check_skip(const char *file, int line, const char *why);

/* A folder of this process for temporary files, made when first asked for and emptied at the end of
 * check_main. */
const char *check_tmp_dir(void);

/* A path below the shared test data (TRAWL_TEST_DATA, else ../shared/data), or NULL when it is not
 * there. Valid until the next call. */
const char *check_data_path(const char *relative);

/* A whole file, malloced, with a NUL behind it; NULL when it cannot be read or [path] is NULL. */
char *check_read_file(const char *path, size_t *n_bytes);

bool check_true(const char *file, int line, const char *text, bool ok);
bool check_int(const char *file, int line, const char *text, int64_t got, int64_t expected);
bool check_uint(const char *file, int line, const char *text, uint64_t got, uint64_t expected);
bool check_near(const char *file, int line, const char *text, double got, double expected,
                double tolerance);
bool check_text(const char *file, int line, const char *text, const char *got,
                const char *expected);
bool check_contains(const char *file, int line, const char *text, const char *got,
                    const char *part);
bool check_bytes(const char *file, int line, const char *text, const void *got,
                 const void *expected, size_t n_bytes);

/* Adds "FORMAT" to what a failing CHECK prints, until the next call or the end of the test: the
 * case of a loop. */
void check_case(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define TEST(name)                                                                                 \
    static void test_##name(void);                                                                 \
    static struct check_test entry_##name = {#name, __FILE__, test_##name, NULL};                  \
    __attribute__((constructor)) static void register_##name(void)                                 \
    {                                                                                              \
        check_register(&entry_##name);                                                             \
    }                                                                                              \
    static void test_##name(void)

/* All give whether they held. CHECK_NEAR fails on NaN. */
#define CHECK(condition)          check_true(__FILE__, __LINE__, #condition, (condition))
#define CHECK_INT(got, expected)  check_int(__FILE__, __LINE__, #got, (got), (expected))
#define CHECK_UINT(got, expected) check_uint(__FILE__, __LINE__, #got, (got), (expected))
#define CHECK_NEAR(got, expected, tolerance)                                                       \
    check_near(__FILE__, __LINE__, #got, (got), (expected), (tolerance))
#define CHECK_TEXT(got, expected) check_text(__FILE__, __LINE__, #got, (got), (expected))
#define CHECK_CONTAINS(got, part) check_contains(__FILE__, __LINE__, #got, (got), (part))
#define CHECK_BYTES(got, expected, n_bytes)                                                        \
    check_bytes(__FILE__, __LINE__, #got, (got), (expected), (n_bytes))
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!CHECK(condition))                                                                     \
            return;                                                                                \
    } while (0)
#define SKIP(why)                                                                                  \
    do {                                                                                           \
        check_skip(__FILE__, __LINE__, why);                                                       \
        return;                                                                                    \
    } while (0)

#endif
