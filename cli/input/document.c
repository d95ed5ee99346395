#include "document.h"

#include <stdlib.h>
#include <string.h>

/* What malloc adds to an item, its text, its file and the name, and a pointer to the item. */
#define OVERHEAD_BYTES 72

void file_release(struct input_file *file)
{
    if (!file || --file->n_refs > 0)
        return;
    free(file->name);
    free(file->trouble);
    free(file);
}

void item_free(struct item *item)
{
    if (!item)
        return;
    file_release(item->file);
    free(item->text);
    free(item);
}

static uint64_t item_bytes(const struct item *item)
{
    return sizeof *item + (item->text ? item->n_bytes + 1 : 0) + sizeof *item->file +
           strlen(item->file->name) + OVERHEAD_BYTES;
}

void holding_add(struct holding *holding, const struct item *item)
{
    holding->n_bytes += item_bytes(item);
}

void holding_remove(struct holding *holding, const struct item *item)
{
    holding->n_bytes -= item_bytes(item);
}

int holding_check(const struct holding *holding, const char *who, struct error *err)
{
    if (!holding_is_full(holding))
        return 0;
    return fail(err, ERROR_LIMIT,
                "%s: the documents to be kept take more than %.1f MiB, which is what this --memory "
                "leaves for them; give more memory or a smaller number",
                who, (double)holding->most_bytes / (1 << 20));
}
