#ifndef UNPACK_H
#define UNPACK_H
/* Compressed inputs and archives: gzip, bzip2 and zstd around anything; tar, cpio and zip; read
 * front to back by libarchive, never written to disk. Only regular files in an archive are read;
 * links, devices and what a name like ../../x means do not matter. */

#include "intake.h"

#include <stdbool.h>

/* Whether an input that begins so is one. */
bool unpack_recognise(const char *head, size_t n_bytes, const char *path);

struct unpack;
/* Takes [input], also on failure. */
struct unpack *unpack_open(struct intake *input, struct error *err) MUST_CHECK;
void unpack_close(struct unpack *unpack); /* NULL is legal */

/* Goes to the next member, whose intake is the caller's to close before the next call. *name: valid
 * until then; NULL where there is only one, without a name. 1; 0: no more; -1. */
int unpack_next(struct unpack *unpack, struct intake **member, const char **name,
                struct error *err) MUST_CHECK;

#endif
