/* Look-ups in an opened model. */
#include "formats/gguf_internal.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *gguf_type_name(uint32_t type)
{
    static const char *const names[] = {
        [GGUF_U8] = "u8",       [GGUF_I8] = "i8",   [GGUF_U16] = "u16", [GGUF_I16] = "i16",
        [GGUF_U32] = "u32",     [GGUF_I32] = "i32", [GGUF_F32] = "f32", [GGUF_BOOL] = "bool",
        [GGUF_U64] = "u64",     [GGUF_I64] = "i64", [GGUF_F64] = "f64", [GGUF_STRING] = "string",
        [GGUF_ARRAY] = "array",
    };
    return type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}

struct gguf_shown gguf_shown(const char *text, uint64_t n_bytes)
{
    struct gguf_shown shown;
    size_t n = 0;
    for (; n < n_bytes && n < sizeof shown.text - 4; n++) {
        unsigned char c = (unsigned char)text[n];
        shown.text[n] = c < 0x20 || c == 0x7f ? '?' : text[n];
    }
    if (n < n_bytes)
        n += (size_t)(stpcpy(shown.text + n, "...") - (shown.text + n));
    shown.text[n] = '\0';
    return shown;
}

const struct gguf_value *gguf_entries_find(const struct gguf_entries *entries, const char *key)
{
    uint64_t low = 0, high = entries->n_items;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int order = strcmp(key, entries->items[middle].key.data);
        if (order == 0)
            return &entries->items[middle].value;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key)
{
    return gguf_entries_find(&gguf->metadata, key);
}

/* A scalar, or an item of an array, seen as a whole number: [negative] tells how to read
 * [magnitude]. */
struct whole {
    bool is_whole, negative;
    uint64_t magnitude;
};

static struct whole whole_signed(int64_t i)
{
    return (struct whole){true, i < 0, i < 0 ? 0 - (uint64_t)i : (uint64_t)i};
}

static struct whole whole_scalar(const struct gguf_value *value)
{
    switch (value->type) {
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32:
    case GGUF_U64:
        return (struct whole){true, false, value->u};
    case GGUF_I8:
    case GGUF_I16:
    case GGUF_I32:
    case GGUF_I64:
        return whole_signed(value->i);
    default:
        return (struct whole){0};
    }
}

static struct whole whole_item(const struct gguf_value *value, uint64_t i)
{
    switch (value->item_type) {
    case GGUF_U8:
        return (struct whole){true, false, ((const uint8_t *)value->items)[i]};
    case GGUF_U16:
        return (struct whole){true, false, ((const uint16_t *)value->items)[i]};
    case GGUF_U32:
        return (struct whole){true, false, ((const uint32_t *)value->items)[i]};
    case GGUF_U64:
        return (struct whole){true, false, ((const uint64_t *)value->items)[i]};
    case GGUF_I8:
        return whole_signed(((const int8_t *)value->items)[i]);
    case GGUF_I16:
        return whole_signed(((const int16_t *)value->items)[i]);
    case GGUF_I32:
        return whole_signed(((const int32_t *)value->items)[i]);
    case GGUF_I64:
        return whole_signed(((const int64_t *)value->items)[i]);
    default:
        return (struct whole){0};
    }
}

static int fail_type(const char *path, const char *key, const char *expected,
                     const struct gguf_value *value, struct error *err)
{
    bool array = value->type == GGUF_ARRAY;
    return fail(err, ERROR_FORMAT, "%s: key '%s': expected %s, found %s%s", path, key, expected,
                array ? "an array of " : "",
                gguf_type_name(array ? value->item_type : value->type));
}

static int whole_to_u32(struct whole whole, const char *path, const char *key,
                        const struct gguf_value *value, uint32_t *out, struct error *err)
{
    if (!whole.is_whole)
        return fail_type(path, key, "a whole number", value, err);
    if (whole.magnitude > UINT32_MAX || (whole.negative && whole.magnitude > 0))
        return fail(err, ERROR_FORMAT,
                    "%s: key '%s': %s%" PRIu64 " is out of range (0 to 2^32 - 1)", path, key,
                    whole.negative ? "-" : "", whole.magnitude);
    *out = (uint32_t)whole.magnitude;
    return 1;
}

int gguf_entries_get_u32(const struct gguf_entries *entries, const char *path, const char *key,
                         uint32_t *out, struct error *err)
{
    const struct gguf_value *value = gguf_entries_find(entries, key);
    return value ? whole_to_u32(whole_scalar(value), path, key, value, out, err) : 0;
}

int gguf_get_u32(const struct gguf *gguf, const char *key, uint32_t *out, struct error *err)
{
    return gguf_entries_get_u32(&gguf->metadata, gguf_path(gguf), key, out, err);
}

int gguf_get_u32_at(const struct gguf *gguf, const char *key, uint64_t i, uint32_t *out,
                    struct error *err)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (!value || value->type != GGUF_ARRAY)
        return gguf_get_u32(gguf, key, out, err);
    if (i >= value->n_items)
        return fail(err, ERROR_FORMAT,
                    "%s: key '%s': an array of %" PRIu64 " items, item %" PRIu64 " is needed",
                    gguf_path(gguf), key, value->n_items, i);
    return whole_to_u32(whole_item(value, i), gguf_path(gguf), key, value, out, err);
}

int gguf_get_float(const struct gguf *gguf, const char *key, float *out, struct error *err)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (!value)
        return 0;
    struct whole whole = whole_scalar(value);
    double number;
    if (whole.is_whole)
        number = whole.negative ? -(double)whole.magnitude : (double)whole.magnitude;
    else if (value->type == GGUF_F32 || value->type == GGUF_F64)
        number = value->f;
    else
        return fail_type(gguf_path(gguf), key, "a number", value, err);
    if (!isfinite(number) || fabs(number) > (double)FLT_MAX)
        return fail(err, ERROR_FORMAT, "%s: key '%s': %g is not a finite 32-bit number",
                    gguf_path(gguf), key, number);
    *out = (float)number;
    return 1;
}

int gguf_get_bool(const struct gguf *gguf, const char *key, bool *out, struct error *err)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (!value)
        return 0;
    if (value->type != GGUF_BOOL)
        return fail_type(gguf_path(gguf), key, "a bool", value, err);
    *out = value->u != 0;
    return 1;
}

int gguf_get_text(const struct gguf *gguf, const char *key, struct gguf_text *out,
                  struct error *err)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (!value)
        return 0;
    if (value->type != GGUF_STRING)
        return fail_type(gguf_path(gguf), key, "a string", value, err);
    *out = value->text;
    return 1;
}

uint64_t gguf_n_tensors(const struct gguf *gguf)
{
    return gguf->n_tensors;
}

const struct tensor *gguf_tensor(const struct gguf *gguf, uint64_t i)
{
    return &gguf->tensors[i];
}

const struct tensor *gguf_find_tensor(const struct gguf *gguf, const char *name)
{
    uint64_t low = 0, high = gguf->n_tensors;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const struct tensor *tensor = &gguf->tensors[gguf->by_name[middle]];
        int order = strcmp(name, tensor->name);
        if (order == 0)
            return tensor;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* An index that can be sorted without knowing the directory. */
struct named {
    const struct tensor *tensor;
    uint32_t index;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->tensor->name, ((const struct named *)b)->tensor->name);
}

static int compare_places(const void *a, const void *b)
{
    const struct tensor *x = ((const struct named *)a)->tensor;
    const struct tensor *y = ((const struct named *)b)->tensor;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

static int check_overlaps(const struct gguf *gguf, struct named *order, struct error *err)
{
    qsort(order, (size_t)gguf->n_tensors, sizeof *order, compare_places);
    for (uint64_t i = 1; i < gguf->n_tensors; i++) {
        const struct tensor *before = order[i - 1].tensor, *after = order[i].tensor;
        if (before->file != after->file || before->offset + before->n_bytes <= after->offset)
            continue;
        return fail(err, ERROR_FORMAT, "%s: tensors '%s' and '%s' overlap: the file is damaged",
                    gguf->files[after->file].path,
                    gguf_shown(before->name, strlen(before->name)).text,
                    gguf_shown(after->name, strlen(after->name)).text);
    }
    return 0;
}

int gguf_index_tensors(struct gguf *gguf, struct error *err)
{
    if (gguf->n_tensors == 0)
        return 0;
    if (gguf->n_tensors > UINT32_MAX)
        return fail(err, ERROR_FORMAT, "%s: more than 2^32 tensors", gguf_path(gguf));
    size_t n = (size_t)gguf->n_tensors;
    struct named *order = malloc(n * sizeof *order);
    gguf->by_name = malloc(n * sizeof *gguf->by_name);
    if (!order || !gguf->by_name) {
        free(order);
        return fail_memory(err, n * sizeof *order, "the tensor directory");
    }
    for (size_t i = 0; i < n; i++)
        order[i] = (struct named){&gguf->tensors[i], (uint32_t)i};
    qsort(order, n, sizeof *order, compare_names);
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        gguf->by_name[i] = order[i].index;
        if (i > 0 && rc == 0 && compare_names(&order[i - 1], &order[i]) == 0)
            rc = fail(err, ERROR_FORMAT, "%s: tensor '%s' is there twice: the file is damaged",
                      gguf->files[order[i].tensor->file].path,
                      gguf_shown(order[i].tensor->name, strlen(order[i].tensor->name)).text);
    }
    if (rc == 0)
        rc = check_overlaps(gguf, order, err);
    free(order);
    return rc;
}
