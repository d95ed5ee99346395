#include "stream/probe.h"

#include "base/clock.h"
#include "base/size.h"

int probe_read_rate(const struct file *file, const struct reader_ops *reader, uint64_t n_bytes,
                    uint32_t request_bytes, int in_flight, struct memory *memory, double *rate,
                    struct error *err)
{
    *rate = 0.0;
    uint64_t round_bytes = (uint64_t)in_flight * request_bytes;
    uint64_t n_requests = (n_bytes < file->size_bytes ? n_bytes : file->size_bytes) / request_bytes;
    if (n_requests < (uint64_t)in_flight)
        return 0;
    char *room = memory_alloc(memory, MEMORY_RING, round_bytes, err);
    if (!room)
        return -1;
    void *state = reader_open(reader, in_flight, &reader, err);
    int rc = state ? 0 : -1;
    uint64_t n_submitted = 0, n_done = 0, started = clock_ns();
    /* The tag is the slot: a slot's next request takes its place. */
    while (rc == 0 && n_done < n_requests) {
        struct reader_completion completion = {.tag = n_submitted};
        if (n_submitted >= (uint64_t)in_flight) {
            rc = reader->wait(state, true, &completion, err) < 0 ? -1 : 0;
            if (rc == 0 && completion.result < 0)
                rc = fail_errno(err, ERROR_IO, (int)-completion.result,
                                "%s: cannot read; check the disk, or copy the file to another",
                                file->path);
            n_done++;
        }
        if (rc == 0 && n_submitted < n_requests) {
            struct reader_request request = {.file = file,
                                             .offset = n_submitted * request_bytes,
                                             .n_bytes = request_bytes,
                                             .to = room + completion.tag * request_bytes,
                                             .tag = completion.tag};
            rc = reader->submit(state, &request, err);
            n_submitted += rc == 0;
        } else if (n_submitted < (uint64_t)in_flight) {
            break;
        }
    }
    for (struct reader_completion rest; n_done < n_submitted;
         n_done++) { /* after an error: nothing may be in flight */
        struct error ignored;
        if (reader->wait(state, true, &rest, &ignored) < 0)
            break;
    }
    uint64_t ns = clock_ns() - started;
    if (state)
        reader->close(state);
    memory_free(memory, MEMORY_RING, room, round_bytes);
    if (rc == 0 && ns)
        *rate = (double)n_requests * request_bytes / ((double)ns * 1e-9);
    return rc;
}
