#include "page_cache.h"

#include "intake.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC           "trawl page 1"
#define MOST_HEAD_BYTES 16384

void page_deinit(struct page *page)
{
    bytes_deinit(&page->body);
    *page = (struct page){0};
}

/* Makes the folder and those that it is in. */
static int make_folders(char *path, struct error *err)
{
    for (char *slash = path + 1;; slash++) {
        if (*slash != '/' && *slash != '\0')
            continue;
        char kept = *slash;
        *slash = '\0';
        bool failed = mkdir(path, 0700) < 0 && errno != EEXIST;
        if (failed)
            fail_errno(err, ERROR_IO, errno, "the cache %s", path);
        *slash = kept;
        if (failed || kept == '\0')
            return failed ? -1 : 0;
    }
}

int page_cache_open(const char *folder, char **path, struct error *err)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const char *base = folder ? folder : cache && *cache ? cache : home;
    const char *rest = folder ? "" : cache && *cache ? "/trawl/pages" : "/.cache/trawl/pages";
    if (!base || !*base)
        return fail(err, ERROR_USAGE,
                    "there is no place for the cache: neither XDG_CACHE_HOME nor "
                    "HOME is set");
    size_t n_bytes = strlen(base) + strlen(rest) + 1;
    *path = malloc(n_bytes);
    if (!*path)
        return fail_memory(err, n_bytes, "a path");
    snprintf(*path, n_bytes, "%s%s", base, rest);
    return make_folders(*path, err);
}

/* FNV-1a. Two addresses of one name only take each other's place. */
static char *file_of(const char *folder, const char *address, const char *ending)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = address; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    size_t n_bytes = strlen(folder) + strlen(ending) + 20;
    char *path = malloc(n_bytes);
    if (path)
        snprintf(path, n_bytes, "%s/%016" PRIx64 "%s", folder, hash, ending);
    return path;
}

/* The line at *at, which goes behind it; NULL: there is none. */
static char *take_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

static bool read_file(char *text, size_t n_bytes, const char *address, struct page *page)
{
    char *at = text;
    const char *magic = take_line(&at), *kept = magic ? take_line(&at) : NULL;
    const char *fetched = kept ? take_line(&at) : NULL, *etag = fetched ? take_line(&at) : NULL;
    const char *modified = etag ? take_line(&at) : NULL, *size = modified ? take_line(&at) : NULL;
    size_t n_body = size ? n_bytes - (size_t)(at - text) : 0;
    if (!size || strcmp(magic, MAGIC) != 0 || strcmp(kept, address) != 0 ||
        strlen(etag) >= sizeof page->etag || strlen(modified) >= sizeof page->modified ||
        strtoull(size, NULL, 10) != n_body)
        return false;
    strcpy(page->etag, etag);
    strcpy(page->modified, modified);
    page->fetched_s = strtoll(fetched, NULL, 10);
    struct error ignored;
    return bytes_append(&page->body, at, n_body, &ignored) == 0;
}

bool page_cache_find(const char *folder, const char *address, size_t most_bytes, struct page *page)
{
    struct error ignored;
    struct bytes text = {0};
    char *path = file_of(folder, address, "");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    struct intake *file = fd >= 0 ? intake_open_fd(fd, &ignored) : NULL;
    bool found = file &&
                 intake_read_all(file, most_bytes + MOST_HEAD_BYTES, &text, &ignored) == 0 &&
                 text.n_bytes > 0 && read_file(text.data, text.n_bytes, address, page) &&
                 page->body.n_bytes <= most_bytes;
    intake_close(file);
    bytes_deinit(&text);
    free(path);
    if (!found)
        page_deinit(page);
    return found;
}

int page_cache_keep(const char *folder, const char *address, const struct page *page,
                    struct error *err)
{
    char ending[32];
    snprintf(ending, sizeof ending, ".%ld", (long)getpid());
    char *path = file_of(folder, address, ""), *draft = file_of(folder, address, ending);
    FILE *file = path && draft ? fopen(draft, "wb") : NULL;
    bool failed = !file;
    if (file) {
        fprintf(file, MAGIC "\n%s\n%" PRId64 "\n%s\n%s\n%zu\n", address, page->fetched_s,
                page->etag, page->modified, page->body.n_bytes);
        if (page->body.n_bytes > 0)
            fwrite(page->body.data, 1, page->body.n_bytes, file);
        failed = ferror(file);
        failed = fclose(file) != 0 || failed || rename(draft, path) < 0;
    }
    if (failed) {
        fail_errno(err, ERROR_IO, errno, "the cache %s", folder);
        if (draft)
            unlink(draft);
    }
    free(path);
    free(draft);
    return failed ? -1 : 0;
}
