/* Attention over the prefix tree. A work item is a group of queries (neighbours on one path, in one
 * block of 64 positions) and one key/value head with all query heads that share it. Keys are taken
 * in blocks of 64 that lie at absolute multiples of 64 of the path's positions, gathered from
 * whatever segments the path runs through: so the order of summation depends on positions alone,
 * never on where branches fall or who else is in the batch. */

#include "base/size.h"
#include "sweep/steps.h"

#include <math.h>
#include <string.h>

struct attention_room {
    float *k_t;         /* [head_dim, 64] */
    float *v;           /* [64, value_dim] */
    float *out;         /* [n_q, value_dim] */
    float *m, *l;       /* [n_q] */
    const float **q;    /* [n_q] */
    uint8_t *from, *to; /* [n_q] */
};

static size_t queries_per_item(const struct hparams *h)
{
    return (size_t)ATTENTION_BLOCK * (h->n_heads / h->n_kv_heads);
}

static uint64_t lay_out(struct attention_room *room, const struct hparams *h, float *block)
{
    size_t n_q = queries_per_item(h), at = 0;
    const size_t sizes[] = {(size_t)h->head_dim * ATTENTION_BLOCK,
                            (size_t)h->value_dim * ATTENTION_BLOCK,
                            n_q * h->value_dim,
                            n_q,
                            n_q,
                            n_q * sizeof(float *) / sizeof(float),
                            div_up(n_q, 4),
                            div_up(n_q, 4)};
    void *parts[8];
    for (size_t i = 0; i < 8; i++) {
        parts[i] = block ? block + at : NULL;
        at += round_up(sizes[i], 16);
    }
    if (room)
        *room = (struct attention_room){parts[0], parts[1], parts[2], parts[3],
                                        parts[4], parts[5], parts[6], parts[7]};
    return at;
}

uint64_t attention_scratch_floats(const struct sweep_shape *shape)
{
    return lay_out(NULL, &shape->network->hparams, NULL);
}

/* Keys and values of positions [first, first + 64) of the path, zero where the path has ended. */
static void gather(const struct sweep *sweep, const struct attention_room *room,
                   const uint32_t *path, uint32_t first, uint32_t n_positions, uint32_t head)
{
    const struct hparams *h = &sweep->shape.network->hparams;
    size_t k_width = (size_t)h->n_kv_heads * h->head_dim,
           v_width = (size_t)h->n_kv_heads * h->value_dim;
    uint32_t n = (uint32_t)min_size(ATTENTION_BLOCK, n_positions - first);
    const float *keys[ATTENTION_BLOCK];
    for (uint32_t j = 0; j < n; j++) {
        keys[j] = sweep->k + path[first + j] * k_width + (size_t)head * h->head_dim;
        memcpy(room->v + (size_t)j * h->value_dim,
               sweep->v + path[first + j] * v_width + (size_t)head * h->value_dim,
               h->value_dim * sizeof(float));
    }
    for (uint32_t d = 0; d < h->head_dim; d++)
        for (uint32_t j = 0; j < ATTENTION_BLOCK; j++)
            room->k_t[(size_t)d * ATTENTION_BLOCK + j] = j < n ? keys[j][d] : 0.0f;
    memset(room->v + (size_t)n * h->value_dim, 0,
           (size_t)(ATTENTION_BLOCK - n) * h->value_dim * sizeof(float));
}

struct attention_job {
    struct sweep *sweep;
};

static void attention_item(void *arg, size_t item, int worker)
{
    struct sweep *sweep = ((const struct attention_job *)arg)->sweep;
    const struct hparams *h = &sweep->shape.network->hparams;
    const struct row_list *active = sweep->active;
    const struct query_group *group = &active->groups[item / h->n_kv_heads];
    uint32_t kv_head = (uint32_t)(item % h->n_kv_heads), heads_per_kv = h->n_heads / h->n_kv_heads;
    struct scratch *scratch = &sweep->scratch[worker];
    struct attention_room room;
    lay_out(&room, h, scratch->attention);

    uint32_t last = group->first + group->n - 1;
    uint32_t last_row = active->rows ? active->rows[last] : last;
    uint32_t n_positions = sweep->batch->position[last_row] + 1;
    batch_path(sweep->batch, last_row, scratch->path);

    size_t n_q = (size_t)group->n * heads_per_kv, q_width = (size_t)h->n_heads * h->head_dim;
    for (size_t i = 0; i < n_q; i++) {
        size_t row = group->first + i / heads_per_kv,
               head = kv_head * heads_per_kv + i % heads_per_kv;
        room.q[i] = sweep->q + row * q_width + head * h->head_dim;
        room.m[i] = -INFINITY;
        room.l[i] = 0.0f;
    }
    memset(room.out, 0, n_q * h->value_dim * sizeof(float));

    uint32_t first_row = active->rows ? active->rows[group->first] : group->first;
    uint32_t first_key = 0; /* of the window of the group's first query */
    if (h->sliding_window && sweep->batch->position[first_row] >= h->sliding_window)
        first_key = sweep->batch->position[first_row] + 1 - h->sliding_window;
    for (uint32_t block = first_key / ATTENTION_BLOCK * ATTENTION_BLOCK; block < n_positions;
         block += ATTENTION_BLOCK) {
        gather(sweep, &room, scratch->path, block, n_positions, kv_head);
        for (size_t i = 0; i < n_q; i++) {
            uint32_t at = group->first + (uint32_t)(i / heads_per_kv);
            uint32_t position = sweep->batch->position[active->rows ? active->rows[at] : at];
            uint32_t from = h->sliding_window && position >= h->sliding_window
                                ? position + 1 - h->sliding_window
                                : 0;
            from = from > block ? from - block : 0;
            uint32_t to =
                position + 1 - block; /* the block begins at or before every query's position */
            room.from[i] = (uint8_t)min_size(from, ATTENTION_BLOCK);
            room.to[i] = (uint8_t)min_size(to, ATTENTION_BLOCK);
        }
        struct attention_args args = {.n_q = n_q,
                                      .head_dim = h->head_dim,
                                      .value_dim = h->value_dim,
                                      .q = room.q,
                                      .k_t = room.k_t,
                                      .v = room.v,
                                      .from = room.from,
                                      .to = room.to,
                                      .scale = h->attention_scale,
                                      .m = room.m,
                                      .l = room.l,
                                      .out = room.out};
        sweep->shape.kernels->attention_block(&args);
    }
    /* Only this item reads these queries: the result takes their place. */
    for (size_t i = 0; i < n_q; i++) {
        float *to = (float *)room.q[i];
        for (uint32_t d = 0; d < h->value_dim; d++)
            to[d] = room.out[i * h->value_dim + d] / room.l[i];
    }
}

int step_attention(struct sweep *sweep, const struct step *step, struct error *err)
{
    (void)step;
    (void)err;
    size_t n_items = (size_t)sweep->active->n_groups * sweep->shape.network->hparams.n_kv_heads;
    parallel_for(sweep->pool, n_items, attention_item, &(struct attention_job){sweep});
    return 0;
}
