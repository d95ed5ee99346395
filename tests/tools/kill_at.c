/* A library for LD_PRELOAD: the process dies, as by kill -9, at its Nth change to a file, or every
 * change from the Nth on finds the disk full.
 *     TRAWL_KILL_AT=N    after N changes (write, sync, truncate, rename, remove) the next kills
 *     TRAWL_FULL_AT=N    after N changes writes fail with ENOSPC
 *     TRAWL_COUNT_TO=FILE how many changes there were, written at the end */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static _Atomic long n_changes;

static long setting(const char *name)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : -1;
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("TRAWL_COUNT_TO");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", atomic_load(&n_changes));
        fclose(file);
    }
}

/* Whether the change is to fail. [is_write]: it takes room. */
static bool change(bool is_write)
{
    long n = atomic_fetch_add(&n_changes, 1), kill_at = setting("TRAWL_KILL_AT"),
         full_at = setting("TRAWL_FULL_AT");
    if (kill_at >= 0 && n >= kill_at)
        raise(SIGKILL);
    if (!is_write || full_at < 0 || n < full_at)
        return false;
    errno = ENOSPC;
    return true;
}

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void *data, size_t n_bytes)
{
    static ssize_t (*next)(int, const void *, size_t);
    next = next ? next : NEXT(ssize_t(*)(int, const void *, size_t), "write");
    return fd > 2 && change(true) ? -1 : next(fd, data, n_bytes);
}

ssize_t pwrite(int fd, const void *data, size_t n_bytes, off_t at)
{
    static ssize_t (*next)(int, const void *, size_t, off_t);
    next = next ? next : NEXT(ssize_t(*)(int, const void *, size_t, off_t), "pwrite");
    return change(true) ? -1 : next(fd, data, n_bytes, at);
}

ssize_t pwrite64(int fd, const void *data, size_t n_bytes, off_t at)
{
    static ssize_t (*next)(int, const void *, size_t, off_t);
    next = next ? next : NEXT(ssize_t(*)(int, const void *, size_t, off_t), "pwrite64");
    return change(true) ? -1 : next(fd, data, n_bytes, at);
}

#define PASSED_ON(name, parameters, arguments)                                                     \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*next) parameters;                                                              \
        next = next ? next : NEXT(int(*) parameters, #name);                                       \
        return change(false) ? -1 : next arguments;                                                \
    }
PASSED_ON(fsync, (int fd), (fd))
PASSED_ON(fdatasync, (int fd), (fd))
PASSED_ON(ftruncate, (int fd, off_t n_bytes), (fd, n_bytes))
PASSED_ON(ftruncate64, (int fd, off_t n_bytes), (fd, n_bytes))
PASSED_ON(rename, (const char *from, const char *to), (from, to))
PASSED_ON(unlink, (const char *path), (path))
