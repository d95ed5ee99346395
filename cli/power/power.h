#ifndef POWER_H
#define POWER_H
/* Power and time: when a run may compute, when it stops, and what it asks of the machine beside.
 * Every command that sweeps reads these options alike, asks here between two layers whether to
 * pause, and waits here. */

#include "../arguments.h"
#include "../output/progress.h"
#include "day_window.h"
#include "helper.h"

struct power_options {
    bool nice, while_on_ac, keep_awake;
    struct day_window between;
    uint64_t stop_after_ns; /* 0: never */
    const char *notify;     /* NULL: nobody */
};

int power_options_read(struct power_options *options, const struct arguments *arguments,
                       struct error *err) MUST_CHECK;

struct power {
    const struct power_options *options;
    uint64_t began_ns;
    struct awake awake;
    uint64_t looked_ns; /* when the supply was looked at last; 0: never */
    bool on_battery;
    char why[64]; /* the run is to pause */
};

/* Before any thread is started: they all get the priority of the one that does it. */
void power_begin(struct power *power, const struct power_options *options);

/* --stop-after has come. It counts the machine's time, with pauses and sleep. */
bool power_time_is_up(const struct power *power);
/* That, or a signal (interrupt.h). */
bool power_stops(const struct power *power);

/* Whether the run is to pause now. */
bool power_pauses(struct power *power);
/* Returns when it is to go on, 0, or to stop, 1. Meanwhile tells of it on the progress line, and by
 * SIGUSR1. */
int power_wait(struct power *power, struct progress *progress, const struct trawl_progress *now);

/* How the program ends, for whom --notify tells. */
struct ending {
    const char *command;
    const char *noun;   /* of what [stats] counts as documents */
    const char *output; /* of -o, NULL: standard output */
    int exit_status;
    const struct error *err; /* ERROR_NONE: it went well; ERROR_CANCELLED: it was stopped */
    const struct trawl_stats *stats;
};

/* Lets the machine sleep again and runs the command of --notify. After everything else: what was
 * written is there. */
void power_end(struct power *power, const struct ending *ending);

#endif
