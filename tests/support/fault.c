#include "support/fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static _Atomic int armed; /* enum fault_kind, 0: nothing */
static _Atomic uint64_t countdown;
static _Atomic bool struck;

void fault_arm(enum fault_kind kind, uint64_t n)
{
    atomic_store(&countdown, n);
    atomic_store(&struck, false);
    atomic_store(&armed, kind);
}

bool fault_disarm(void)
{
    atomic_store(&armed, 0);
    return atomic_load(&struck);
}

/* Whether this event is the one, or for [lasting] faults comes after it. */
static bool strikes(bool lasting)
{
    uint64_t left = atomic_load(&countdown);
    while (left > 0 && !atomic_compare_exchange_weak(&countdown, &left, left - 1)) {
    }
    bool now = left == 1 || (lasting && left == 0);
    if (now)
        atomic_store(&struck, true);
    return now;
}

static bool allocation_fails(void)
{
    return atomic_load(&armed) == FAULT_ALLOCATION && strikes(false);
}

/* What becomes of a read that would give [n] bytes: bytes, or -errno. */
static int64_t read_result(int64_t n)
{
    switch (atomic_load(&armed)) {
    case FAULT_READ_ERROR:
        return strikes(false) ? -EIO : n;
    case FAULT_READ_INTERRUPT:
        return strikes(false) ? -EINTR : n;
    case FAULT_READ_SHORT:
        return n > 1 && strikes(false) ? n / 3 + 1 : n;
    case FAULT_READ_END:
        return strikes(true) ? 0 : n;
    default:
        return n;
    }
}

/* What the linker calls in place of the C library. */

void *__real_malloc(size_t n_bytes);
void *__real_calloc(size_t n, size_t n_bytes);
void *__real_realloc(void *block, size_t n_bytes);
void *__real_strdup(const char *text);
void *__real_aligned_alloc(size_t align, size_t n_bytes);
int __real_posix_memalign(void **out, size_t align, size_t n_bytes);
void *__real_mmap(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset);
ssize_t __real_pread(int fd, void *to, size_t n_bytes, off_t offset);

void *__wrap_malloc(size_t n_bytes);
void *__wrap_calloc(size_t n, size_t n_bytes);
void *__wrap_realloc(void *block, size_t n_bytes);
void *__wrap_strdup(const char *text);
void *__wrap_aligned_alloc(size_t align, size_t n_bytes);
int __wrap_posix_memalign(void **out, size_t align, size_t n_bytes);
void *__wrap_mmap(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset);
ssize_t __wrap_pread(int fd, void *to, size_t n_bytes, off_t offset);

void *__wrap_malloc(size_t n_bytes)
{
    if (allocation_fails()) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_malloc(n_bytes);
}

void *__wrap_calloc(size_t n, size_t n_bytes)
{
    if (allocation_fails()) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_calloc(n, n_bytes);
}

void *__wrap_realloc(void *block, size_t n_bytes)
{
    if (allocation_fails()) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_realloc(block, n_bytes);
}

void *__wrap_strdup(const char *text)
{
    if (allocation_fails()) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_strdup(text);
}

void *__wrap_aligned_alloc(size_t align, size_t n_bytes)
{
    if (allocation_fails()) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_aligned_alloc(align, n_bytes);
}

int __wrap_posix_memalign(void **out, size_t align, size_t n_bytes)
{
    return allocation_fails() ? ENOMEM : __real_posix_memalign(out, align, n_bytes);
}

void *__wrap_mmap(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset)
{
    if (allocation_fails()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap(at, n_bytes, protection, flags, fd, offset);
}

ssize_t __wrap_pread(int fd, void *to, size_t n_bytes, off_t offset)
{
    ssize_t n = __real_pread(fd, to, n_bytes, offset);
    if (n < 0)
        return n;
    int64_t result = read_result(n);
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (ssize_t)result;
}

/* A faulty reader. */

static const struct reader_ops *inner;

static void *faulty_open(int depth, struct error *err)
{
    return inner->open(depth, err);
}

static int faulty_submit(void *reader, const struct reader_request *request, struct error *err)
{
    return inner->submit(reader, request, err);
}

static int faulty_wait(void *reader, bool block, struct reader_completion *out, struct error *err)
{
    int rc = inner->wait(reader, block, out, err);
    if (rc == 1 && out->result > 0)
        out->result = read_result(out->result);
    return rc;
}

static void faulty_close(void *reader)
{
    inner->close(reader);
}

const struct reader_ops *fault_reader(const struct reader_ops *reader)
{
    static const struct reader_ops ops = {"faulty", faulty_open, faulty_submit, faulty_wait,
                                          faulty_close};
    inner = reader;
    return &ops;
}
