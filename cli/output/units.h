#ifndef UNITS_H
#define UNITS_H
/* Figures for people. */

#include <stdint.h>

struct unit_text {
    char text[32];
};

struct unit_text
unit_bytes(double bytes); /* "1.5 GB", powers of 1000 as disks are sold; memory uses unit_memory */
struct unit_text unit_memory(uint64_t bytes);  /* "1.50 GiB": what --memory 1.5G is */
struct unit_text unit_count(uint64_t n);       /* "12,345" */
struct unit_text unit_seconds(double seconds); /* "0.42 s", "3 m 05 s", "2 h 10 m" */

#endif
