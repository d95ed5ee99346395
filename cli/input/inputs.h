#ifndef INPUTS_H
#define INPUTS_H
/* Operands in, inputs out: the files that they name, walked, unpacked, fetched and filtered, each
 * opened as an intake of what is to be read. What fails with one is told by it. */

#include "fetch.h"
#include "intake.h"
#include "trouble_memory.h"
#include "walk.h"

struct input {
    char *name;            /* as printed: a path, ARCHIVE/MEMBER, an address */
    const char *hint;      /* a name whose extension tells what is in it; NULL: none */
    const char *path;      /* the file itself; NULL: a member, an address or standard input */
    bool is_named;         /* an operand, not found in a directory or an archive */
    char *trouble;         /* why it cannot be read, NULL: it can */
    struct intake *intake; /* the caller may take it; NULL with trouble */
    char *hint_text;       /* owned */
    /* Of a file, an address and what is in them, with trouble only where a later try would find
     * the same: */
    bool has_state;
    uint8_t state[TROUBLE_STATE_BYTES];
    bool is_known; /* the trouble was remembered */
    bool is_looked_up;
};

struct inputs_options {
    struct walk_options walk;
    bool raw;           /* nothing is unpacked */
    bool refuse_output; /* a file that is also standard output is trouble */
    const char *filter; /* a shell command, NULL: none */
    size_t most_bytes;  /* of what is fetched */
    struct fetch_options fetch;
    struct trouble_memory troubles;
};

struct inputs;
struct inputs *inputs_open(const struct inputs_options *options, struct error *err) MUST_CHECK;
void inputs_close(struct inputs *inputs); /* NULL is legal */

/* 1: *input is the caller's to free, before the next call if its intake is of an archive; 0: no
 * more; -1: out of memory. */
int inputs_next(struct inputs *inputs, struct input **input, struct error *err) MUST_CHECK;
void input_free(struct input *input); /* NULL is legal */

#endif
