#include "base/cgroup.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A limit at or above this is v1's way of saying that there is none. */
#define NO_LIMIT_BYTES (UINT64_C(1) << 60)

/* Where this process is in one hierarchy: [directory] is its own cgroup below the mount point,
 * whose length is [root_len]. */
struct cgroup {
    bool found;
    bool v2;
    size_t root_len;
    char directory[PATH_MAX];
};

/* Whether the comma-separated [list] contains [word]. */
static bool list_has(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += len)
        if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
            return true;
    return false;
}

/* /proc/self/cgroup: "ID:CONTROLLERS:PATH"; v2 is the line "0::PATH". Fills the path of the
 * hierarchy that has [controller]. */
static bool find_path(const char *controller, bool v2, char *path, size_t path_bytes)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file)
        return false;
    bool found = false;
    char line[PATH_MAX + 128];
    while (!found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *where = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!where)
            continue;
        *where++ = '\0';
        controllers++;
        if (v2 ? *controllers != '\0' : !list_has(controllers, controller))
            continue;
        snprintf(path, path_bytes, "%s", where);
        found = true;
    }
    fclose(file);
    return found;
}

/* mountinfo writes space, tab, newline and backslash as \ooo. In place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from;) {
        if (from[0] == '\\' && isdigit((unsigned char)from[1]) && isdigit((unsigned char)from[2]) &&
            isdigit((unsigned char)from[3])) {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* /proc/self/mountinfo: "ID PARENT DEVICE ROOT MOUNTPOINT OPTIONS... - TYPE SOURCE SUPEROPTIONS".
 * [root] is the cgroup that the mount point shows. */
static bool find_mount(const char *controller, bool v2, char *root, char *mount, size_t bytes)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return false;
    bool found = false;
    char line[2 * PATH_MAX];
    while (!found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *tail = strstr(line, " - ");
        if (!tail)
            continue;
        *tail = '\0';
        tail += 3;
        char *type_end = strchr(tail, ' ');
        char *options = type_end ? strchr(type_end + 1, ' ') : NULL;
        if (!options)
            continue;
        *type_end = '\0';
        if (strcmp(tail, v2 ? "cgroup2" : "cgroup") != 0)
            continue;
        if (!v2 && !list_has(options + 1, controller))
            continue;

        char *field = line; /* skip ID PARENT DEVICE */
        for (int i = 0; i < 3 && field; i++) {
            field = strchr(field, ' ');
            field = field ? field + 1 : NULL;
        }
        char *mount_start = field ? strchr(field, ' ') : NULL;
        if (!mount_start)
            continue;
        *mount_start++ = '\0';
        mount_start[strcspn(mount_start, " ")] = '\0';
        unescape(field);
        unescape(mount_start);
        snprintf(root, bytes, "%s", field);
        snprintf(mount, bytes, "%s", mount_start);
        found = true;
    }
    fclose(file);
    return found;
}

static bool file_exists(const struct cgroup *cgroup, const char *name)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", cgroup->directory, name);
    return access(path, R_OK) == 0;
}

/* Finds the cgroup of this process that holds [controller]. v1 first: in hybrid set-ups an empty v2
 * tree is mounted beside it. */
static struct cgroup cgroup_find(const char *controller)
{
    struct cgroup cgroup = {0};
    for (int v2 = 0; v2 <= 1; v2++) {
        char path[PATH_MAX], root[PATH_MAX], mount[PATH_MAX];
        if (!find_path(controller, v2, path, sizeof path) ||
            !find_mount(controller, v2, root, mount, sizeof root))
            continue;

        /* Inside a container the mount may show only a subtree: strip what it hides. */
        const char *below = path;
        size_t root_len = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(path, root, root_len) == 0)
            below = path + root_len;
        else if (root_len > 0)
            below = "";
        if (strncmp(below, "/..", 3) == 0) /* our cgroup lies outside of our namespace */
            below = "";
        cgroup.found = true;
        cgroup.v2 = v2;
        cgroup.root_len = strlen(mount);
        int n = snprintf(cgroup.directory, sizeof cgroup.directory, "%s%s", mount, below);
        if (n < 0 || (size_t)n >= sizeof cgroup.directory) {
            cgroup.found = false;
            continue;
        }
        size_t len = (size_t)n;
        while (len > cgroup.root_len && cgroup.directory[len - 1] == '/')
            cgroup.directory[--len] = '\0';
        if (!file_exists(&cgroup, "cgroup.procs")) /* the path is of another namespace */
            cgroup.directory[cgroup.root_len] = '\0';
        break;
    }
    return cgroup;
}

/* One step up; false at the mount point. */
static bool cgroup_up(struct cgroup *cgroup)
{
    char *slash = strrchr(cgroup->directory, '/');
    if (!slash || (size_t)(slash - cgroup->directory) < cgroup->root_len)
        return false;
    *slash = '\0';
    return true;
}

/* The number in file [name]; false when there is no such file or it says "max". */
static bool read_number(const struct cgroup *cgroup, const char *name, uint64_t *out)
{
    char path[PATH_MAX + 64], text[64];
    snprintf(path, sizeof path, "%s/%s", cgroup->directory, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool ok = fgets(text, sizeof text, file) && isdigit((unsigned char)text[0]);
    if (ok)
        *out = strtoull(text, NULL, 10);
    fclose(file);
    return ok;
}

/* Page cache charged to the cgroup and those below it: the kernel gives it back before it refuses
 * memory. */
static uint64_t reclaimable_bytes(const struct cgroup *cgroup)
{
    char path[PATH_MAX + 64], line[128];
    snprintf(path, sizeof path, "%s/memory.stat", cgroup->directory);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const char *prefix = cgroup->v2 ? "" : "total_";
    char active[32], inactive[32];
    snprintf(active, sizeof active, "%sactive_file ", prefix);
    snprintf(inactive, sizeof inactive, "%sinactive_file ", prefix);
    uint64_t n_bytes = 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, active, strlen(active)) == 0)
            n_bytes += strtoull(line + strlen(active), NULL, 10);
        else if (strncmp(line, inactive, strlen(inactive)) == 0)
            n_bytes += strtoull(line + strlen(inactive), NULL, 10);
    }
    fclose(file);
    return n_bytes;
}

/* The limit of this one cgroup; UINT64_MAX when it has none. memory.high counts: beyond it the
 * kernel slows a process to a crawl. */
static uint64_t limit_bytes(const struct cgroup *cgroup)
{
    uint64_t limit = UINT64_MAX, n_bytes;
    if (!cgroup->v2)
        return read_number(cgroup, "memory.limit_in_bytes", &n_bytes) && n_bytes < NO_LIMIT_BYTES
                   ? n_bytes
                   : UINT64_MAX;
    if (read_number(cgroup, "memory.max", &n_bytes))
        limit = n_bytes;
    if (read_number(cgroup, "memory.high", &n_bytes) && n_bytes < limit)
        limit = n_bytes;
    return limit;
}

uint64_t cgroup_memory_available(void)
{
    uint64_t least = UINT64_MAX;
    struct cgroup cgroup = cgroup_find("memory");
    if (!cgroup.found)
        return least;
    do {
        uint64_t limit = limit_bytes(&cgroup), usage = 0;
        if (limit == UINT64_MAX ||
            !read_number(&cgroup, cgroup.v2 ? "memory.current" : "memory.usage_in_bytes", &usage))
            continue;
        uint64_t reclaimable = reclaimable_bytes(&cgroup);
        uint64_t kept = usage > reclaimable ? usage - reclaimable : 0;
        uint64_t left = limit > kept ? limit - kept : 0;
        if (left < least)
            least = left;
    } while (cgroup_up(&cgroup));
    return least;
}

/* Whether this process is the only one in its cgroup. */
static bool is_alone(const struct cgroup *cgroup)
{
    char path[PATH_MAX + 64], line[64];
    snprintf(path, sizeof path, "%s/cgroup.procs", cgroup->directory);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    int n_others = 0, n_own = 0;
    while (fgets(line, sizeof line, file)) {
        if (strtol(line, NULL, 10) == (long)getpid())
            n_own++;
        else
            n_others++;
    }
    fclose(file);
    return n_own > 0 && n_others == 0;
}

uint64_t cgroup_memory_peak(void)
{
    struct cgroup cgroup = cgroup_find("memory");
    uint64_t peak = 0;
    if (!cgroup.found || limit_bytes(&cgroup) == UINT64_MAX || !is_alone(&cgroup) ||
        !read_number(&cgroup, cgroup.v2 ? "memory.peak" : "memory.max_usage_in_bytes", &peak))
        return 0;
    return peak;
}

/* v2 cpu.max: "QUOTA PERIOD" or "max PERIOD", in microseconds. */
static double quota_v2(const struct cgroup *cgroup)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/cpu.max", cgroup->directory);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    double quota = 0, period = 0;
    if (fscanf(file, "%lf %lf", &quota, &period) != 2)
        quota = 0;
    fclose(file);
    return quota > 0 && period > 0 ? quota / period : 0;
}

static double quota_v1(const struct cgroup *cgroup)
{
    uint64_t quota,
        period; /* an unlimited quota is written -1, which is no number to read_number */
    if (!read_number(cgroup, "cpu.cfs_quota_us", &quota) ||
        !read_number(cgroup, "cpu.cfs_period_us", &period) || quota == 0 || period == 0)
        return 0;
    return (double)quota / (double)period;
}

double cgroup_cpu_quota(void)
{
    double least = 0;
    struct cgroup cgroup = cgroup_find("cpu");
    if (!cgroup.found)
        return 0;
    do {
        double quota = cgroup.v2 ? quota_v2(&cgroup) : quota_v1(&cgroup);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
    } while (cgroup_up(&cgroup));
    return least;
}
