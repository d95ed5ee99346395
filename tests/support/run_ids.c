#include "support/run_ids.h"

#include "base/memory.h"

#include <string.h>

static bool is_ordered(const struct run_ids *run)
{
    for (uint32_t i = 0; i < run->n; i++)
        if (run->order[i])
            return true;
    return false;
}

static uint32_t at(const struct run_ids *run, uint32_t i)
{
    return is_ordered(run) ? run->order[i] : i;
}

static int next(void *context, struct trawl_sequence *sequence, struct error *err)
{
    struct run_ids *run = context;
    if (run->n_given == run->n)
        return 0;
    if (run->most_in_batch && run->n_waiting == run->most_in_batch)
        return 2;
    if (run->before && run->before(run->before_context, run->n_given) < 0)
        return fail(err, ERROR_IO, "the source failed");
    uint32_t s = at(run, run->n_given++);
    run->n_waiting++;
    *sequence = (struct trawl_sequence){s, run->ids[s], run->n_ids[s], run->first_readout[s],
                                        run->draws[s]};
    return 1;
}

static int keep(void *context, const struct trawl_result *result, struct error *err)
{
    struct run_ids *run = context;
    uint32_t s = (uint32_t)result->tag, n = result->n_readouts;
    run->out_of_order |=
        at(run, run->n_answered) != s || n != run->n_ids[s] - run->first_readout[s];
    run->n_answered++;
    run->n_waiting--;
    run->drawn[s] = result->drawn;
    run->drawn_logprob[s] = result->drawn_logprob;
    struct bytes *to = &run->results[s];
    size_t n_top = (size_t)n * run->readout.n_top;
    if (bytes_append(to, &n, sizeof n, err) < 0 ||
        bytes_append(to, result->wanted, (size_t)n * run->readout.n_wanted * sizeof(float), err) <
            0 ||
        (run->readout.next && bytes_append(to, result->next, n * sizeof(float), err) < 0) ||
        bytes_append(to, result->top, n_top * sizeof(float), err) < 0 ||
        bytes_append(to, result->top_ids, n_top * sizeof(int32_t), err) < 0)
        return -1;
    return run->stop_after && run->n_answered == run->stop_after;
}

static uint64_t seen_bytes; /* when the pause was asked for */

static int suspend(void *context, const struct trawl_suspended *suspended, struct error *err)
{
    (void)context, (void)suspended, (void)err;
    seen_bytes = memory_resident();
    return 1;
}

static int paused(void *context, const struct trawl_progress *progress)
{
    struct run_ids *run = context;
    uint64_t now = memory_resident();
    if (progress->sweep != run->stats.sweeps + 1 || progress->layer >= progress->n_layers)
        return 1;
    if (seen_bytes > now && seen_bytes - now > run->before_bytes - run->paused_bytes) {
        run->before_bytes = seen_bytes;
        run->paused_bytes = now;
    }
    run->n_pauses++;
    return 0;
}

int run_ids(struct run_ids *run, struct error *err)
{
    for (uint32_t s = 0; s < RUN_IDS_MOST; s++)
        bytes_clear(&run->results[s]);
    run->n_given = run->n_answered = run->n_waiting = 0;
    run->out_of_order = false;
    run->n_pauses = 0;
    run->before_bytes = run->paused_bytes = 0;
    struct trawl_run_callbacks callbacks = {.context = run,
                                            .next = next,
                                            .result = keep,
                                            .suspend = run->pauses ? suspend : NULL,
                                            .paused = paused};
    return trawl_run(run->model, &run->options, &run->readout, run->max_tokens, &callbacks,
                     &run->stats, err);
}

void run_ids_deinit(struct run_ids *run)
{
    for (uint32_t s = 0; s < RUN_IDS_MOST; s++)
        bytes_deinit(&run->results[s]);
}

bool run_ids_equal(const struct run_ids *a, const struct run_ids *b)
{
    if (a->n != b->n || a->n_answered != b->n_answered)
        return false;
    for (uint32_t s = 0; s < a->n; s++)
        if (a->results[s].n_bytes != b->results[s].n_bytes || a->drawn[s] != b->drawn[s] ||
            memcmp(&a->drawn_logprob[s], &b->drawn_logprob[s], sizeof *a->drawn_logprob) != 0 ||
            (a->results[s].n_bytes &&
             memcmp(a->results[s].data, b->results[s].data, a->results[s].n_bytes) != 0))
            return false;
    return true;
}
