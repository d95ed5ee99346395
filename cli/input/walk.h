#ifndef WALK_H
#define WALK_H
/* The files that the operands name, one after the other: directories are entered, the files of each
 * in the order of their names' bytes. As grep -r: symbolic links met below a directory are skipped,
 * those named are followed; devices, pipes and sockets met below a directory are skipped. Of
 * each directory on the way some names are held at a time, however many it has. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct glob_rule {
    const char *pattern;
    bool include;
};

struct walk_options {
    const char *const *operands; /* "-" is standard input */
    size_t n_operands;
    const char *files_from;        /* a list of further operands, a line each; NULL: none */
    bool null_names;               /* its lines end in NUL */
    const struct glob_rule *globs; /* in the order given */
    size_t n_globs;
    bool relative_names; /* names below the only operand "." lack "./" */
};

struct walk_entry {
    const char *path; /* valid until the next call */
    bool named;       /* an operand itself */
    bool is_stdin;
    bool is_address; /* of the web */
    int os_errno;    /* not 0: it cannot be read */
};

struct walk;
struct walk *walk_new(const struct walk_options *options, struct error *err) MUST_CHECK;
void walk_free(struct walk *walk);
/* 1: [entry] filled; 0: no more; -1: out of memory, or the list cannot be read. */
int walk_next(struct walk *walk, struct walk_entry *entry, struct error *err) MUST_CHECK;

#endif
