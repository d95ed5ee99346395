#ifndef SUPPORT_FAULT_H
#define SUPPORT_FAULT_H
/* Makes the Nth allocation or the Nth read fail, for N = 1 until nothing fails any more:
 *
 *     for (uint64_t n = 1;; n++) {
 *         fault_arm(FAULT_ALLOCATION, n);
 *         ... the thing under test: a clean error, or success ...
 *         if (!fault_disarm())
 *             break;
 *     }
 *
 * The linker routes malloc, calloc, realloc, strdup, posix_memalign, aligned_alloc, mmap and pread
 * of the engine and the tests through fault.c (--wrap; the Makefile takes the list from there). Any
 * thread may be hit; one fault is armed at a time. */

#include "stream/reader.h"

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_ALLOCATION = 1, /* the Nth fails, the later ones work */
    FAULT_READ_ERROR,     /* the Nth read gives EIO */
    FAULT_READ_SHORT,     /* the Nth read gives a piece of what was asked, of any length */
    FAULT_READ_END,       /* the Nth read and all later ones find the end of the file */
    FAULT_READ_INTERRUPT, /* the Nth read gives EINTR */
};

void fault_arm(enum fault_kind kind, uint64_t n);
bool fault_disarm(void); /* whether it struck */

/* A reader that passes everything on to [inner] and makes its completions fail as armed: for
 * readers that do not call pread. Valid until the next call. */
const struct reader_ops *fault_reader(const struct reader_ops *inner);

#endif
