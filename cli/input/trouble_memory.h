#ifndef TROUBLE_MEMORY_H
#define TROUBLE_MEMORY_H
/* Sources that could not be read before, so that what takes long (a fetch, a filter, a converter)
 * is not tried in vain again. */

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define TROUBLE_STATE_BYTES 32 /* a hash of a source's size, time and the settings */

struct trouble_memory {
    void *context;
    /* Whether [source], a file, a member of an archive or an address, could not be read when it was
     * as it is now: 1, the reason appended to [why]; 0; -1. NULL: nothing is remembered. */
    int (*recall)(void *context, const char *source, const uint8_t state[TROUBLE_STATE_BYTES],
                  struct bytes *why, struct error *err);
    uint8_t settings[TROUBLE_STATE_BYTES]; /* a hash of what decides how sources are read */
};

/* Whether the same source would fail in the same way again: not for want of memory, of a program
 * or of an option. */
static inline bool trouble_lasts(const struct error *trouble)
{
    return trouble->kind == ERROR_IO || trouble->kind == ERROR_FORMAT;
}

#endif
