#ifndef FORMATS_GGUF_H
#define FORMATS_GGUF_H
/* GGUF v1, v2 and v3 (little endian), single or split: bytes -> metadata and tensor directory.
 * Format: the ggml project's docs/gguf.md. Nothing in the file is trusted: counts, lengths, offsets
 * and dimensions are checked against the file's size before memory is taken for them; nested
 * arrays, duplicate names, zero dimensions, overlapping or misaligned tensors are refused. Tensor
 * data is never read here. The header is read past the page cache.
 *
 * Opened once, then read-only: any thread may look things up. */

#include "base/error.h"
#include "base/file.h"
#include "formats/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gguf;

/* Opens [path]; when it is one part of a split model ("-00001-of-00005.gguf", keys split.no,
 * split.count, split.tensors.count), any part, all parts are opened beside it. A file without
 * tensors (vocabulary only) is legal. NULL with [err] naming the file. */
struct gguf *gguf_open(const char *path, struct error *err) MUST_CHECK;
void gguf_close(struct gguf *gguf); /* NULL is legal */

const char *gguf_path(const struct gguf *gguf); /* of the first part */
int gguf_n_files(const struct gguf *gguf);
const struct file *gguf_file(const struct gguf *gguf, int i);
uint32_t gguf_version(const struct gguf *gguf);
/* Heap held by the directory and the metadata. */
uint64_t gguf_resident_bytes(const struct gguf *gguf);

/* Metadata of the first part. Text is not NUL-terminated in the file, but is here; [n_bytes] may be
 * NULL. */
enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
};
struct gguf_text {
    const char *data; /* NUL-terminated, may also hold NULs inside; owned by the gguf */
    uint64_t n_bytes;
};
struct gguf_value {
    enum gguf_type type;
    enum gguf_type item_type; /* of an array */
    uint64_t n_items;         /* of an array */
    union {
        uint64_t u; /* all unsigned and bool */
        int64_t i;  /* all signed */
        double f;
        struct gguf_text text;
        const struct gguf_text *texts; /* array of strings */
        const void *items;             /* other arrays: packed, of item_type, aligned to it */
    };
};
const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key); /* NULL when absent */

/* Typed look-ups. They return 1 found, 0 absent ([out] untouched), -1 of another type or out of
 * range ([err] filled). Any integer type is accepted where the value fits; any integer or float for
 * _float. Where llama.cpp allows a per-layer array, gguf_get_u32_at takes item [i] of an array or
 * the scalar itself. */
int gguf_get_u32(const struct gguf *gguf, const char *key, uint32_t *out,
                 struct error *err) MUST_CHECK;
int gguf_get_u32_at(const struct gguf *gguf, const char *key, uint64_t i, uint32_t *out,
                    struct error *err) MUST_CHECK;
int gguf_get_float(const struct gguf *gguf, const char *key, float *out,
                   struct error *err) MUST_CHECK;
int gguf_get_bool(const struct gguf *gguf, const char *key, bool *out,
                  struct error *err) MUST_CHECK;
int gguf_get_text(const struct gguf *gguf, const char *key, struct gguf_text *out,
                  struct error *err) MUST_CHECK;

/* The tensor directory, of all parts. */
uint64_t gguf_n_tensors(const struct gguf *gguf);
const struct tensor *gguf_tensor(const struct gguf *gguf, uint64_t i); /* all of one array */
const struct tensor *gguf_find_tensor(const struct gguf *gguf,
                                      const char *name); /* hash look-up; NULL when absent */

#endif
