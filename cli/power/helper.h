#ifndef HELPER_H
#define HELPER_H
/* Other programs that are run beside a run: one that keeps the machine awake while it goes on, one
 * that is told when it is over. What they print goes to standard error. */

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* ---- Keeping the machine awake ---- */

struct awake {
    pid_t pid;       /* 0: nothing is held */
    int release;     /* a pipe's end, closed when this program ends, whatever ends it */
    bool hears_pipe; /* the helper ends when the pipe is closed */
};

/* Holds the system's sleep back by `systemd-inhibit` or `caffeinate`, whichever is there. A failure
 * says why neither does; then nothing is held. */
int awake_hold(struct awake *awake, struct error *err) MUST_CHECK;
void awake_release(struct awake *awake); /* legal when nothing is held */

/* ---- Telling of the end ---- */

/* In the environment of the command as TRAWL_COMMAND, _STATUS, _EXIT, _SUMMARY, _OUTPUT,
 * _DOCUMENTS, _SECONDS. */
struct notice {
    const char *command; /* "ask" */
    const char *status;  /* "done", "stopped", "failed" */
    int exit_status;
    const char *summary; /* one line: what was done, or what went wrong */
    const char *output;  /* of -o; "": standard output */
    unsigned long long documents;
    double seconds;
};

/* Runs [command] by the shell and waits for it. Fails where it cannot be run or its exit status is
 * not 0. */
int notify(const char *command, const struct notice *notice, struct error *err) MUST_CHECK;

#endif
