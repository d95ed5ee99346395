#ifndef SUPPORT_GGUF_WRITE_H
#define SUPPORT_GGUF_WRITE_H
/* Writes GGUF files of versions 1 to 3 for tests, good ones and, through the raw bytes, bad ones.
 * Nothing is checked: a test may write nonsense. Failures of the system abort. One thread. */

#include "formats/gguf.h"

#include <stddef.h>
#include <stdint.h>

struct gguf_writer;

/* [alignment] 0: the format's 32, and no general.alignment key. */
struct gguf_writer *gguf_writer_new(uint32_t version, uint32_t alignment);
void gguf_writer_free(struct gguf_writer *writer);

void gguf_put_u32(struct gguf_writer *writer, const char *key, uint32_t value);
void gguf_put_u16(struct gguf_writer *writer, const char *key, uint16_t value);
void gguf_put_i32(struct gguf_writer *writer, const char *key, int32_t value);
void gguf_put_u64(struct gguf_writer *writer, const char *key, uint64_t value);
void gguf_put_float(struct gguf_writer *writer, const char *key, float value);
void gguf_put_bool(struct gguf_writer *writer, const char *key, bool value);
void gguf_put_text(struct gguf_writer *writer, const char *key, const char *value);
/* [items] packed, of a type of fixed size. */
void gguf_put_array(struct gguf_writer *writer, const char *key, enum gguf_type type,
                    const void *items, uint64_t n_items);
void gguf_put_texts(struct gguf_writer *writer, const char *key, const char *const *texts,
                    uint64_t n_texts);
/* An entry of any type with any bytes after it. */
void gguf_put_raw(struct gguf_writer *writer, const char *key, uint32_t type, const void *bytes,
                  size_t n_bytes);

/* [data] is copied: n_bytes as they shall lie in the file. */
void gguf_put_tensor(struct gguf_writer *writer, const char *name, uint32_t type, uint32_t n_dims,
                     const uint64_t *dims, const void *data, uint64_t n_bytes);

uint32_t gguf_writer_n_tensors(const struct gguf_writer *writer);

/* The whole file, malloced. */
uint8_t *gguf_writer_bytes(struct gguf_writer *writer, size_t *n_bytes);
void gguf_writer_save(struct gguf_writer *writer, const char *path);

/* Writes (or replaces) a file; aborts when it cannot. */
void write_file(const char *path, const void *bytes, size_t n_bytes);

#endif
