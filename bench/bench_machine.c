/* What this machine gives at most, for ratios: int8 multiply-adds of all threads at once, and
 * direct reads of a file.
 *
 *   bench_machine [--threads N] [--level NAME] [--seconds S] [--request BYTES --in-flight N] [FILE]
 *   bench_machine --back BYTES
 *
 * Prints one JSON object. With a file and no --request: the best over requests of 1-16 MiB with
 * 1-16 in flight; beside it "used_bytes_per_s", the rate of the same reads where a core reads every
 * byte that came, which a disk that a host emulates may answer with a lower one (it copies into
 * memory that this core's cache holds). Reads walk through the file from a place that differs from
 * call to call, so that caches below the operating system are not what is measured.
 *
 * --back takes and gives back so much memory, so that a virtual machine's host has pages for it. */

#include "peak.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/size.h"
#include "stream/reader.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_THREADS = 256,
    PEAK_TURNS = 5,
    MOST_IN_FLIGHT = 16,
    LEAST_REQUEST = 1 << 20,
    MOST_REQUEST = 16 << 20
};

struct options {
    int n_threads, in_flight;
    uint32_t request_bytes;
    double seconds; /* of each measurement */
    uint64_t back_bytes;
    const char *level, *path;
};

static void stop(const char *text)
{
    fprintf(stderr, "bench_machine: %s\n", text);
    exit(2);
}

static double seconds_since(uint64_t started_ns)
{
    return (double)(clock_ns() - started_ns) * 1e-9;
}

/* ---- int8 peak ---- */

struct peak_worker {
    peak_fn *run;
    double seconds, rate;
    pthread_barrier_t *barrier;
};

static void *peak_for_seconds(void *argument)
{
    struct peak_worker *worker = argument;
    worker->run(1000000);
    pthread_barrier_wait(worker->barrier);
    double done = 0, passed;
    uint64_t started = clock_ns();
    do {
        done += worker->run(1000000);
        passed = seconds_since(started);
    } while (passed < worker->seconds);
    worker->rate = done / passed;
    return NULL;
}

/* Operations per second of all threads at once; the best of some turns, because machines are
 * shared. */
static double int8_peak(const struct options *options, peak_fn *run)
{
    double best = 0;
    for (int turn = 0; turn < PEAK_TURNS; turn++) {
        pthread_t threads[MAX_THREADS];
        struct peak_worker workers[MAX_THREADS];
        pthread_barrier_t barrier;
        pthread_barrier_init(&barrier, NULL, (unsigned)options->n_threads);
        for (int i = 0; i < options->n_threads; i++) {
            workers[i] = (struct peak_worker){run, options->seconds, 0, &barrier};
            if (pthread_create(&threads[i], NULL, peak_for_seconds, &workers[i]) != 0)
                stop("cannot start a thread");
        }
        double rate = 0;
        for (int i = 0; i < options->n_threads; i++) {
            pthread_join(threads[i], NULL);
            rate += workers[i].rate;
        }
        pthread_barrier_destroy(&barrier);
        best = rate > best ? rate : best;
    }
    return best;
}

/* ---- Direct reads ---- */

struct disk {
    struct file file;
    const struct reader_ops *reader;
    uint8_t *room;   /* MOST_IN_FLIGHT * MOST_REQUEST */
    uint64_t offset; /* where the next measurement goes on */
};

/* Has a core read them. */
static void use_bytes(const uint8_t *data, uint64_t n_bytes)
{
    const volatile uint64_t *word = (const uint64_t *)data;
    for (uint64_t i = 0; i < n_bytes / sizeof *word; i += 8) /* of each cache line one */
        (void)word[i];
}

/* Bytes per second of requests through the file, around and around, for about [seconds]. */
static double read_rate(struct disk *disk, uint32_t request_bytes, int in_flight, double seconds,
                        bool used)
{
    struct error err;
    void *reader = reader_open(disk->reader, in_flight, &disk->reader, &err);
    if (!reader)
        stop(err.text);
    uint64_t n_bytes = 0, started = clock_ns();
    int n_flying = 0;
    bool going = true;
    for (uint64_t slot = 0; going || n_flying > 0;) {
        if (going && n_flying < in_flight) {
            if (disk->offset + request_bytes > disk->file.size_bytes)
                disk->offset = 0;
            struct reader_request request = {.file = &disk->file,
                                             .offset = disk->offset,
                                             .n_bytes = request_bytes,
                                             .to = disk->room + slot * request_bytes,
                                             .tag = slot};
            if (disk->reader->submit(reader, &request, &err) < 0)
                stop(err.text);
            disk->offset += request_bytes;
            slot = (uint64_t)++n_flying; /* before the first completion slots are new, afterwards
                                            the one that came back */
            continue;
        }
        struct reader_completion completion;
        if (disk->reader->wait(reader, true, &completion, &err) < 0 || completion.result < 0)
            stop("a read failed");
        n_bytes += (uint64_t)completion.result;
        if (used)
            use_bytes(disk->room + completion.tag * request_bytes, (uint64_t)completion.result);
        n_flying--;
        slot = completion.tag;
        going = going && seconds_since(started) < seconds;
    }
    double rate = (double)n_bytes / seconds_since(started);
    disk->reader->close(reader);
    return rate;
}

static void measure_disk(const struct options *options)
{
    struct disk disk = {.file = {.fd = -1}};
    struct memory memory = {0};
    struct error err;
    const uint64_t room_bytes = (uint64_t)MOST_IN_FLIGHT * MOST_REQUEST;
    if (file_open(&disk.file, options->path, &err) < 0)
        stop(err.text);
    disk.room = memory_alloc(&memory, MEMORY_RING, room_bytes, &err);
    if (!disk.room)
        stop(err.text);
    if (disk.file.size_bytes < MOST_REQUEST)
        stop("the file is too small to measure the disk with");
    disk.offset = round_down(clock_ns() % disk.file.size_bytes, LEAST_REQUEST);

    uint32_t request_bytes = options->request_bytes;
    int in_flight = options->in_flight;
    double rate = 0;
    if (request_bytes) {
        rate = read_rate(&disk, request_bytes, in_flight, options->seconds, false);
    } else {
        for (uint32_t bytes = LEAST_REQUEST; bytes <= MOST_REQUEST; bytes *= 2) {
            for (int n = 1; n <= MOST_IN_FLIGHT; n *= 2) {
                double seen = read_rate(&disk, bytes, n, options->seconds, false);
                if (seen > rate) {
                    rate = seen;
                    request_bytes = bytes;
                    in_flight = n;
                }
            }
        }
    }
    double used = read_rate(&disk, request_bytes, in_flight, options->seconds, true);
    printf(", \"raw_bytes_per_s\": %.0f, \"used_bytes_per_s\": %.0f, \"request_bytes\": %" PRIu32
           ", \"in_flight\": %d, \"direct\": %s, \"reader\": \"%s\"",
           rate, used, request_bytes, in_flight, disk.file.direct ? "true" : "false",
           disk.reader->name);
    memory_free(&memory, MEMORY_RING, disk.room, room_bytes);
    file_close(&disk.file);
}

/* ---- Memory ---- */

static void back_memory(uint64_t n_bytes)
{
    struct memory memory = {0};
    struct error err;
    uint8_t *block = memory_alloc(&memory, MEMORY_PINNED, n_bytes, &err);
    if (!block)
        stop(err.text);
    for (uint64_t i = 0; i < n_bytes; i += 4096)
        ((volatile uint8_t *)block)[i] = 1;
    memory_free(&memory, MEMORY_PINNED, block, n_bytes);
}

static void read_options(struct options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            options->path = argv[i];
            continue;
        }
        if (i + 1 == argc)
            stop("an option without its value");
        const char *option = argv[i], *value = argv[++i];
        if (strcmp(option, "--threads") == 0)
            options->n_threads = atoi(value);
        else if (strcmp(option, "--level") == 0)
            options->level = value;
        else if (strcmp(option, "--seconds") == 0)
            options->seconds = atof(value);
        else if (strcmp(option, "--request") == 0)
            options->request_bytes = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(option, "--back") == 0)
            options->back_bytes = strtoull(value, NULL, 10);
        else if (strcmp(option, "--in-flight") == 0)
            options->in_flight = atoi(value);
        else
            stop("no such option");
    }
    if (options->n_threads < 1 || options->n_threads > MAX_THREADS ||
        options->request_bytes > MOST_REQUEST || options->request_bytes % FILE_ALIGN != 0 ||
        options->in_flight < 1 || options->in_flight > MOST_IN_FLIGHT)
        stop("a value out of range");
}

int main(int argc, char **argv)
{
    struct options options = {.n_threads = pool_cores_available(), .in_flight = 4, .seconds = 0.2};
    read_options(&options, argc, argv);
    if (options.back_bytes) {
        back_memory(options.back_bytes);
        return 0;
    }
    const char *level = options.level ? options.level : cpu_level_best()->name;
    printf("{\"cpu\": \"%s\", \"threads\": %d", level, options.n_threads);
    if (!options.request_bytes)
        for (int i = 0; i < N_PEAKS; i++)
            if (peaks[i].int8 && strcmp(peaks[i].level, level) == 0)
                printf(", \"int8_per_s\": %.0f", int8_peak(&options, peaks[i].int8));
    if (options.path)
        measure_disk(&options);
    printf("}\n");
    return 0;
}
