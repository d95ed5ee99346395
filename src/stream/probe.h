#ifndef STREAM_PROBE_H
#define STREAM_PROBE_H
/* The raw rate of the device under a model file, measured beside a run: what a run that only read
 * would reach. */

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "stream/reader.h"

/* Reads up to [n_bytes] of [file] in direct requests of [request_bytes], [in_flight] at a time, and
 * puts bytes per second in [rate]. Takes in_flight * request_bytes from MEMORY_RING while it runs.
 * Files of less than one round give 0 (unknown). */
int probe_read_rate(const struct file *file, const struct reader_ops *reader, uint64_t n_bytes,
                    uint32_t request_bytes, int in_flight, struct memory *memory, double *rate,
                    struct error *err) MUST_CHECK;

#endif
