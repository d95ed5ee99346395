#include "units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct unit_text unit_bytes(double bytes)
{
    static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    struct unit_text unit;
    int i = 0;
    for (; bytes >= 999.5 && i < 5; i++)
        bytes /= 1000;
    snprintf(unit.text, sizeof unit.text, bytes < 10 && i > 0 ? "%.2f %s" : "%.0f %s", bytes,
             names[i]);
    return unit;
}

struct unit_text unit_memory(uint64_t bytes)
{
    static const char *const names[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    struct unit_text unit;
    double value = (double)bytes;
    int i = 0;
    for (; value >= 1000 && i < 5; i++)
        value /= 1024;
    snprintf(unit.text, sizeof unit.text,
             i == 0       ? "%.0f %s"
             : value < 10 ? "%.2f %s"
                          : "%.1f %s",
             value, names[i]);
    return unit;
}

struct unit_text unit_count(uint64_t n)
{
    char digits[24];
    struct unit_text unit;
    int n_digits = snprintf(digits, sizeof digits, "%" PRIu64, n), used = 0;
    for (int i = 0; i < n_digits; i++) {
        if (i > 0 && (n_digits - i) % 3 == 0)
            unit.text[used++] = ',';
        unit.text[used++] = digits[i];
    }
    unit.text[used] = '\0';
    return unit;
}

struct unit_text unit_seconds(double seconds)
{
    struct unit_text unit;
    if (!(seconds >= 0) || seconds > 1e9)
        snprintf(unit.text, sizeof unit.text, "?");
    else if (seconds < 10)
        snprintf(unit.text, sizeof unit.text, "%.2f s", seconds);
    else if (seconds < 60)
        snprintf(unit.text, sizeof unit.text, "%.0f s", seconds);
    else if (seconds < 3600)
        snprintf(unit.text, sizeof unit.text, "%d m %02d s", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(unit.text, sizeof unit.text, "%d h %02d m", (int)(seconds / 3600),
                 (int)fmod(seconds, 3600) / 60);
    return unit;
}
