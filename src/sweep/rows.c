/* Steps that work on rows alone: embedding, selection, norm, packing, rotation. */

#include "base/clock.h"
#include "base/size.h"
#include "stream/rows.h"
#include "sweep/steps.h"

#include <stdlib.h>
#include <string.h>

/* A step's arguments for the pool. */
struct rows_job {
    struct sweep *sweep;
    const struct step *step;
};

static void flag_bad(struct sweep *sweep, const char *where)
{
    atomic_store(&sweep->bad_values, where);
}

/* Embedding: distinct ids, ascending, from disk. */

static bool token_before(const int32_t *token, uint32_t a, uint32_t b)
{
    return token[a] != token[b] ? token[a] < token[b] : a < b;
}

/* Lets the row at [root] sink to its place in the heap of [n], whose top is the last in order. */
static void sink(const int32_t *token, uint32_t *order, uint32_t root, uint32_t n)
{
    uint32_t row = order[root];
    for (uint32_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        child += child + 1 < n && token_before(token, order[child], order[child + 1]);
        if (!token_before(token, row, order[child]))
            break;
        order[root] = order[child];
        root = child;
    }
    order[root] = row;
}

/* Rows by token, then by number. A heap sort: qsort takes no context, and takes memory that no plan
 * knows of. */
static void sort_rows(const int32_t *token, uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t root = n / 2; root-- > 0;)
        sink(token, order, root, n);
    while (n-- > 1) {
        uint32_t last = order[0];
        order[0] = order[n];
        order[n] = last;
        sink(token, order, 0, n);
    }
}

struct embed_job {
    struct sweep *sweep;
    const uint8_t *raw; /* rows of ids [first, first + n) of sweep->distinct */
    uint64_t row_bytes;
    const uint32_t *of_id; /* first place in sweep->order of each distinct id, [n + 1] */
};

/* One distinct id: its floats into every row that has it. */
static void embed_item(void *arg, size_t item, int worker)
{
    (void)worker;
    const struct embed_job *job = arg;
    const struct sweep *sweep = job->sweep;
    const struct tensor *tensor = sweep->shape.network->embeddings;
    size_t width = sweep->shape.network->hparams.n_embd;
    uint32_t begin = job->of_id[item], end = job->of_id[item + 1];
    float *first = sweep->hidden + sweep->order[begin] * width;
    sweep->shape.kernels->dequant[tensor->type](job->raw + item * job->row_bytes, first, width);
    for (uint32_t i = begin + 1; i < end; i++)
        memcpy(sweep->hidden + sweep->order[i] * width, first, width * sizeof(float));
}

static void poll_stream(void *stream)
{
    stream_poll(stream);
}

int step_embed(struct sweep *sweep, const struct step *step, struct error *err)
{
    (void)step;
    const struct network *network = sweep->shape.network;
    const struct tensor *tensor = network->embeddings;
    const struct batch *batch = sweep->batch;
    sort_rows(batch->token, sweep->order, batch->n_rows);

    uint64_t row_bytes = tensor_row_bytes(tensor_type_info(tensor->type), network->hparams.n_embd);
    /* Raw rows go where queries, keys and values will be; as many ids at a time as fit there. */
    uint64_t room = sweep->shared_bytes;
    uint32_t *of_id = sweep->distinct; /* places in order; ids follow from them */
    uint32_t at = 0;
    while (at < batch->n_rows) {
        uint32_t n_ids = 0;
        uint64_t per_id = row_bytes + 2 * sizeof(uint32_t);
        uint32_t *ids = (uint32_t *)sweep->shared; /* [n_ids], then the raw rows */
        uint32_t most = (uint32_t)min_size((room - 64) / per_id, batch->n_rows);
        while (at < batch->n_rows && n_ids < most) {
            int32_t id = batch->token[sweep->order[at]];
            ids[n_ids] = (uint32_t)id;
            of_id[n_ids++] = at;
            while (at < batch->n_rows && batch->token[sweep->order[at]] == id)
                at++;
        }
        uint8_t *raw = (uint8_t *)sweep->shared + round_up(most * sizeof(uint32_t), 64);
        struct rows_request request = {.file = gguf_file(network->gguf, (int)tensor->file),
                                       .offset = tensor->offset,
                                       .row_bytes = row_bytes,
                                       .n_rows = tensor->dims[1],
                                       .ids = ids,
                                       .n_ids = n_ids,
                                       .to = raw,
                                       .reader = sweep->reader,
                                       .memory = sweep->memory,
                                       .meanwhile = poll_stream,
                                       .context = sweep->stream};
        uint64_t started = clock_ns();
        int64_t n_bytes = rows_read(&request, err);
        if (n_bytes < 0)
            return fail_context(err, "%s", tensor->name);
        sweep->embedding_bytes_read += (uint64_t)n_bytes;
        sweep->embedding_wait_ns += clock_ns() - started;
        struct embed_job job = {sweep, raw, row_bytes, of_id};
        of_id[n_ids] = at;
        parallel_for(sweep->pool, n_ids, embed_item, &job);
    }
    return 0;
}

/* Selection. */

int step_select(struct sweep *sweep, const struct step *step, struct error *err)
{
    (void)err;
    const struct row_list *kept = &sweep->batch->readouts;
    float *rows = sweep_floats(sweep, step->src);
    size_t width = sweep_width(sweep, step->src);
    for (uint32_t i = 0; i < kept->n_rows;
         i++) /* ascending: a row never moves over one still to come */
        if (kept->rows[i] != i)
            memcpy(rows + i * width, rows + kept->rows[i] * width, width * sizeof(float));
    sweep->active = kept;
    return 0;
}

/* Norm and packing: one work item is one tile. */

static int rows_of_tile(const struct sweep *sweep, size_t tile)
{
    size_t mr = (size_t)sweep->shape.kernels->shape.mr;
    return (int)min_size(mr, sweep->active->n_rows - tile * mr);
}

static size_t n_tiles(const struct sweep *sweep)
{
    return div_up(sweep->active->n_rows, (uint64_t)sweep->shape.kernels->shape.mr);
}

static void norm_item(void *arg, size_t tile, int worker)
{
    const struct rows_job *job = arg;
    struct sweep *sweep = job->sweep;
    struct scratch *scratch = &sweep->scratch[worker];
    const struct kernels *kernels = sweep->shape.kernels;
    const float eps = sweep->shape.network->hparams.rms_eps;
    uint32_t width = sweep_width(sweep, job->step->src);
    const float *rows =
        sweep_floats(sweep, job->step->src) + tile * (size_t)kernels->shape.mr * width;
    int n_rows = rows_of_tile(sweep, tile);
    float *normed = scratch->tile;
    for (int r = 0; r < n_rows; r++)
        kernels->rms_norm(rows + (size_t)r * width, job->step->gamma, eps,
                          normed + (size_t)r * width, width);
    if (!pack_rows(sweep, scratch, sweep_packed(sweep, job->step->dst), width, tile, n_rows, normed,
                   width))
        flag_bad(sweep, "hidden state");
}

int step_norm(struct sweep *sweep, const struct step *step, struct error *err)
{
    (void)err;
    parallel_for(sweep->pool, n_tiles(sweep), norm_item, &(struct rows_job){sweep, step});
    return 0;
}

/* Attention's result: the first value_dim of each head, closed up. */
static void pack_item(void *arg, size_t tile, int worker)
{
    const struct rows_job *job = arg;
    struct sweep *sweep = job->sweep;
    struct scratch *scratch = &sweep->scratch[worker];
    const struct hparams *h = &sweep->shape.network->hparams;
    uint32_t width = sweep_width(sweep, job->step->src), out_width = h->n_heads * h->value_dim;
    float *rows =
        sweep_floats(sweep, job->step->src) + tile * (size_t)sweep->shape.kernels->shape.mr * width;
    int n_rows = rows_of_tile(sweep, tile);
    if (h->value_dim != h->head_dim)
        for (int r = 0; r < n_rows; r++)
            for (uint32_t head = 1; head < h->n_heads; head++)
                memmove(rows + (size_t)r * width + head * h->value_dim,
                        rows + (size_t)r * width + head * h->head_dim,
                        h->value_dim * sizeof(float));
    if (!pack_rows(sweep, scratch, sweep_packed(sweep, job->step->dst), out_width, tile, n_rows,
                   rows, width))
        flag_bad(sweep, "attention");
}

int step_pack(struct sweep *sweep, const struct step *step, struct error *err)
{
    (void)err;
    parallel_for(sweep->pool, n_tiles(sweep), pack_item, &(struct rows_job){sweep, step});
    return 0;
}

/* Rotary embedding. */

static void rotate_item(void *arg, size_t tile, int worker)
{
    (void)worker;
    const struct rows_job *job = arg;
    const struct step *step = job->step;
    struct sweep *sweep = job->sweep;
    const struct kernels *kernels = sweep->shape.kernels;
    const struct hparams *h = &sweep->shape.network->hparams;
    rope_fn *rope = h->rope.interleaved ? kernels->rope_interleaved : kernels->rope_half;
    size_t first = tile * (size_t)kernels->shape.mr, width = (size_t)step->n_heads * h->head_dim;
    for (int r = 0; r < rows_of_tile(sweep, tile); r++) {
        size_t i = first + (size_t)r;
        uint32_t row = sweep->active->rows ? sweep->active->rows[i] : (uint32_t)i;
        const float *cos_sin = sweep->cos_sin + (size_t)sweep->batch->position[row] * h->rope.n_rot;
        float *heads = sweep_floats(sweep, step->dst) + i * width;
        for (uint32_t head = 0; head < step->n_heads; head++) {
            float *x = heads + (size_t)head * h->head_dim;
            if (step->gamma)
                kernels->rms_norm(x, step->gamma, h->rms_eps, x, h->head_dim);
            rope(x, cos_sin, h->rope.n_rot);
        }
    }
}

int step_rotate(struct sweep *sweep, const struct step *step, struct error *err)
{
    (void)err;
    parallel_for(sweep->pool, n_tiles(sweep), rotate_item, &(struct rows_job){sweep, step});
    return 0;
}
