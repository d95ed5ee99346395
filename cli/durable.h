#ifndef DURABLE_H
#define DURABLE_H
/* What is to survive a power failure: a file's bytes, and that it is where it is. */

#include "base/error.h"

/* Everything written to [fd] is on the disk. Pipes, terminals and file systems without a disk have
 * nothing to do. */
int durable_sync(int fd, struct error *err) MUST_CHECK;
/* The name [path], made, renamed or replaced, is on the disk: syncs the folder that it is in. */
int durable_sync_name(const char *path, struct error *err) MUST_CHECK;

#endif
