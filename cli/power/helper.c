#include "helper.h"

#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* How long a program that holds sleep back may take to say that it does. */
#define ANSWER_MS 5000

/* Starts [argv] with [in] and [out] as its streams, errors to our standard error; [apart]: in a
 * process group of its own, so that ^C is not meant for it. 0 or an errno. */
static int spawn(const char *const *argv, int in, int out, bool apart, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    sigemptyset(&defaults); /* SIGPIPE is ignored here; a program expects it to end it */
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes,
                             (short)(POSIX_SPAWN_SETSIGDEF | (apart ? POSIX_SPAWN_SETPGROUP : 0)));
    int status = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return status;
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

/* Ends by itself when the pipe is closed. */
static const char *const inhibit[] = {"systemd-inhibit",
                                      "--what=sleep:idle",
                                      "--who=trawl",
                                      "--why=a run goes on (--keep-awake)",
                                      "--mode=block",
                                      "sh",
                                      "-c",
                                      "echo held; exec cat >/dev/null",
                                      NULL};

static bool make_pipe(int ends[2])
{
    if (pipe(ends) < 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return true;
}

/* Whether the program has said that sleep is held back. */
static bool hears_held(int fd)
{
    char word[4];
    size_t n = 0;
    struct pollfd from = {.fd = fd, .events = POLLIN};
    while (n < sizeof word) {
        int ready = poll(&from, 1, ANSWER_MS);
        ssize_t got = ready > 0 ? read(fd, word + n, sizeof word - n) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
    return memcmp(word, "held", 4) == 0;
}

int awake_hold(struct awake *awake, struct error *err)
{
    *awake = (struct awake){.release = -1};
    int to[2], from[2];
    if (!make_pipe(to))
        return fail_errno(err, ERROR_IO, errno, "--keep-awake");
    if (!make_pipe(from)) {
        fail_errno(err, ERROR_IO, errno, "--keep-awake");
        close(to[0]);
        close(to[1]);
        return -1;
    }
    char self[24];
    snprintf(self, sizeof self, "%ld", (long)getpid());
    const char *const caffeinate[] = {"caffeinate", "-i", "-w", self, NULL};
    int status = spawn(inhibit, to[0], from[1], true, &awake->pid);
    bool by_inhibit = status == 0;
    if (!by_inhibit)
        status = spawn(caffeinate, to[0], STDERR_FILENO, true, &awake->pid);
    close(to[0]);
    close(from[1]);
    awake->release = to[1];
    awake->hears_pipe = status == 0 && by_inhibit && hears_held(from[0]);
    bool held = status == 0 && (!by_inhibit || awake->hears_pipe);
    close(from[0]);
    if (held)
        return 0;
    if (status != 0)
        awake->pid = 0;
    awake_release(awake);
    return by_inhibit ? fail(err, ERROR_UNSUPPORTED,
                             "--keep-awake: systemd-inhibit does not hold sleep back here; the "
                             "machine may fall asleep")
                      : fail(err, ERROR_UNSUPPORTED,
                             "--keep-awake: there is neither systemd-inhibit nor caffeinate here; "
                             "the machine may fall asleep");
}

void awake_release(struct awake *awake)
{
    if (awake->release >= 0)
        close(awake->release);
    if (awake->pid > 0) {
        if (!awake->hears_pipe) /* caffeinate waits for the end of this process */
            kill(awake->pid, SIGTERM);
        wait_for(awake->pid);
    }
    *awake = (struct awake){.release = -1};
}

static int tell(const char *name, const char *value, struct error *err)
{
    return setenv(name, value, 1) == 0 ? 0 : fail_memory(err, strlen(value), "--notify");
}

int notify(const char *command, const struct notice *notice, struct error *err)
{
    char exit_status[16], documents[24], seconds[32];
    snprintf(exit_status, sizeof exit_status, "%d", notice->exit_status);
    snprintf(documents, sizeof documents, "%llu", notice->documents);
    snprintf(seconds, sizeof seconds, "%.0f", notice->seconds);
    if (tell("TRAWL_COMMAND", notice->command, err) < 0 ||
        tell("TRAWL_STATUS", notice->status, err) < 0 || tell("TRAWL_EXIT", exit_status, err) < 0 ||
        tell("TRAWL_SUMMARY", notice->summary, err) < 0 ||
        tell("TRAWL_OUTPUT", notice->output, err) < 0 ||
        tell("TRAWL_DOCUMENTS", documents, err) < 0 || tell("TRAWL_SECONDS", seconds, err) < 0)
        return -1;
    const char *const argv[] = {"sh", "-c", command, NULL};
    pid_t pid;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int status = nothing < 0 ? errno : spawn(argv, nothing, STDERR_FILENO, false, &pid);
    if (nothing >= 0)
        close(nothing);
    if (status != 0)
        return fail_errno(err, ERROR_IO, status, "--notify: cannot run sh");
    status = wait_for(pid);
    if (status == 0)
        return 0;
    return WIFSIGNALED(status) ? fail(err, ERROR_IO, "--notify: the command was ended by signal %d",
                                      WTERMSIG(status))
                               : fail(err, ERROR_IO, "--notify: the command's exit status is %d",
                                      WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}
