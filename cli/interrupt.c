#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stop_signal, progress_signal;

static void on_stop(int signal_number)
{
    stop_signal = signal_number;
}

static void on_progress(int signal_number)
{
    (void)signal_number;
    progress_signal = 1;
}

void interrupt_catch(void)
{
    /* SA_RESETHAND: the second one has the signal's own effect. */
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before;
    static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(&stop.sa_mask);
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++)
        if (sigaction(stopping[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(stopping[i], &stop, NULL); /* nohup's stays */
}

void interrupt_catch_progress(void)
{
    struct sigaction progress = {.sa_handler = on_progress, .sa_flags = SA_RESTART};
    sigemptyset(&progress.sa_mask);
    sigaction(SIGUSR1, &progress, NULL);
}

int interrupt_signal(void)
{
    return stop_signal;
}

bool interrupt_progress(void)
{
    bool wanted = progress_signal != 0;
    progress_signal = 0;
    return wanted;
}

void interrupt_end(void)
{
    if (!stop_signal)
        return;
    signal(stop_signal, SIG_DFL);
    raise(stop_signal);
}
