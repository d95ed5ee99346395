/* Plain reads by a few threads: works everywhere. Requests and completions pass through two
 * circular queues under one lock. */
#include "stream/readers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* More reads at a time bring no disk seen so far more bytes. */
#define MAX_THREADS 8

struct queue {
    int first, n_items; /* slots of the arrays below, circular, [depth] */
};

struct pread_reader {
    int depth, n_threads, n_started;
    pthread_t threads[MAX_THREADS];

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t work;  /* a request was queued, or stop */
    pthread_cond_t done;  /* a completion was queued */
    bool stop;
    struct queue requested, completed;
    struct reader_request *requests;       /* [depth] */
    struct reader_completion *completions; /* [depth] */
};

static int queue_push(struct queue *queue, int depth)
{
    return (queue->first + queue->n_items++) % depth;
}

static int queue_pop(struct queue *queue, int depth)
{
    int slot = queue->first;
    queue->first = (queue->first + 1) % depth;
    queue->n_items--;
    return slot;
}

static void *thread_main(void *arg)
{
    struct pread_reader *reader = arg;
    pthread_mutex_lock(&reader->lock);
    for (;;) {
        while (reader->requested.n_items == 0 && !reader->stop)
            pthread_cond_wait(&reader->work, &reader->lock);
        if (reader->stop)
            break;
        struct reader_request request =
            reader->requests[queue_pop(&reader->requested, reader->depth)];
        pthread_mutex_unlock(&reader->lock);

        int64_t n = file_read_aligned(request.file, request.offset, request.to, request.n_bytes);
        int64_t result = n < 0 ? -(int64_t)errno : n;

        pthread_mutex_lock(&reader->lock);
        reader->completions[queue_push(&reader->completed, reader->depth)] =
            (struct reader_completion){request.tag, result};
        pthread_cond_signal(&reader->done);
    }
    pthread_mutex_unlock(&reader->lock);
    return NULL;
}

static void pread_close(void *opened)
{
    struct pread_reader *reader = opened;
    if (!reader)
        return;
    pthread_mutex_lock(&reader->lock);
    reader->stop = true;
    pthread_cond_broadcast(&reader->work);
    pthread_mutex_unlock(&reader->lock);
    for (int i = 0; i < reader->n_started; i++)
        pthread_join(reader->threads[i], NULL);
    pthread_cond_destroy(&reader->done);
    pthread_cond_destroy(&reader->work);
    pthread_mutex_destroy(&reader->lock);
    free(reader->completions);
    free(reader->requests);
    free(reader);
}

static int start_threads(struct pread_reader *reader)
{
    sigset_t all, before; /* signals are for the main thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = 0;
    while (rc == 0 && reader->n_started < reader->n_threads) {
        rc = pthread_create(&reader->threads[reader->n_started], NULL, thread_main, reader);
        if (rc == 0)
            reader->n_started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return reader->n_started > 0 ? 0 : rc; /* fewer threads are slower, not wrong */
}

static void *pread_open(int depth, struct error *err)
{
    struct pread_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        fail_memory(err, sizeof *reader, "a reader");
        return NULL;
    }
    reader->depth = depth;
    reader->n_threads = depth < MAX_THREADS ? depth : MAX_THREADS;
    pthread_mutex_init(&reader->lock, NULL);
    pthread_cond_init(&reader->work, NULL);
    pthread_cond_init(&reader->done, NULL);
    reader->requests = calloc((size_t)depth, sizeof *reader->requests);
    reader->completions = calloc((size_t)depth, sizeof *reader->completions);
    if (!reader->requests || !reader->completions) {
        fail_memory(err, (size_t)depth * sizeof *reader->requests, "a reader");
        pread_close(reader);
        return NULL;
    }
    int rc = start_threads(reader);
    if (rc != 0) {
        fail_errno(err, ERROR_MEMORY, rc, "cannot start a thread for reading");
        pread_close(reader);
        return NULL;
    }
    return reader;
}

static int pread_submit(void *opened, const struct reader_request *request, struct error *err)
{
    struct pread_reader *reader = opened;
    (void)err;
    pthread_mutex_lock(&reader->lock);
    reader->requests[queue_push(&reader->requested, reader->depth)] = *request;
    pthread_cond_signal(&reader->work);
    pthread_mutex_unlock(&reader->lock);
    return 0;
}

static int pread_wait(void *opened, bool block, struct reader_completion *out, struct error *err)
{
    struct pread_reader *reader = opened;
    (void)err;
    pthread_mutex_lock(&reader->lock);
    while (block && reader->completed.n_items == 0)
        pthread_cond_wait(&reader->done, &reader->lock);
    bool any = reader->completed.n_items > 0;
    if (any)
        *out = reader->completions[queue_pop(&reader->completed, reader->depth)];
    pthread_mutex_unlock(&reader->lock);
    return any;
}

const struct reader_ops reader_pread = {"pread", pread_open, pread_submit, pread_wait, pread_close};
