#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H
/* Rates in turns: all threads work for a while, each on its own state, right after a peak loop. */

#include "peak.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { TURNS = 5, ALIGNMENT = 64, MAX_THREADS = 64 };

/* Work of one thread: does one piece, returns the units (operations, weights) done. */
typedef double work_fn(void *state);

struct worker {
    work_fn *work;
    void *state;
    double seconds;
    pthread_barrier_t *barrier;
    double rate; /* units per second */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *work_for_seconds(void *argument)
{
    struct worker *worker = argument;
    worker->work(worker->state);
    pthread_barrier_wait(worker->barrier);
    const double begin = now();
    double units = 0, passed;
    do {
        units += worker->work(worker->state);
        passed = now() - begin;
    } while (passed < worker->seconds);
    worker->rate = units / passed;
    return NULL;
}

struct options {
    int n_threads;
    double seconds;
    const char *level;
};

/* One turn: units per second of all threads together, each with its own state. */
static double run_turn(int n_threads, double seconds, work_fn *work, void **states)
{
    pthread_t threads[MAX_THREADS];
    struct worker workers[MAX_THREADS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, (unsigned)n_threads);
    for (int t = 0; t < n_threads; t++) {
        workers[t] = (struct worker){work, states[t], seconds, &barrier, 0};
        if (pthread_create(&threads[t], NULL, work_for_seconds, &workers[t]) != 0)
            abort();
    }
    double rate = 0;
    for (int t = 0; t < n_threads; t++) {
        pthread_join(threads[t], NULL);
        rate += workers[t].rate;
    }
    pthread_barrier_destroy(&barrier);
    return rate;
}

struct figure {
    double giga;    /* 1e9 units per second */
    double percent; /* of the peak */
};

static double median(double values[TURNS])
{
    for (int i = 1; i < TURNS; i++) {
        for (int j = i; j > 0 && values[j] < values[j - 1]; j--) {
            const double swap = values[j];
            values[j] = values[j - 1];
            values[j - 1] = swap;
        }
    }
    return values[TURNS / 2];
}

/* [peak] NULL: no percentage. */
static struct figure measure(const struct options *options, work_fn *peak,
                             const struct peak *peaks_of, work_fn *work, void **states)
{
    double rates[TURNS], ratios[TURNS];
    void *peak_states[MAX_THREADS];
    for (int t = 0; t < options->n_threads; t++)
        peak_states[t] = (void *)peaks_of;
    for (int turn = 0; turn < TURNS; turn++) {
        const double limit =
            peak && peaks_of ? run_turn(options->n_threads, options->seconds / 4, peak, peak_states)
                             : 0;
        rates[turn] = run_turn(options->n_threads, options->seconds, work, states);
        ratios[turn] = limit > 0 ? rates[turn] / limit : 0;
    }
    return (struct figure){median(rates) * 1e-9, median(ratios) * 100};
}

/* As base/memory.c does it: what is large lies in huge pages. */
static void *allocate(size_t n_bytes)
{
    const size_t huge = 2u << 20, align = n_bytes >= 2 * huge ? huge : ALIGNMENT;
    void *memory = aligned_alloc(align, (n_bytes + align - 1) / align * align);
    if (!memory)
        abort();
#ifdef MADV_HUGEPAGE
    if (align == huge)
        (void)madvise(memory, n_bytes, MADV_HUGEPAGE);
#endif
    memset(memory, 1, n_bytes);
    return memory;
}

#endif
