/* A library for LD_PRELOAD: the process dies, as by kill -9, at its Nth change to a file, or every
 * change from the Nth on finds the disk full.
 *     TRAWL_KILL_AT=N     after N changes (create, write, sync, truncate, rename, remove) the next
 *                         kills
 *     TRAWL_LOSE_IN=DIR   the power fails then, or at the end: what was not synced of DIR is lost
 *     TRAWL_LOSE_SEED=N   but for some of it, by chance (default 0: all of it is lost)
 *     TRAWL_FULL_AT=N     after N changes writes fail with ENOSPC
 *     TRAWL_COUNT_TO=FILE how many changes there were, written at the end
 * What stdio writes is not counted, only lost. */

#include "power_loss.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static _Atomic long n_changes;

static long setting(const char *name)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : -1;
}

__attribute__((constructor)) static void watch(void)
{
    const char *folder = getenv("TRAWL_LOSE_IN");
    if (folder)
        power_watch(folder);
}

static void lose_power(void)
{
    const char *seed = getenv("TRAWL_LOSE_SEED");
    power_fail(seed ? strtoul(seed, NULL, 10) : 0);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("TRAWL_COUNT_TO");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", atomic_load(&n_changes));
        fclose(file);
    }
    lose_power();
}

/* Whether the change is to fail. [is_write]: it takes room. */
static bool change(bool is_write)
{
    long n = atomic_fetch_add(&n_changes, 1), kill_at = setting("TRAWL_KILL_AT"),
         full_at = setting("TRAWL_FULL_AT");
    if (kill_at >= 0 && n >= kill_at) {
        lose_power();
        raise(SIGKILL);
    }
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
PASSED_ON(ftruncate, (int fd, off_t n_bytes), (fd, n_bytes))
PASSED_ON(ftruncate64, (int fd, off_t n_bytes), (fd, n_bytes))

#define SYNC(name)                                                                                 \
    int name(int fd)                                                                               \
    {                                                                                              \
        static int (*next)(int);                                                                   \
        next = next ? next : NEXT(int (*)(int), #name);                                            \
        int rc = change(false) ? -1 : next(fd);                                                    \
        if (rc == 0)                                                                               \
            power_synced(fd);                                                                      \
        return rc;                                                                                 \
    }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char *from, const char *to)
{
    static int (*next)(const char *, const char *);
    next = next ? next : NEXT(int (*)(const char *, const char *), "rename");
    power_look(from);
    power_look(to);
    int rc = change(false) ? -1 : next(from, to);
    if (rc == 0)
        power_renamed(from, to);
    return rc;
}

int unlink(const char *path)
{
    static int (*next)(const char *);
    next = next ? next : NEXT(int (*)(const char *), "unlink");
    power_look(path);
    int rc = change(false) ? -1 : next(path);
    if (rc == 0)
        power_removed(path);
    return rc;
}

/* ---- Opening ---- */

/* Before [path] is opened in a way that may make or empty it: whether it will be made. */
static bool about_to_open(const char *path)
{
    bool is_there = access(path, F_OK) == 0;
    int os_errno = errno;
    power_look(path);
    change(false);
    errno = os_errno;
    return !is_there;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        static int (*next)(const char *, int, ...);                                                \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                             \
        va_end(arguments);                                                                         \
        next = next ? next : NEXT(int (*)(const char *, int, ...), #name);                         \
        if ((flags & O_ACCMODE) == O_RDONLY)                                                       \
            return next(path, flags, mode);                                                        \
        bool makes = about_to_open(path);                                                          \
        int fd = next(path, flags, mode);                                                          \
        if (fd >= 0 && makes)                                                                      \
            power_created(path);                                                                   \
        return fd;                                                                                 \
    }
OPEN(open)
OPEN(open64)

#define FOPEN(name)                                                                                \
    FILE *name(const char *path, const char *mode)                                                 \
    {                                                                                              \
        static FILE *(*next)(const char *, const char *);                                          \
        next = next ? next : NEXT(FILE * (*)(const char *, const char *), #name);                  \
        if (!strpbrk(mode, "wa+"))                                                                 \
            return next(path, mode);                                                               \
        bool makes = about_to_open(path);                                                          \
        FILE *file = next(path, mode);                                                             \
        if (file && makes)                                                                         \
            power_created(path);                                                                   \
        return file;                                                                               \
    }
FOPEN(fopen)
FOPEN(fopen64)
