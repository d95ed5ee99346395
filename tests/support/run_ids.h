#ifndef SUPPORT_RUN_IDS_H
#define SUPPORT_RUN_IDS_H
/* Token sequences through the public trawl_run, with all that came back kept for comparing bit by
 * bit. One thread. */

#include "base/bytes.h"
#include "trawl.h"

enum { RUN_IDS_MOST = 64 };

struct run_ids {
    const struct trawl_model *model;
    struct trawl_run_options options;
    struct trawl_readout_options readout;
    uint32_t max_tokens;
    const int32_t *ids[RUN_IDS_MOST];
    uint32_t n_ids[RUN_IDS_MOST], first_readout[RUN_IDS_MOST];
    const struct trawl_draw *draws[RUN_IDS_MOST]; /* NULL: none */
    uint32_t n;
    uint32_t order[RUN_IDS_MOST]; /* the i-th given is sequence order[i]; all zero: as they are */
    uint32_t most_in_batch;       /* the source pauses after so many; 0: never */
    uint32_t stop_after;          /* results; 0: never */
    int (*before)(void *context,
                  uint32_t n_given); /* called before each sequence is given; may be NULL */
    void *before_context;
    bool pauses; /* before every layer of every sweep */

    /* Set by run_ids. */
    struct bytes results[RUN_IDS_MOST]; /* of each sequence: read-outs, then all arrays */
    int32_t drawn[RUN_IDS_MOST];
    float drawn_logprob[RUN_IDS_MOST];
    uint32_t n_given, n_answered, n_waiting;
    bool out_of_order;
    uint32_t n_pauses;
    uint64_t before_bytes, paused_bytes; /* in memory before a pause and in it, of the one that gave
                                            most back */
    struct trawl_stats stats;
};

/* Runs all sequences; the results of an earlier call are dropped. */
int run_ids(struct run_ids *run, struct error *err) MUST_CHECK;
void run_ids_deinit(struct run_ids *run);

/* Whether both have the same results, bit for bit. */
bool run_ids_equal(const struct run_ids *a, const struct run_ids *b);

#endif
