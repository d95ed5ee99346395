/* Merging with its heap against the plain meaning: look for the best pair of neighbours, merge it,
 * look again. */

#include "support/check.h"
#include "text/merging.h"

#include <stdlib.h>

/* Any rule will do: which symbols merge, what they become and how early, from a hash of both. */
struct rule {
    uint64_t seed;
    uint32_t n_ids, n_orders, percent;
};

static bool rule_join(const struct rule *rule, int32_t left, int32_t right, uint32_t *order,
                      int32_t *id)
{
    uint64_t z = (rule->seed ^ ((uint64_t)(uint32_t)left << 32 | (uint32_t)right)) *
                 UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    z ^= z >> 32;
    *order = (uint32_t)(z % rule->n_orders);
    *id = (int32_t)((z >> 20) % rule->n_ids);
    return (z >> 40) % 100 < rule->percent;
}

/* Tokens have some length at most, as in any vocabulary. */
#define MOST_TOKEN_BYTES 1000

static bool join(const void *arg, const struct merging *merging, size_t left, size_t right,
                 struct merging_candidate *candidate)
{
    const struct merging_symbol *a = &merging->symbols[left], *b = &merging->symbols[right];
    return a->n_bytes + b->n_bytes <= MOST_TOKEN_BYTES &&
           rule_join(arg, a->id, b->id, &candidate->order, &candidate->id);
}

struct plain {
    int32_t id;
    uint32_t n_bytes;
};

static size_t merge_plainly(const struct rule *rule, struct plain *symbols, size_t n)
{
    for (;;) {
        size_t best = n;
        uint32_t best_order = 0, order;
        int32_t best_id = 0, id;
        for (size_t i = 0; i + 1 < n; i++) {
            if (symbols[i].n_bytes + symbols[i + 1].n_bytes > MOST_TOKEN_BYTES ||
                !rule_join(rule, symbols[i].id, symbols[i + 1].id, &order, &id) ||
                (best < n && order >= best_order))
                continue;
            best = i;
            best_order = order;
            best_id = id;
        }
        if (best == n)
            return n;
        symbols[best] = (struct plain){best_id, symbols[best].n_bytes + symbols[best + 1].n_bytes};
        n--;
        memmove(symbols + best + 1, symbols + best + 2, (n - best - 1) * sizeof *symbols);
    }
}

/* The same text both ways; symbols of 1 to 4 bytes. */
static void compare(struct merging *merging, const struct rule *rule, struct rng *rng, size_t n)
{
    struct error err;
    struct plain *symbols = calloc(n, sizeof *symbols);
    size_t n_bytes = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        symbols[i] =
            (struct plain){(int32_t)rng_below(rng, rule->n_ids), (uint32_t)rng_between(rng, 1, 4)};
        n_bytes += symbols[i].n_bytes;
    }
    REQUIRE(merging_begin(merging, n_bytes, &err) == 0);
    for (size_t i = 0; i < n; at += symbols[i++].n_bytes)
        merging_add(merging, at, symbols[i].n_bytes, symbols[i].id);
    merging_run(merging, join, rule);
    n = merge_plainly(rule, symbols, n);
    size_t i = 0;
    for (at = 0; at < n_bytes && i < n; at = merging_next(merging, at), i++) {
        if (!CHECK_INT(merging->symbols[at].id, symbols[i].id) ||
            !CHECK_UINT(merging->symbols[at].n_bytes, symbols[i].n_bytes))
            break;
    }
    CHECK_UINT(i, n);
    CHECK_UINT(at, n_bytes);
    free(symbols);
}

TEST(merges_as_the_plain_way_does)
{
    struct rng rng = rng_make(check_seed());
    struct merging merging = {0};
    for (int round = 0; round < 400; round++) {
        struct rule rule = {rng_u64(&rng), (uint32_t)rng_between(&rng, 1, 20),
                            (uint32_t)rng_between(&rng, 1, 50),
                            (uint32_t)rng_between(&rng, 5, 100)};
        check_case("%u ids, %u orders, %u %% merge", rule.n_ids, rule.n_orders, rule.percent);
        compare(&merging, &rule, &rng, (size_t)rng_between(&rng, 1, 300));
    }
    merging_deinit(&merging);
}

TEST(the_longest_text_merges_in_bounded_memory)
{
    struct error err;
    struct rng rng = rng_make(check_seed());
    struct merging merging = {0};
    for (uint32_t n_ids = 1; n_ids < 200; n_ids *= 6) {
        struct rule rule = {rng_u64(&rng), n_ids, 1000, 90};
        REQUIRE(merging_begin(&merging, MERGING_MOST_BYTES, &err) == 0);
        CHECK_UINT(merging.capacity, MERGING_MOST_BYTES);
        for (size_t at = 0; at < MERGING_MOST_BYTES; at++)
            merging_add(&merging, at, 1, (int32_t)rng_below(&rng, n_ids));
        merging_run(&merging, join, &rule);
        size_t at = 0;
        while (at < MERGING_MOST_BYTES)
            at = merging_next(&merging, at);
        CHECK_UINT(at, MERGING_MOST_BYTES);
    }
    merging_deinit(&merging);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
