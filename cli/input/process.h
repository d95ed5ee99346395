#ifndef PROCESS_H
#define PROCESS_H
/* What another program makes of an input, as an intake: the input is fed to its standard input
 * while its standard output is read. Its end tells whether it went well: a non-zero exit status is
 * a failure with the first line that it wrote to its standard error. */

#include "intake.h"

struct process_options {
    const char *const *argv; /* NULL-ended; the program is looked for in PATH */
    const char *what;        /* for messages */
    const char *remedy;      /* what to do when there is no such program */
    const char *file;        /* in its environment as TRAWL_FILE, NULL: nothing */
    unsigned silence_s;      /* ended when it neither reads nor writes for so long; 0: never */
};

/* Takes [input], also on failure. */
struct intake *process_open(struct intake *input, const struct process_options *options,
                            struct error *err) MUST_CHECK;

#endif
