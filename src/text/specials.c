#include "text/specials.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    const char *text;
    size_t n_bytes;
    uint32_t id;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *p = a, *q = b;
    int order = memcmp(p->text, q->text, min_size(p->n_bytes, q->n_bytes));
    if (order != 0) {
        return order;
    }
    if (p->n_bytes != q->n_bytes) {
        return p->n_bytes < q->n_bytes ? -1 : 1;
    }
    return p->id < q->id ? -1 : p->id > q->id;
}

static bool is_special(const struct vocabulary *v, uint32_t id)
{
    size_t n_bytes;
    const char *text = vocabulary_text(v, id, &n_bytes);
    enum token_type type = v->types[id];
    if (n_bytes == 0 || n_bytes > SPECIAL_MAX_BYTES) {
        return false;
    }
    if (type == TOKEN_TYPE_USER_DEFINED && !v->byte_level) {
        /* A SentencePiece token whose spaces the file has as marks is found by merging. */
        return (v->flags[id] & TOKEN_FLAG_RAW) || memchr(text, ' ', n_bytes) == NULL;
    }
    return type == TOKEN_TYPE_CONTROL || type == TOKEN_TYPE_UNKNOWN ||
           type == TOKEN_TYPE_USER_DEFINED;
}

int specials_open(struct specials *specials, const struct vocabulary *v, struct error *err)
{
    uint32_t n = 0;
    for (uint32_t id = 0; id < v->n_tokens; id++) {
        n += is_special(v, id);
    }
    struct entry *entries = malloc(max_size(1, n) * sizeof(*entries));
    specials->ids = malloc(max_size(1, n) * sizeof(*specials->ids));
    if (entries == NULL || specials->ids == NULL) {
        free(entries);
        return fail_memory(err, n * sizeof(*entries), "special tokens");
    }
    n = 0;
    for (uint32_t id = 0; id < v->n_tokens; id++) {
        if (is_special(v, id)) {
            entries[n].text = vocabulary_text(v, id, &entries[n].n_bytes);
            entries[n].id = id;
            specials->starts[(unsigned char)entries[n].text[0]] = true;
            n++;
        }
    }
    qsort(entries, n, sizeof(*entries), compare_entries);
    for (uint32_t i = 0; i < n; i++) {
        specials->ids[i] = entries[i].id;
    }
    specials->n_ids = n;
    free(entries);
    return 0;
}

void specials_close(struct specials *specials)
{
    free(specials->ids);
    specials->ids = NULL;
}

/* The first of ids[low, high), all of which agree up to [depth], whose byte there is at least
 * [byte]; a token that ends before has none and comes first. */
static uint32_t lower_bound(const struct specials *specials, const struct vocabulary *v,
                            uint32_t low, uint32_t high, size_t depth, int byte)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        size_t n;
        const char *text = vocabulary_text(v, specials->ids[middle], &n);
        int here = depth < n ? (unsigned char)text[depth] : -1;
        if (here < byte) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The longest token written at the start of text[0, n_bytes). */
static int32_t longest_at(const struct specials *specials, const struct vocabulary *v,
                          const char *text, size_t n_bytes, bool control, size_t *n_matched)
{
    int32_t found = TOKEN_NONE;
    uint32_t low = 0, high = specials->n_ids;
    for (size_t depth = 0; depth < n_bytes; depth++) {
        int byte = (unsigned char)text[depth];
        low = lower_bound(specials, v, low, high, depth, byte);
        high = lower_bound(specials, v, low, high, depth, byte + 1);
        if (low == high) {
            break;
        }
        size_t n;
        (void)vocabulary_text(v, specials->ids[low], &n);
        if (n != depth + 1) {
            continue; /* the shortest of the range is longer still */
        }
        for (uint32_t i = low; i < high; i++) {
            size_t length;
            (void)vocabulary_text(v, specials->ids[i], &length);
            if (length != n) {
                break;
            }
            if (control || v->types[specials->ids[i]] == TOKEN_TYPE_USER_DEFINED) {
                found = (int32_t)specials->ids[i];
                *n_matched = n;
                break;
            }
        }
    }
    return found;
}

int32_t specials_find(const struct specials *specials, const struct vocabulary *v, const char *text,
                      size_t n_bytes, size_t at, bool control, size_t *from, size_t *to)
{
    for (; at < n_bytes; at++) {
        size_t n = 0;
        if (!specials->starts[(unsigned char)text[at]]) {
            continue;
        }
        int32_t id = longest_at(specials, v, text + at, n_bytes - at, control, &n);
        if (id != TOKEN_NONE) {
            *from = at;
            *to = at + n;
            return id;
        }
    }
    return TOKEN_NONE;
}
