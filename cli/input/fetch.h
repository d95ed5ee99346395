#ifndef FETCH_H
#define FETCH_H
/* Pages of the web, fetched politely: only what a host's robots.txt allows, one request at a time,
 * with a pause between two to one host, limits on size, time and redirects, and a cache. */

#include "intake.h"

#include <stdbool.h>

struct fetch_options {
    bool enabled;      /* http:// and https:// operands are fetched; otherwise they are trouble */
    double delay_s;    /* between two requests to one host; robots.txt may ask for more */
    const char *cache; /* folder, NULL: the user's */
};

/* Loads what fetching takes. Called before memory is planned, so that it counts. */
int fetch_load(struct error *err) MUST_CHECK;

struct fetch;
struct fetch *fetch_open(const struct fetch_options *options, size_t most_bytes,
                         struct error *err) MUST_CHECK;
void fetch_close(struct fetch *fetch); /* NULL is legal */

/* What is at [address]. */
struct intake *fetch_get(struct fetch *fetch, const char *address, struct error *err) MUST_CHECK;

bool fetch_is_address(const char *operand);

#endif
