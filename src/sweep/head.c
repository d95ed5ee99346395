/* Read-out: logits come in pieces of the vocabulary, in any order, and are reduced at once to what
 * is wanted of each row; all of a row's logits never exist but for draws that need them. A draw is
 * a reading of its own, of its row's logits with its biases. The sum of exponentials is kept for
 * fixed blocks of the vocabulary and added up at the end in their order, so that it does not depend
 * on slices or threads. */

#include "base/size.h"
#include "sweep/draw.h"
#include "sweep/steps.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t n_blocks(const struct sweep *sweep)
{
    return (uint32_t)div_up(sweep->shape.network->hparams.n_vocab, sweep->bytes.piece);
}

static int compare_wishes(const void *a, const void *b)
{
    const struct wish *wish_a = a, *wish_b = b;
    if (wish_a->token != wish_b->token)
        return wish_a->token < wish_b->token ? -1 : 1;
    return wish_a->row < wish_b->row ? -1 : wish_a->row > wish_b->row;
}

static int compare_draws(const void *a, const void *b)
{
    const struct head_draw *draw_a = a, *draw_b = b;
    if (draw_a->readout != draw_b->readout)
        return draw_a->readout < draw_b->readout ? -1 : 1;
    return draw_a->index < draw_b->index ? -1 : draw_a->index > draw_b->index;
}

static void begin_draws(struct sweep *sweep)
{
    const struct batch *batch = sweep->batch;
    uint32_t n_kept = 0;
    for (uint32_t d = 0; d < batch->n_draws; d++) {
        const struct batch_draw *of = &batch->draws[d];
        struct head_draw *at = &sweep->draws[d];
        *at = (struct head_draw){.draw = &of->draw,
                                 .key = draw_key(&of->draw, of->n_tokens),
                                 .readout = batch->readout_index[of->row],
                                 .index = d};
        if (draw_needs_all(&of->draw))
            at->kept = sweep->kept + (size_t)n_kept++ * sweep->shape.network->hparams.n_vocab;
        sweep->drawn[d] = NO_CANDIDATE;
        for (int w = 0; w < sweep->shape.n_threads; w++)
            sweep->scratch[w].drawing[d] = NO_CANDIDATE;
    }
    assert(n_kept <= sweep->bytes.n_kept);
    if (batch->n_draws > 0)
        qsort(sweep->draws, batch->n_draws, sizeof *sweep->draws, compare_draws);
}

static uint32_t n_readings(const struct batch *batch)
{
    return batch->n_readouts + batch->n_draws;
}

void head_begin(struct sweep *sweep)
{
    const struct batch *batch = sweep->batch;
    begin_draws(sweep);
    sweep->n_wishes = 0;
    if (sweep->shape.readout.next) {
        for (uint32_t row = 0; row < batch->n_rows; row++) {
            uint32_t parent = batch->parent[row];
            if (parent != ROW_NONE && batch->read_out[parent])
                sweep->wishes[sweep->n_wishes++] =
                    (struct wish){batch->token[row], batch->readout_index[parent], row};
        }
        qsort(sweep->wishes, sweep->n_wishes, sizeof *sweep->wishes, compare_wishes);
    }
    if (sweep->shape.readout.n_top)
        for (int w = 0; w < sweep->shape.n_threads; w++)
            for (uint32_t i = 0; i < n_readings(batch); i++)
                sweep->scratch[w].n_top[i] = 0;
}

static bool better(float logit_a, int32_t id_a, float logit_b, int32_t id_b)
{
    return logit_a > logit_b || (logit_a == logit_b && id_a < id_b);
}

/* Puts a logit at [at] or below, in a heap of [n] whose worst is at 0. */
static void sift_down(float *logits, int32_t *ids, uint32_t n, uint32_t at, float logit, int32_t id)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < n && better(logits[child], ids[child], logits[child + 1], ids[child + 1]))
            child++;
        if (child >= n || !better(logit, id, logits[child], ids[child]))
            break;
        logits[at] = logits[child];
        ids[at] = ids[child];
        at = child;
    }
    logits[at] = logit;
    ids[at] = id;
}

/* Keeps the n_top best, the worst of them at 0. */
static void offer(float *logits, int32_t *ids, uint32_t *n, uint32_t n_top, float logit, int32_t id)
{
    if (*n == n_top) {
        if (better(logit, id, logits[0], ids[0]))
            sift_down(logits, ids, n_top, 0, logit, id);
        return;
    }
    uint32_t at = (*n)++;
    for (; at > 0 && better(logits[(at - 1) / 2], ids[(at - 1) / 2], logit, id);
         at = (at - 1) / 2) {
        logits[at] = logits[(at - 1) / 2];
        ids[at] = ids[(at - 1) / 2];
    }
    logits[at] = logit;
    ids[at] = id;
}

/* What offer has kept, best first. */
static void sort_top(float *logits, int32_t *ids, uint32_t n)
{
    while (n > 1) {
        n--;
        float logit = logits[n];
        int32_t id = ids[n];
        logits[n] = logits[0];
        ids[n] = ids[0];
        sift_down(logits, ids, n, 0, logit, id);
    }
}

/* First wish for a token >= [token]. */
static uint32_t first_wish(const struct sweep *sweep, int64_t token)
{
    uint32_t low = 0, high = sweep->n_wishes;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sweep->wishes[middle].token < token)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A piece of the logits of reading [index]. */
static void reduce_reading(struct sweep *sweep, struct scratch *scratch, size_t index,
                           uint32_t first_output, uint32_t n_outputs, const float *logits)
{
    const struct readout *readout = &sweep->shape.readout;
    size_t block = index * n_blocks(sweep) + first_output / sweep->bytes.piece;
    sweep->shape.kernels->max_sum_exp(logits, n_outputs, &sweep->block_max[block],
                                      &sweep->block_sum[block]);
    for (uint32_t w = 0; w < readout->n_wanted; w++) {
        int64_t column = (int64_t)readout->wanted[w] - first_output;
        if (column >= 0 && column < n_outputs)
            sweep->wanted[index * readout->n_wanted + w] = logits[column];
    }
    if (readout->n_top)
        for (uint32_t j = 0; j < n_outputs; j++)
            offer(scratch->top + index * readout->n_top, scratch->top_ids + index * readout->n_top,
                  &scratch->n_top[index], readout->n_top, logits[j], (int32_t)(first_output + j));
}

/* First draw from a row >= [readout]. */
static uint32_t first_draw(const struct sweep *sweep, uint32_t readout)
{
    uint32_t low = 0, high = sweep->batch->n_draws;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sweep->draws[middle].readout < readout)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void reduce_draw(struct sweep *sweep, struct scratch *scratch, const struct head_draw *at,
                        uint32_t first_output, uint32_t n_outputs, const float *logits)
{
    memcpy(scratch->biased, logits, n_outputs * sizeof *scratch->biased);
    draw_bias(at->draw, first_output, n_outputs, scratch->biased);
    reduce_reading(sweep, scratch, sweep->batch->n_readouts + at->index, first_output, n_outputs,
                   scratch->biased);
    if (at->kept)
        memcpy(at->kept + first_output, scratch->biased, n_outputs * sizeof *at->kept);
    else
        draw_offer(at, first_output, n_outputs, scratch->biased, &scratch->drawing[at->index]);
}

void head_reduce(struct sweep *sweep, int worker, uint32_t first_row, uint32_t n_rows,
                 uint32_t first_output, uint32_t n_outputs, const float *logits, size_t stride)
{
    struct scratch *scratch = &sweep->scratch[worker];
    for (uint32_t i = 0; i < n_rows; i++)
        reduce_reading(sweep, scratch, first_row + i, first_output, n_outputs, logits + i * stride);
    for (uint32_t d = first_draw(sweep, first_row);
         d < sweep->batch->n_draws && sweep->draws[d].readout < first_row + n_rows; d++)
        reduce_draw(sweep, scratch, &sweep->draws[d], first_output, n_outputs,
                    logits + (sweep->draws[d].readout - first_row) * stride);
    for (uint32_t w = first_wish(sweep, first_output);
         w < sweep->n_wishes && (uint32_t)sweep->wishes[w].token < first_output + n_outputs; w++) {
        const struct wish *wish = &sweep->wishes[w];
        if (wish->readout >= first_row && wish->readout < first_row + n_rows)
            sweep->next[wish->row] =
                logits[(wish->readout - first_row) * stride + (uint32_t)wish->token - first_output];
    }
}

/* log of the sum of exponentials of a whole row. */
static double log_sum(const struct sweep *sweep, size_t index)
{
    uint32_t blocks = n_blocks(sweep);
    const float *max = sweep->block_max + index * blocks, *sum = sweep->block_sum + index * blocks;
    double most = max[0], total = 0.0;
    for (uint32_t b = 1; b < blocks; b++)
        most = max[b] > most ? max[b] : most;
    for (uint32_t b = 0; b < blocks; b++)
        total += sum[b] * exp(max[b] - most);
    return most + log(total);
}

static void merge_top(struct sweep *sweep, size_t index, double log_total)
{
    uint32_t n_top = sweep->shape.readout.n_top, n = 0;
    float *top = sweep->top + index * n_top;
    int32_t *ids = sweep->top_ids + index * n_top;
    for (int w = 0; w < sweep->shape.n_threads; w++) {
        const struct scratch *scratch = &sweep->scratch[w];
        for (uint32_t i = 0; i < scratch->n_top[index]; i++)
            offer(top, ids, &n, n_top, scratch->top[index * n_top + i],
                  scratch->top_ids[index * n_top + i]);
    }
    sort_top(top, ids, n);
    for (uint32_t i = 0; i < n; i++)
        top[i] = (float)(top[i] - log_total);
}

static void draw_item(void *arg, size_t item, int worker)
{
    const struct sweep *sweep = arg;
    const struct head_draw *at = &sweep->draws[item];
    struct candidate *drawn = &sweep->drawn[at->index];
    (void)worker;
    if (at->kept)
        *drawn = draw_from_all(at, sweep->shape.network->hparams.n_vocab);
    for (int w = 0; w < sweep->shape.n_threads && !at->kept; w++)
        *drawn = draw_better(*drawn, sweep->scratch[w].drawing[at->index]);
}

int head_finish(struct sweep *sweep, struct error *err)
{
    const struct readout *readout = &sweep->shape.readout;
    const struct batch *batch = sweep->batch;
    parallel_for(sweep->pool, batch->n_draws, draw_item, sweep);
    for (uint32_t index = 0; index < n_readings(batch); index++) {
        double log_total = log_sum(sweep, index);
        if (!isfinite(log_total))
            return fail(
                err, ERROR_FORMAT,
                "%s: %s: the logits are NaN or infinite: the file is damaged (download it again)",
                gguf_path(sweep->shape.network->gguf), sweep->shape.network->head.tensor->name);
        /* Kept for the wishes. The place belongs to a row that has had its turn: index / blocks <=
         * index. */
        sweep->block_max[index] = (float)log_total;
        for (uint32_t w = 0; w < readout->n_wanted; w++) {
            float *logit = &sweep->wanted[(size_t)index * readout->n_wanted + w];
            *logit = (float)(*logit - log_total);
        }
        if (readout->n_top)
            merge_top(sweep, index, log_total);
        uint32_t draw = index - batch->n_readouts;
        if (index >= batch->n_readouts)
            sweep->drawn_logprob[draw] = (float)((double)sweep->drawn[draw].logit - log_total);
    }
    for (uint32_t w = 0; w < sweep->n_wishes; w++)
        sweep->next[sweep->wishes[w].row] -= sweep->block_max[sweep->wishes[w].readout];
    return 0;
}
