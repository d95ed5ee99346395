/* The best N documents, kept in a heap whose root is the worst of them, given on in order at the
 * end. */

#include "sink.h"

#include <stdlib.h>

struct entry {
    struct item *item;
    struct verdict verdict;
};

struct top_sink {
    struct sink sink;
    struct sink *inner; /* owned */
    struct top_options options;
    struct entry *heap; /* [n_entries] */
    size_t n_entries, capacity;
};

/* Whether [a] comes after [b] in the output. A NaN cannot occur: the engine has none. */
static bool is_worse(const struct top_sink *top, const struct entry *a, const struct entry *b)
{
    double p = a->verdict.answer.p_yes, q = b->verdict.answer.p_yes;
    if (p != q)
        return top->options.lowest ? p > q : p < q;
    return a->item->serial > b->item->serial;
}

static void swap(struct entry *a, struct entry *b)
{
    struct entry t = *a;
    *a = *b;
    *b = t;
}

static void sift_up(struct top_sink *top, size_t i)
{
    for (; i > 0 && is_worse(top, &top->heap[i], &top->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&top->heap[i], &top->heap[(i - 1) / 2]);
}

static void sift_down(struct top_sink *top, size_t i)
{
    for (;;) {
        size_t worst = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < top->n_entries && is_worse(top, &top->heap[child], &top->heap[worst]))
                worst = child;
        if (worst == i)
            return;
        swap(&top->heap[i], &top->heap[worst]);
        i = worst;
    }
}

static int keep(struct top_sink *top, const struct item *item, struct error *err)
{
    holding_add(top->options.holding, item);
    return holding_check(top->options.holding, "--top", err);
}

static int top_document(struct sink *sink, struct item *item, const struct verdict *verdict,
                        struct error *err)
{
    struct top_sink *top = (struct top_sink *)sink;
    struct entry entry = {item, *verdict};
    if (!verdict->selected) {
        item_free(item);
        return 0;
    }
    if (top->n_entries == top->options.n_wanted) {
        if (is_worse(top, &entry, &top->heap[0])) {
            item_free(item);
            return 0;
        }
        holding_remove(top->options.holding, top->heap[0].item);
        item_free(top->heap[0].item);
        top->heap[0] = entry;
        sift_down(top, 0);
        return keep(top, item, err);
    }
    if (top->n_entries == top->capacity) {
        size_t capacity = top->capacity ? top->capacity * 2 : 64;
        struct entry *heap = realloc(top->heap, capacity * sizeof *heap);
        if (!heap) {
            item_free(item);
            return fail_memory(err, capacity * sizeof *heap, "the best documents");
        }
        top->heap = heap;
        top->capacity = capacity;
    }
    top->heap[top->n_entries++] = entry;
    sift_up(top, top->n_entries - 1);
    return keep(top, item, err);
}

static int top_file_end(struct sink *sink, const struct input_file *file, struct error *err)
{
    (void)sink, (void)file, (void)err;
    return 0;
}

static int top_finish(struct sink *sink, struct error *err)
{
    struct top_sink *top = (struct top_sink *)sink;
    size_t n = top->n_entries;
    while (top->n_entries > 1) { /* the worst goes behind: heap sort */
        swap(&top->heap[0], &top->heap[--top->n_entries]);
        sift_down(top, 0);
    }
    top->n_entries = n;
    for (size_t i = 0; i < n; i++) {
        struct item *item = top->heap[i].item;
        top->heap[i].item = NULL;
        if (top->inner->document(top->inner, item, &top->heap[i].verdict, err) < 0)
            return -1;
    }
    return top->inner->finish(top->inner, err);
}

static void top_free(struct sink *sink)
{
    struct top_sink *top = (struct top_sink *)sink;
    for (size_t i = 0; i < top->n_entries; i++)
        item_free(top->heap[i].item);
    free(top->heap);
    top->inner->free(top->inner);
    free(top);
}

struct sink *top_sink_new(const struct top_options *options, struct sink *inner, struct error *err)
{
    struct top_sink *top = calloc(1, sizeof *top);
    if (!top) {
        fail_memory(err, sizeof *top, "output");
        inner->free(inner);
        return NULL;
    }
    top->sink = (struct sink){top_document, top_file_end, top_finish, top_free};
    top->inner = inner;
    top->options = *options;
    return &top->sink;
}
