#include "day_window.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "23:00" as minutes; NULL when it is none, else what is behind it. */
static const char *read_minutes(const char *text, int most, int *minutes)
{
    int parts[2];
    for (int i = 0; i < 2; i++) {
        size_t n = strspn(text, "0123456789");
        if (n < (i == 1 ? 2 : 1) || n > 2)
            return NULL;
        parts[i] = atoi(text);
        text += n;
        if (i == 0 && *text++ != ':')
            return NULL;
    }
    *minutes = parts[0] * 60 + parts[1];
    return parts[1] < 60 && *minutes <= most ? text : NULL;
}

int day_window_read(struct day_window *window, const char *text, struct error *err)
{
    enum { DAY = 24 * 60 };
    const char *rest = read_minutes(text, DAY - 1, &window->from);
    rest = rest && *rest == '-' ? read_minutes(rest + 1, DAY, &window->to) : NULL;
    if (!rest || *rest != '\0')
        return fail(err, ERROR_USAGE, "--between: '%s' is not two times of the day, as 23:00-07:00",
                    text);
    if (window->from == window->to % DAY)
        return fail(err, ERROR_USAGE,
                    "--between %s is no part of the day: leave it out, or say "
                    "where it ends",
                    text);
    return 0;
}

bool day_window_holds(const struct day_window *window, time_t now)
{
    struct tm local;
    if (window->from == window->to || !localtime_r(&now, &local))
        return true;
    int minute = local.tm_hour * 60 + local.tm_min;
    return window->from < window->to ? window->from <= minute && minute < window->to
                                     : window->from <= minute || minute < window->to;
}

int duration_read(uint64_t *ns, const char *text, struct error *err)
{
    static const char letters[] = "smhd";
    static const double seconds[] = {1, 60, 3600, 86400};
    double total = 0;
    const char *at = text;
    while (isdigit((unsigned char)*at) || *at == '.') {
        char *end;
        double value = strtod(at, &end);
        const char *letter = *end ? strchr(letters, *end) : NULL;
        if (end == at || !letter)
            break;
        total += value * seconds[letter - letters];
        at = end + 1;
    }
    if (*at != '\0' || !(total >= 1e-3) || total > 1000 * 86400.0)
        return fail(err, ERROR_USAGE,
                    "--stop-after: '%s' is not a time such as 6h, 90m, 1h30m or 2d (units s, m, h, "
                    "d; at most 1000d)",
                    text);
    *ns = (uint64_t)llround(total * 1e9);
    return 0;
}
