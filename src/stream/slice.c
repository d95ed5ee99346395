/* What slices cost: pure arithmetic, also for the planner. */
#include "base/size.h"
#include "stream/stream.h"

/* Read ahead of a slice in use: bridges the steps that have no weights. */
#define USUAL_AHEAD_BYTES (16ull << 20)

static uint64_t part_read_bytes(const struct slice_part *part)
{
    return round_up(part->offset + part->n_bytes, FILE_ALIGN) -
           round_down(part->offset, FILE_ALIGN);
}

uint64_t slice_read_bytes(const struct slice *slice)
{
    uint64_t n_bytes = 0;
    for (int p = 0; p < slice->n_parts; p++)
        n_bytes += part_read_bytes(&slice->parts[p]);
    return n_bytes;
}

uint64_t slice_pinned_bytes(const struct slice *slice)
{
    return slice->kept_bytes ? slice->kept_bytes : slice_read_bytes(slice);
}

struct stream_ring stream_ring_bytes(const struct slice *slices, size_t n_slices)
{
    uint64_t largest = 0, total = 0;
    for (size_t i = 0; i < n_slices; i++) {
        if (slices[i].pinned && !slices[i].kept_bytes)
            continue;
        uint64_t n_bytes = slice_read_bytes(&slices[i]);
        total += n_bytes;
        if (n_bytes > largest)
            largest = n_bytes;
    }
    /* One slice in use, what is ahead of it, and rooms between pieces that are too narrow. */
    uint64_t ahead = largest > USUAL_AHEAD_BYTES ? largest : USUAL_AHEAD_BYTES;
    uint64_t recommended = largest + ahead + largest;
    if (recommended > total)
        recommended = total;
    return (struct stream_ring){largest, recommended};
}
