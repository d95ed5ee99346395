#include "base/arena.h"

#include "base/size.h"

#include <stdlib.h>

#define CHUNK_BYTES                                                                                \
    ((size_t)64 * 1024) /* with its header; larger pieces get a chunk of their own */
#define ALIGN_BYTES 16

struct arena_chunk {
    struct arena_chunk *next;
    size_t n_bytes; /* of data[] */
    _Alignas(ALIGN_BYTES) unsigned char data[];
};

void *arena_alloc(struct arena *arena, uint64_t n_bytes, size_t align, const char *what,
                  struct error *err)
{
    if (n_bytes > SIZE_MAX / 2) {
        fail_memory(err, n_bytes, what);
        return NULL;
    }
    size_t needed = (size_t)n_bytes;
    size_t left = arena->n_left & ~(align - 1); /* chunks end at a multiple of 16 */
    if (!arena->chunks || left < needed) {
        const size_t usual_bytes = CHUNK_BYTES - sizeof(struct arena_chunk);
        size_t data_bytes = max_size((size_t)round_up(needed, ALIGN_BYTES), usual_bytes);
        if (arena->most_bytes &&
            arena->n_bytes + sizeof(struct arena_chunk) + data_bytes > arena->most_bytes) {
            fail(err, ERROR_LIMIT, "more than %llu bytes are wanted for %s",
                 (unsigned long long)arena->most_bytes, what);
            return NULL;
        }
        struct arena_chunk *chunk = malloc(sizeof *chunk + data_bytes);
        if (!chunk) {
            fail_memory(err, n_bytes, what);
            return NULL;
        }
        chunk->n_bytes = data_bytes;
        arena->n_bytes += sizeof *chunk + data_bytes;
        if (arena->chunks && needed > usual_bytes / 2) {
            /* Nearly full already: keep filling the chunk before it. */
            chunk->next = arena->chunks->next;
            arena->chunks->next = chunk;
            return chunk->data;
        }
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        left = data_bytes;
    }
    void *piece = arena->chunks->data + (arena->chunks->n_bytes - left);
    arena->n_left = left - needed;
    return piece;
}

void arena_deinit(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->chunks; chunk;) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *arena = (struct arena){.most_bytes = arena->most_bytes};
}
