/* Attention over the prefix tree. A work item is a group of queries (neighbours on one path, in one
 * block of 64 positions) and one key/value head with all query heads that share it. Keys are taken
 * in blocks of 64 that lie at absolute multiples of 64 of the path's positions, gathered from
 * whatever segments the path runs through: so the order of summation depends on positions alone,
 * never on where branches fall or who else is in the batch.
 *
 * Unless the sweep is exact, values are rounded to int8 once, in their own place, before any query
 * meets them (docs/decisions/006-attention.md); queries and keys stay float. */

#include "base/size.h"
#include "sweep/steps.h"

#include <math.h>
#include <string.h>

/* Rows whose values are rounded by one work item. */
#define ROUND_ROWS 64

struct attention_room {
    float *k_t;         /* [head_dim, 64] */
    void *v;            /* [64, value_dim]: floats, or packed int8 */
    float *v_scales;    /* [64] */
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
                            ATTENTION_BLOCK,
                            n_q * h->value_dim,
                            n_q,
                            n_q,
                            n_q * sizeof(float *) / sizeof(float),
                            div_up(n_q, 4),
                            div_up(n_q, 4)};
    void *parts[9];
    for (size_t i = 0; i < 9; i++) {
        parts[i] = block ? block + at : NULL;
        at += round_up(sizes[i], 16);
    }
    if (room)
        *room = (struct attention_room){parts[0], parts[1], parts[2], parts[3], parts[4],
                                        parts[5], parts[6], parts[7], parts[8]};
    return at;
}

uint64_t attention_scratch_floats(const struct sweep_shape *shape)
{
    return lay_out(NULL, &shape->network->hparams, NULL);
}

/* ---- Values */

/* Heads of an odd length are left in float: kernels.h, value_dim. */
static bool rounds_values(const struct sweep *sweep)
{
    return !sweep->shape.exact && sweep->shape.network->hparams.value_dim % 16 == 0;
}

/* Where a row's values of a head lie: [value_dim] floats, or once they are rounded [value_dim] int8
 * and then the scale, a float. */
static float *values_at(const struct sweep *sweep, uint32_t row, uint32_t head)
{
    const struct hparams *h = &sweep->shape.network->hparams;
    return sweep->v + ((size_t)row * h->n_kv_heads + head) * h->value_dim;
}

static void round_item(void *arg, size_t item, int worker)
{
    (void)worker;
    struct sweep *sweep = arg;
    const struct hparams *h = &sweep->shape.network->hparams;
    uint32_t first = (uint32_t)item * ROUND_ROWS;
    uint32_t n = (uint32_t)min_size(ROUND_ROWS, sweep->batch->n_rows - first);
    bool finite = true;
    for (uint32_t row = first; row < first + n; row++)
        for (uint32_t head = 0; head < h->n_kv_heads; head++) {
            float *v = values_at(sweep, row, head), scale;
            finite &= sweep->shape.kernels->attention_round(v, h->value_dim, (int8_t *)v, &scale);
            v[h->value_dim / 4] = scale;
        }
    if (!finite)
        atomic_store(&sweep->bad_values, "attention");
}

/* ---- Queries */

/* Keys and values of the [n] <= 64 rows of the path that lie in a block. */
static void gather(const struct sweep *sweep, const struct attention_room *room,
                   const uint32_t *path, size_t n, uint32_t head)
{
    const struct hparams *h = &sweep->shape.network->hparams;
    const struct kernels *kernels = sweep->shape.kernels;
    const float *keys[ATTENTION_BLOCK];
    const int8_t *rounded[ATTENTION_BLOCK];
    float *v = room->v;
    memset(room->v_scales, 0, ATTENTION_BLOCK * sizeof(float));
    for (size_t j = 0; j < n; j++) {
        const float *values = values_at(sweep, path[j], head);
        keys[j] = sweep->k + ((size_t)path[j] * h->n_kv_heads + head) * h->head_dim;
        if (rounds_values(sweep)) {
            rounded[j] = (const int8_t *)values;
            room->v_scales[j] = values[h->value_dim / 4];
        } else {
            memcpy(v + j * h->value_dim, values, h->value_dim * sizeof *v);
        }
    }
    kernels->attention_keys(keys, n, h->head_dim, room->k_t);
    if (rounds_values(sweep))
        kernels->attention_values(rounded, n, h->value_dim, v);
    else
        memset(v + n * h->value_dim, 0, (ATTENTION_BLOCK - n) * h->value_dim * sizeof *v);
}

static uint32_t active_row(const struct sweep *sweep, uint32_t i)
{
    return sweep->active->rows ? sweep->active->rows[i] : i;
}

static uint32_t first_key(const struct hparams *h, uint32_t position)
{
    return h->sliding_window && position >= h->sliding_window ? position + 1 - h->sliding_window
                                                              : 0;
}

/* Which keys of the block at [block] each query of the group sees: at or before its own, in its
 * window. The block begins at or before every query's position. */
static void mask(const struct sweep *sweep, const struct query_group *group, uint32_t block,
                 const struct attention_room *room)
{
    const struct hparams *h = &sweep->shape.network->hparams;
    uint32_t heads_per_kv = h->n_heads / h->n_kv_heads;
    for (uint32_t i = 0; i < group->n; i++) {
        uint32_t position = sweep->batch->position[active_row(sweep, group->first + i)];
        uint32_t first = first_key(h, position);
        size_t from = min_size(first > block ? first - block : 0, ATTENTION_BLOCK);
        size_t to = min_size(position + 1 - block, ATTENTION_BLOCK);
        memset(room->from + (size_t)i * heads_per_kv, (int)from, heads_per_kv);
        memset(room->to + (size_t)i * heads_per_kv, (int)to, heads_per_kv);
    }
}

static void begin_queries(const struct sweep *sweep, const struct query_group *group,
                          uint32_t kv_head, const struct attention_room *room)
{
    const struct hparams *h = &sweep->shape.network->hparams;
    size_t heads_per_kv = h->n_heads / h->n_kv_heads, i = 0;
    for (size_t row = group->first; row < group->first + group->n; row++)
        for (size_t head = 0; head < heads_per_kv; head++, i++) {
            room->q[i] =
                sweep->q + (row * h->n_heads + kv_head * heads_per_kv + head) * h->head_dim;
            room->m[i] = -INFINITY;
            room->l[i] = 0.0f;
        }
    memset(room->out, 0, i * h->value_dim * sizeof(float));
}

/* Only one item reads these queries: the result takes their place. */
static void end_queries(const struct sweep *sweep, size_t n_q, const struct attention_room *room)
{
    uint32_t value_dim = sweep->shape.network->hparams.value_dim;
    for (size_t i = 0; i < n_q; i++) {
        float *to = (float *)room->q[i], factor = 1.0f / room->l[i];
        for (uint32_t d = 0; d < value_dim; d++)
            to[d] = room->out[i * value_dim + d] * factor;
    }
}

static void attention_item(void *arg, size_t item, int worker)
{
    struct sweep *sweep = arg;
    const struct hparams *h = &sweep->shape.network->hparams;
    const struct kernels *kernels = sweep->shape.kernels;
    const struct query_group *group = &sweep->active->groups[item / h->n_kv_heads];
    uint32_t kv_head = (uint32_t)(item % h->n_kv_heads);
    struct scratch *scratch = &sweep->scratch[worker];
    struct attention_room room;
    lay_out(&room, h, scratch->attention);

    uint32_t first_row = active_row(sweep, group->first),
             last_row = active_row(sweep, group->first + group->n - 1);
    uint32_t n_positions = sweep->batch->position[last_row] + 1;
    batch_path(sweep->batch, last_row, scratch->path);
    begin_queries(sweep, group, kv_head, &room);

    struct attention_args args = {.n_q = (size_t)group->n * (h->n_heads / h->n_kv_heads),
                                  .head_dim = h->head_dim,
                                  .value_dim = h->value_dim,
                                  .q = room.q,
                                  .k_t = room.k_t,
                                  .v = room.v,
                                  .v_scales = room.v_scales,
                                  .from = room.from,
                                  .to = room.to,
                                  .scale = h->attention_scale * (float)M_LOG2E,
                                  .m = room.m,
                                  .l = room.l,
                                  .out = room.out};
    attention_block_fn *attend =
        rounds_values(sweep) ? kernels->attention_block_q8 : kernels->attention_block;
    uint32_t block = first_key(h, sweep->batch->position[first_row]);
    for (block -= block % ATTENTION_BLOCK; block < n_positions; block += ATTENTION_BLOCK) {
        gather(sweep, &room, scratch->path + block, min_size(ATTENTION_BLOCK, n_positions - block),
               kv_head);
        mask(sweep, group, block, &room);
        attend(&args);
    }
    end_queries(sweep, args.n_q, &room);
}

int step_attention(struct sweep *sweep, const struct step *step, struct error *err)
{
    (void)step;
    (void)err;
    if (rounds_values(sweep))
        parallel_for(sweep->pool, div_up(sweep->batch->n_rows, ROUND_ROWS), round_item, sweep);
    size_t n_items = (size_t)sweep->active->n_groups * sweep->shape.network->hparams.n_kv_heads;
    parallel_for(sweep->pool, n_items, attention_item, sweep);
    return 0;
}
