#ifndef PAGE_CACHE_H
#define PAGE_CACHE_H
/* What was fetched, kept on disk: a file per address in a folder, the head of it in lines (address,
 * what the server called this version), then a blank line and the body. Files are replaced whole;
 * one that is damaged or of another address counts as none. */

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct page {
    struct bytes body;
    char etag[256], modified[64]; /* the server's words, empty: none */
    int64_t fetched_s;            /* since 1970 */
};

void page_deinit(struct page *page);

/* The folder, made where it is missing: [folder], or the user's. *path is the caller's to free. */
int page_cache_open(const char *folder, char **path, struct error *err) MUST_CHECK;

/* Fills [page], which is empty; false: there is none, or it is larger than most_bytes. */
bool page_cache_find(const char *folder, const char *address, size_t most_bytes, struct page *page);
int page_cache_keep(const char *folder, const char *address, const struct page *page,
                    struct error *err) MUST_CHECK;

#endif
