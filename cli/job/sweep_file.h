#ifndef SWEEP_FILE_H
#define SWEEP_FILE_H
/* A suspended sweep beside its job, in JOB-sweep: the hidden rows between two layers. All numbers
 * little-endian:
 *
 *     0   "trawlswp"
 *     8   u32 version (1), u32 rows of a batch in the plan
 *    16   u32 layer, u32 zero
 *    24   u64 n_bytes of the rows
 *    32   the batch's key, 32 bytes
 *    64   the rows
 *     +   SHA-256 of all before
 *
 * It is written under another name, synced, renamed and its folder synced, so there is a whole one
 * or none; one that is not whole, or of another batch, is as none. */

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct trawl_suspended;

int sweep_file_save(const char *job, uint32_t plan_rows, const struct trawl_suspended *suspended,
                    struct error *err) MUST_CHECK;
/* The rows of a batch in the plan of the run that wrote it: the same batch comes again only with as
 * many. 0: there is none. */
uint32_t sweep_file_rows(const char *job);
/* Whether there is one of this batch: layer and hidden are filled then. */
bool sweep_file_load(const char *job, struct trawl_suspended *suspended);
void sweep_file_remove(const char *job);

#endif
