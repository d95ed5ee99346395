#include "base/pool.h"

#include "base/cgroup.h"
#include "base/clock.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a thread without work looks for more before it sleeps: longer than the gaps between the
 * steps of a layer, and than a slice takes to come from a fast disk, for where that is the bound a
 * thread would be woken for each. */
#define SPIN_NS 500000

/* The state of the current loop in one word, so that entering it is one compare-and-swap:
 * bits 0-30 threads inside, bit 31 closed (nobody may enter any more), bits 32-63 number of the
 * loop. A thread that wakes up late finds the loop closed and goes back to sleep; nobody waits for
 * it. */
#define INSIDE_MASK UINT64_C(0x7fffffff)
#define CLOSED      UINT64_C(0x80000000)
#define LOOP_SHIFT  32

struct worker {
    struct pool *pool;
    int index;
    pthread_t thread;
};

struct pool {
    int n_threads; /* with the caller */
    int n_started; /* threads that exist: n_threads - 1 once pool_new has returned */
    bool spins;
    struct worker *workers; /* [n_threads - 1] */

    /* The loop; written by the caller while the state is closed and empty, read by those who
     * entered. */
    size_t n_items;
    pool_fn fn;
    void *arg;

    _Alignas(64) _Atomic uint64_t state;
    _Alignas(64) _Atomic size_t next_item;

    _Alignas(64) pthread_mutex_t lock; /* only for the two conditions */
    pthread_cond_t wake;               /* a loop was opened, or stop */
    pthread_cond_t done;               /* the last thread left a closed loop */
    _Atomic int n_sleeping;            /* threads that wait for [wake], or are about to */
    _Atomic bool caller_waits;         /* the caller waits for [done], or is about to */
    _Atomic bool stop;
};

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void run_items(struct pool *pool, int worker)
{
    size_t n_items = pool->n_items;
    pool_fn fn = pool->fn;
    void *arg = pool->arg;
    for (;;) {
        size_t item = atomic_fetch_add_explicit(&pool->next_item, 1, memory_order_relaxed);
        if (item >= n_items)
            return;
        fn(arg, item, worker);
    }
}

/* True when the calling thread is now inside the open loop; updates [seen], the last loop it knows
 * of. */
static bool enter(struct pool *pool, uint32_t *seen)
{
    uint64_t state = atomic_load(&pool->state);
    while (!(state & CLOSED) && (uint32_t)(state >> LOOP_SHIFT) != *seen) {
        if (atomic_compare_exchange_weak(&pool->state, &state, state + 1)) {
            *seen = (uint32_t)(state >> LOOP_SHIFT);
            return true;
        }
    }
    return false;
}

static void leave(struct pool *pool)
{
    uint64_t state = atomic_fetch_sub(&pool->state, 1) - 1;
    /* Either we see that the caller waits, or it sees that nobody is inside: each side writes with
     * a full barrier before it reads. */
    if ((state & INSIDE_MASK) == 0 && (state & CLOSED) && atomic_load(&pool->caller_waits)) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->lock);
    }
}

/* Returns true inside a loop, false when the pool stops. */
static bool wait_for_loop(struct pool *pool, uint32_t *seen)
{
    if (pool->spins) {
        uint64_t until = clock_ns() + SPIN_NS;
        do {
            for (int i = 0; i < 32; i++) {
                if (enter(pool, seen))
                    return true;
                cpu_relax();
            }
        } while (!atomic_load_explicit(&pool->stop, memory_order_relaxed) && clock_ns() < until);
    }

    bool inside = false;
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->n_sleeping, 1);
    while (!(inside = enter(pool, seen)) && !atomic_load(&pool->stop))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->n_sleeping, 1);
    pthread_mutex_unlock(&pool->lock);
    return inside;
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;
    uint32_t seen = 0;
    while (wait_for_loop(pool, &seen)) {
        run_items(pool, worker->index);
        leave(pool);
    }
    return NULL;
}

static void wake_sleepers(struct pool *pool)
{
    if (atomic_load(&pool->n_sleeping) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

static void wait_until_empty(struct pool *pool)
{
    if (pool->spins) {
        uint64_t until = clock_ns() + SPIN_NS;
        do {
            for (int i = 0; i < 32; i++) {
                if ((atomic_load(&pool->state) & INSIDE_MASK) == 0)
                    return;
                cpu_relax();
            }
        } while (clock_ns() < until);
    }
    pthread_mutex_lock(&pool->lock);
    /* An exchange, as for the state below: what follows must not be read before it is seen, and an
     * emulator of ARM on x86 orders a release store and a later acquire load no better than x86
     * does. */
    atomic_exchange(&pool->caller_waits, true);
    while ((atomic_load(&pool->state) & INSIDE_MASK) != 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    atomic_store(&pool->caller_waits, false);
    pthread_mutex_unlock(&pool->lock);
}

void parallel_for(struct pool *pool, size_t n_items, pool_fn fn, void *arg)
{
    if (pool->n_threads == 1 || n_items <= 1) {
        for (size_t i = 0; i < n_items; i++)
            fn(arg, i, 0);
        return;
    }
    pool->n_items = n_items;
    pool->fn = fn;
    pool->arg = arg;
    atomic_store_explicit(&pool->next_item, 0, memory_order_relaxed);

    /* Loop numbers wrap; a thread would have to sleep through 2^32 loops to miss one. */
    uint64_t loop = (atomic_load_explicit(&pool->state, memory_order_relaxed) >> LOOP_SHIFT) + 1;
    atomic_exchange(&pool->state, loop << LOOP_SHIFT);
    wake_sleepers(pool);

    run_items(pool, 0);
    atomic_fetch_or(&pool->state, CLOSED);
    wait_until_empty(pool);
}

struct pool *pool_new(int n_threads, struct error *err)
{
    struct pool *pool = NULL;
    if (posix_memalign((void **)&pool, 64, sizeof *pool) != 0) {
        fail_memory(err, sizeof *pool, "a thread pool");
        return NULL;
    }
    memset(pool, 0, sizeof *pool);
    pool->n_threads = n_threads;
    pool->spins =
        n_threads <= pool_cores_available(); /* else spinning takes the core that has the work */
    atomic_init(&pool->state, CLOSED);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->workers = calloc((size_t)n_threads, sizeof *pool->workers);
    if (!pool->workers) {
        fail_memory(err, (size_t)n_threads * sizeof *pool->workers, "a thread pool");
        pool_free(pool);
        return NULL;
    }

    /* Signals are for the main thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = 0;
    for (int i = 1; i < n_threads && rc == 0; i++) {
        struct worker *worker = &pool->workers[i - 1];
        *worker = (struct worker){.pool = pool, .index = i};
        rc = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (rc == 0)
            pool->n_started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        fail_errno(err, ERROR_MEMORY, rc, "cannot start thread %d of %d", pool->n_started + 2,
                   n_threads);
        pool_free(pool);
        return NULL;
    }
    return pool;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n_started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}

#ifdef __linux__
/* Cores of the affinity mask; the kernel's mask may be longer than cpu_set_t. */
static int cores_by_affinity(void)
{
    for (int n_cpus = CPU_SETSIZE; n_cpus <= 1 << 16; n_cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)n_cpus);
        if (!set)
            return 0;
        size_t n_bytes = CPU_ALLOC_SIZE((size_t)n_cpus);
        int n = sched_getaffinity(0, n_bytes, set) == 0 ? CPU_COUNT_S(n_bytes, set) : 0;
        CPU_FREE(set);
        if (n > 0)
            return n;
    }
    return 0;
}
#endif

int pool_cores_available(void)
{
    int n = 0;
#ifdef __linux__
    n = cores_by_affinity();
#endif
    if (n < 1)
        n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    double quota = cgroup_cpu_quota();
    if (quota > 0 && quota < n)
        n = (int)ceil(quota);
    return n < 1 ? 1 : n;
}
