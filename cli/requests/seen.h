#ifndef SEEN_H
#define SEEN_H
/* A set of hashes that only grows, in a temporary file that goes with the process, so that its
 * memory is the same for a hundred and for a hundred million. */

#include "base/error.h"
#include "base/sha256.h"

struct seen;

/* NULL with [err], also where trawl was built without SQLite. */
struct seen *seen_open(struct error *err) MUST_CHECK;
void seen_close(struct seen *seen); /* NULL is legal */

/* 1: [hash] is new, 0: it was there; -1. */
int seen_add(struct seen *seen, const uint8_t hash[SHA256_BYTES], struct error *err) MUST_CHECK;

#endif
