#include "whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define STEP_BYTES (1u << 18)

int whole_read(const char *path, struct bytes *out, struct error *err)
{
    bool is_stdin = !path || strcmp(path, "-") == 0;
    const char *name = is_stdin ? "(standard input)" : path;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", name);
    int status = 0;
    for (;;) {
        status = bytes_reserve(out, STEP_BYTES, err);
        if (status < 0)
            break;
        ssize_t n = read(fd, out->data + out->n_bytes, STEP_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = fail_errno(err, ERROR_IO, errno, "%s", name);
        if (n <= 0)
            break;
        out->n_bytes += (size_t)n;
        out->data[out->n_bytes] = '\0';
    }
    if (!is_stdin)
        close(fd);
    return status;
}
