#include "base/bytes.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

int bytes_reserve(struct bytes *bytes, size_t n_bytes, struct error *err)
{
    uint64_t needed; /* with the NUL */
    if (!add_size(bytes->n_bytes, n_bytes, &needed) || !add_size(needed, 1, &needed) ||
        needed > SIZE_MAX / 2)
        return fail_memory(err, n_bytes, "text");
    if (needed <= bytes->capacity)
        return 0;

    size_t capacity = max_size((size_t)needed, max_size(bytes->capacity * 2, 64));
    char *data = realloc(bytes->data, capacity);
    if (!data)
        return fail_memory(err, capacity, "text");
    if (!bytes->data)
        data[0] = '\0';
    bytes->data = data;
    bytes->capacity = capacity;
    return 0;
}

int bytes_append(struct bytes *bytes, const void *data, size_t n_bytes, struct error *err)
{
    if (bytes_reserve(bytes, n_bytes, err) < 0)
        return -1;
    if (n_bytes > 0)
        memcpy(bytes->data + bytes->n_bytes, data, n_bytes);
    bytes->n_bytes += n_bytes;
    bytes->data[bytes->n_bytes] = '\0';
    return 0;
}

int bytes_append_text(struct bytes *bytes, const char *text, struct error *err)
{
    return bytes_append(bytes, text, strlen(text), err);
}

void bytes_clear(struct bytes *bytes)
{
    bytes->n_bytes = 0;
    if (bytes->data)
        bytes->data[0] = '\0';
}

void bytes_deinit(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}
