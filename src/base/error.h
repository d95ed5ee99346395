#ifndef BASE_ERROR_H
#define BASE_ERROR_H
/* Errors as values. A fallible function returns 0/-1 or pointer/NULL and takes a `struct error *`
 * last. The text is written once, where it fails, and prefixed on the way up with what the caller
 * was doing, so that the user reads "model.gguf: blk.3.attn_q.weight: expected ...". Never NULL,
 * caller owns it. */

#include <stdarg.h>

enum error_kind {
    ERROR_NONE = 0,
    ERROR_MEMORY,      /* an allocation failed */
    ERROR_IO,          /* the operating system refused or failed a read or a write */
    ERROR_FORMAT,      /* a file is damaged or says nonsense */
    ERROR_UNSUPPORTED, /* a valid file that needs something trawl does not have */
    ERROR_LIMIT,       /* a budget or bound given by the user is too small */
    ERROR_USAGE,       /* arguments that make no sense together */
    ERROR_CANCELLED,   /* the caller asked to stop */
};

struct error {
    enum error_kind kind;
    int os_errno; /* 0 when the operating system had no part in it */
    char text[512];
};

/* Fills [err] and returns -1. */
int fail(struct error *err, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As fail(), with ": strerror(os_errno)" appended. */
int fail_errno(struct error *err, enum error_kind kind, int os_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "out of memory (N bytes for WHAT)"; returns -1. */
int fail_memory(struct error *err, unsigned long long n_bytes, const char *what);

/* Prefixes the text with "FORMAT: "; returns -1, so that `return fail_context(...)` passes it on.
 */
int fail_context(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
