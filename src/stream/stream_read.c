/* What a stream reads, when, and what becomes of it. */
#include "stream/stream_internal.h"

#include <errno.h>
#include <inttypes.h>

void stream_keep_error(struct stream *stream, const struct error *err)
{
    if (!stream->failed)
        stream->error = *err;
    stream->failed = true;
}

/* ---- issuing ---- */

/* Gives back the oldest pieces that nobody uses any more. */
static void reclaim(struct stream *stream)
{
    while (stream->tail < stream->issue) {
        struct slot *slot = &stream->slots[stream->tail % stream->n_slices];
        if (slot->state == SLOT_DROPPED && slot->n_in_flight == 0)
            slot->state = SLOT_EMPTY;
        if (slot->state != SLOT_EMPTY)
            return;
        if (slot->in_ring)
            ring_give(&stream->ring, (uint64_t)(slot->data - stream->ring_memory));
        slot->in_ring = false;
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
    if (!stream->slices[i].pinned || (slot->kept && !slot->resident)) {
        uint64_t offset;
        if (!ring_take(&stream->ring, slice_read_bytes(&stream->slices[i]), &offset))
            return false;
        slot->data = stream->ring_memory + offset;
        slot->in_ring = true;
    }
    slot->state = slot->resident ? SLOT_READY : SLOT_READING;
    stream->issue_open = true;
    stream->issue_part = slot->resident ? stream->slices[i].n_parts : 0;
    stream->issue_done = 0;
    return true;
}

/* Each of the requests that read a part, but the last, which may be a page or some less. */
static uint64_t request_bytes(const struct slice_part *part)
{
    uint64_t n_bytes = part_end(part) - part_start(part);
    return round_up(div_up(n_bytes, div_up(n_bytes, STREAM_REQUEST_BYTES)), FILE_ALIGN);
}

static int submit_next(struct stream *stream, struct error *err)
{
    size_t i = stream->issue % stream->n_slices;
    const struct slice *slice = &stream->slices[i];
    const struct slice_part *part = &slice->parts[stream->issue_part];
    struct slot *slot = &stream->slots[i];
    uint64_t offset = part_start(part) + stream->issue_done, left = part_end(part) - offset;
    uint64_t before =
        stream->issue_part == 1 ? part_end(&slice->parts[0]) - part_start(&slice->parts[0]) : 0;
    uint64_t needed = part->offset + part->n_bytes - offset;

    int index = stream->first_free;
    struct flight *flight = &stream->flights[index];
    flight->slice = i;
    flight->file = stream->files[part->file];
    flight->offset = offset;
    flight->n_bytes = (uint32_t)min_size(left, request_bytes(part));
    flight->needed_bytes = needed < flight->n_bytes ? needed : flight->n_bytes;
    flight->to = slot->data + before + stream->issue_done;
    struct reader_request request = {.file = flight->file,
                                     .offset = offset,
                                     .n_bytes = flight->n_bytes,
                                     .to = flight->to,
                                     .tag = (uint64_t)index,
                                     .fresh = !slot->in_ring};
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
void stream_settle(struct stream *stream, size_t i)
{
    struct slot *slot = &stream->slots[i];
    if (slot->state != SLOT_READING || !slot_is_whole(stream, i))
        return;
    slot->state = slot->failed ? SLOT_FAILED : SLOT_READY;
    if (slot->state == SLOT_READY && stream->slices[i].pinned && !slot->kept)
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
            stream_settle(stream, stream->issue++ % stream->n_slices);
            continue;
        }
        if (stream->n_in_flight == stream->depth)
            return;
        struct error err;
        if (submit_next(stream, &err) < 0)
            stream_keep_error(stream, &err);
    }
}

/* ---- completions ---- */

/* What a reader left out is read again here, once; it is rare, so it may block. Returns bytes from
 * the start of the request, or -errno. */
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
        stream_keep_error(stream, &err);
    } else {
        stream->statistics.bytes_read += flight->n_bytes;
    }
    flight->next_free = stream->first_free;
    stream->first_free = (int)completion->tag;
}

bool stream_take_completion(struct stream *stream, bool block)
{
    if (stream->n_in_flight == 0)
        return false;
    struct reader_completion completion;
    struct error err;
    int rc = stream->ops->wait(stream->reader, block, &completion, &err);
    if (rc < 0)
        stream_keep_error(stream, &err);
    if (rc != 1)
        return false;
    size_t i = stream->flights[completion.tag].slice;
    complete(stream, &completion);
    stream_settle(stream, i);
    return true;
}

void stream_start_reads(struct stream *stream)
{
    reclaim(stream);
    issue_reads(stream);
}

void stream_advance(struct stream *stream)
{
    while (stream_take_completion(stream, false)) {
    }
    stream_start_reads(stream);
}

/* ---- dropping ---- */

/* The slice at a position that nobody will take. */
static void drop(struct stream *stream, uint64_t position)
{
    size_t i = position % stream->n_slices;
    struct slot *slot = &stream->slots[i];
    if (position >= stream->issue && !(stream->issue_open && position == stream->issue))
        return; /* not begun: drop_until moves [issue] past it */
    if (slot->state == SLOT_HELD)
        return; /* its user will release it */
    if (slot->resident && slot->state == SLOT_READY) {
        slot->state = SLOT_EMPTY;
        return;
    }
    if (slot->state != SLOT_EMPTY)
        slot->state = SLOT_DROPPED;
}

void stream_drop_until(struct stream *stream, uint64_t position)
{
    for (; stream->wanted < position; stream->wanted++)
        drop(stream, stream->wanted);
    if (stream->issue < position) {
        stream->issue_open = false;
        stream->issue = position;
    }
    reclaim(stream);
}
