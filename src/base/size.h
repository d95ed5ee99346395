#ifndef BASE_SIZE_H
#define BASE_SIZE_H
/* Arithmetic on sizes that come from files: checked, because a hostile file chooses the operands.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a * b; false on overflow, [out] untouched. */
static inline bool mul_size(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* *out = a + b; false on overflow, [out] untouched. */
static inline bool add_size(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* Rounds up to a multiple of [to], any positive number. The caller knows that it fits. */
static inline uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

static inline uint64_t round_down(uint64_t n, uint64_t to)
{
    return n / to * to;
}

static inline uint64_t div_up(uint64_t n, uint64_t by)
{
    return (n + by - 1) / by;
}

static inline size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
