#include "support/gguf_write.h"

#include "base/bytes.h"
#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gguf_writer {
    uint32_t version;
    uint32_t alignment;
    uint64_t n_entries, n_tensors;
    struct bytes entries, tensors, data;
};

static void add(struct bytes *to, const void *data, size_t n_bytes)
{
    struct error err;
    if (bytes_append(to, data, n_bytes, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

static void add_zeros(struct bytes *to, size_t n_bytes)
{
    static const char zeros[256];
    for (; n_bytes > sizeof zeros; n_bytes -= sizeof zeros)
        add(to, zeros, sizeof zeros);
    add(to, zeros, n_bytes);
}

static void add_u32(struct bytes *to, uint32_t value)
{
    add(to, &value, sizeof value);
}

/* Counts, lengths and dimensions: 32 bits in version 1. */
static void add_count(struct bytes *to, uint32_t version, uint64_t value)
{
    add(to, &value, version == 1 ? 4 : 8);
}

static void add_text(struct bytes *to, uint32_t version, const char *text)
{
    add_count(to, version, strlen(text));
    add(to, text, strlen(text));
}

struct gguf_writer *gguf_writer_new(uint32_t version, uint32_t alignment)
{
    struct gguf_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        abort();
    writer->version = version;
    writer->alignment = alignment ? alignment : 32;
    if (alignment)
        gguf_put_u32(writer, "general.alignment", alignment);
    return writer;
}

void gguf_writer_free(struct gguf_writer *writer)
{
    if (!writer)
        return;
    bytes_deinit(&writer->entries);
    bytes_deinit(&writer->tensors);
    bytes_deinit(&writer->data);
    free(writer);
}

void gguf_put_raw(struct gguf_writer *writer, const char *key, uint32_t type, const void *bytes,
                  size_t n_bytes)
{
    add_text(&writer->entries, writer->version, key);
    add_u32(&writer->entries, type);
    add(&writer->entries, bytes, n_bytes);
    writer->n_entries++;
}

void gguf_put_u32(struct gguf_writer *writer, const char *key, uint32_t value)
{
    gguf_put_raw(writer, key, GGUF_U32, &value, sizeof value);
}

void gguf_put_u16(struct gguf_writer *writer, const char *key, uint16_t value)
{
    gguf_put_raw(writer, key, GGUF_U16, &value, sizeof value);
}

void gguf_put_i32(struct gguf_writer *writer, const char *key, int32_t value)
{
    gguf_put_raw(writer, key, GGUF_I32, &value, sizeof value);
}

void gguf_put_u64(struct gguf_writer *writer, const char *key, uint64_t value)
{
    gguf_put_raw(writer, key, GGUF_U64, &value, sizeof value);
}

void gguf_put_float(struct gguf_writer *writer, const char *key, float value)
{
    gguf_put_raw(writer, key, GGUF_F32, &value, sizeof value);
}

void gguf_put_bool(struct gguf_writer *writer, const char *key, bool value)
{
    uint8_t byte = value;
    gguf_put_raw(writer, key, GGUF_BOOL, &byte, 1);
}

void gguf_put_text(struct gguf_writer *writer, const char *key, const char *value)
{
    gguf_put_raw(writer, key, GGUF_STRING, NULL, 0);
    add_text(&writer->entries, writer->version, value);
}

static size_t item_bytes(enum gguf_type type)
{
    switch (type) {
    case GGUF_U8:
    case GGUF_I8:
    case GGUF_BOOL:
        return 1;
    case GGUF_U16:
    case GGUF_I16:
        return 2;
    case GGUF_U64:
    case GGUF_I64:
    case GGUF_F64:
        return 8;
    default:
        return 4;
    }
}

void gguf_put_array(struct gguf_writer *writer, const char *key, enum gguf_type type,
                    const void *items, uint64_t n_items)
{
    gguf_put_raw(writer, key, GGUF_ARRAY, NULL, 0);
    add_u32(&writer->entries, type);
    add_count(&writer->entries, writer->version, n_items);
    add(&writer->entries, items, (size_t)n_items * item_bytes(type));
}

void gguf_put_texts(struct gguf_writer *writer, const char *key, const char *const *texts,
                    uint64_t n_texts)
{
    gguf_put_raw(writer, key, GGUF_ARRAY, NULL, 0);
    add_u32(&writer->entries, GGUF_STRING);
    add_count(&writer->entries, writer->version, n_texts);
    for (uint64_t i = 0; i < n_texts; i++)
        add_text(&writer->entries, writer->version, texts[i]);
}

void gguf_put_tensor(struct gguf_writer *writer, const char *name, uint32_t type, uint32_t n_dims,
                     const uint64_t *dims, const void *data, uint64_t n_bytes)
{
    size_t padded = (size_t)round_up(writer->data.n_bytes, writer->alignment);
    add_zeros(&writer->data, padded - writer->data.n_bytes);
    uint64_t offset = writer->data.n_bytes;
    add(&writer->data, data, (size_t)n_bytes);

    add_text(&writer->tensors, writer->version, name);
    add_u32(&writer->tensors, n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        add_count(&writer->tensors, writer->version, dims[i]);
    add_u32(&writer->tensors, type);
    add(&writer->tensors, &offset, sizeof offset);
    writer->n_tensors++;
}

uint32_t gguf_writer_n_tensors(const struct gguf_writer *writer)
{
    return (uint32_t)writer->n_tensors;
}

uint8_t *gguf_writer_bytes(struct gguf_writer *writer, size_t *n_bytes)
{
    struct bytes out = {0};
    add(&out, "GGUF", 4);
    add_u32(&out, writer->version);
    add_count(&out, writer->version, writer->n_tensors);
    add_count(&out, writer->version, writer->n_entries);
    add(&out, writer->entries.data, writer->entries.n_bytes);
    add(&out, writer->tensors.data, writer->tensors.n_bytes);
    if (writer->n_tensors > 0)
        add_zeros(&out, (size_t)round_up(out.n_bytes, writer->alignment) - out.n_bytes);
    add(&out, writer->data.data, writer->data.n_bytes);
    *n_bytes = out.n_bytes;
    return (uint8_t *)out.data;
}

void write_file(const char *path, const void *bytes, size_t n_bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n_bytes, file) != n_bytes || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

void gguf_writer_save(struct gguf_writer *writer, const char *path)
{
    size_t n_bytes;
    uint8_t *bytes = gguf_writer_bytes(writer, &n_bytes);
    write_file(path, bytes, n_bytes);
    free(bytes);
}
