#ifndef FORMATS_GGUF_INTERNAL_H
#define FORMATS_GGUF_INTERNAL_H
/* Shared by the gguf_*.c files only: the opened model, the bounded reader of headers, and how a
 * header is parsed into the model. */

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "formats/gguf.h"
#include "formats/tensor.h"

#include <stdbool.h>
#include <stdint.h>

struct gguf_entry {
    struct gguf_text key;
    struct gguf_value value;
};

/* Metadata of one part. */
struct gguf_entries {
    struct gguf_entry *items; /* sorted by key once parsed */
    uint64_t n_items, capacity;
};

struct gguf {
    uint32_t version; /* of the first part */
    int n_files;
    struct file *files; /* [n_files] */
    struct gguf_entries metadata;
    struct tensor *tensors; /* in file order */
    uint64_t n_tensors, capacity_tensors;
    uint32_t *by_name;  /* [n_tensors] indexes into tensors, sorted by name */
    struct arena arena; /* keys, texts, arrays, tensor names */
};

/* gguf_cursor.c: reads a header front to back, past the page cache, and never beyond its bounds. */

struct gguf_cursor {
    const struct file *file;
    uint64_t position;    /* of the next byte */
    uint64_t limit;       /* no header byte lies at or after this */
    uint32_t version;     /* 1: counts and lengths have 32 bits */
    uint8_t *chunk;       /* aligned window on the file */
    uint64_t chunk_start; /* its offset */
    uint64_t chunk_bytes; /* valid bytes in it */
};

int gguf_cursor_init(struct gguf_cursor *cursor, const struct file *file,
                     struct error *err) MUST_CHECK;
void gguf_cursor_deinit(struct gguf_cursor *cursor); /* legal on a zeroed one */

/* Bytes that may still follow: what every count and length is checked against. */
uint64_t gguf_cursor_left(const struct gguf_cursor *cursor);

/* All of these name [what] when the file ends too early. */
int gguf_take(struct gguf_cursor *cursor, void *to, uint64_t n_bytes, const char *what,
              struct error *err) MUST_CHECK;
int gguf_take_u32(struct gguf_cursor *cursor, uint32_t *out, const char *what,
                  struct error *err) MUST_CHECK;
/* A count, length or dimension: 32 bits in version 1, 64 later. */
int gguf_take_count(struct gguf_cursor *cursor, uint64_t *out, const char *what,
                    struct error *err) MUST_CHECK;
/* A length-prefixed text into [arena], NUL-terminated. */
int gguf_take_text(struct gguf_cursor *cursor, struct arena *arena, struct gguf_text *out,
                   const char *what, struct error *err) MUST_CHECK;

/* gguf_parse.c */

/* What the split.* keys say; count 0 or 1 for a model in one file. */
struct gguf_split {
    uint32_t number, count;
    uint64_t n_tensors; /* of all parts; 0 when not given */
};

/* Parses the header of gguf->files[file], already open. Its tensors are appended to the directory;
 * its metadata becomes the model's when [file] is 0 and is dropped otherwise. */
int gguf_parse_part(struct gguf *gguf, int file, struct gguf_split *split,
                    struct error *err) MUST_CHECK;

/* After the last part: sorts the directory by name; refuses duplicate names and overlapping
 * tensors. */
int gguf_index_tensors(struct gguf *gguf, struct error *err) MUST_CHECK;

/* gguf_find.c */

/* gguf_find and gguf_get_u32 over sorted entries that are not (yet) the model's; [path] is for the
 * error. */
const struct gguf_value *gguf_entries_find(const struct gguf_entries *entries, const char *key);
int gguf_entries_get_u32(const struct gguf_entries *entries, const char *path, const char *key,
                         uint32_t *out, struct error *err) MUST_CHECK;

/* Names from a hostile file for an error text: cut to fit, control bytes as '?'. */
struct gguf_shown {
    char text[96];
};
struct gguf_shown gguf_shown(const char *text, uint64_t n_bytes);

const char *gguf_type_name(uint32_t type); /* "u32", "string", ... or "unknown" */

#endif
