#include "stream/stream_internal.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>

/* Requests in flight where slices are small: some 8 MB. More of them bring no more bytes from the
 * disks seen, and take more memory than the caches hold (ring.h). */
#define LEAST_IN_FLIGHT 8

static int check_slices(const struct stream_options *options, uint64_t *pinned_bytes,
                        struct error *err)
{
    uint64_t total = 0;
    *pinned_bytes = 0;
    for (size_t i = 0; i < options->n_slices; i++) {
        const struct slice *slice = &options->slices[i];
        assert(slice->n_parts == 1 || slice->n_parts == 2);
        for (int p = 0; p < slice->n_parts; p++) {
            const struct slice_part *part = &slice->parts[p];
            assert((int)part->file < options->n_files && part->n_bytes > 0);
            uint64_t end;
            if (!add_size(part->offset, part->n_bytes, &end) ||
                end > options->files[part->file]->size_bytes || end > INT64_MAX - FILE_ALIGN)
                return fail(err, ERROR_FORMAT,
                            "%s: slice %zu ends at byte %" PRIu64 ", but the file has %" PRIu64
                            ": it is truncated; download it again",
                            options->files[part->file]->path, i, part->offset + part->n_bytes,
                            options->files[part->file]->size_bytes);
        }
        uint64_t n_bytes = slice_read_bytes(slice);
        if (!add_size(total, n_bytes, &total))
            return fail(err, ERROR_FORMAT, "the slices add up to more than 2^64 bytes");
        if (slice->pinned)
            *pinned_bytes += slice_pinned_bytes(slice);
    }
    return 0;
}

/* A stream with its tables in one block, not yet able to read. */
static struct stream *make_stream(const struct stream_options *options, int depth,
                                  struct error *err)
{
    uint64_t flights_at = round_up(sizeof(struct stream), 64);
    uint64_t slots_at = flights_at + round_up((uint64_t)depth * sizeof(struct flight), 64);
    uint64_t pieces_at = slots_at + round_up(options->n_slices * sizeof(struct slot), 64);
    uint64_t table_bytes = pieces_at + options->n_slices * sizeof(struct ring_piece);
    uint8_t *block = memory_alloc(options->memory, MEMORY_RING, table_bytes, err);
    if (!block)
        return NULL;
    struct stream *stream = (struct stream *)block;
    stream->flights = (struct flight *)(block + flights_at);
    stream->slots = (struct slot *)(block + slots_at);
    stream->ring.pieces = (struct ring_piece *)(block + pieces_at);
    stream->table_bytes = table_bytes;
    stream->files = options->files;
    stream->slices = options->slices;
    stream->n_slices = options->n_slices;
    stream->memory = options->memory;
    stream->depth = depth;
    for (int i = 0; i < depth; i++)
        stream->flights[i].next_free = i + 1 < depth ? i + 1 : -1;
    return stream;
}

static int take_memory(struct stream *stream, uint64_t ring_bytes, uint64_t pinned_bytes,
                       struct error *err)
{
    if (ring_bytes > 0) {
        stream->ring_memory = memory_alloc(stream->memory, MEMORY_RING, ring_bytes, err);
        if (!stream->ring_memory)
            return -1;
        stream->ring.n_bytes = ring_bytes;
    }
    if (pinned_bytes == 0)
        return 0;
    stream->pinned = memory_alloc(stream->memory, MEMORY_PINNED, pinned_bytes, err);
    if (!stream->pinned)
        return -1;
    stream->pinned_bytes = pinned_bytes;
    uint8_t *next = stream->pinned;
    for (size_t i = 0; i < stream->n_slices; i++)
        if (stream->slices[i].pinned) {
            *(stream->slices[i].kept_bytes ? &stream->slots[i].kept : &stream->slots[i].data) =
                next;
            next += slice_pinned_bytes(&stream->slices[i]);
        }
    return 0;
}

struct stream *stream_open(const struct stream_options *options, struct error *err)
{
    assert(options->n_slices > 0);
    uint64_t pinned_bytes;
    if (check_slices(options, &pinned_bytes, err) < 0)
        return NULL;
    struct stream_ring room = stream_ring_bytes(options->slices, options->n_slices);
    uint64_t ring_bytes =
        options->ring_bytes ? round_down(options->ring_bytes, FILE_ALIGN) : room.recommended_bytes;
    if (ring_bytes < room.least_bytes) {
        fail(err, ERROR_LIMIT, "a ring of %" PRIu64 " bytes cannot hold a slice of %" PRIu64,
             ring_bytes, room.least_bytes);
        return NULL;
    }
    int depth = options->depth;
    if (depth <= 0)
        depth = (int)min_size(
            max_size(LEAST_IN_FLIGHT, div_up(room.least_bytes, STREAM_REQUEST_BYTES) + 4), 64);

    struct stream *stream = make_stream(options, depth, err);
    if (!stream)
        return NULL;
    if (take_memory(stream, room.least_bytes > 0 ? ring_bytes : 0, pinned_bytes, err) < 0) {
        stream_close(stream);
        return NULL;
    }
    stream->reader = reader_open(options->reader, depth, &stream->ops, err);
    if (!stream->reader) {
        stream_close(stream);
        return NULL;
    }
    return stream;
}

void stream_close(struct stream *stream)
{
    if (!stream)
        return;
    if (stream->reader) {
        while (stream_take_completion(stream, true)) {
        }
        stream->ops->close(stream->reader);
    }
    memory_free(stream->memory, MEMORY_RING, stream->ring_memory, stream->ring.n_bytes);
    memory_free(stream->memory, MEMORY_PINNED, stream->pinned, stream->pinned_bytes);
    memory_free(stream->memory, MEMORY_RING, stream, stream->table_bytes);
}

static int report(const struct stream *stream, struct error *err)
{
    *err = stream->error;
    return -1;
}

int stream_begin_sweep(struct stream *stream, bool another_follows, struct error *err)
{
    if (stream->failed)
        return report(stream, err);
    if (stream->begun)
        stream->sweep_start += stream->n_slices;
    stream->begun = true;
    stream_drop_until(stream, stream->sweep_start);
    stream->limit = stream->sweep_start + (another_follows ? 2 : 1) * (uint64_t)stream->n_slices;
    stream_advance(stream);
    return stream->failed ? report(stream, err) : 0;
}

/* Waits until the slice at [wanted] has left the state of being read. */
static int wait_for_slice(struct stream *stream, size_t i, struct error *err)
{
    const struct slot *slot = &stream->slots[i];
    uint64_t blocked_since = 0;
    int rc = 0;
    for (;;) {
        bool begun = stream->issue > stream->wanted ||
                     (stream->issue == stream->wanted && stream->issue_open);
        stream_settle(stream, i);
        if (begun && slot->state != SLOT_READING)
            break;
        if (stream->n_in_flight == 0) {
            /* Nothing will change by waiting: an earlier error stopped reading, or the room is held
             * by the caller. */
            rc = stream->failed ? report(stream, err)
                                : fail(err, ERROR_LIMIT,
                                       "the ring has no room for slice %zu beside those in use", i);
            break;
        }
        if (!blocked_since)
            blocked_since = clock_ns();
        if (!stream_take_completion(stream, true) && stream->failed) {
            rc = report(stream, err);
            break;
        }
        stream_start_reads(stream);
    }
    if (blocked_since)
        stream->statistics.wait_ns += clock_ns() - blocked_since;
    return rc;
}

int stream_acquire(struct stream *stream, size_t i, struct slice_data *data, struct error *err)
{
    uint64_t position = stream->sweep_start + i;
    assert(stream->begun && i < stream->n_slices && position >= stream->wanted);
    stream_drop_until(stream, position);
    stream_advance(stream);
    if (wait_for_slice(stream, i, err) < 0)
        return -1;

    const struct slice *slice = &stream->slices[i];
    struct slot *slot = &stream->slots[i];
    if (slot->state == SLOT_FAILED)
        return report(stream, err);
    *data = (struct slice_data){.kept = slot->kept, .made = slot->kept && slot->resident};
    uint64_t before = 0;
    for (int p = 0; p < slice->n_parts; p++) {
        const struct slice_part *part = &slice->parts[p];
        if (file_check_unchanged(stream->files[part->file], err) < 0) {
            stream_keep_error(stream, err);
            return -1;
        }
        if (!data->made)
            data->parts[p] = slot->data + before + (part->offset - part_start(part));
        before += part_end(part) - part_start(part);
    }
    slot->state = SLOT_HELD;
    stream->wanted = position + 1;
    return 0;
}

void stream_release(struct stream *stream, size_t i)
{
    assert(stream->slots[i].state == SLOT_HELD);
    stream->slots[i].state = SLOT_EMPTY;
    stream->slots[i].resident |= stream->slots[i].kept != NULL;
    stream_advance(stream);
}

void stream_poll(struct stream *stream)
{
    stream_advance(stream);
}

int stream_vacate(struct stream *stream, struct error *err)
{
    while (stream_take_completion(stream, true)) {
    }
    if (stream->failed)
        return report(stream, err);
    for (size_t i = 0; i < stream->n_slices; i++) {
        struct slot *slot = &stream->slots[i];
        assert(slot->state != SLOT_HELD);
        *slot = (struct slot){.data = slot->data, .kept = slot->kept};
    }
    stream->ring.n_pieces = 0;
    stream->tail = stream->issue = stream->wanted;
    stream->issue_open = false;
    if (stream->ring_memory && memory_vacate(stream->ring_memory, stream->ring.n_bytes, err) < 0)
        return -1;
    return stream->pinned ? memory_vacate(stream->pinned, stream->pinned_bytes, err) : 0;
}

struct stream_statistics stream_statistics(const struct stream *stream)
{
    return stream->statistics;
}
