/* Opening a model: one file or the parts of a split one. */
#include "formats/gguf_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARTS 1024

/* "PREFIX-00002-of-00005.gguf". The numbers have five digits. */
struct part_name {
    size_t prefix_len; /* up to and without the '-' before the number */
    uint32_t number;   /* counted from 1 */
    uint32_t count;
};

#define PART_SUFFIX_LEN (sizeof "-00001-of-00005.gguf" - 1)

static bool parse_digits(const char *text, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 5; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (uint32_t)(text[i] - '0');
    }
    return true;
}

static bool parse_part_name(const char *path, struct part_name *name)
{
    size_t len = strlen(path);
    if (len < PART_SUFFIX_LEN)
        return false;
    const char *suffix = path + len - PART_SUFFIX_LEN;
    name->prefix_len = len - PART_SUFFIX_LEN;
    return suffix[0] == '-' && parse_digits(suffix + 1, &name->number) &&
           memcmp(suffix + 6, "-of-", 4) == 0 && parse_digits(suffix + 10, &name->count) &&
           strcmp(suffix + 15, ".gguf") == 0;
}

/* The path of part [number] (from 1) beside [path]; malloced. */
static char *make_part_path(const char *path, const struct part_name *name, uint32_t number,
                            struct error *err)
{
    size_t n_bytes = strlen(path) + 1;
    char *part = malloc(n_bytes);
    if (!part) {
        fail_memory(err, n_bytes, "a file name");
        return NULL;
    }
    memcpy(part, path, name->prefix_len);
    snprintf(part + name->prefix_len, n_bytes - name->prefix_len,
             "-%05" PRIu32 "-of-%05" PRIu32 ".gguf", number % 100000, name->count % 100000);
    return part;
}

static void clear(struct gguf *gguf)
{
    for (int i = 0; i < gguf->n_files; i++)
        file_close(&gguf->files[i]);
    free(gguf->files);
    free(gguf->metadata.items);
    free(gguf->tensors);
    free(gguf->by_name);
    arena_deinit(&gguf->arena);
    *gguf = (struct gguf){0};
}

/* Starts over with [n_files] files, none open. */
static int start(struct gguf *gguf, int n_files, struct error *err)
{
    clear(gguf);
    gguf->files = calloc((size_t)n_files, sizeof *gguf->files);
    if (!gguf->files)
        return fail_memory(err, (size_t)n_files * sizeof *gguf->files, "the parts of a model");
    gguf->n_files = n_files;
    for (int i = 0; i < n_files; i++)
        gguf->files[i].fd = -1;
    return 0;
}

/* [split] is what the file at [path] said of itself. Opens all parts from the first on. */
static int open_parts(struct gguf *gguf, const char *path, const struct gguf_split *split,
                      struct error *err)
{
    struct part_name name;
    if (!parse_part_name(path, &name) || name.count != split->count ||
        name.number != split->number + 1)
        return fail(err, ERROR_FORMAT,
                    "%s: is part %" PRIu32 " of %" PRIu32
                    " of a split model; rename it to end in -%05" PRIu32 "-of-%05" PRIu32
                    ".gguf, beside the other parts",
                    path, split->number + 1, split->count, split->number + 1, split->count);
    if (split->count > MAX_PARTS)
        return fail(err, ERROR_UNSUPPORTED, "%s: split into %" PRIu32 " parts; up to %d are opened",
                    path, split->count, MAX_PARTS);
    if (start(gguf, (int)split->count, err) < 0)
        return -1;

    uint64_t n_tensors_claimed = 0;
    for (uint32_t i = 0; i < name.count; i++) {
        char *part_path = make_part_path(path, &name, i + 1, err);
        if (!part_path)
            return -1;
        struct gguf_split part;
        int rc = file_open(&gguf->files[i], part_path, err);
        if (rc < 0)
            fail_context(err, "part %" PRIu32 " of %" PRIu32 " of a split model", i + 1,
                         name.count);
        else
            rc = gguf_parse_part(gguf, (int)i, &part, err);
        if (rc == 0 && (part.count != name.count || part.number != i))
            rc = fail(err, ERROR_FORMAT,
                      "%s: says that it is part %" PRIu32 " of %" PRIu32 ", expected part %" PRIu32
                      " of %" PRIu32 ": parts of different models are mixed; download them again",
                      part_path, part.number + 1, part.count, i + 1, name.count);
        free(part_path);
        if (rc < 0)
            return -1;
        if (i == 0)
            n_tensors_claimed = part.n_tensors;
    }
    if (n_tensors_claimed != 0 && n_tensors_claimed != gguf->n_tensors)
        return fail(err, ERROR_FORMAT,
                    "%s: its parts have %" PRIu64 " tensors, expected %" PRIu64
                    " (split.tensors.count): download them again",
                    gguf_path(gguf), gguf->n_tensors, n_tensors_claimed);
    return 0;
}

static int open_all(struct gguf *gguf, const char *path, struct error *err)
{
    struct gguf_split split;
    if (start(gguf, 1, err) < 0 || file_open(&gguf->files[0], path, err) < 0 ||
        gguf_parse_part(gguf, 0, &split, err) < 0)
        return -1;
    if (split.count > 1 && open_parts(gguf, path, &split, err) < 0)
        return -1;
    return gguf_index_tensors(gguf, err);
}

struct gguf *gguf_open(const char *path, struct error *err)
{
    struct gguf *gguf = calloc(1, sizeof *gguf);
    if (!gguf) {
        fail_memory(err, sizeof *gguf, "a model's directory");
        return NULL;
    }
    if (open_all(gguf, path, err) < 0) {
        gguf_close(gguf);
        return NULL;
    }
    return gguf;
}

void gguf_close(struct gguf *gguf)
{
    if (!gguf)
        return;
    clear(gguf);
    free(gguf);
}

const char *gguf_path(const struct gguf *gguf)
{
    return gguf->files[0].path;
}

int gguf_n_files(const struct gguf *gguf)
{
    return gguf->n_files;
}

const struct file *gguf_file(const struct gguf *gguf, int i)
{
    return &gguf->files[i];
}

uint32_t gguf_version(const struct gguf *gguf)
{
    return gguf->version;
}

uint64_t gguf_resident_bytes(const struct gguf *gguf)
{
    return sizeof *gguf + (uint64_t)gguf->n_files * sizeof *gguf->files +
           gguf->metadata.capacity * sizeof *gguf->metadata.items +
           gguf->capacity_tensors * sizeof *gguf->tensors +
           gguf->n_tensors * sizeof *gguf->by_name + gguf->arena.n_bytes;
}
