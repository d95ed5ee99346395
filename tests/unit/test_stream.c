#include "base/clock.h"
#include "base/size.h"
#include "stream/ring.h"
#include "stream/rows.h"
#include "stream/stream.h"
#include "support/check.h"
#include "support/fault.h"
#include "support/gguf_write.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_SLICES 60

/* Two files of random bytes and a random program of slices on them. */
struct scene {
    uint8_t *content[2];
    struct file files[2];
    const struct file *file_list[2];
    struct slice slices[MAX_SLICES];
    size_t n_slices;
    struct memory memory;
};

static const size_t file_bytes[2] = {1200017, 409600};

static bool scene_open(struct scene *scene, struct rng *rng, uint64_t most_bytes)
{
    struct error err;
    *scene = (struct scene){.files = {{.fd = -1}, {.fd = -1}}};
    for (int f = 0; f < 2; f++) {
        char path[600];
        snprintf(path, sizeof path, "%s/weights%d", check_tmp_dir(), f);
        scene->content[f] = malloc(file_bytes[f]);
        for (size_t i = 0; i < file_bytes[f]; i++)
            scene->content[f][i] = (uint8_t)(i * 2654435761u >> 13);
        write_file(path, scene->content[f], file_bytes[f]);
        if (file_open(&scene->files[f], path, &err) < 0)
            return false;
        scene->file_list[f] = &scene->files[f];
    }
    scene->n_slices = 1 + rng_below(rng, MAX_SLICES);
    for (size_t i = 0; i < scene->n_slices; i++) {
        struct slice *slice = &scene->slices[i];
        slice->n_parts = 1 + (int)rng_below(rng, 2);
        slice->pinned = rng_below(rng, 4) == 0;
        slice->kept_bytes = rng_below(rng, 2) * 4096 * (1 + rng_below(rng, 3));
        for (int p = 0; p < slice->n_parts; p++) {
            uint32_t f = (uint32_t)rng_below(rng, 2);
            uint64_t n_bytes = 1 + rng_below(rng, most_bytes);
            uint64_t room = file_bytes[f] - n_bytes;
            uint64_t offset =
                rng_below(rng, 5) ? rng_below(rng, room + 1) : room; /* often the ragged end */
            slice->parts[p] = (struct slice_part){f, offset, n_bytes};
        }
    }
    return true;
}

static void scene_close(struct scene *scene)
{
    for (int f = 0; f < 2; f++) {
        file_close(&scene->files[f]);
        free(scene->content[f]);
    }
    CHECK_UINT(memory_used(&scene->memory), 0);
}

static struct stream_options scene_options(struct scene *scene)
{
    return (struct stream_options){.files = scene->file_list,
                                   .n_files = 2,
                                   .slices = scene->slices,
                                   .n_slices = scene->n_slices,
                                   .memory = &scene->memory};
}

/* What came is what the file has; or, of a slice that is kept in another form, what was made of it
 * when it came, a number in every byte. */
static void check_slice(const struct scene *scene, size_t i, const struct slice_data *data)
{
    const struct slice *slice = &scene->slices[i];
    if (data->kept) {
        uint8_t expected[3 * 4096];
        memset(expected, (int)(i + 1), slice->kept_bytes);
        if (!data->made)
            memcpy(data->kept, expected, slice->kept_bytes);
        CHECK_BYTES(data->kept, expected, slice->kept_bytes);
    }
    CHECK((data->kept != NULL) == (slice->pinned && slice->kept_bytes > 0));
    for (int p = 0; p < slice->n_parts && !data->made; p++)
        CHECK_BYTES(data->parts[p], scene->content[slice->parts[p].file] + slice->parts[p].offset,
                    slice->parts[p].n_bytes);
}

/* All slices of one sweep in order; 0, or -1 with the error. */
static int run_sweep(struct scene *scene, struct stream *stream, bool another, struct error *err)
{
    if (stream_begin_sweep(stream, another, err) < 0)
        return -1;
    for (size_t i = 0; i < scene->n_slices; i++) {
        struct slice_data data;
        if (stream_acquire(stream, i, &data, err) < 0)
            return -1;
        check_slice(scene, i, &data);
        stream_release(stream, i);
    }
    return 0;
}

static uint64_t sum_read_bytes(const struct scene *scene, bool pinned)
{
    uint64_t n_bytes = 0;
    for (size_t i = 0; i < scene->n_slices; i++)
        if (scene->slices[i].pinned == pinned)
            n_bytes += slice_read_bytes(&scene->slices[i]);
    return n_bytes;
}

static int count_open_files(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

TEST(slice_bytes_are_whole_pages)
{
    struct slice slice = {.n_parts = 2, .parts = {{0, 4095, 2}, {0, 8192, 4096}}};
    CHECK_UINT(slice_read_bytes(&slice), 8192 + 4096);
    struct slice two[] = {slice, {.n_parts = 1, .parts = {{0, 0, 1 << 20}}, .pinned = true}};
    CHECK_UINT(stream_ring_bytes(two, 2).least_bytes, 12288);
    CHECK_UINT(stream_ring_bytes(two, 2).recommended_bytes, 12288); /* never more than there is */
    CHECK_UINT(stream_ring_bytes(two + 1, 1).least_bytes, 0);
    CHECK_UINT(slice_pinned_bytes(two + 1), 1 << 20);
    two[1].kept_bytes = 4096; /* read through the ring once */
    CHECK_UINT(stream_ring_bytes(two + 1, 1).least_bytes, 1 << 20);
    CHECK_UINT(slice_pinned_bytes(two + 1), 4096);
}

TEST(ring_pieces_never_overlap)
{
    struct rng rng = rng_make(check_seed());
    for (int round = 0; round < 200; round++) {
        struct ring ring = {.n_bytes = 50 + rng_below(&rng, 100)};
        struct ring_piece pieces[512];
        ring.pieces = pieces;
        uint64_t offsets[512], sizes[512];
        size_t first = 0, next = 0;
        while (next < 512) {
            uint64_t n = 1 + rng_below(&rng, ring.n_bytes);
            if (rng_below(&rng, 2) && ring_take(&ring, n, &offsets[next])) {
                sizes[next] = n;
                CHECK(offsets[next] + n <= ring.n_bytes);
                for (size_t i = first; i < next; i++)
                    CHECK(offsets[i] + sizes[i] <= offsets[next] ||
                          offsets[next] + n <= offsets[i]);
                next++;
            } else if (first < next) {
                ring_give(&ring, offsets[first++]);
            } else {
                CHECK(ring_take(&ring, n, &offsets[next])); /* empty: anything fits */
                sizes[next++] = n;
            }
        }
    }
}

TEST(ring_takes_the_place_left_last)
{
    struct ring_piece pieces[3];
    struct ring ring = {.n_bytes = 100, .pieces = pieces};
    uint64_t first, second, third;
    CHECK(ring_take(&ring, 10, &first) && ring_take(&ring, 10, &second));
    for (int i = 0; i < 50; i++) { /* a reader two pieces ahead never leaves the first thirty */
        CHECK(ring_take(&ring, 10, &third));
        CHECK(third <= 20);
        ring_give(&ring, first);
        first = second;
        second = third;
    }
}

TEST(every_reader_gives_the_bytes_of_the_file)
{
    struct rng rng = rng_make(check_seed());
    for (int r = 0; readers[r]; r++) {
        if (strcmp(readers[r]->name, "null") == 0)
            continue;
        for (int round = 0; round < 12; round++) {
            struct scene scene;
            struct error err = {0};
            REQUIRE(scene_open(&scene, &rng, round % 3 ? 300000 : 5000));
            struct stream_options options = scene_options(&scene);
            options.reader = readers[r];
            options.depth = (int)rng_below(&rng, 6);
            struct stream_ring room = stream_ring_bytes(scene.slices, scene.n_slices);
            options.ring_bytes = round % 2 ? room.least_bytes + rng_below(&rng, 1000000) : 0;
            check_case("%s, round %d, depth %d, ring %llu", readers[r]->name, round, options.depth,
                       (unsigned long long)options.ring_bytes);

            struct stream *stream = stream_open(&options, &err);
            if (!CHECK(stream != NULL)) {
                printf("%s\n", err.text);
                scene_close(&scene);
                return;
            }
            uint64_t n_sweeps = 1 + rng_below(&rng, 4);
            for (uint64_t s = 0; s < n_sweeps; s++)
                if (!CHECK_INT(run_sweep(&scene, stream, s + 1 < n_sweeps, &err), 0))
                    printf("%s\n", err.text);
            CHECK_UINT(stream_statistics(stream).bytes_read,
                       n_sweeps * sum_read_bytes(&scene, false) + sum_read_bytes(&scene, true));
            stream_close(stream);
            scene_close(&scene);
        }
    }
}

static uint32_t asked_bytes[64];
static size_t n_asked;

static int record_and_submit(void *reader, const struct reader_request *request, struct error *err)
{
    if (n_asked < sizeof asked_bytes / sizeof *asked_bytes)
        asked_bytes[n_asked++] = request->n_bytes;
    return reader_find("pread")->submit(reader, request, err);
}

/* Parts larger than a request: a small rest would cost the disk as much as a whole one. */
TEST(parts_are_read_by_few_equal_requests)
{
    enum { LIMIT = STREAM_REQUEST_BYTES, PAGE = 4096 };
    static const struct slice slices[] = {
        {.n_parts = 1, .parts = {{0, 100, LIMIT - PAGE}}}, /* pages around it are one request */
        {.n_parts = 1, .parts = {{0, PAGE, LIMIT + 1}}},
        {.n_parts = 2, .parts = {{0, 5000, 2 * LIMIT}, {0, 3 * LIMIT + 7, 3 * LIMIT + PAGE}}},
    };
    struct scene scene = {.n_slices = sizeof slices / sizeof *slices};
    struct error err;
    const size_t n_bytes = 7 * LIMIT;
    char path[600];
    snprintf(path, sizeof path, "%s/large", check_tmp_dir());
    scene.content[0] = malloc(n_bytes);
    for (size_t i = 0; i < n_bytes; i++)
        scene.content[0][i] = (uint8_t)(i * 2654435761u >> 13);
    write_file(path, scene.content[0], n_bytes);
    REQUIRE(file_open(&scene.files[0], path, &err) == 0);
    scene.file_list[0] = &scene.files[0];
    memcpy(scene.slices, slices, sizeof slices);
    struct reader_ops recording = *reader_find("pread");
    recording.submit = record_and_submit;
    struct stream_options options = scene_options(&scene);
    options.n_files = 1;
    options.reader = &recording;
    n_asked = 0;
    struct stream *stream = stream_open(&options, &err);
    REQUIRE(stream != NULL);
    CHECK_INT(run_sweep(&scene, stream, false, &err), 0);
    static const struct {
        uint64_t n_bytes;
        size_t n;
    } expected[] = {
        {LIMIT, 1}, {LIMIT + PAGE, 2}, {2 * LIMIT + PAGE, 3}, {3 * LIMIT + 2 * PAGE, 4}};
    size_t at = 0;
    for (size_t e = 0; e < sizeof expected / sizeof *expected; e++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < expected[e].n; i++, at++) {
            check_case("part %zu, request %zu", e, i);
            CHECK_NEAR(asked_bytes[at], (double)expected[e].n_bytes / (double)expected[e].n,
                       4.0 * PAGE);
            sum += asked_bytes[at];
        }
        CHECK_UINT(sum, expected[e].n_bytes);
    }
    CHECK_UINT(n_asked, at);
    stream_close(stream);
    file_close(&scene.files[0]);
    free(scene.content[0]);
    CHECK_UINT(memory_used(&scene.memory), 0);
}

TEST(several_slices_may_be_held)
{
    struct rng rng = rng_make(check_seed());
    struct scene scene;
    struct error err;
    REQUIRE(scene_open(&scene, &rng, 20000));
    for (size_t i = 0; i < scene.n_slices; i++)
        scene.slices[i].pinned = false;
    struct stream_options options = scene_options(&scene);
    options.ring_bytes = sum_read_bytes(&scene, false);
    struct stream *stream = stream_open(&options, &err);
    REQUIRE(stream != NULL);
    for (int sweep = 0; sweep < 3; sweep++) {
        CHECK_INT(stream_begin_sweep(stream, sweep < 2, &err), 0);
        struct slice_data data[MAX_SLICES];
        for (size_t i = 0; i < scene.n_slices; i++)
            CHECK_INT(stream_acquire(stream, i, &data[i], &err), 0);
        for (size_t i = scene.n_slices; i-- > 0;) { /* any order of release */
            check_slice(&scene, i, &data[i]);
            stream_release(stream, i);
        }
    }
    stream_close(stream);

    /* Held without room for the next: said, not waited for. */
    if (scene.n_slices >= 2) {
        options.ring_bytes = stream_ring_bytes(scene.slices, scene.n_slices).least_bytes;
        scene.slices[0] = scene.slices[1] = (struct slice){.n_parts = 1, .parts = {{0, 0, 40000}}};
        options.ring_bytes = 45056;
        options.n_slices = 2;
        stream = stream_open(&options, &err);
        REQUIRE(stream != NULL);
        struct slice_data data;
        CHECK_INT(stream_begin_sweep(stream, true, &err), 0);
        CHECK_INT(stream_acquire(stream, 0, &data, &err), 0);
        CHECK_INT(stream_acquire(stream, 1, &data, &err), -1);
        CHECK_INT(err.kind, ERROR_LIMIT);
        stream_close(stream);
    }
    scene_close(&scene);
}

TEST(skipped_slices_cost_nothing_but_their_reads)
{
    struct rng rng = rng_make(check_seed());
    for (int round = 0; round < 60; round++) {
        struct scene scene;
        struct error err;
        REQUIRE(scene_open(&scene, &rng, 60000));
        struct stream_options options = scene_options(&scene);
        options.reader = readers[rng_below(&rng, 2)];
        if (strcmp(options.reader->name, "null") == 0)
            options.reader = readers[0];
        options.depth = 1 + (int)rng_below(&rng, 4);
        if (rng_below(&rng, 2))
            options.ring_bytes = stream_ring_bytes(scene.slices, scene.n_slices).least_bytes;
        check_case("round %d", round);
        struct stream *stream = stream_open(&options, &err);
        REQUIRE(stream != NULL);
        for (int sweep = 0; sweep < 5; sweep++) {
            CHECK_INT(stream_begin_sweep(stream, rng_below(&rng, 2), &err), 0);
            for (size_t i = 0; i < scene.n_slices; i++) {
                struct slice_data data;
                if (rng_below(&rng, 3) == 0)
                    continue;
                CHECK_INT(stream_acquire(stream, i, &data, &err), 0);
                check_slice(&scene, i, &data);
                stream_poll(stream);
                check_slice(&scene, i, &data);
                stream_release(stream, i);
                if (rng_below(&rng, 40) == 0)
                    break; /* the rest of the sweep is not wanted either */
            }
        }
        stream_close(stream);
        scene_close(&scene);
    }
}

TEST(what_was_vacated_is_read_again)
{
    struct rng rng = rng_make(check_seed());
    for (int round = 0; round < 20; round++) {
        struct scene scene;
        struct error err;
        REQUIRE(scene_open(&scene, &rng, 100000));
        struct stream_options options = scene_options(&scene);
        options.reader = readers[round % 2];
        if (strcmp(options.reader->name, "null") == 0)
            options.reader = readers[0];
        options.depth = 1 + (int)rng_below(&rng, 4);
        check_case("round %d", round);
        struct stream *stream = stream_open(&options, &err);
        REQUIRE(stream != NULL);
        uint64_t once = sum_read_bytes(&scene, false) + sum_read_bytes(&scene, true);
        for (int sweep = 0; sweep < 4; sweep++) {
            uint64_t read = stream_statistics(stream).bytes_read;
            CHECK_INT(stream_begin_sweep(stream, sweep < 3, &err), 0);
            CHECK_INT(stream_vacate(stream, &err), 0);
            for (size_t i = 0; i < scene.n_slices; i++) {
                struct slice_data data;
                if (rng_below(&rng, 4) == 0)
                    CHECK_INT(stream_vacate(stream, &err), 0);
                if (rng_below(&rng, 4) == 0)
                    CHECK_INT(stream_vacate(stream, &err), 0); /* twice is as once */
                CHECK_INT(stream_acquire(stream, i, &data, &err), 0);
                check_slice(&scene, i, &data);
                stream_release(stream, i);
            }
            CHECK(stream_statistics(stream).bytes_read - read >= once);
        }
        stream_close(stream);
        scene_close(&scene);
    }
}

TEST(null_reader_counts_and_reads_nothing)
{
    struct rng rng = rng_make(check_seed());
    struct scene scene;
    struct error err;
    REQUIRE(scene_open(&scene, &rng, 100000));
    struct stream_options options = scene_options(&scene);
    options.reader = reader_find("null");
    struct stream *stream = stream_open(&options, &err);
    REQUIRE(stream != NULL);
    for (int sweep = 0; sweep < 2; sweep++) {
        CHECK_INT(stream_begin_sweep(stream, sweep == 0, &err), 0);
        for (size_t i = 0; i < scene.n_slices; i++) {
            struct slice_data data;
            CHECK_INT(stream_acquire(stream, i, &data, &err), 0);
            CHECK(data.made || data.parts[0][0] == 0);
            stream_release(stream, i);
        }
    }
    CHECK_UINT(stream_statistics(stream).bytes_read,
               2 * sum_read_bytes(&scene, false) + sum_read_bytes(&scene, true));
    stream_close(stream);
    CHECK(reader_find("floppy") == NULL);
    scene_close(&scene);
}

/* Two sweeps with one fault; whether it struck. */
static bool run_with_fault(struct scene *scene, const struct stream_options *options,
                           enum fault_kind kind, uint64_t n)
{
    struct error err = {0};
    fault_arm(kind, n);
    struct stream *stream = stream_open(options, &err);
    int rc = stream ? 0 : -1;
    for (int sweep = 0; sweep < 2 && rc == 0; sweep++)
        rc = run_sweep(scene, stream, sweep == 0, &err);
    bool struck = fault_disarm();
    bool harmless = !struck || kind == FAULT_READ_SHORT || kind == FAULT_READ_INTERRUPT;
    if (harmless && !CHECK_INT(rc, 0))
        printf("%s\n", err.text);
    if (rc < 0)
        CHECK(err.text[0] != '\0');
    if (rc < 0 && kind != FAULT_ALLOCATION) {
        CHECK_INT(err.kind, ERROR_IO);
        CHECK_CONTAINS(err.text, "weights");
    }
    stream_close(stream);
    return struck;
}

TEST(faults_are_clean_errors)
{
    struct rng rng = rng_make(check_seed());
    int n_open = count_open_files();
    for (int r = 0; readers[r]; r++) {
        if (strcmp(readers[r]->name, "null") == 0)
            continue;
        bool own_reads = strcmp(readers[r]->name, "pread") == 0;
        for (int kind = FAULT_ALLOCATION; kind <= FAULT_READ_INTERRUPT; kind++) {
            struct scene scene;
            REQUIRE(scene_open(&scene, &rng, 20000));
            if (scene.n_slices > 6)
                scene.n_slices = 6;
            struct stream_options options = scene_options(&scene);
            options.reader =
                own_reads || kind == FAULT_ALLOCATION ? readers[r] : fault_reader(readers[r]);
            options.ring_bytes =
                stream_ring_bytes(scene.slices, scene.n_slices).least_bytes + 30000;
            options.depth = 3;
            for (uint64_t n = 1;; n++) {
                check_case("%s, fault %d, number %llu", readers[r]->name, kind,
                           (unsigned long long)n);
                if (!run_with_fault(&scene, &options, (enum fault_kind)kind, n))
                    break;
            }
            scene_close(&scene);
        }
    }
    CHECK_INT(count_open_files(), n_open);
}

TEST(a_changed_file_is_an_error)
{
    struct rng rng = rng_make(check_seed());
    for (int r = 0; readers[r]; r++) {
        struct scene scene;
        struct error err;
        REQUIRE(scene_open(&scene, &rng, 100000));
        scene.n_slices = 2;
        scene.slices[0] = (struct slice){.n_parts = 1, .parts = {{0, 0, 50000}}};
        scene.slices[1] =
            (struct slice){.n_parts = 1, .parts = {{0, file_bytes[0] - 90000, 90000}}};
        struct stream_options options = scene_options(&scene);
        options.reader = readers[r];
        options.ring_bytes = 98304; /* the second is read after the first was released */
        struct stream *stream = stream_open(&options, &err);
        REQUIRE(stream != NULL);
        struct slice_data data;
        CHECK_INT(stream_begin_sweep(stream, false, &err), 0);
        CHECK_INT(stream_acquire(stream, 0, &data, &err), 0);
        REQUIRE(truncate(scene.files[0].path, 800000) == 0);
        stream_release(stream, 0);
        CHECK_INT(stream_acquire(stream, 1, &data, &err), -1);
        CHECK_INT(err.kind, ERROR_IO);
        CHECK_CONTAINS(err.text, "weights0");
        stream_close(stream);
        scene_close(&scene);
    }
}

TEST(slices_beyond_the_file_are_refused)
{
    struct rng rng = rng_make(check_seed());
    struct scene scene;
    struct error err;
    REQUIRE(scene_open(&scene, &rng, 1000));
    struct stream_options options = scene_options(&scene);
    scene.slices[0] = (struct slice){.n_parts = 1, .parts = {{1, file_bytes[1] - 10, 11}}};
    CHECK(stream_open(&options, &err) == NULL);
    CHECK_CONTAINS(err.text, "truncated");
    scene.slices[0] = (struct slice){.n_parts = 1, .parts = {{1, UINT64_MAX - 5, 11}}};
    CHECK(stream_open(&options, &err) == NULL);
    scene.slices[0] = (struct slice){.n_parts = 1, .parts = {{0, 0, 100000}}};
    options.ring_bytes = 4096;
    CHECK(stream_open(&options, &err) == NULL);
    CHECK_INT(err.kind, ERROR_LIMIT);
    scene_close(&scene);
}

/* Rows. */

static void check_rows(const struct rows_request *request, const uint8_t *content)
{
    for (size_t i = 0; i < request->n_ids; i++)
        CHECK_BYTES(request->to + i * request->row_bytes,
                    content + request->offset + request->ids[i] * request->row_bytes,
                    request->row_bytes);
}

static void count_call(void *n_calls)
{
    ++*(int *)n_calls;
}

TEST(rows_are_those_of_the_file)
{
    int n_calls = 0;
    struct rng rng = rng_make(check_seed());
    struct scene scene;
    struct error err = {0};
    REQUIRE(scene_open(&scene, &rng, 1000));
    for (int round = 0; round < 60; round++) {
        uint64_t row_bytes = 1 + rng_below(&rng, round % 5 == 0 ? 300000 : round % 2 ? 3000 : 200);
        uint64_t offset = rng_below(&rng, 100000);
        uint64_t n_rows = (file_bytes[0] - offset) / row_bytes;
        uint32_t *ids = malloc(n_rows * sizeof *ids);
        uint64_t every = 1 + rng_below(&rng, 200);
        size_t n_ids = 0;
        for (uint32_t id = 0; id < n_rows; id++)
            if (rng_below(&rng, every) == 0 || id + 1 == n_rows)
                ids[n_ids++] = id;
        uint8_t *to = malloc(n_ids * row_bytes + 1);
        struct rows_request request = {.file = &scene.files[0],
                                       .offset = offset,
                                       .row_bytes = row_bytes,
                                       .n_rows = n_rows,
                                       .ids = ids,
                                       .n_ids = n_ids,
                                       .to = to,
                                       .reader = readers[round % 2],
                                       .memory = &scene.memory,
                                       .meanwhile = count_call,
                                       .context = &n_calls};
        if (strcmp(request.reader->name, "null") == 0)
            request.reader = NULL;
        check_case("round %d: %zu of %llu rows of %llu bytes", round, n_ids,
                   (unsigned long long)n_rows, (unsigned long long)row_bytes);
        int64_t n = rows_read(&request, &err);
        if (!CHECK(n >= (int64_t)(n_ids * row_bytes)))
            printf("%s\n", err.text);
        check_rows(&request, scene.content[0]);
        CHECK(n_calls > 0);
        n_calls = 0;
        request.n_ids = 0;
        CHECK_INT(rows_read(&request, &err), 0);
        CHECK_INT(n_calls, 0);
        free(to);
        free(ids);
    }
    uint8_t to[100];
    struct rows_request bad = {.file = &scene.files[1],
                               .row_bytes = 10,
                               .n_rows = 5,
                               .ids = (uint32_t[]){1, 5},
                               .n_ids = 2,
                               .to = to,
                               .memory = &scene.memory};
    CHECK_INT(rows_read(&bad, &err), -1);
    bad.ids = (uint32_t[]){2, 2};
    CHECK_INT(rows_read(&bad, &err), -1);
    bad.ids = (uint32_t[]){1, 2};
    bad.n_rows = file_bytes[1] / 10 + 1;
    CHECK_INT(rows_read(&bad, &err), -1);
    scene_close(&scene);
}

TEST(rows_survive_faults)
{
    struct rng rng = rng_make(check_seed());
    struct scene scene;
    REQUIRE(scene_open(&scene, &rng, 1000));
    uint32_t ids[40];
    for (uint32_t i = 0; i < 40; i++)
        ids[i] = i * 50 + i * i % 7;
    uint8_t *to = malloc(40 * 500);
    int n_open = count_open_files();
    for (int r = 0; readers[r] && strcmp(readers[r]->name, "null") != 0; r++)
        for (int kind = FAULT_ALLOCATION; kind <= FAULT_READ_INTERRUPT; kind++)
            for (uint64_t n = 1;; n++) {
                struct error err = {0};
                check_case("%s, fault %d, number %llu", readers[r]->name, kind,
                           (unsigned long long)n);
                bool own_reads = strcmp(readers[r]->name, "pread") == 0;
                struct rows_request request = {.file = &scene.files[0],
                                               .offset = 77,
                                               .row_bytes = 500,
                                               .n_rows = 2100,
                                               .ids = ids,
                                               .n_ids = 40,
                                               .to = to,
                                               .reader = own_reads || kind == FAULT_ALLOCATION
                                                             ? readers[r]
                                                             : fault_reader(readers[r]),
                                               .memory = &scene.memory};
                memset(to, 0, 40 * 500);
                fault_arm((enum fault_kind)kind, n);
                int64_t got = rows_read(&request, &err);
                bool struck = fault_disarm();
                bool harmless = !struck || kind == FAULT_READ_SHORT || kind == FAULT_READ_INTERRUPT;
                CHECK(harmless ? got > 0 : got == -1 || kind == FAULT_READ_END);
                if (got > 0)
                    check_rows(&request, scene.content[0]);
                if (!struck)
                    break;
            }
    CHECK_INT(count_open_files(), n_open);
    free(to);
    scene_close(&scene);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
