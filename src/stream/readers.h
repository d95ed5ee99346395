#ifndef STREAM_READERS_H
#define STREAM_READERS_H
/* The implementations that reader.c lists. */

#include "stream/reader.h"

extern const struct reader_ops reader_uring; /* Linux, with liburing at build time */
extern const struct reader_ops reader_pread; /* threads; everywhere */
extern const struct reader_ops reader_null;  /* nothing is read */

#endif
