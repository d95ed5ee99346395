#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H
/* What the control groups of this process allow, v1 and v2, nested limits included. Used by
 * memory.c and pool.c; everything here answers "no limit" where there are no control groups (macOS,
 * or /proc and /sys not mounted). */

#include <stdint.h>

/* Least of (limit - usage that cannot be reclaimed) over this process's memory cgroup and all above
 * it; UINT64_MAX without a limit. */
uint64_t cgroup_memory_available(void);

/* Peak usage of this process's own memory cgroup when it has a limit and no other process is in it;
 * else 0. */
uint64_t cgroup_memory_peak(void);

/* Cores that the cpu quotas of this process's cgroups allow, as a fraction; 0 without a quota. */
double cgroup_cpu_quota(void);

#endif
