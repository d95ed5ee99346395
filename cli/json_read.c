#include "json_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A copy with a NUL behind it; of what is quoted, decoded. */
static const char *copy_text(struct arena *arena, const char *text, size_t *n_bytes, bool is_quoted,
                             struct error *err)
{
    char *copy = arena_alloc(arena, (uint64_t)*n_bytes + 1, 1, "JSON", err);
    if (!copy)
        return NULL;
    if (is_quoted)
        *n_bytes = json_decode(text, *n_bytes, JSON_SURROGATE_IS_BYTE, copy);
    else
        memcpy(copy, text, *n_bytes);
    copy[*n_bytes] = '\0';
    return copy;
}

static struct json *make_node(struct arena *arena, const struct json_item *item, const char *start,
                              struct error *err)
{
    struct json *json = arena_alloc(arena, sizeof *json, _Alignof(struct json), "JSON", err);
    if (!json)
        return NULL;
    *json = (struct json){.kind = item->kind};
    size_t n_name = item->n_name;
    if (item->name && !(json->name = copy_text(arena, item->name, &n_name, true, err)))
        return NULL;
    if (item->kind != JSON_STRING && item->kind != JSON_NUMBER)
        return json;
    json->n_bytes = item->n_bytes;
    json->text = copy_text(arena, item->text, &json->n_bytes, item->kind == JSON_STRING, err);
    if (!json->text)
        return NULL;
    if (item->kind == JSON_NUMBER)
        json->number = strtod(json->text, NULL);
    if (isfinite(json->number))
        return json;
    fail(err, ERROR_FORMAT, "not JSON at byte %zu: a number without bounds",
         (size_t)(item->text - start) + 1);
    return NULL;
}

const struct json *json_read(struct arena *arena, const char *text, size_t n_bytes,
                             struct error *err)
{
    struct json_scan scan;
    struct json_item item;
    const struct json *whole = NULL;
    const struct json **link[JSON_MOST_DEPTH + 1]; /* where the next value of each depth goes */
    int status;
    json_scan_init(&scan, text, n_bytes);
    link[0] = &whole;
    while ((status = json_scan_next(&scan, &item, err)) > 0) {
        if (item.is_end)
            continue;
        struct json *json = make_node(arena, &item, text, err);
        if (!json)
            return NULL;
        *link[item.depth] = json;
        link[item.depth] = &json->next;
        if (item.depth < JSON_MOST_DEPTH)
            link[item.depth + 1] = &json->first;
    }
    return status < 0 ? NULL : whole;
}

const struct json *json_member(const struct json *json, const char *name)
{
    const struct json *found = NULL;
    if (json && json->kind == JSON_OBJECT)
        for (const struct json *member = json->first; member; member = member->next)
            if (strcmp(member->name, name) == 0)
                found = member;
    return found;
}

bool json_is_text(const struct json *json, const char *text)
{
    return json && json->kind == JSON_STRING && json->n_bytes == strlen(text) &&
           memcmp(json->text, text, json->n_bytes) == 0;
}
