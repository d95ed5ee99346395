/* One GGUF header -> metadata and tensors. All is little endian; n is a count, of 32 bits in
 * version 1 and of 64 bits later.
 *
 * - file: "GGUF", u32 version, n tensors, n entries, the entries, the tensors, zeros up to a
 *   multiple of general.alignment, the data
 * - entry: text key, u32 type, value
 * - text: n length, bytes
 * - array: u32 item type, n count, items
 * - tensor: text name, u32 n_dims, n dims[n_dims], u32 type, u64 offset from the start of the data
 */
#include "base/size.h"
#include "formats/gguf_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAME_BYTES    65535 /* what the format's description allows for a key */
#define MAX_ALIGNMENT     (UINT32_C(1) << 20)
#define DEFAULT_ALIGNMENT 32

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "values are taken from the file as they lie");

/* By enum gguf_type; 0 bytes: not of a fixed size. */
static const uint8_t type_bytes[] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2,  [GGUF_I16] = 2,    [GGUF_U32] = 4,
    [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_STRING] = 0, [GGUF_ARRAY] = 0,
    [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};
#define N_TYPES (sizeof type_bytes / sizeof type_bytes[0])

/* Room for one more of [item_bytes] each; capacities double, so that memory follows what was really
 * read and not what a count claims. */
static int grow(void **items, uint64_t n_items, uint64_t *capacity, size_t item_bytes,
                const char *what, struct error *err)
{
    if (n_items < *capacity)
        return 0;
    uint64_t wanted = *capacity ? *capacity * 2 : 32;
    void *grown = realloc(*items, (size_t)wanted * item_bytes);
    if (!grown)
        return fail_memory(err, wanted * item_bytes, what);
    *items = grown;
    *capacity = wanted;
    return 0;
}

/* What people pass by mistake, told from the first bytes. */
static int fail_not_gguf(const uint8_t magic[4], struct error *err)
{
    static const struct {
        char magic[5];
        const char *what;
    } mistakes[] = {
        {"FUGG", "a big-endian GGUF file; convert it with gguf-py's gguf-convert-endian"},
        {"lmgg", "a GGML file from before GGUF; download the model as GGUF"},
        {"tjgg", "a GGJT file from before GGUF; download the model as GGUF"},
        {"fmgg", "a GGMF file from before GGUF; download the model as GGUF"},
        {"vers", "perhaps a Git LFS pointer and not the model itself; fetch it with git lfs pull"},
        {"<!DO", "a web page and not a model; download the file itself"},
        {"<htm", "a web page and not a model; download the file itself"},
        {"PK\3\4", "a zip archive (PyTorch?); download the model as GGUF"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        if (memcmp(magic, mistakes[i].magic, 4) == 0)
            return fail(err, ERROR_UNSUPPORTED, "not a (little-endian) GGUF file but %s",
                        mistakes[i].what);
    return fail(err, ERROR_FORMAT,
                "not a GGUF file: it starts with bytes %02x %02x %02x %02x, expected \"GGUF\"",
                magic[0], magic[1], magic[2], magic[3]);
}

static int parse_version(struct gguf_cursor *cursor, struct error *err)
{
    uint8_t magic[4];
    uint32_t version;
    if (gguf_take(cursor, magic, sizeof magic, "the magic", err) < 0)
        return -1;
    if (memcmp(magic, "GGUF", 4) != 0)
        return fail_not_gguf(magic, err);
    if (gguf_take_u32(cursor, &version, "the version", err) < 0)
        return -1;
    if (version != 0 && (version & 0xffff) == 0)
        return fail(err, ERROR_UNSUPPORTED,
                    "a big-endian GGUF file; convert it with gguf-py's gguf-convert-endian");
    if (version < 1 || version > 3)
        return fail(err, ERROR_UNSUPPORTED, "GGUF version %" PRIu32 "; versions 1 to 3 are read",
                    version);
    cursor->version = version;
    return 0;
}

static int parse_name(struct gguf_cursor *cursor, struct arena *arena, struct gguf_text *name,
                      const char *what, struct error *err)
{
    if (gguf_take_text(cursor, arena, name, what, err) < 0)
        return -1;
    if (name->n_bytes == 0)
        return fail(err, ERROR_FORMAT, "%s is empty: the file is damaged", what);
    if (name->n_bytes > MAX_NAME_BYTES || memchr(name->data, '\0', (size_t)name->n_bytes))
        return fail(err, ERROR_FORMAT, "%s '%s' is too long or has a NUL: the file is damaged",
                    what, gguf_shown(name->data, name->n_bytes).text);
    return 0;
}

static int parse_array(struct gguf_cursor *cursor, struct arena *arena, struct gguf_value *value,
                       struct error *err)
{
    uint32_t item_type;
    uint64_t n_items;
    if (gguf_take_u32(cursor, &item_type, "an array's type", err) < 0 ||
        gguf_take_count(cursor, &n_items, "an array's count", err) < 0)
        return -1;
    if (item_type == GGUF_ARRAY)
        return fail(err, ERROR_UNSUPPORTED, "nested arrays are not supported");
    if (item_type >= N_TYPES)
        return fail(err, ERROR_FORMAT, "array of unknown type %" PRIu32 ": the file is damaged",
                    item_type);

    uint64_t item_bytes = item_type != GGUF_STRING ? type_bytes[item_type]
                          : cursor->version == 1   ? 4 /* at least its length */
                                                   : 8;
    if (n_items > gguf_cursor_left(cursor) / item_bytes)
        return fail(err, ERROR_FORMAT,
                    "array of %" PRIu64 " items (%s), but only %" PRIu64
                    " bytes are left: the file is truncated or damaged; download it again",
                    n_items, gguf_type_name(item_type), gguf_cursor_left(cursor));
    value->item_type = (enum gguf_type)item_type;
    value->n_items = n_items;

    if (item_type != GGUF_STRING) {
        void *items = arena_alloc(arena, n_items * item_bytes, 8, "an array", err);
        value->items = items;
        return items ? gguf_take(cursor, items, n_items * item_bytes, "an array", err) : -1;
    }
    struct gguf_text *texts =
        arena_alloc(arena, n_items * sizeof *texts, _Alignof(struct gguf_text), "an array", err);
    if (!texts)
        return -1;
    for (uint64_t i = 0; i < n_items; i++)
        if (gguf_take_text(cursor, arena, &texts[i], "a string of an array", err) < 0)
            return -1;
    value->texts = texts;
    return 0;
}

static int parse_scalar(struct gguf_cursor *cursor, struct gguf_value *value, struct error *err)
{
    union {
        uint8_t bytes[8];
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
        float f32;
        double f64;
    } raw = {0};
    if (gguf_take(cursor, raw.bytes, type_bytes[value->type], "a value", err) < 0)
        return -1;
    switch (value->type) {
    case GGUF_U8:
        value->u = raw.u8;
        break;
    case GGUF_I8:
        value->i = raw.i8;
        break;
    case GGUF_U16:
        value->u = raw.u16;
        break;
    case GGUF_I16:
        value->i = raw.i16;
        break;
    case GGUF_U32:
        value->u = raw.u32;
        break;
    case GGUF_I32:
        value->i = raw.i32;
        break;
    case GGUF_U64:
        value->u = raw.u64;
        break;
    case GGUF_I64:
        value->i = raw.i64;
        break;
    case GGUF_F32:
        value->f = (double)raw.f32;
        break;
    case GGUF_F64:
        value->f = raw.f64;
        break;
    case GGUF_BOOL:
        if (raw.u8 > 1)
            return fail(err, ERROR_FORMAT, "bool of value %u: the file is damaged", raw.u8);
        value->u = raw.u8;
        break;
    case GGUF_STRING:
    case GGUF_ARRAY:
        break; /* not scalars */
    }
    return 0;
}

static int parse_value(struct gguf_cursor *cursor, struct arena *arena, struct gguf_value *value,
                       struct error *err)
{
    uint32_t type;
    if (gguf_take_u32(cursor, &type, "a value's type", err) < 0)
        return -1;
    if (type >= N_TYPES)
        return fail(err, ERROR_FORMAT, "unknown type %" PRIu32 ": the file is damaged", type);
    *value = (struct gguf_value){.type = (enum gguf_type)type};
    if (type == GGUF_STRING)
        return gguf_take_text(cursor, arena, &value->text, "a string", err);
    if (type == GGUF_ARRAY)
        return parse_array(cursor, arena, value, err);
    return parse_scalar(cursor, value, err);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct gguf_entry *)a)->key.data,
                  ((const struct gguf_entry *)b)->key.data);
}

/* Sorted rather than hashed, so that no file can choose keys that make it slow. */
static int parse_entries(struct gguf_cursor *cursor, uint64_t n_entries, struct arena *arena,
                         struct gguf_entries *entries, struct error *err)
{
    for (uint64_t i = 0; i < n_entries; i++) {
        if (grow((void **)&entries->items, entries->n_items, &entries->capacity,
                 sizeof *entries->items, "metadata", err) < 0)
            return -1;
        struct gguf_entry *entry = &entries->items[entries->n_items];
        if (parse_name(cursor, arena, &entry->key, "a key", err) < 0)
            return fail_context(err, "metadata entry %" PRIu64 " of %" PRIu64, i + 1, n_entries);
        if (parse_value(cursor, arena, &entry->value, err) < 0)
            return fail_context(err, "key '%s'",
                                gguf_shown(entry->key.data, entry->key.n_bytes).text);
        entries->n_items++;
    }
    if (n_entries > 0)
        qsort(entries->items, (size_t)n_entries, sizeof *entries->items, compare_entries);
    for (uint64_t i = 1; i < n_entries; i++)
        if (compare_entries(&entries->items[i - 1], &entries->items[i]) == 0)
            return fail(err, ERROR_FORMAT, "key '%s' is there twice: the file is damaged",
                        gguf_shown(entries->items[i].key.data, entries->items[i].key.n_bytes).text);
    return 0;
}

/* Everything about one tensor but its place in the file. */
static int parse_shape(struct gguf_cursor *cursor, struct tensor *tensor, struct error *err)
{
    uint64_t n_weights = 1;
    if (gguf_take_u32(cursor, &tensor->n_dims, "a number of dimensions", err) < 0)
        return -1;
    if (tensor->n_dims < 1 || tensor->n_dims > 4)
        return fail(err, ERROR_FORMAT,
                    "%" PRIu32 " dimensions, expected 1 to 4: the file is damaged", tensor->n_dims);
    for (uint32_t i = 0; i < 4; i++) {
        tensor->dims[i] = 1;
        if (i >= tensor->n_dims)
            continue;
        if (gguf_take_count(cursor, &tensor->dims[i], "a dimension", err) < 0)
            return -1;
        if (tensor->dims[i] == 0)
            return fail(err, ERROR_FORMAT, "dimension %" PRIu32 " is zero: the file is damaged", i);
        if (!mul_size(n_weights, tensor->dims[i], &n_weights) || n_weights > INT64_MAX)
            return fail(err, ERROR_FORMAT,
                        "its dimensions multiply to more than 2^63: the file is damaged");
    }
    if (gguf_take_u32(cursor, &tensor->type, "a tensor's type", err) < 0)
        return -1;

    const struct tensor_type_info *info = tensor_type_info(tensor->type);
    if (info->block_len == 0) {
        tensor->n_bytes = 0;
        return 0;
    }
    if (tensor->dims[0] % info->block_len != 0)
        return fail(err, ERROR_FORMAT,
                    "rows of %" PRIu64 " weights, but type %s needs a multiple of %" PRIu32,
                    tensor->dims[0], info->name, info->block_len);
    if (!mul_size(n_weights / info->block_len, info->block_bytes, &tensor->n_bytes))
        return fail(err, ERROR_FORMAT, "more than 2^64 bytes: the file is damaged");
    return 0;
}

static int parse_tensors(struct gguf_cursor *cursor, struct gguf *gguf, uint64_t n_tensors,
                         int file, struct error *err)
{
    for (uint64_t i = 0; i < n_tensors; i++) {
        if (grow((void **)&gguf->tensors, gguf->n_tensors, &gguf->capacity_tensors,
                 sizeof *gguf->tensors, "the tensor directory", err) < 0)
            return -1;
        struct tensor *tensor = &gguf->tensors[gguf->n_tensors];
        *tensor = (struct tensor){.file = (uint32_t)file};
        struct gguf_text name;
        if (parse_name(cursor, &gguf->arena, &name, "a tensor's name", err) < 0)
            return fail_context(err, "tensor %" PRIu64 " of %" PRIu64, i + 1, n_tensors);
        tensor->name = name.data;
        if (parse_shape(cursor, tensor, err) < 0 ||
            gguf_take(cursor, &tensor->offset, sizeof tensor->offset, "a tensor's offset", err) < 0)
            return fail_context(err, "tensor '%s'", gguf_shown(name.data, name.n_bytes).text);
        gguf->n_tensors++;
    }
    return 0;
}

/* Offsets from the start of the data become offsets from the start of the file, inside it. */
static int place_tensor(struct tensor *tensor, uint64_t data_start, uint64_t alignment,
                        const struct file *file, struct error *err)
{
    if (tensor->offset % alignment != 0)
        return fail(err, ERROR_FORMAT,
                    "its offset %" PRIu64 " is not a multiple of the alignment %" PRIu64
                    ": the file is damaged",
                    tensor->offset, alignment);
    uint64_t end;
    if (!add_size(tensor->offset, data_start, &tensor->offset) ||
        !add_size(tensor->offset, tensor->n_bytes, &end))
        return fail(err, ERROR_FORMAT, "its offset is beyond 2^64: the file is damaged");
    if (end > file->size_bytes)
        return fail(err, ERROR_FORMAT,
                    "its data ends at byte %" PRIu64 ", but the file has %" PRIu64 " (%" PRIu64
                    " missing): the file is truncated; download it again",
                    end, file->size_bytes, end - file->size_bytes);
    return 0;
}

static int parse_split(const struct gguf_entries *entries, const char *path,
                       struct gguf_split *split, struct error *err)
{
    uint32_t n_tensors = 0;
    *split = (struct gguf_split){0};
    if (gguf_entries_get_u32(entries, path, "split.no", &split->number, err) < 0 ||
        gguf_entries_get_u32(entries, path, "split.count", &split->count, err) < 0 ||
        gguf_entries_get_u32(entries, path, "split.tensors.count", &n_tensors, err) < 0)
        return -1;
    split->n_tensors = n_tensors;
    return 0;
}

/* Least bytes of an entry (key of one byte, type, value of one byte) and of a tensor (name of one
 * byte, one dimension). */
static int check_counts(const struct gguf_cursor *cursor, uint64_t n_tensors, uint64_t n_entries,
                        struct error *err)
{
    uint64_t count_bytes = cursor->version == 1 ? 4 : 8;
    uint64_t left = cursor->file->size_bytes - cursor->position;
    if (n_entries > left / (count_bytes + 1 + 4 + 1) ||
        n_tensors > left / (count_bytes + 1 + 4 + count_bytes + 4 + 8))
        return fail(err, ERROR_FORMAT,
                    "the header claims %" PRIu64 " tensors and %" PRIu64
                    " metadata entries in %" PRIu64
                    " bytes: the file is truncated or damaged; download it again",
                    n_tensors, n_entries, cursor->file->size_bytes);
    return 0;
}

static int parse_header(struct gguf *gguf, int file, struct gguf_cursor *cursor,
                        struct gguf_entries *entries, struct arena *arena, struct gguf_split *split,
                        struct error *err)
{
    const char *path = gguf->files[file].path;
    uint64_t n_tensors, n_entries, first_tensor = gguf->n_tensors;
    if (parse_version(cursor, err) < 0 ||
        gguf_take_count(cursor, &n_tensors, "the number of tensors", err) < 0 ||
        gguf_take_count(cursor, &n_entries, "the number of entries", err) < 0 ||
        check_counts(cursor, n_tensors, n_entries, err) < 0 ||
        parse_entries(cursor, n_entries, arena, entries, err) < 0 ||
        parse_tensors(cursor, gguf, n_tensors, file, err) < 0)
        return fail_context(err, "%s", path);
    if (file == 0)
        gguf->version = cursor->version;

    uint32_t alignment = DEFAULT_ALIGNMENT;
    if (parse_split(entries, path, split, err) < 0 ||
        gguf_entries_get_u32(entries, path, "general.alignment", &alignment, err) < 0)
        return -1;
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > MAX_ALIGNMENT)
        return fail(err, ERROR_FORMAT,
                    "%s: general.alignment is %" PRIu32 ", expected a power of two up to %" PRIu32,
                    path, alignment, MAX_ALIGNMENT);
    uint64_t data_start = round_up(cursor->position, alignment);
    for (uint64_t i = first_tensor; i < gguf->n_tensors; i++)
        if (place_tensor(&gguf->tensors[i], data_start, alignment, &gguf->files[file], err) < 0)
            return fail_context(
                err, "%s: tensor '%s'", path,
                gguf_shown(gguf->tensors[i].name, strlen(gguf->tensors[i].name)).text);
    return 0;
}

int gguf_parse_part(struct gguf *gguf, int file, struct gguf_split *split, struct error *err)
{
    struct gguf_entries other = {0};
    struct arena other_arena = {0};
    struct gguf_cursor cursor = {0};
    int rc = gguf_cursor_init(&cursor, &gguf->files[file], err);
    if (rc == 0)
        rc = parse_header(gguf, file, &cursor, file == 0 ? &gguf->metadata : &other,
                          file == 0 ? &gguf->arena : &other_arena, split, err);
    gguf_cursor_deinit(&cursor);
    free(other.items);
    arena_deinit(&other_arena);
    return rc;
}
