#include "stream/reader.h"

#include "stream/readers.h"

#include <string.h>

const struct reader_ops *const readers[] = {
#ifdef HAVE_LIBURING
    &reader_uring,
#endif
    &reader_pread,
    &reader_null,
    NULL,
};

const struct reader_ops *reader_find(const char *name)
{
    for (int i = 0; readers[i]; i++)
        if (strcmp(readers[i]->name, name) == 0)
            return readers[i];
    return NULL;
}

void *reader_open(const struct reader_ops *ops, int depth, const struct reader_ops **ops_out,
                  struct error *err)
{
    if (ops) {
        *ops_out = ops;
        return ops->open(depth, err);
    }
    for (int i = 0; readers[i] != &reader_null; i++) {
        void *reader = readers[i]->open(depth, err);
        if (reader) {
            *ops_out = readers[i];
            return reader;
        }
    }
    return NULL;
}
