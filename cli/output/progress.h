#ifndef PROGRESS_H
#define PROGRESS_H
/* One line on standard error, redrawn while a run goes on. */

#include "trawl.h"

struct progress {
    bool on;
    bool drawn;       /* the line is on the screen */
    const char *noun; /* "documents" */
    uint64_t n_read, n_done;
    bool read_all; /* n_read is the total */
    uint64_t drawn_ns;
    const char *paused; /* what the run waits for, "paused until 23:00"; NULL: it goes on */
    bool pause_told;    /* by a line that stays */
};

/* A line that stays, at once, whatever [on] says. */
void progress_say(struct progress *progress, const struct trawl_progress *now);
void progress_draw(struct progress *progress, const struct trawl_progress *now);
/* Takes the line away, before anything else is written to the terminal. */
void progress_clear(struct progress *progress);

#endif
