#ifndef BASE_BYTES_H
#define BASE_BYTES_H
/* A growing byte string. Zero-initialised is empty; the owner calls bytes_deinit. [data] is
 * NUL-terminated whenever it is not NULL (the NUL is not counted), so that text can be printed. */

#include "base/error.h"

#include <stddef.h>

struct bytes {
    char *data;
    size_t n_bytes;
    size_t capacity;
};

int bytes_append(struct bytes *bytes, const void *data, size_t n_bytes,
                 struct error *err) MUST_CHECK;
int bytes_append_text(struct bytes *bytes, const char *text, struct error *err) MUST_CHECK;
int bytes_reserve(struct bytes *bytes, size_t n_bytes,
                  struct error *err) MUST_CHECK; /* room for n_bytes more */
void bytes_clear(struct bytes *bytes);           /* keeps the memory */
void bytes_deinit(struct bytes *bytes);

#endif
