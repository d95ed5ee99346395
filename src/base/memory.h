#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H
/* Large memory, accounted by purpose. Everything whose size grows with the model, the batch or the
 * threads is taken here, once, from the plan, so that the budget can be printed next to what was
 * used. Small and short-lived things (strings, parsers) use malloc and are covered by a fixed
 * reserve in the plan.
 *
 * Blocks come straight from the system in whole pages (so freeing returns them to it), zero-filled,
 * aligned to 4096 bytes: good for direct reads and for every vector width. A block's pages count
 * against the budget of the process when first touched. */

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum memory_purpose {
    MEMORY_VOCABULARY, /* tokenizer tables */
    MEMORY_METADATA,   /* tensor directory, norms, biases, adapters: resident small things */
    MEMORY_RING,       /* slices being read or used */
    MEMORY_PINNED,     /* slices that stay */
    MEMORY_ROWS,       /* hidden rows, activations, keys and values: grows with the batch */
    MEMORY_SCRATCH,    /* per-thread panels and tiles */
    MEMORY_N_PURPOSES,
};

/* One per open model or run; counters are atomic, so any thread may allocate. */
struct memory {
    _Atomic uint64_t used_bytes[MEMORY_N_PURPOSES];
    _Atomic uint64_t peak_bytes[MEMORY_N_PURPOSES];
};

const char *memory_purpose_name(enum memory_purpose purpose);

/* Returns zeroed memory of at least [n_bytes] (> 0), or NULL with [err] filled. Freed with the same
 * size and purpose. */
void *memory_alloc(struct memory *memory, enum memory_purpose purpose, uint64_t n_bytes,
                   struct error *err) MUST_CHECK;

/* NULL is legal. */
void memory_free(struct memory *memory, enum memory_purpose purpose, void *block, uint64_t n_bytes);

/* Gives the whole pages of [from, from + n_bytes), part of a block, back to the system until they
 * are touched again; they are zero then. The account stays: what was planned may be taken again. */
int memory_vacate(void *from, uint64_t n_bytes, struct error *err) MUST_CHECK;

uint64_t memory_used(const struct memory *memory);

/* Bytes this process may still take: the least of what the system says is available and of every
 * memory cgroup (v1 or v2) above it (limit minus usage that cannot be reclaimed). */
uint64_t memory_available(void);

/* Bytes of this process in memory now (its peak where the system tells no more). */
uint64_t memory_resident(void);

/* Peak of what the kernel charged to this process, in bytes: the cgroup's peak when this process is
 * alone in a limited cgroup, else VmHWM. */
uint64_t memory_kernel_peak(void);

#endif
