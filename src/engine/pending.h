#ifndef ENGINE_PENDING_H
#define ENGINE_PENDING_H
/* Documents pulled and not yet delivered, in input order, and the prompts on their way, in the
 * order they were sent. Both grow with what is in flight, which ask.c keeps within the plan. */

#include "base/sha256.h"
#include "trawl.h"

enum ask_state {
    ASK_WAITS,  /* for the answer that its condition is about */
    ASK_NOW,    /* in the prompts being handed out, or to be */
    ASK_CLOSED, /* sent, or never to be */
};

struct pending_question {
    enum ask_state state;
    uint32_t window; /* that the cell's answer is of */
};

struct pending {
    struct trawl_answer answer;
    struct trawl_cell *cells;           /* [n_questions] */
    struct pending_question *questions; /* [n_questions] */
    double *distributions;              /* of all questions, one behind the other */
    uint32_t n_left; /* prompts not answered yet, those not handed out included */
    bool is_ready;   /* some of its questions are to be asked in the next sweep */
    bool waits;      /* some of its questions wait for the answer to another */
    bool is_complete, is_delivered;
    uint64_t n_bytes; /* in flight for it */
};

/* A prompt on its way: one question of one window. */
struct sent {
    uint64_t serial; /* of its document */
    uint32_t question, window, probe;
    uint8_t key[SHA256_BYTES];
};

struct pending_queue {
    struct pending *documents; /* circular, [capacity] */
    size_t first, n, capacity;
    uint64_t first_serial; /* documents have numbers in the order they came */
    size_t n_ready;
    struct sent *sent; /* circular, [sent_capacity] */
    size_t first_sent, n_sent, sent_capacity;
    uint32_t n_questions, n_distribution; /* of each document */
};

void pending_queue_deinit(struct pending_queue *queue);

static inline struct pending *pending_at(const struct pending_queue *queue, size_t i)
{
    return &queue->documents[(queue->first + i) % queue->capacity];
}
/* It is in the queue. */
static inline struct pending *pending_find(const struct pending_queue *queue, uint64_t serial)
{
    return pending_at(queue, serial - queue->first_serial);
}

/* A new document at the end, everything zero. Documents found before may have moved. */
struct pending *pending_push(struct pending_queue *queue, struct error *err) MUST_CHECK;
void pending_pop(struct pending_queue *queue); /* the first */

int sent_push(struct pending_queue *queue, const struct sent *sent, struct error *err) MUST_CHECK;
struct sent sent_pop(struct pending_queue *queue);

/* What one document in flight takes here. */
uint64_t pending_bytes(const struct pending_queue *queue);

#endif
