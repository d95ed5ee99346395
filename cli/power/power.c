#include "power.h"

#include "../interrupt.h"
#include "../message.h"
#include "../output/units.h"
#include "base/clock.h"
#include "supply.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#define LOOK_NS UINT64_C(2000000000) /* a laptop's controller takes its time to answer */

int power_options_read(struct power_options *options, const struct arguments *arguments,
                       struct error *err)
{
    *options = (struct power_options){0};
    for (size_t i = 0; i < arguments->n_uses; i++) {
        const struct option_use *use = &arguments->uses[i];
        int status = 0;
        switch (use->row->id) {
        case OPTION_NICE:
            options->nice = true;
            break;
        case OPTION_WHILE_ON_AC:
            options->while_on_ac = true;
            break;
        case OPTION_KEEP_AWAKE:
            options->keep_awake = true;
            break;
        case OPTION_BETWEEN:
            status = day_window_read(&options->between, use->value, err);
            break;
        case OPTION_STOP_AFTER:
            status = duration_read(&options->stop_after_ns, use->value, err);
            break;
        case OPTION_NOTIFY:
            options->notify = use->value;
            break;
        default:
            break;
        }
        if (status < 0)
            return -1;
    }
    return 0;
}

/* A clock that goes on while the machine sleeps. */
static uint64_t machine_ns(void)
{
#ifdef CLOCK_BOOTTIME
    struct timespec now;
    if (clock_gettime(CLOCK_BOOTTIME, &now) == 0)
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
    return clock_ns();
}

/* The last in line for cores and disk. Nothing is lost where the system knows no such thing. */
static void lower_priority(void)
{
    if (setpriority(PRIO_PROCESS, 0, 19) < 0)
        message("--nice: the priority cannot be lowered");
#if defined(SYS_ioprio_set)
    enum { WHO_PROCESS = 1, CLASS_SHIFT = 13, BEST_EFFORT = 2, IDLE = 3, LOWEST = 7 };
    if (syscall(SYS_ioprio_set, WHO_PROCESS, 0, IDLE << CLASS_SHIFT) < 0 &&
        syscall(SYS_ioprio_set, WHO_PROCESS, 0, BEST_EFFORT << CLASS_SHIFT | LOWEST) < 0)
        message("--nice: the priority of reading cannot be lowered");
#elif defined(PRIO_DARWIN_BG)
    setpriority(PRIO_DARWIN_PROCESS, 0, PRIO_DARWIN_BG);
#endif
}

static void stay_awake(struct power *power)
{
    struct error err = {0};
    if (awake_hold(&power->awake, &err) < 0)
        message("%s", err.text);
}

void power_begin(struct power *power, const struct power_options *options)
{
    *power = (struct power){.options = options, .began_ns = machine_ns(), .awake = {.release = -1}};
    if (options->keep_awake) /* what it starts needs no low priority */
        stay_awake(power);
    if (options->nice)
        lower_priority();
}

bool power_time_is_up(const struct power *power)
{
    return power->options->stop_after_ns > 0 &&
           machine_ns() - power->began_ns >= power->options->stop_after_ns;
}

bool power_stops(const struct power *power)
{
    return interrupt_signal() || power_time_is_up(power);
}

bool power_pauses(struct power *power)
{
    const struct power_options *options = power->options;
    uint64_t now = clock_ns();
    if (options->while_on_ac && (!power->looked_ns || now - power->looked_ns >= LOOK_NS)) {
        power->on_battery = supply_on_battery();
        power->looked_ns = now;
    }
    if (power->on_battery) {
        snprintf(power->why, sizeof power->why, "paused: on battery");
        return true;
    }
    if (day_window_holds(&options->between, time(NULL)))
        return false;
    snprintf(power->why, sizeof power->why, "paused until %02d:%02d", options->between.from / 60,
             options->between.from % 60);
    return true;
}

int power_wait(struct power *power, struct progress *progress, const struct trawl_progress *now)
{
    bool was_held = power->awake.pid > 0;
    progress->pause_told = false;
    while (!power_stops(power) && power_pauses(power)) {
        /* A battery is not for staying awake with nothing to do. Waiting for the hour is: asleep,
         * the machine would miss it. */
        if (power->on_battery)
            awake_release(&power->awake);
        progress->paused = power->why;
        if (interrupt_progress())
            progress_say(progress, now);
        progress_draw(progress, now);
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL); /* a signal ends it */
    }
    if (progress->paused)
        progress_clear(progress);
    progress->paused = NULL;
    if (power_stops(power))
        return 1;
    if (was_held && power->awake.pid == 0)
        stay_awake(power);
    return 0;
}

void power_end(struct power *power, const struct ending *ending)
{
    const struct trawl_stats *stats = ending->stats;
    double seconds = (double)(machine_ns() - power->began_ns) * 1e-9;
    char summary[128];
    awake_release(&power->awake);
    if (!power->options->notify)
        return;
    snprintf(summary, sizeof summary, "%s %s, %s prompts run, %s",
             unit_count(stats->documents).text, ending->noun, unit_count(stats->sequences).text,
             unit_seconds(seconds).text);
    const struct error *why = ending->err;
    struct notice notice = {.command = ending->command,
                            .status = why->kind == ERROR_NONE        ? "done"
                                      : why->kind == ERROR_CANCELLED ? "stopped"
                                                                     : "failed",
                            .exit_status =
                                interrupt_signal() ? 128 + interrupt_signal() : ending->exit_status,
                            .summary = why->kind == ERROR_NONE ? summary : why->text,
                            .output = ending->output ? ending->output : "",
                            .documents = stats->documents,
                            .seconds = seconds};
    struct error err = {0};
    if (notify(power->options->notify, &notice, &err) < 0)
        message("%s", err.text);
}
