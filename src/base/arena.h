#ifndef BASE_ARENA_H
#define BASE_ARENA_H
/* Many small pieces of memory that live and die together: names, texts and tables of an opened
 * file. Zero-initialised is empty; the owner calls arena_deinit. One thread at a time. */

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t n_left;              /* bytes free at the end of the newest chunk */
    uint64_t n_bytes;           /* heap held */
    uint64_t most_bytes;        /* of n_bytes: more is ERROR_LIMIT; 0: no bound */
};

/* Uninitialised memory aligned to [align] bytes (a power of two up to 16), never NULL on success
 * even for 0 bytes. [what] names it in the error. */
void *arena_alloc(struct arena *arena, uint64_t n_bytes, size_t align, const char *what,
                  struct error *err) MUST_CHECK;

void arena_deinit(struct arena *arena);

#endif
