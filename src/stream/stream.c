/* Positions: slice i of sweep s is position s * n_slices + i. Reading runs through the positions in order; at most n_slices of
 * them are alive at a time, so that a slot per slice says everything about its one living position.
 *
 *        tail .......... wanted .......... issue ........ limit
 *     oldest piece    what the user     what is read   where reading
 *     in the ring      asks for next       next          must stop
 */
#include "stream/stream.h"

#include "base/clock.h"
#include "base/size.h"
#include "stream/ring.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum slot_state {
    SLOT_EMPTY,   /* nothing read or wanted */
    SLOT_READING, /* has its memory; requests are in flight or yet to be issued */
    SLOT_READY,   /* all here */
    SLOT_FAILED,  /* a request failed; the stream has the error */
    SLOT_HELD,    /* the user has it */
    SLOT_DROPPED, /* skipped while requests were in flight */
};

struct slot {
    uint8_t *data;       /* [slice_read_bytes]: in the ring, or the slice's pinned memory */
    uint64_t ring_bytes; /* taken in the ring, with what was wasted at its end; 0: none */
    uint32_t n_in_flight;
    uint8_t state;
    bool failed;
    bool resident; /* pinned and read */
};

/* One request, known by its index (the tag). */
struct flight {
    size_t slice;
    const struct file *file;
    uint64_t offset;
    uint64_t needed_bytes; /* of n_bytes: what lies beyond may be past the end of the file */
    uint32_t n_bytes;
    uint8_t *to;
    int next_free;
};

struct stream {
    const struct file *const *files;
    const struct slice *slices;
    size_t n_slices;
    struct memory *memory;
    const struct reader_ops *ops;
    void *reader;
    int depth, n_in_flight;
    int first_free; /* list of flights; -1: none */
    struct flight *flights; /* [depth] */
    struct slot *slots;     /* [n_slices] */
    uint64_t table_bytes;   /* of this struct with flights and slots */

    uint8_t *ring_memory;
    struct ring ring;
    uint8_t *pinned;
    uint64_t pinned_bytes;

    uint64_t tail, wanted, issue, limit; /* positions */
    uint64_t sweep_start;                /* position of slice 0 of the running sweep */
    bool begun;
    /* Within the slice at [issue]: what has been requested so far. */
    bool issue_open;
    int issue_part;
    uint64_t issue_done; /* bytes of that part */

    bool failed;
    struct error error; /* the first one */
    struct stream_statistics statistics;
};

static uint64_t part_start(const struct slice_part *part)
{
    return round_down(part->offset, FILE_ALIGN);
}

static uint64_t part_end(const struct slice_part *part)
{
    return round_up(part->offset + part->n_bytes, FILE_ALIGN);
}

static void keep_error(struct stream *stream, const struct error *err)
{
    if (!stream->failed)
        stream->error = *err;
    stream->failed = true;
}

/* ---- issuing --------------------------------------------------------------------------------------------------- */

/* Gives back the oldest pieces that nobody uses any more. */
static void reclaim(struct stream *stream)
{
    while (stream->tail < stream->issue) {
        struct slot *slot = &stream->slots[stream->tail % stream->n_slices];
        if (slot->state == SLOT_DROPPED && slot->n_in_flight == 0)
            slot->state = SLOT_EMPTY;
        if (slot->state != SLOT_EMPTY)
            return;
        if (slot->ring_bytes > 0) {
            ring_give(&stream->ring, slot->ring_bytes);
            slot->ring_bytes = 0;
        }
        stream->tail++;
    }
}

/* Gives the slice at [issue] its memory; false when there is none now. */
static bool open_slice(struct stream *stream)
{
    if (stream->issue >= stream->limit || stream->issue - stream->tail >= stream->n_slices)
        return false;
    size_t i = stream->issue % stream->n_slices;
    struct slot *slot = &stream->slots[i];
    slot->failed = false;
    if (!stream->slices[i].pinned) {
        uint64_t offset;
        if (!ring_take(&stream->ring, slice_read_bytes(&stream->slices[i]), &offset,
                       &slot->ring_bytes))
            return false;
        slot->data = stream->ring_memory + offset;
    }
    slot->state = slot->resident ? SLOT_READY : SLOT_READING;
    stream->issue_open = true;
    stream->issue_part = slot->resident ? stream->slices[i].n_parts : 0;
    stream->issue_done = 0;
    return true;
}

static int submit_next(struct stream *stream, struct error *err)
{
    size_t i = stream->issue % stream->n_slices;
    const struct slice *slice = &stream->slices[i];
    const struct slice_part *part = &slice->parts[stream->issue_part];
    struct slot *slot = &stream->slots[i];
    uint64_t offset = part_start(part) + stream->issue_done, left = part_end(part) - offset;
    uint64_t before = stream->issue_part == 1 ? part_end(&slice->parts[0]) - part_start(&slice->parts[0])
                                              : 0;
    uint64_t needed = part->offset + part->n_bytes - offset;

    int index = stream->first_free;
    struct flight *flight = &stream->flights[index];
    flight->slice = i;
    flight->file = stream->files[part->file];
    flight->offset = offset;
    flight->n_bytes = left < READER_MAX_BYTES ? (uint32_t)left : READER_MAX_BYTES;
    flight->needed_bytes = needed < flight->n_bytes ? needed : flight->n_bytes;
    flight->to = slot->data + before + stream->issue_done;
    struct reader_request request = {flight->file, offset, flight->n_bytes, flight->to,
                                     (uint64_t)index};
    if (stream->ops->submit(stream->reader, &request, err) < 0)
        return fail_context(err, "%s", flight->file->path);

    stream->first_free = flight->next_free;
    stream->n_in_flight++;
    slot->n_in_flight++;
    stream->issue_done += flight->n_bytes;
    if (stream->issue_done == part_end(part) - part_start(part)) {
        stream->issue_part++;
        stream->issue_done = 0;
    }
    return 0;
}

static bool slot_is_whole(const struct stream *stream, size_t i)
{
    bool all_issued = !stream->issue_open || stream->issue % stream->n_slices != i;
    return all_issued && stream->slots[i].n_in_flight == 0;
}

/* A slice becomes ready when its last request was issued and has come back. */
static void settle(struct stream *stream, size_t i)
{
    struct slot *slot = &stream->slots[i];
    if (slot->state != SLOT_READING || !slot_is_whole(stream, i))
        return;
    slot->state = slot->failed ? SLOT_FAILED : SLOT_READY;
    if (slot->state == SLOT_READY && stream->slices[i].pinned)
        slot->resident = true;
}

/* Starts as many reads as there is room for. */
static void issue_reads(struct stream *stream)
{
    while (!stream->failed) {
        if (!stream->issue_open && !open_slice(stream))
            return;
        if (stream->issue_part == stream->slices[stream->issue % stream->n_slices].n_parts) {
            stream->issue_open = false;
            settle(stream, stream->issue++ % stream->n_slices);
            continue;
        }
        if (stream->n_in_flight == stream->depth)
            return;
        struct error err;
        if (submit_next(stream, &err) < 0)
            keep_error(stream, &err);
    }
}

/* ---- completions ------------------------------------------------------------------------------------------------ */

/* What a reader left out is read again here, once; it is rare, so it may block. Returns bytes from the start of the request, or -errno. */
static int64_t read_rest(const struct flight *flight, int64_t result)
{
    uint64_t done = result > 0 ? round_down((uint64_t)result, FILE_ALIGN) : 0;
    int64_t n = file_read_aligned(flight->file, flight->offset + done, flight->to + done,
                                  flight->n_bytes - done);
    return n < 0 ? -(int64_t)errno : (int64_t)done + n;
}

static int check_flight(const struct flight *flight, int64_t result, struct error *err)
{
    bool again = result == -EINTR || result == -EAGAIN ||
                 (result >= 0 && (uint64_t)result < flight->needed_bytes);
    if (again)
        result = read_rest(flight, result);
    if (result < 0)
        return fail_errno(err, ERROR_IO, (int)-result,
                          "%s: cannot read %" PRIu32 " bytes at offset %" PRIu64
                          " (check the disk, then run again)",
                          flight->file->path, flight->n_bytes, flight->offset);
    if ((uint64_t)result < flight->needed_bytes)
        return fail(err, ERROR_IO,
                    "%s: the file ends at byte %" PRIu64 ", needed up to %" PRIu64
                    ": it was truncated while it was read; download it again",
                    flight->file->path, flight->offset + (uint64_t)result,
                    flight->offset + flight->needed_bytes);
    return 0;
}

static void complete(struct stream *stream, const struct reader_completion *completion)
{
    struct flight *flight = &stream->flights[completion->tag];
    struct slot *slot = &stream->slots[flight->slice];
    struct error err;
    slot->n_in_flight--;
    stream->n_in_flight--;
    stream->statistics.n_reads++;
    if (slot->state == SLOT_DROPPED) {
        stream->statistics.bytes_read += flight->n_bytes;
    } else if (check_flight(flight, completion->result, &err) < 0) {
        slot->failed = true;
        keep_error(stream, &err);
    } else {
        stream->statistics.bytes_read += flight->n_bytes;
    }
    flight->next_free = stream->first_free;
    stream->first_free = (int)completion->tag;
}

/* Takes in one completion; false when there was none or the reader failed. */
static bool take_completion(struct stream *stream, bool block)
{
    if (stream->n_in_flight == 0)
        return false;
    struct reader_completion completion;
    struct error err;
    int rc = stream->ops->wait(stream->reader, block, &completion, &err);
    if (rc < 0)
        keep_error(stream, &err);
    if (rc != 1)
        return false;
    size_t i = stream->flights[completion.tag].slice;
    complete(stream, &completion);
    settle(stream, i);
    return true;
}

static void advance(struct stream *stream)
{
    while (take_completion(stream, false)) {
    }
    reclaim(stream);
    issue_reads(stream);
}

/* ---- dropping ----------------------------------------------------------------------------------------------------- */

/* The slice at a position that nobody will take. */
static void drop(struct stream *stream, uint64_t position)
{
    size_t i = position % stream->n_slices;
    struct slot *slot = &stream->slots[i];
    if (position >= stream->issue && !(stream->issue_open && position == stream->issue))
        return; /* not begun: drop_until moves [issue] past it */
    if (slot->state == SLOT_HELD)
        return; /* its user will release it */
    if (stream->slices[i].pinned && slot->state == SLOT_READY) {
        slot->state = SLOT_EMPTY;
        return;
    }
    if (slot->state != SLOT_EMPTY)
        slot->state = SLOT_DROPPED;
}

/* Gives up every position from [wanted] to before [position]. */
static void drop_until(struct stream *stream, uint64_t position)
{
    for (; stream->wanted < position; stream->wanted++)
        drop(stream, stream->wanted);
    if (stream->issue < position) {
        stream->issue_open = false;
        stream->issue = position;
    }
    reclaim(stream);
}

/* ---- the interface ------------------------------------------------------------------------------------------------ */

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
            *pinned_bytes += n_bytes;
    }
    return 0;
}

/* A stream with its tables in one block, not yet able to read. */
static struct stream *make_stream(const struct stream_options *options, int depth,
                                  struct error *err)
{
    uint64_t flights_at = round_up(sizeof(struct stream), 64);
    uint64_t slots_at = flights_at + round_up((uint64_t)depth * sizeof(struct flight), 64);
    uint64_t table_bytes = slots_at + options->n_slices * sizeof(struct slot);
    uint8_t *block = memory_alloc(options->memory, MEMORY_RING, table_bytes, err);
    if (!block)
        return NULL;
    struct stream *stream = (struct stream *)block;
    stream->flights = (struct flight *)(block + flights_at);
    stream->slots = (struct slot *)(block + slots_at);
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
            stream->slots[i].data = next;
            next += slice_read_bytes(&stream->slices[i]);
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
    uint64_t ring_bytes = options->ring_bytes ? round_down(options->ring_bytes, FILE_ALIGN)
                                              : room.recommended_bytes;
    if (ring_bytes < room.least_bytes) {
        fail(err, ERROR_LIMIT, "a ring of %" PRIu64 " bytes cannot hold a slice of %" PRIu64,
             ring_bytes, room.least_bytes);
        return NULL;
    }
    int depth = options->depth;
    if (depth <= 0)
        depth = (int)min_size((size_t)div_up(room.least_bytes, READER_MAX_BYTES) + 4, 64);

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
        while (take_completion(stream, true)) {
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
    drop_until(stream, stream->sweep_start);
    stream->limit = stream->sweep_start + (another_follows ? 2 : 1) * (uint64_t)stream->n_slices;
    advance(stream);
    return stream->failed ? report(stream, err) : 0;
}

int stream_expect_another(struct stream *stream, struct error *err)
{
    stream->limit = stream->sweep_start + 2 * (uint64_t)stream->n_slices;
    advance(stream);
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
        settle(stream, i);
        if (begun && slot->state != SLOT_READING)
            break;
        if (stream->n_in_flight == 0) {
            /* Nothing will change by waiting: an earlier error stopped reading, or the room is held by the caller. */
            rc = stream->failed ? report(stream, err)
                                : fail(err, ERROR_LIMIT,
                                       "the ring has no room for slice %zu beside those in use", i);
            break;
        }
        if (!blocked_since)
            blocked_since = clock_ns();
        if (!take_completion(stream, true) && stream->failed) {
            rc = report(stream, err);
            break;
        }
        reclaim(stream);
        issue_reads(stream);
    }
    if (blocked_since)
        stream->statistics.wait_ns += clock_ns() - blocked_since;
    return rc;
}

int stream_acquire(struct stream *stream, size_t i, const uint8_t *data[2], struct error *err)
{
    uint64_t position = stream->sweep_start + i;
    assert(stream->begun && i < stream->n_slices && position >= stream->wanted);
    drop_until(stream, position);
    advance(stream);
    if (wait_for_slice(stream, i, err) < 0)
        return -1;

    const struct slice *slice = &stream->slices[i];
    struct slot *slot = &stream->slots[i];
    if (slot->state == SLOT_FAILED)
        return report(stream, err);
    uint64_t before = 0;
    for (int p = 0; p < slice->n_parts; p++) {
        const struct slice_part *part = &slice->parts[p];
        if (file_check_unchanged(stream->files[part->file], err) < 0) {
            keep_error(stream, err);
            return -1;
        }
        data[p] = slot->data + before + (part->offset - part_start(part));
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
    advance(stream);
}

void stream_poll(struct stream *stream)
{
    advance(stream);
}

struct stream_statistics stream_statistics(const struct stream *stream)
{
    return stream->statistics;
}

const char *stream_reader_name(const struct stream *stream)
{
    return stream->ops->name;
}
