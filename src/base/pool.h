#ifndef BASE_POOL_H
#define BASE_POOL_H
/* A fixed set of compute threads and the only parallel construct of the engine. The calling thread
 * takes part as worker 0, so a pool of n threads starts n - 1. Work items are handed out one by one
 * in ascending order from an atomic counter: uneven cores take uneven shares, and a result may
 * never depend on who took what. */

#include "base/error.h"

#include <stddef.h>

struct pool;

/* [item] in [0, n_items), [worker] in [0, n_threads): index of per-worker scratch. */
typedef void (*pool_fn)(void *arg, size_t item, int worker);

/* Starts a pool of [n_threads] >= 1 (the caller included). NULL with [err] on failure. */
struct pool *pool_new(int n_threads, struct error *err) MUST_CHECK;
void pool_free(struct pool *pool);

/* Runs fn(arg, item, worker) for all items and returns when all are done. Called by the thread that
 * made the pool; not reentrant (an item may not start another). */
void parallel_for(struct pool *pool, size_t n_items, pool_fn fn, void *arg);

/* Logical cores this process may run on (affinity and cgroup quota respected), at least 1. */
int pool_cores_available(void);

#endif
