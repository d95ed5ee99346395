#ifndef RATES_H
#define RATES_H
/* How fast this machine has been: the rates that runs have measured, kept in
 * $XDG_CACHE_HOME/trawl/rates (~/.cache without the variable). A line each, tabs between the words:
 *
 *     trawl rates 1
 *     compute  WHEN  THREADS  NUMERICS  UNPACK  MULTIPLY  ATTEND  CPU  MODEL
 *     disk     WHEN  BYTES-PER-SECOND  MODEL
 *
 * Lines are only appended, each by one write, so that runs at the same time lose nothing; the last
 * of its kind counts. A line that makes no sense is as none; a file that does not begin as ours
 * does is never touched. A large file keeps its newer half. */

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Seconds of all threads together, per unit of work. */
struct compute_rates {
    double unpack;   /* a weight, once a sweep, on its way from the file's form to panels */
    double multiply; /* a weight with a row, and all else that a row costs */
    double attend;   /* a row with an earlier one, for one number of a head */
};

enum rates_origin {
    RATES_UNKNOWN,
    RATES_OF_MODEL,   /* of an earlier run of the same model */
    RATES_OF_MACHINE, /* of another model here */
    RATES_PROBED,     /* just measured */
};

struct rates {
    struct compute_rates compute;
    enum rates_origin compute_origin;
    int64_t compute_when;    /* seconds since 1970, of earlier runs */
    double disk_bytes_per_s; /* 0: unknown */
    bool disk_is_probed;
};

/* What rates depend on. */
struct rates_key {
    char cpu[128]; /* the processor's name */
    int n_threads;
    char numerics[32];
    char model[4096]; /* path, with links followed */
};

struct rates_key rates_key_make(int n_threads, const char *numerics, const char *model);

/* Of what is not known the fields stay zero. */
void rates_load(const struct rates_key *key, struct rates *rates);
/* Keeps what is known of [rates]. Fails where it cannot be kept: which nobody needs to hear. */
int rates_save(const struct rates_key *key, const struct rates *rates, struct error *err);

#endif
