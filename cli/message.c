#include "message.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

void message(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("trawl: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int message_error(const struct error *err)
{
    if (err->kind == ERROR_IO && err->os_errno == EPIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    message("%s", err->text);
    return EXIT_TROUBLE;
}

int message_usage(const struct error *err, const char *command)
{
    message_error(err);
    message("`trawl %s --help` says what there is", command);
    return EXIT_TROUBLE;
}
