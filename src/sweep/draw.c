#include "sweep/draw.h"

/* splitmix64's finaliser: every bit of the input moves half of the output's. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

bool draw_needs_all(const struct draw *draw)
{
    return draw->temperature > 0.0 && draw->top_p < 1.0;
}

uint64_t draw_key(const struct draw *draw, uint32_t position)
{
    return mix(mix(draw->seed) + position);
}

/* -log(-log(u)), u of 53 bits strictly between 0 and 1. */
static double gumbel(uint64_t key, uint32_t id)
{
    double u = ((double)(mix(key + id) >> 11) + 0.5) * 0x1p-53;
    return -log(-log(u));
}

void draw_bias(const struct draw *draw, uint32_t first, uint32_t n, float *logits)
{
    uint32_t low = 0, high = draw->n_biases;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((uint32_t)draw->bias_ids[middle] < first)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < draw->n_biases && (uint32_t)draw->bias_ids[low] - first < n; low++)
        logits[(uint32_t)draw->bias_ids[low] - first] += draw->biases[low];
}

static double value_of(const struct head_draw *at, float logit, uint32_t id)
{
    double temperature = at->draw->temperature;
    return temperature > 0.0 ? (double)logit / temperature + gumbel(at->key, id) : (double)logit;
}

struct candidate draw_better(struct candidate a, struct candidate b)
{
    if (a.id < 0 || b.id < 0)
        return a.id < 0 ? b : a;
    return a.value > b.value || (a.value == b.value && a.id < b.id) ? a : b;
}

void draw_offer(const struct head_draw *at, uint32_t first, uint32_t n, const float *logits,
                struct candidate *best)
{
    for (uint32_t i = 0; i < n; i++) {
        double value = value_of(at, logits[i], first + i);
        *best = draw_better(*best, (struct candidate){value, logits[i], (int32_t)(first + i)});
    }
}

/* Whether id [i] comes before the candidate when ids are in order of their probability. */
static bool is_above(const float *logits, uint32_t i, const struct candidate *candidate)
{
    return logits[i] > candidate->logit ||
           (logits[i] == candidate->logit && (int32_t)i < candidate->id);
}

/* Draws from all ids; where what comes is too improbable to be allowed, so is all below it, and the
 * draw goes on among the ids above. Each round ends it with a probability of top_p at least. */
struct candidate draw_from_all(const struct head_draw *at, uint32_t n)
{
    const float *logits = at->kept;
    float most = logits[0];
    double total = 0.0;
    for (uint32_t i = 1; i < n; i++)
        if (logits[i] > most)
            most = logits[i];
    for (uint32_t i = 0; i < n; i++)
        total += exp(((double)logits[i] - (double)most) / at->draw->temperature);
    struct candidate last = NO_CANDIDATE;
    for (;;) {
        struct candidate best = NO_CANDIDATE;
        double above = 0.0;
        for (uint32_t i = 0; i < n; i++)
            if (last.id < 0 || is_above(logits, i, &last))
                draw_offer(at, i, 1, &logits[i], &best);
        for (uint32_t i = 0; i < n; i++)
            if (is_above(logits, i, &best))
                above += exp(((double)logits[i] - (double)most) / at->draw->temperature);
        if (above < at->draw->top_p * total || above == 0.0)
            return best;
        last = best;
    }
}
