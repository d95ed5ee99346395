#include "progress.h"

#include "base/clock.h"
#include "units.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_NS 100000000u
#define LINE_NS   10000000000u /* between lines where there is no terminal to redraw */

/* Seconds left, from what is done and how far the running sweep is; negative while there is no
 * telling. */
static double seconds_left(const struct progress *progress, const struct trawl_progress *now)
{
    double done = (double)progress->n_done + (double)now->batch_sequences * now->sweep_done;
    if (!progress->read_all || done <= 0)
        return -1;
    double left = (double)progress->n_read - done;
    return left > 0 ? now->seconds * left / done : 0;
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

static void write_line(const struct progress *progress, const struct trawl_progress *now,
                       char line[320])
{
    double seconds = now->seconds > 0 ? now->seconds : 1e-9;
    struct unit_text rate = unit_count(
        (uint64_t)(((double)now->rows_done + (double)now->batch_rows * now->sweep_done) / seconds));
    struct unit_text disk = unit_bytes((double)now->bytes_read / seconds);
    if (progress->paused) {
        snprintf(line, 320, "%s/%s %s%s  %s  sweep %llu layer %u/%u",
                 unit_count(progress->n_done).text, unit_count(progress->n_read).text,
                 progress->noun, progress->read_all ? "" : " so far", progress->paused,
                 (unsigned long long)now->sweep, now->layer, now->n_layers);
        return;
    }
    int n = snprintf(
        line, 320, "%s/%s %s%s  %s rows/s  sweep %llu layer %u/%u  disk %s/s  waiting %.0f%%",
        unit_count(progress->n_done).text, unit_count(progress->n_read).text, progress->noun,
        progress->read_all ? "" : " so far", rate.text, (unsigned long long)now->sweep, now->layer,
        now->n_layers, disk.text, 100 * now->seconds_waiting / seconds);
    double left = seconds_left(progress, now);
    if (left >= 0 && n > 0 && n < 320)
        snprintf(line + n, (size_t)(320 - n), "  %s left", unit_seconds(left).text);
}

void progress_say(struct progress *progress, const struct trawl_progress *now)
{
    char line[320];
    progress_clear(progress);
    write_line(progress, now, line);
    fprintf(stderr, "%s\n", line);
    fflush(stderr);
}

void progress_draw(struct progress *progress, const struct trawl_progress *now)
{
    uint64_t time = clock_ns();
    bool terminal = isatty(STDERR_FILENO);
    uint64_t since = time - progress->drawn_ns;
    bool due = terminal           ? since >= REDRAW_NS
               : progress->paused ? !progress->pause_told /* it may last all night */
                                  : since >= LINE_NS;
    if (!progress->on || !due)
        return;
    progress->drawn_ns = time;
    progress->pause_told = progress->paused != NULL;
    progress->drawn = terminal;

    char line[320];
    write_line(progress, now, line);
    if (terminal)
        fprintf(stderr, "\r%.*s\033[K", terminal_width() - 1, line);
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
}
