#ifndef KERNELS_VARIANTS_H
#define KERNELS_VARIANTS_H
/* What the kernel tests share: the list of variants as data, buffers that end at a page no one may
 * touch, comparisons of floats. */

#include "kernels/kernels_list.h"
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef void any_fn(void); /* cast back to the operation's type before it is called */

struct variant {
    const char *operation, *isa;
    unsigned need;
    any_fn *fn;
};

static const struct variant variants[] = {
#define AS_DATA(operation, isa, need) {#operation, #isa, need, (any_fn *)operation##_##isa},
    KERNEL_VARIANTS(AS_DATA)
#undef AS_DATA
};

enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

/* Is this a variant of [operation] that the machine can run? Sets what a failing check says. */
static inline bool variant_applies(const struct variant *variant, const char *operation)
{
    check_case("%s_%s", variant->operation, variant->isa);
    return strcmp(variant->operation, operation) == 0 &&
           (cpu_features() & variant->need) == variant->need;
}

/* for (EACH_VARIANT(v, "axpy")) ... */
#define EACH_VARIANT(v, operation)                                                                 \
    const struct variant *v = variants;                                                            \
    v < variants + N_VARIANTS; v++)                            \
        if (!variant_applies(v, operation))                                                        \
    {                                                                                              \
    } else if (1

/* Levels that this machine has: for (EACH_LEVEL(level)) ... */
#define EACH_LEVEL(level)                                                                          \
    const struct cpu_level *level = cpu_levels;                                                    \
    level->name; level++)                              \
        if ((cpu_features() & level->features) != level->features)                                 \
    {                                                                                              \
    } else if (1

/* A buffer whose last byte lies before a page that must not be touched, with known bytes before its
 * first. */
struct guarded {
    void *data;
    uint8_t *pages;
    size_t n_pages_bytes, n_before;
};

static inline struct guarded guarded_new(size_t n_bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t usable = (n_bytes + 64 + page - 1) / page * page;
    struct guarded buffer = {.n_pages_bytes = usable + page, .n_before = usable - n_bytes};
    void *pages =
        mmap(NULL, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect((uint8_t *)pages + usable, page, PROT_NONE) != 0)
        abort();
    buffer.pages = pages;
    buffer.data = buffer.pages + buffer.n_before;
    memset(buffer.pages, 0xa5, usable);
    return buffer;
}

/* Checks the bytes before the buffer and frees it. */
static inline void guarded_free(struct guarded *buffer)
{
    bool intact = true;
    for (size_t i = 0; i < buffer->n_before; i++)
        intact &= buffer->pages[i] == 0xa5;
    CHECK(intact && "bytes before the buffer");
    munmap(buffer->pages, buffer->n_pages_bytes);
}

static inline struct guarded guarded_normal(struct rng *rng, size_t n, float scale)
{
    struct guarded buffer = guarded_new(n * sizeof(float));
    float *data = buffer.data;
    for (size_t i = 0; i < n; i++)
        data[i] = rng_normal(rng) * scale;
    return buffer;
}

static inline struct guarded guarded_copy(const struct guarded *from, size_t n_bytes)
{
    struct guarded buffer = guarded_new(n_bytes);
    memcpy(buffer.data, from->data, n_bytes);
    return buffer;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Lengths around vectors and tiles. */
static const size_t lengths[] = {1,  2,  3,  7,  8,   15,  16,  17,  31,  33,
                                 48, 63, 64, 65, 100, 127, 128, 200, 576, 1027};
enum { N_LENGTHS = sizeof lengths / sizeof lengths[0] };

#endif
