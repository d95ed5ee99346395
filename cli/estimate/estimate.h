#ifndef ESTIMATE_H
#define ESTIMATE_H
/* How long a run would take, and what would make it shorter: the counts of a dry run times the
 * rates that runs on this machine have measured. A sweep takes as long as computing or reading,
 * whichever is more, since one hides the other. */

#include "../output/out.h"
#include "rates.h"
#include "trawl.h"

struct estimate {
    struct rates rates;
    double seconds; /* of the whole run; 0: the rates are not known */
    double seconds_compute, seconds_disk, seconds_input; /* input: read, cut and tokenised */
    bool disk_bound;
    double rows_to_hide_disk;     /* of a sweep, so that computing takes as long as reading */
    uint64_t memory_to_hide_disk; /* the budget that has room for so many; 0: none does */
    char advice[400];             /* what would make it faster, a sentence */
};

/* [stats] of a dry run. Where nothing has been measured it is measured now, in about a second. */
void estimate_make(struct estimate *estimate, const struct trawl_model *model,
                   const struct trawl_run_options *options, const struct trawl_stats *stats);

/* Keeps the rates of a run that went to its end, where it was long enough to tell. */
void estimate_record(const struct trawl_model *model, const struct trawl_stats *stats);

/* ---- What the two are made of ---- */

/* What takes time in a run. */
struct work {
    double unpacked, multiplied, attended; /* units of struct compute_rates */
};
struct work work_of(const struct trawl_stats *stats, const struct trawl_model_info *info);
struct compute_rates rates_of(const struct trawl_stats *stats, const struct work *work);

/* Seconds and rows from estimate->rates; the advice, by arithmetic alone. [n_cores]: those of this
 * machine; memory_to_hide_disk is known. */
void estimate_compute(struct estimate *estimate, const struct trawl_stats *stats,
                      const struct trawl_model_info *info);
void estimate_advise(struct estimate *estimate, const struct trawl_stats *stats,
                     const struct trawl_run_options *options, int n_cores);

void estimate_screen(const struct estimate *estimate, struct out *out);
void estimate_json(const struct estimate *estimate, struct out *out); /* an object */

#endif
