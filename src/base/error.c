#include "base/error.h"

#include <stdio.h>
#include <string.h>

int fail(struct error *err, enum error_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->kind = kind;
    err->os_errno = 0;
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return -1;
}

int fail_errno(struct error *err, enum error_kind kind, int os_errno, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->kind = kind;
    err->os_errno = os_errno;
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", strerror(os_errno));
    return -1;
}

int fail_memory(struct error *err, unsigned long long n_bytes, const char *what)
{
    return fail(err, ERROR_MEMORY, "out of memory (%llu bytes for %s)", n_bytes, what);
}

int fail_context(struct error *err, const char *format, ...)
{
    char inner[sizeof err->text];
    memcpy(inner, err->text, sizeof inner);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %.*s",
                 (int)(sizeof inner - 1 - (size_t)n), inner);
    return -1;
}
