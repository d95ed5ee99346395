/* The program: finds the command, parses its words, runs it. Nothing else here. */

#include "commands.h"
#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the commands left in the buffer, and what it means when it cannot be written. A command that
 * saw the failure itself has said so. */
static int finish_output(int status)
{
    errno = 0;
    bool failed = ferror(stdout);
    if ((fflush(stdout) == 0 && !failed) || status == EXIT_TROUBLE)
        return status;
    struct error err = {0};
    fail_errno(&err, ERROR_IO, errno ? errno : EIO, "write error");
    return message_error(&err);
}

/* A standard stream that the caller has closed would be the next file opened. Here it is one on
 * which every read and write fails. */
static void hold_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) < 0)
            _exit(EXIT_TROUBLE);
}

static int run_command(const struct command_row *command, int argc, char **argv)
{
    struct error err = {0};
    struct arguments arguments;
    int status;
    if (arguments_parse(&arguments, (enum command)(command - COMMANDS), argc, argv, &err) < 0)
        status = message_usage(&err, command->name);
    else if (arguments_find(&arguments, OPTION_HELP)) {
        struct arguments help = {
            .command = COMMAND_HELP, .operands = (const char *[]){command->name}, .n_operands = 1};
        status = cmd_help(&help);
    } else if (arguments_find(&arguments, OPTION_VERSION)) {
        status = cmd_version(&arguments);
    } else {
        status = command->run(&arguments);
    }
    arguments_deinit(&arguments);
    return status;
}

int main(int argc, char **argv)
{
    hold_streams();
    setlocale(LC_ALL, "C");
    signal(SIGPIPE, SIG_IGN);

    const char *name = argc > 1 ? argv[1] : "";
    const struct command_row *command = command_find(name);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        command = &COMMANDS[COMMAND_HELP];
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        command = &COMMANDS[COMMAND_VERSION];
    if (!command) {
        if (argc > 1)
            message("there is no command '%s'", name);
        message("usage: trawl grep -m MODEL QUESTION [FILE|DIR...]; `trawl --help` says more");
        return EXIT_TROUBLE;
    }
    return finish_output(run_command(command, argc - 2, argv + 2));
}
