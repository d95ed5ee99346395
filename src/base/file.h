#ifndef BASE_FILE_H
#define BASE_FILE_H
/* Files as the engine reads them: positioned reads past the page cache. The one seam to the
 * operating system for model files; Linux uses O_DIRECT, macOS F_NOCACHE, and where neither is to
 * be had (some filesystems) reads are buffered and the pages dropped afterwards. A file may be read
 * by several threads at once; opening and closing is the owner's. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_ALIGN 4096 /* offsets, lengths and addresses of direct reads are multiples of this */

struct file {
    int fd;
    bool direct; /* reads must be aligned to FILE_ALIGN; false: any read, the pages are dropped
                    after it */
    uint64_t size_bytes; /* when opened */
    int64_t mtime_ns;    /* when opened: a model that changes while it is read is an error */
    uint64_t inode, device;
    char *path; /* owned */
};

/* Opens for reading. On failure returns -1 and leaves [file] safe to close. The text names the
 * path. */
int file_open(struct file *file, const char *path, struct error *err) MUST_CHECK;
void file_close(
    struct file *file); /* legal on a zeroed struct with fd -1 and after a failed open */

/* Reads [n_bytes] at [offset] into [to]. Any alignment (bounces through an aligned buffer when
 * direct). Short files are an error that says so. For small things; slices go through a reader. */
int file_read(const struct file *file, uint64_t offset, void *to, uint64_t n_bytes,
              struct error *err) MUST_CHECK;

/* One aligned read: offset, n_bytes and address multiples of FILE_ALIGN. Returns the bytes read
 * (less than asked only at the end of the file), or -1 with errno set. Retries EINTR and short
 * reads. */
int64_t file_read_aligned(const struct file *file, uint64_t offset, void *to, uint64_t n_bytes);

/* After a buffered read: the pages it left in the system's cache would count against the memory
 * budget. Direct files have none. */
void file_drop_pages(const struct file *file, uint64_t offset, uint64_t n_bytes);

/* Fails when the file on disk no longer is what was opened (size or modification time changed,
 * vanished). */
int file_check_unchanged(const struct file *file, struct error *err) MUST_CHECK;

#endif
