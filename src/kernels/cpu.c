/* Which levels exist on this architecture and what this machine has. The only file that asks the
 * machine. */

#include "kernels/kernels_list.h"

#include <string.h>

#if defined(__x86_64__)

#include <cpuid.h>

const struct cpu_level cpu_levels[] = {
    {"c", NEED_C},           {"avx2", NEED_AVX2}, {"avxvnni", NEED_AVXVNNI},
    {"avx512", NEED_AVX512}, {NULL, 0},
};

/* The register state that the operating system saves: XCR0, read by XGETBV with ECX = 0. */
static uint64_t saved_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

unsigned cpu_features(void)
{
    /* Bits of Intel's manual, volume 2, CPUID leaves 1 and 7; XCR0 in volume 1, 13.3. */
    enum { FMA = 1 << 12, OSXSAVE = 1 << 27, AVX = 1 << 28, F16C = 1 << 29 };
    enum { AVX2 = 1 << 5, F = 1 << 16, DQ = 1 << 17, BW = 1 << 30 };
    const uint32_t vl = 1u << 31, avx512_vnni = 1 << 11, avx_vnni = 1 << 4;
    const uint64_t ymm_state = 0x6, zmm_state = 0xe6;

    uint32_t a, b, c, d, b7, c7, max_subleaf;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    const uint32_t base = FMA | OSXSAVE | AVX | F16C;
    if ((c & base) != base || (saved_state() & ymm_state) != ymm_state)
        return 0;
    if (!__get_cpuid_count(7, 0, &max_subleaf, &b7, &c7, &d) || !(b7 & AVX2))
        return 0;

    unsigned features = CPU_AVX2;
    if (max_subleaf >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & avx_vnni))
        features |= CPU_AVX_VNNI;
    const uint32_t avx512 = F | DQ | BW | vl;
    if ((b7 & avx512) == avx512 && (saved_state() & zmm_state) == zmm_state) {
        features |= CPU_AVX512;
        if (c7 & avx512_vnni)
            features |= CPU_AVX512_VNNI;
    }
    return features;
}

#elif defined(__aarch64__)

#if defined(__APPLE__)
#include <sys/sysctl.h>

static bool sysctl_says(const char *name)
{
    int has = 0;
    size_t n_bytes = sizeof has;
    return sysctlbyname(name, &has, &n_bytes, NULL, 0) == 0 && has;
}
#else
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

const struct cpu_level cpu_levels[] = {
    {"c", NEED_C}, {"neon", NEED_NEON}, {"neondot", NEED_NEONDOT}, {"neoni8mm", NEED_NEONI8MM},
    {NULL, 0},
};

unsigned cpu_features(void)
{
    unsigned features = CPU_NEON; /* part of every ARMv8-A that runs a general operating system */
#if defined(__APPLE__)
    if (sysctl_says("hw.optional.arm.FEAT_DotProd"))
        features |= CPU_NEON_DOT;
    if (sysctl_says("hw.optional.arm.FEAT_I8MM"))
        features |= CPU_NEON_I8MM;
#else
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP)
        features |= CPU_NEON_DOT;
    if (getauxval(AT_HWCAP2) & HWCAP2_I8MM)
        features |= CPU_NEON_I8MM;
#endif
    return features;
}

#else

const struct cpu_level cpu_levels[] = {{"c", NEED_C}, {NULL, 0}};

unsigned cpu_features(void)
{
    return 0;
}

#endif

const struct cpu_level *cpu_level_find(const char *name)
{
    const unsigned features = cpu_features();
    for (const struct cpu_level *level = cpu_levels; level->name; level++) {
        if (strcmp(level->name, name) == 0)
            return (features & level->features) == level->features ? level : NULL;
    }
    return NULL;
}

const struct cpu_level *cpu_level_best(void)
{
    const unsigned features = cpu_features();
    const struct cpu_level *best = cpu_levels;
    for (const struct cpu_level *level = cpu_levels; level->name; level++) {
        if ((features & level->features) == level->features)
            best = level;
    }
    return best;
}
