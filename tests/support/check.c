#include "support/check.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct check_test *tests; /* in the order of the file */
static uint64_t seed;
static int n_failed_checks; /* of the running test */
static bool skipped;
static char case_text[256];
static char tmp_dir[PATH_MAX];

/* After this many failures a test is silent: the first ones tell. */
#define MAX_PRINTED 10

void check_register(struct check_test *test)
{
    struct check_test **end = &tests;
    while (*end)
        end = &(*end)->next;
    *end = test;
}

uint64_t check_seed(void)
{
    return seed;
}

void check_skip(const char *file, int line, const char *why)
{
    printf("%s:%d: skipped: %s\n", file, line, why);
    skipped = true;
}

void check_case(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(case_text, sizeof case_text, format, args);
    va_end(args);
}

static bool report(bool ok, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static bool report(bool ok, const char *file, int line, const char *format, ...)
{
    if (ok || n_failed_checks++ >= MAX_PRINTED)
        return ok;
    printf("%s:%d: ", file, line);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("%s%s\n", case_text[0] ? "  in case: " : "", case_text);
    fflush(stdout);
    return ok;
}

bool check_true(const char *file, int line, const char *text, bool ok)
{
    return report(ok, file, line, "failed: %s", text);
}

bool check_int(const char *file, int line, const char *text, int64_t got, int64_t expected)
{
    return report(got == expected, file, line, "%s is %" PRId64 ", expected %" PRId64, text, got,
                  expected);
}

bool check_uint(const char *file, int line, const char *text, uint64_t got, uint64_t expected)
{
    return report(got == expected, file, line, "%s is %" PRIu64 ", expected %" PRIu64, text, got,
                  expected);
}

bool check_near(const char *file, int line, const char *text, double got, double expected,
                double tolerance)
{
    bool ok = fabs(got - expected) <= tolerance;
    return report(ok, file, line, "%s is %.9g, expected %.9g +- %.3g", text, got, expected,
                  tolerance);
}

bool check_text(const char *file, int line, const char *text, const char *got, const char *expected)
{
    bool ok = got && expected ? strcmp(got, expected) == 0 : got == expected;
    return report(ok, file, line, "%s is \"%s\", expected \"%s\"", text, got ? got : "(null)",
                  expected ? expected : "(null)");
}

bool check_contains(const char *file, int line, const char *text, const char *got, const char *part)
{
    return report(got && strstr(got, part), file, line,
                  "%s is \"%s\", expected something with \"%s\"", text, got ? got : "(null)", part);
}

bool check_bytes(const char *file, int line, const char *text, const void *got,
                 const void *expected, size_t n_bytes)
{
    const unsigned char *a = got, *b = expected;
    size_t i = memcmp(a, b, n_bytes) == 0 ? n_bytes : 0;
    while (i < n_bytes && a[i] == b[i])
        i++;
    return report(i == n_bytes, file, line,
                  "%s differs from byte %zu of %zu: 0x%02x, expected 0x%02x", text, i, n_bytes,
                  i < n_bytes ? a[i] : 0u, i < n_bytes ? b[i] : 0u);
}

const char *check_tmp_dir(void)
{
    if (tmp_dir[0])
        return tmp_dir;
    const char *base = getenv("TMPDIR");
    snprintf(tmp_dir, sizeof tmp_dir, "%s/trawl-test-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(tmp_dir)) {
        perror(tmp_dir);
        abort();
    }
    return tmp_dir;
}

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char below[PATH_MAX];
        snprintf(below, sizeof below, "%.2000s/%.255s", path, entry->d_name);
        struct stat status;
        if (lstat(below, &status) == 0 && S_ISDIR(status.st_mode))
            remove_tree(below);
        else
            unlink(below);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

const char *check_data_path(const char *relative)
{
    static char path[PATH_MAX];
    const char *base = getenv("TRAWL_TEST_DATA");
    snprintf(path, sizeof path, "%s/%s", base && base[0] ? base : "../shared/data", relative);
    return access(path, R_OK) == 0 ? path : NULL;
}

char *check_read_file(const char *path, size_t *n_bytes)
{
    FILE *file = path ? fopen(path, "rb") : NULL;
    struct stat status;
    char *text = NULL;
    if (file && fstat(fileno(file), &status) == 0 && (text = malloc((size_t)status.st_size + 1))) {
        *n_bytes = fread(text, 1, (size_t)status.st_size, file);
        text[*n_bytes] = '\0';
    }
    if (file)
        fclose(file);
    return text;
}

static bool is_wanted(const struct check_test *test, int n_names, char **names)
{
    for (int i = 0; i < n_names; i++)
        if (strstr(test->name, names[i]))
            return true;
    return n_names == 0;
}

int check_main(int argc, char **argv)
{
    int n_names = 0;
    bool seeded = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 0);
            seeded = true;
        } else {
            argv[1 + n_names++] = argv[i];
        }
    }
    if (!seeded) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = ((uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec) % 1000000000u;
    }
    const char *program = strrchr(argv[0], '/');
    program = program ? program + 1 : argv[0];
    printf("%s: seed %" PRIu64 "\n", program, seed);

    int n_passed = 0, n_failed = 0, n_skipped = 0;
    for (struct check_test *test = tests; test; test = test->next) {
        if (!is_wanted(test, n_names, argv + 1))
            continue;
        n_failed_checks = 0;
        skipped = false;
        case_text[0] = '\0';
        test->run();
        if (n_failed_checks > 0) {
            printf("FAILED %s (%d checks; repeat with: %s %s --seed %" PRIu64 ")\n", test->name,
                   n_failed_checks, argv[0], test->name, seed);
            n_failed++;
        } else if (skipped) {
            n_skipped++;
        } else {
            n_passed++;
        }
        fflush(stdout);
    }
    if (tmp_dir[0])
        remove_tree(tmp_dir);
    printf("%s: %d passed, %d failed", program, n_passed, n_failed);
    if (n_skipped > 0)
        printf(", %d skipped", n_skipped);
    printf("\n");
    if (n_failed > 0)
        return 1;
    return n_passed == 0 && n_skipped > 0 ? 77 : 0;
}
