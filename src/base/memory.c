#include "base/memory.h"

#include "base/cgroup.h"
#include "base/size.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE_BYTES      4096
#define HUGE_PAGE_BYTES (2u << 20)

static const char *const purpose_names[MEMORY_N_PURPOSES] = {
    [MEMORY_VOCABULARY] = "vocabulary",
    [MEMORY_METADATA] = "metadata",
    [MEMORY_RING] = "ring",
    [MEMORY_PINNED] = "pinned",
    [MEMORY_ROWS] = "rows",
    [MEMORY_SCRATCH] = "scratch",
};

const char *memory_purpose_name(enum memory_purpose purpose)
{
    return purpose_names[purpose];
}

static void add_used(struct memory *memory, enum memory_purpose purpose, uint64_t n_bytes)
{
    uint64_t used =
        atomic_fetch_add_explicit(&memory->used_bytes[purpose], n_bytes, memory_order_relaxed) +
        n_bytes;
    uint64_t peak = atomic_load_explicit(&memory->peak_bytes[purpose], memory_order_relaxed);
    while (peak < used &&
           !atomic_compare_exchange_weak_explicit(&memory->peak_bytes[purpose], &peak, used,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

/* Fresh pages from a multiple of [align] on; NULL when there are none. */
static char *map_aligned(uint64_t n_bytes, uint64_t align)
{
    uint64_t spare = align - PAGE_BYTES; /* the system starts anywhere: what is beside goes back */
    char *mapped = mmap(NULL, (size_t)(n_bytes + spare), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    uint64_t before = round_up((uintptr_t)mapped, align) - (uintptr_t)mapped;
    if (before > 0)
        munmap(mapped, (size_t)before);
    if (spare > before)
        munmap(mapped + before + n_bytes, (size_t)(spare - before));
    return mapped + before;
}

void *memory_alloc(struct memory *memory, enum memory_purpose purpose, uint64_t n_bytes,
                   struct error *err)
{
    if (n_bytes == 0 || n_bytes > SIZE_MAX / 2) {
        fail_memory(err, n_bytes, memory_purpose_name(purpose));
        return NULL;
    }
    uint64_t mapped_bytes = round_up(n_bytes, PAGE_BYTES);
    uint64_t align = mapped_bytes >= 2 * HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : PAGE_BYTES;
    char *block = map_aligned(mapped_bytes, align);
    if (!block) {
        fail_memory(err, n_bytes, memory_purpose_name(purpose));
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    /* Fewer TLB misses and cheaper direct reads. It takes no more than was planned: blocks are used
     * to their end, and what is no whole huge page there is of small ones. */
    if (align == HUGE_PAGE_BYTES)
        (void)madvise(block, (size_t)mapped_bytes, MADV_HUGEPAGE);
#endif
    add_used(memory, purpose, mapped_bytes);
    return block;
}

void memory_free(struct memory *memory, enum memory_purpose purpose, void *block, uint64_t n_bytes)
{
    if (!block)
        return;
    uint64_t mapped_bytes = round_up(n_bytes, PAGE_BYTES);
    munmap(block, (size_t)mapped_bytes);
    atomic_fetch_sub_explicit(&memory->used_bytes[purpose], mapped_bytes, memory_order_relaxed);
}

/* New pages in the place of the old: what every system takes literally, unlike advice. */
int memory_vacate(void *from, uint64_t n_bytes, struct error *err)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t begin = round_up((uintptr_t)from, page),
             end = round_down((uintptr_t)from + n_bytes, page);
    if (end <= begin)
        return 0;
    char *place = (char *)from + (begin - (uintptr_t)from);
    if (mmap(place, (size_t)(end - begin), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        return fail_memory(err, end - begin, "pages that were given back");
#ifdef MADV_HUGEPAGE
    if (end - begin >= 2 * HUGE_PAGE_BYTES)
        (void)madvise(place, (size_t)(end - begin), MADV_HUGEPAGE);
#endif
    return 0;
}

uint64_t memory_used(const struct memory *memory)
{
    uint64_t total = 0;
    for (int i = 0; i < MEMORY_N_PURPOSES; i++)
        total += atomic_load_explicit(&memory->used_bytes[i], memory_order_relaxed);
    return total;
}

#ifdef __linux__
/* The value of "FIELD:   N kB" in a file of /proc, in bytes; 0 when it is not there. */
static uint64_t read_proc_field(const char *path, const char *field)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    char line[256];
    unsigned long long kib = 0;
    size_t field_len = strlen(field);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, field, field_len) == 0 && line[field_len] == ':' &&
            sscanf(line + field_len + 1, "%llu", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024;
}
#endif

static uint64_t system_available(void)
{
#ifdef __linux__
    uint64_t n_bytes = read_proc_field("/proc/meminfo", "MemAvailable");
    if (n_bytes > 0)
        return n_bytes;
#endif
    /* No better figure: half of the physical memory. */
    long n_pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    return n_pages > 0 && page_bytes > 0 ? (uint64_t)n_pages * (uint64_t)page_bytes / 2 : 0;
}

uint64_t memory_available(void)
{
    uint64_t from_system = system_available(), from_cgroups = cgroup_memory_available();
    return from_system < from_cgroups ? from_system : from_cgroups;
}

uint64_t memory_resident(void)
{
#ifdef __linux__
    uint64_t resident = read_proc_field("/proc/self/status", "VmRSS");
    if (resident > 0)
        return resident;
#endif
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return 0;
#ifdef __APPLE__
    return (uint64_t)usage.ru_maxrss; /* bytes there, KiB elsewhere */
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

uint64_t memory_kernel_peak(void)
{
    uint64_t peak = cgroup_memory_peak();
    if (peak > 0)
        return peak;
#ifdef __linux__
    peak = read_proc_field("/proc/self/status", "VmHWM");
    if (peak > 0)
        return peak;
#endif
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return 0;
#ifdef __APPLE__
    return (uint64_t)usage.ru_maxrss; /* bytes there, KiB elsewhere */
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}
