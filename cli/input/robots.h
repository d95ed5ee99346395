#ifndef ROBOTS_H
#define ROBOTS_H
/* robots.txt as RFC 9309 has it: which paths of a host a program may fetch, and the Crawl-delay
 * that many hosts add. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct robots_rule {
    char *pattern; /* of a path, with * for anything and $ for the end */
    bool allow;
};

struct robots {
    struct robots_rule *rules;
    size_t n_rules, capacity;
    double delay_s; /* 0: none is asked for */
};

/* The rules for programs called [agent], else those for all. What is no rule is passed over.
 * [robots] is empty before, and is to be freed whatever comes back. */
int robots_read(struct robots *robots, const char *text, size_t n_bytes, const char *agent,
                struct error *err) MUST_CHECK;
void robots_deinit(struct robots *robots);

/* [path] begins with a slash and has the query with it. */
bool robots_allow(const struct robots *robots, const char *path);

#endif
