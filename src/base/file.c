#include "base/file.h"

#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Unaligned small reads go through a buffer of at most this. */
#define BOUNCE_BYTES (256u * 1024)

static int64_t mtime_ns(const struct stat *status)
{
#ifdef __APPLE__
    const struct timespec *mtime = &status->st_mtimespec;
#else
    const struct timespec *mtime = &status->st_mtim;
#endif
    return (int64_t)mtime->tv_sec * 1000000000 + mtime->tv_nsec;
}

/* Opens past the page cache where the system can, else buffered. O_NONBLOCK: opening a FIFO by
 * mistake must not hang. */
static int open_uncached(const char *path, bool *direct)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    *direct = false;
#ifdef O_DIRECT
    int fd = open(path, flags | O_DIRECT);
    *direct = fd >= 0;
    if (fd < 0 && errno == EINVAL)
        fd = open(path, flags);
    return fd;
#else
    int fd = open(path, flags);
#ifdef F_NOCACHE
    *direct = fd >= 0 && fcntl(fd, F_NOCACHE, 1) == 0;
#endif
    return fd;
#endif
}

/* Some filesystems accept O_DIRECT and refuse the read, or want more than FILE_ALIGN: find out
 * once, here. */
static bool direct_reads_work(int fd)
{
    void *buffer = NULL;
    if (posix_memalign(&buffer, FILE_ALIGN, FILE_ALIGN) != 0)
        return true;
    ssize_t n = pread(fd, buffer, FILE_ALIGN, 0);
    bool refused = n < 0 && errno == EINVAL;
    free(buffer);
    return !refused;
}

int file_open(struct file *file, const char *path, struct error *err)
{
    *file = (struct file){.fd = -1};
    file->path = strdup(path);
    if (!file->path)
        return fail_memory(err, strlen(path) + 1, "a file name");

    file->fd = open_uncached(path, &file->direct);
    if (file->fd < 0)
        return fail_errno(err, ERROR_IO, errno, "%s: cannot open", path);
    struct stat status;
    if (fstat(file->fd, &status) < 0)
        return fail_errno(err, ERROR_IO, errno, "%s: cannot stat", path);
    if (!S_ISREG(status.st_mode))
        return fail(err, ERROR_IO, "%s: is %s, not a file", path,
                    S_ISDIR(status.st_mode) ? "a directory" : "a pipe or a device");
    file->size_bytes = (uint64_t)status.st_size;
    file->mtime_ns = mtime_ns(&status);
    file->inode = (uint64_t)status.st_ino;
    file->device = (uint64_t)status.st_dev;

    if (file->direct && !direct_reads_work(file->fd)) {
        close(file->fd);
        file->direct = false;
        file->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (file->fd < 0)
            return fail_errno(err, ERROR_IO, errno, "%s: cannot open", path);
    }
    return 0;
}

void file_close(struct file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    *file = (struct file){.fd = -1};
}

void file_drop_pages(const struct file *file, uint64_t offset, uint64_t n_bytes)
{
#ifdef POSIX_FADV_DONTNEED
    if (!file->direct)
        (void)posix_fadvise(file->fd, (off_t)offset, (off_t)n_bytes, POSIX_FADV_DONTNEED);
#else
    (void)file, (void)offset, (void)n_bytes;
#endif
}

int64_t file_read_aligned(const struct file *file, uint64_t offset, void *to, uint64_t n_bytes)
{
    uint64_t n_done = 0, n_best = 0;
    while (n_done < n_bytes) {
        ssize_t n = pread(file->fd, (char *)to + n_done, (size_t)(n_bytes - n_done),
                          (off_t)(offset + n_done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        n_done += (uint64_t)n;
        if (n_done <= n_best) /* no progress: the end of the file */
            break;
        n_best = n_done;
        if (offset + n_done >= file->size_bytes)
            break;
        /* A direct read goes on at an aligned place only: the ragged piece is read again. */
        if (n_done < n_bytes && file->direct)
            n_done = round_down(n_done, FILE_ALIGN);
    }
    file_drop_pages(file, offset, n_bytes);
    return (int64_t)(n_done > n_best ? n_done : n_best);
}

static int fail_short(const struct file *file, uint64_t offset, uint64_t n_bytes, struct error *err)
{
    return fail(err, ERROR_IO,
                "%s: the file ended while reading %" PRIu64 " bytes at offset %" PRIu64
                ": it is truncated or was changed; download it again",
                file->path, n_bytes, offset);
}

static int read_bounced(const struct file *file, uint64_t offset, char *to, uint64_t n_bytes,
                        struct error *err)
{
    uint64_t widest = round_up(n_bytes + offset % FILE_ALIGN, FILE_ALIGN);
    size_t buffer_bytes = (size_t)(widest < BOUNCE_BYTES ? widest : BOUNCE_BYTES);
    void *buffer = NULL;
    if (posix_memalign(&buffer, FILE_ALIGN, buffer_bytes) != 0)
        return fail_memory(err, buffer_bytes, "a read buffer");

    int rc = 0;
    for (uint64_t done = 0; done < n_bytes && rc == 0;) {
        uint64_t start = round_down(offset + done, FILE_ALIGN);
        uint64_t skip = offset + done - start;
        uint64_t want = round_up(skip + (n_bytes - done), FILE_ALIGN);
        if (want > buffer_bytes)
            want = buffer_bytes;
        int64_t n = file_read_aligned(file, start, buffer, want);
        if (n < 0) {
            rc = fail_errno(err, ERROR_IO, errno, "%s: cannot read at offset %" PRIu64, file->path,
                            start);
        } else if ((uint64_t)n <= skip) {
            rc = fail_short(file, offset, n_bytes, err);
        } else {
            uint64_t useful = (uint64_t)n - skip;
            if (useful > n_bytes - done)
                useful = n_bytes - done;
            memcpy(to + done, (char *)buffer + skip, (size_t)useful);
            done += useful;
        }
    }
    free(buffer);
    return rc;
}

int file_read(const struct file *file, uint64_t offset, void *to, uint64_t n_bytes,
              struct error *err)
{
    uint64_t end;
    if (!add_size(offset, n_bytes, &end) || end > file->size_bytes)
        return fail_short(file, offset, n_bytes, err);
    bool aligned = (offset | n_bytes | (uintptr_t)to) % FILE_ALIGN == 0;
    if (file->direct && !aligned)
        return read_bounced(file, offset, to, n_bytes, err);
    int64_t n = file_read_aligned(file, offset, to, n_bytes);
    if (n < 0)
        return fail_errno(err, ERROR_IO, errno, "%s: cannot read at offset %" PRIu64, file->path,
                          offset);
    if ((uint64_t)n < n_bytes)
        return fail_short(file, offset, n_bytes, err);
    return 0;
}

int file_check_unchanged(const struct file *file, struct error *err)
{
    struct stat status;
    if (stat(file->path, &status) < 0) {
        if (errno == ENOENT)
            return fail(err, ERROR_IO, "%s: the file vanished while it was being read", file->path);
        return fail_errno(err, ERROR_IO, errno, "%s: cannot stat", file->path);
    }
    if ((uint64_t)status.st_ino != file->inode || (uint64_t)status.st_dev != file->device)
        return fail(err, ERROR_IO, "%s: the file was replaced while it was being read; run again",
                    file->path);
    if ((uint64_t)status.st_size != file->size_bytes || mtime_ns(&status) != file->mtime_ns)
        return fail(err, ERROR_IO, "%s: the file was changed while it was being read; run again",
                    file->path);
    return 0;
}
