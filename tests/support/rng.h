#ifndef SUPPORT_RNG_H
#define SUPPORT_RNG_H
/* Repeatable random numbers (SplitMix64: Steele, Lea, Flood 2014). Any seed is good; a copied
 * struct repeats the sequence. */

#include <math.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline struct rng rng_make(uint64_t seed)
{
    return (struct rng){seed};
}

static inline uint64_t rng_u64(struct rng *rng)
{
    uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* In [0, n), n > 0. */
static inline uint64_t rng_below(struct rng *rng, uint64_t n)
{
    return rng_u64(rng) % n;
}

/* In [low, high], both included. */
static inline int64_t rng_between(struct rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(rng, (uint64_t)(high - low) + 1);
}

/* In [0, 1). */
static inline float rng_unit(struct rng *rng)
{
    return (float)(rng_u64(rng) >> 40) * 0x1p-24f;
}

/* Standard normal (Box and Muller). */
static inline float rng_normal(struct rng *rng)
{
    float u = 1.0f - rng_unit(rng), v = rng_unit(rng);
    return sqrtf(-2.0f * logf(u)) * cosf(6.2831853f * v);
}

#endif
