#include "sweep_file.h"

#include "../durable.h"
#include "base/sha256.h"
#include "trawl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES  64
#define PIECE_BYTES (1u << 20)

static const char mark[] = "trawlswp"; /* without its NUL */

static char *path_of(const char *job, const char *ending, struct error *err)
{
    size_t n = strlen(job) + strlen(ending) + 1;
    char *path = malloc(n);
    if (path)
        snprintf(path, n, "%s%s", job, ending);
    else
        fail_memory(err, n, "a path");
    return path;
}

static void write_head(uint32_t plan_rows, const struct trawl_suspended *suspended,
                       uint8_t head[HEAD_BYTES])
{
    const uint32_t numbers[] = {1, plan_rows, suspended->layer, 0};
    memcpy(head, mark, 8);
    memcpy(head + 8, numbers, sizeof numbers);
    memcpy(head + 24, &suspended->n_bytes, 8);
    memcpy(head + 32, suspended->batch, TRAWL_KEY_BYTES);
}

static uint32_t number_at(const uint8_t *head, size_t at)
{
    uint32_t number;
    memcpy(&number, head + at, sizeof number);
    return number;
}

static int write_all(int fd, const void *data, uint64_t n_bytes)
{
    const char *from = data;
    while (n_bytes > 0) {
        ssize_t n = write(fd, from, n_bytes < PIECE_BYTES ? n_bytes : PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        from += n;
        n_bytes -= (uint64_t)n;
    }
    return 0;
}

/* The pages it leaves in the system's cache would count against the memory budget. */
static void drop_pages(int fd)
{
#ifdef POSIX_FADV_DONTNEED
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
#else
    (void)fd;
#endif
}

static int write_file(const char *path, uint32_t plan_rows, const struct trawl_suspended *suspended,
                      struct error *err)
{
    uint8_t head[HEAD_BYTES], hash[SHA256_BYTES];
    struct sha256 sha;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", path);
    write_head(plan_rows, suspended, head);
    sha256_init(&sha);
    sha256_add(&sha, head, sizeof head);
    sha256_add(&sha, suspended->hidden, suspended->n_bytes);
    sha256_finish(&sha, hash);
    int rc = write_all(fd, head, sizeof head) < 0 ||
                     write_all(fd, suspended->hidden, suspended->n_bytes) < 0 ||
                     write_all(fd, hash, sizeof hash) < 0
                 ? fail_errno(err, ERROR_IO, errno, "%s", path)
                 : 0;
    if (rc == 0 && durable_sync(fd, err) < 0)
        rc = fail_context(err, "%s", path);
    drop_pages(fd);
    if (close(fd) < 0 && rc == 0)
        rc = fail_errno(err, ERROR_IO, errno, "%s", path);
    return rc;
}

int sweep_file_save(const char *job, uint32_t plan_rows, const struct trawl_suspended *suspended,
                    struct error *err)
{
    char *path = path_of(job, "-sweep", err), *part = path_of(job, "-sweep.part", err);
    int rc = path && part ? 0 : -1;
    if (rc == 0 && write_file(part, plan_rows, suspended, err) < 0)
        rc = -1;
    else if (rc == 0 && rename(part, path) < 0)
        rc = fail_errno(err, ERROR_IO, errno, "%s", part);
    if (rc < 0 && part)
        unlink(part);
    if (rc == 0)
        rc = durable_sync_name(path, err);
    free(path);
    free(part);
    return rc;
}

static int read_all(int fd, void *to, uint64_t n_bytes)
{
    char *at = to;
    while (n_bytes > 0) {
        ssize_t n = read(fd, at, n_bytes < PIECE_BYTES ? n_bytes : PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        at += n;
        n_bytes -= (uint64_t)n;
    }
    return 0;
}

/* Whether the file is a whole one of this batch. Its rows are in place then; else they are rubbish,
 * which the sweep's first step overwrites. */
static bool read_file(int fd, struct trawl_suspended *suspended)
{
    uint8_t head[HEAD_BYTES], expected[HEAD_BYTES], hash[SHA256_BYTES], computed[SHA256_BYTES];
    struct trawl_suspended found = *suspended;
    struct sha256 sha;
    if (read_all(fd, head, sizeof head) < 0)
        return false;
    found.layer = number_at(head, 16);
    write_head(number_at(head, 12), &found, expected);
    if (memcmp(head, expected, sizeof head) != 0 ||
        read_all(fd, suspended->hidden, suspended->n_bytes) < 0 ||
        read_all(fd, hash, sizeof hash) < 0)
        return false;
    sha256_init(&sha);
    sha256_add(&sha, head, sizeof head);
    sha256_add(&sha, suspended->hidden, suspended->n_bytes);
    sha256_finish(&sha, computed);
    if (memcmp(hash, computed, sizeof hash) != 0)
        return false;
    suspended->layer = found.layer;
    return true;
}

static int open_file(const char *job)
{
    struct error ignored;
    char *path = path_of(job, "-sweep", &ignored);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    free(path);
    return fd;
}

uint32_t sweep_file_rows(const char *job)
{
    uint8_t head[HEAD_BYTES];
    int fd = open_file(job);
    bool whole = fd >= 0 && read_all(fd, head, sizeof head) == 0 && memcmp(head, mark, 8) == 0;
    if (fd >= 0)
        close(fd);
    return whole ? number_at(head, 12) : 0;
}

bool sweep_file_load(const char *job, struct trawl_suspended *suspended)
{
    int fd = open_file(job);
    if (fd < 0)
        return false;
    bool found = read_file(fd, suspended);
    drop_pages(fd);
    close(fd);
    return found;
}

void sweep_file_remove(const char *job)
{
    struct error ignored;
    char *path = path_of(job, "-sweep", &ignored), *part = path_of(job, "-sweep.part", &ignored);
    if (path)
        unlink(path);
    if (part)
        unlink(part);
    free(path);
    free(part);
}
