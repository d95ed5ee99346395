#include "durable.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int durable_sync(int fd, struct error *err)
{
#ifdef F_FULLFSYNC /* macOS: fsync leaves it in the drive's cache */
    if (fcntl(fd, F_FULLFSYNC) == 0)
        return 0;
#endif
    if (fsync(fd) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP)
        return 0;
    return fail_errno(err, ERROR_IO, errno, "write error");
}

int durable_sync_name(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    struct bytes folder = {0};
    int rc = !slash ? bytes_append_text(&folder, ".", err)
                    : bytes_append(&folder, path, slash == path ? 1 : (size_t)(slash - path), err);
    int fd = rc == 0 ? open(folder.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (rc == 0 && fd < 0 && errno != EACCES) /* a folder that may be written to and not read */
        rc = fail_errno(err, ERROR_IO, errno, "%s", folder.data);
    if (fd >= 0 && durable_sync(fd, err) < 0)
        rc = fail_context(err, "%s", folder.data);
    if (fd >= 0)
        close(fd);
    bytes_deinit(&folder);
    return rc;
}
