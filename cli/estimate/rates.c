#include "rates.h"

#include "base/bytes.h"
#include "base/size.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

#define HEAD       "trawl rates 1\n"
#define MOST_BYTES (64u << 10)

/* ---- The key ---- */

static void name_processor(char *name, size_t n_name)
{
    struct utsname system;
    name[0] = '\0';
#ifdef __APPLE__
    if (sysctlbyname("machdep.cpu.brand_string", name, &n_name, NULL, 0) == 0)
        return;
#endif
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];
    while (file && !name[0] && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':'))
            snprintf(name, n_name, "%s",
                     strchr(line, ':') + 1 + strspn(strchr(line, ':') + 1, " "));
    if (file)
        fclose(file);
    if (!name[0] && uname(&system) == 0)
        snprintf(name, n_name, "%s", system.machine);
}

/* The words of a line have no control characters. */
static void make_word(char *text)
{
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        text[--n] = '\0';
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            *text = '?';
}

struct rates_key rates_key_make(int n_threads, const char *numerics, const char *model)
{
    struct rates_key key = {.n_threads = n_threads};
    char *path = realpath(model, NULL);
    name_processor(key.cpu, sizeof key.cpu);
    snprintf(key.numerics, sizeof key.numerics, "%s", numerics);
    snprintf(key.model, sizeof key.model, "%s", path ? path : model);
    free(path);
    make_word(key.cpu);
    make_word(key.model);
    return key;
}

/* ---- The file ---- */

/* $XDG_CACHE_HOME/trawl/rates; empty without a home. [make]: with its folders. */
static void find_file(char path[PATH_MAX], bool make)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool own = cache && cache[0] == '/';
    path[0] = '\0';
    if (!own && (!home || !home[0]))
        return;
    int n = snprintf(path, PATH_MAX, "%s%s/trawl/rates", own ? cache : home, own ? "" : "/.cache");
    if (n < 0 || n >= PATH_MAX) {
        path[0] = '\0';
        return;
    }
    for (char *slash = path + 1; make && (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(path, 0700); /* where it fails, opening the file tells */
        *slash = '/';
    }
}

/* Takes the next word off a line; NULL when there is none. */
static char *next_word(char **line)
{
    char *word = *line;
    if (!word)
        return NULL;
    char *tab = strchr(word, '\t');
    if (tab)
        *tab = '\0';
    *line = tab ? tab + 1 : NULL;
    return word;
}

static bool read_number(char **line, double least, double most, double *out)
{
    char *word = next_word(line), *end;
    if (!word || !*word)
        return false;
    *out = strtod(word, &end);
    return *end == '\0' && isfinite(*out) && *out >= least && *out <= most;
}

/* Rates beyond any machine's come from a damaged line. */
#define LEAST_RATE 0.0
#define MOST_RATE  1e-3
#define MOST_WHEN  1e11

static void take_compute(char *line, const struct rates_key *key, struct rates *rates)
{
    double when, threads;
    struct compute_rates compute;
    if (!read_number(&line, 0, MOST_WHEN, &when) || !read_number(&line, 1, 4096, &threads))
        return;
    const char *numerics = next_word(&line);
    if (!read_number(&line, LEAST_RATE, MOST_RATE, &compute.unpack) ||
        !read_number(&line, 1e-18, MOST_RATE, &compute.multiply) ||
        !read_number(&line, LEAST_RATE, MOST_RATE, &compute.attend))
        return;
    const char *cpu = next_word(&line), *model = next_word(&line);
    if (!model || line || strcmp(cpu, key->cpu) != 0 || (int)threads != key->n_threads ||
        strcmp(numerics, key->numerics) != 0)
        return;
    bool same = strcmp(model, key->model) == 0;
    if (!same && rates->compute_origin == RATES_OF_MODEL)
        return;
    rates->compute = compute;
    rates->compute_origin = same ? RATES_OF_MODEL : RATES_OF_MACHINE;
    rates->compute_when = (int64_t)when;
}

static void take_disk(char *line, const struct rates_key *key, struct rates *rates)
{
    double when, rate;
    if (!read_number(&line, 0, MOST_WHEN, &when) || !read_number(&line, 1, 1e13, &rate))
        return;
    const char *model = next_word(&line);
    if (model && !line && strcmp(model, key->model) == 0)
        rates->disk_bytes_per_s = rate;
}

void rates_load(const struct rates_key *key, struct rates *rates)
{
    char path[PATH_MAX], line[8192];
    *rates = (struct rates){0};
    find_file(path, false);
    FILE *file = path[0] ? fopen(path, "re") : NULL;
    if (!file)
        return;
    bool ours = fgets(line, sizeof line, file) && strcmp(line, HEAD) == 0;
    for (uint64_t n = 0; ours && n < 16u * MOST_BYTES && fgets(line, sizeof line, file);
         n += strlen(line)) {
        char *rest = line, *end = strchr(line, '\n');
        if (!end)
            continue; /* torn */
        *end = '\0';
        const char *kind = next_word(&rest);
        if (strcmp(kind, "compute") == 0)
            take_compute(rest, key, rates);
        else if (strcmp(kind, "disk") == 0)
            take_disk(rest, key, rates);
    }
    fclose(file);
}

/* Puts the newer half of a file in its place. Lines that another run appends meanwhile may be lost:
 * it will not be its last. */
static int halve(const char *path, int fd, uint64_t size, struct error *err)
{
    char aside[PATH_MAX + 8];
    char *text = malloc(MOST_BYTES);
    ssize_t n = text ? pread(fd, text, MOST_BYTES / 2, (off_t)(size - MOST_BYTES / 2)) : -1;
    char *line = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;
    snprintf(aside, sizeof aside, "%s.XXXXXX", path);
    int to = line ? mkstemp(aside) : -1;
    size_t n_kept = line ? (size_t)(n - (line + 1 - text)) : 0;
    bool done = to >= 0 && write(to, HEAD, strlen(HEAD)) == (ssize_t)strlen(HEAD) &&
                write(to, line + 1, n_kept) == (ssize_t)n_kept && rename(aside, path) == 0;
    int os_errno = errno;
    if (to >= 0)
        close(to);
    if (to >= 0 && !done)
        unlink(aside);
    free(text);
    return done ? 0 : fail_errno(err, ERROR_IO, os_errno, "%s", path);
}

/* Whether the file is ours to write to; a new one gets its head. */
static bool is_ours(int fd, uint64_t size, struct bytes *out, struct error *err)
{
    char head[sizeof HEAD] = "", last = '\n';
    if (size == 0)
        return bytes_append_text(out, HEAD, err) == 0;
    if (pread(fd, head, strlen(HEAD), 0) != (ssize_t)strlen(HEAD) || strcmp(head, HEAD) != 0) {
        fail(err, ERROR_FORMAT, "it is no file of trawl's");
        return false;
    }
    /* A line that was cut off does not spoil the next. */
    return pread(fd, &last, 1, (off_t)size - 1) == 1 &&
           (last == '\n' || bytes_append_text(out, "\n", err) == 0);
}

static int append_lines(struct bytes *out, const struct rates_key *key, const struct rates *rates,
                        struct error *err)
{
    char line[sizeof key->model + 512];
    int64_t now = (int64_t)time(NULL);
    if (rates->compute_origin != RATES_UNKNOWN) {
        snprintf(line, sizeof line, "compute\t%" PRId64 "\t%d\t%s\t%.6g\t%.6g\t%.6g\t%s\t%s\n", now,
                 key->n_threads, key->numerics, rates->compute.unpack, rates->compute.multiply,
                 rates->compute.attend, key->cpu, key->model);
        if (bytes_append_text(out, line, err) < 0)
            return -1;
    }
    if (rates->disk_bytes_per_s > 0) {
        snprintf(line, sizeof line, "disk\t%" PRId64 "\t%.6g\t%s\n", now, rates->disk_bytes_per_s,
                 key->model);
        if (bytes_append_text(out, line, err) < 0)
            return -1;
    }
    return 0;
}

int rates_save(const struct rates_key *key, const struct rates *rates, struct error *err)
{
    char path[PATH_MAX];
    struct bytes lines = {0};
    struct stat st;
    find_file(path, true);
    int fd = path[0] ? open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return fail_errno(err, ERROR_IO, errno, "%s", path);
    }
    int rc = is_ours(fd, (uint64_t)st.st_size, &lines, err) ? 0 : -1;
    if (rc == 0)
        rc = append_lines(&lines, key, rates, err);
    if (rc == 0 && write(fd, lines.data, lines.n_bytes) != (ssize_t)lines.n_bytes)
        rc = fail_errno(err, ERROR_IO, errno, "%s", path);
    if (rc == 0 && (uint64_t)st.st_size > MOST_BYTES)
        rc = halve(path, fd, (uint64_t)st.st_size + lines.n_bytes, err);
    close(fd);
    bytes_deinit(&lines);
    return rc;
}
