#include "engine/pending.h"

#include <stdlib.h>
#include <string.h>

static void free_document(struct pending *pending)
{
    free(pending->cells);
    free(pending->questions);
    free(pending->distributions);
}

void pending_queue_deinit(struct pending_queue *queue)
{
    while (queue->n > 0)
        pending_pop(queue);
    free(queue->documents);
    free(queue->sent);
}

/* Room for one more item of a ring. */
static int grow(void **items, size_t n_item_bytes, size_t *first, size_t n, size_t *capacity,
                struct error *err)
{
    if (n < *capacity)
        return 0;
    size_t larger = *capacity ? 2 * *capacity : 64, n_tail = *capacity - *first;
    char *grown = calloc(larger, n_item_bytes);
    if (!grown)
        return fail_memory(err, larger * n_item_bytes, "documents in flight");
    if (*capacity) {
        memcpy(grown, (char *)*items + *first * n_item_bytes, n_tail * n_item_bytes);
        memcpy(grown + n_tail * n_item_bytes, *items, *first * n_item_bytes);
    }
    free(*items);
    *items = grown;
    *first = 0;
    *capacity = larger;
    return 0;
}

struct pending *pending_push(struct pending_queue *queue, struct error *err)
{
    void *documents = queue->documents;
    int rc =
        grow(&documents, sizeof *queue->documents, &queue->first, queue->n, &queue->capacity, err);
    queue->documents = documents;
    if (rc < 0)
        return NULL;
    struct pending pending = {.cells = calloc(queue->n_questions, sizeof *pending.cells),
                              .questions = calloc(queue->n_questions, sizeof *pending.questions),
                              .distributions =
                                  calloc(queue->n_distribution + 1, sizeof *pending.distributions)};
    if (!pending.cells || !pending.questions || !pending.distributions) {
        free_document(&pending);
        fail_memory(err, pending_bytes(queue), "a document in flight");
        return NULL;
    }
    struct pending *place = pending_at(queue, queue->n++);
    *place = pending;
    return place;
}

void pending_pop(struct pending_queue *queue)
{
    free_document(pending_at(queue, 0));
    queue->first = (queue->first + 1) % queue->capacity;
    queue->first_serial++;
    queue->n--;
}

int sent_push(struct pending_queue *queue, const struct sent *sent, struct error *err)
{
    void *items = queue->sent;
    int rc = grow(&items, sizeof *queue->sent, &queue->first_sent, queue->n_sent,
                  &queue->sent_capacity, err);
    queue->sent = items;
    if (rc < 0)
        return -1;
    queue->sent[(queue->first_sent + queue->n_sent++) % queue->sent_capacity] = *sent;
    return 0;
}

struct sent sent_pop(struct pending_queue *queue)
{
    struct sent sent = queue->sent[queue->first_sent];
    queue->first_sent = (queue->first_sent + 1) % queue->sent_capacity;
    queue->n_sent--;
    return sent;
}

uint64_t pending_bytes(const struct pending_queue *queue)
{
    /* The ring may be twice as long as what is in it. */
    return 2 * sizeof(struct pending) +
           queue->n_questions * (sizeof(struct trawl_cell) + sizeof(struct pending_question)) +
           (queue->n_distribution + 1) * sizeof(double) + 64;
}
