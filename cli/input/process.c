#include "process.h"

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

enum { TO_CHILD, FROM_CHILD, COMPLAINTS, N_PIPES };

struct process {
    struct intake intake;
    struct process_options options;
    struct intake *input; /* NULL: all of it is in [chunk] */
    char chunk[65536];    /* of the input: [first, last) is to be written */
    size_t first, last;
    int fds[N_PIPES]; /* this side's ends; -1: closed */
    char complaint[160];
    size_t n_complaint;
    pid_t pid; /* 0: has ended */
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool make_pipe(int ends[2])
{
    if (pipe(ends) < 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return true;
}

/* This process' environment and one variable more; NULL without memory. */
static char **make_environment(char *variable)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **all = calloc(n + 2, sizeof *all);
    if (!all)
        return NULL;
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "TRAWL_FILE=", 11) != 0)
            all[n_kept++] = environ[i];
    all[n_kept] = variable;
    return all;
}

/* Starts the program with [child], the other ends of the pipes. Returns 0 or an errno. */
static int spawn(struct process *process, const int child[N_PIPES])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    const char *file = process->options.file ? process->options.file : "";
    size_t n_variable = strlen("TRAWL_FILE=") + strlen(file) + 1;
    char *variable = malloc(n_variable);
    char **environment = variable ? make_environment(variable) : NULL;
    int status = environment ? 0 : ENOMEM;
    if (status == 0) {
        snprintf(variable, n_variable, "TRAWL_FILE=%s", file);
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        for (int i = 0; i < N_PIPES; i++)
            posix_spawn_file_actions_adddup2(&actions, child[i], i);
        sigemptyset(&defaults); /* SIGPIPE is ignored here; a program expects it to end it */
        sigaddset(&defaults, SIGPIPE);
        posix_spawnattr_setsigdefault(&attributes, &defaults);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        status = posix_spawnp(&process->pid, process->options.argv[0], &actions, &attributes,
                              (char *const *)process->options.argv, environment);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    free(environment);
    free(variable);
    return status;
}

static int start(struct process *process, struct error *err)
{
    int child[N_PIPES] = {-1, -1, -1};
    int status = 0;
    for (int i = 0; i < N_PIPES && status == 0; i++) {
        int ends[2];
        if (!make_pipe(ends)) {
            status = errno;
            break;
        }
        process->fds[i] = ends[i == TO_CHILD ? 1 : 0];
        child[i] = ends[i == TO_CHILD ? 0 : 1];
        fcntl(process->fds[i], F_SETFL, O_NONBLOCK);
    }
    if (status == 0)
        status = spawn(process, child);
    for (int i = 0; i < N_PIPES; i++)
        close_fd(&child[i]);
    if (status == 0)
        return 0;
    process->pid = 0;
    if (status == ENOENT)
        return fail(err, ERROR_UNSUPPORTED, "there is no program %s: %s", process->options.argv[0],
                    process->options.remedy);
    return fail_errno(err, ERROR_IO, status, "%s", process->options.argv[0]);
}

/* Writes some of the input, as much as the pipe takes. A program that has closed its side has read
 * enough. */
static int feed(struct process *process, struct error *err)
{
    if (process->first == process->last) {
        ssize_t n = intake_read(process->input, process->chunk, sizeof process->chunk, err);
        if (n < 0)
            return -1;
        process->first = 0;
        process->last = (size_t)n;
        if (n == 0) {
            close_fd(&process->fds[TO_CHILD]);
            return 0;
        }
    }
    ssize_t n = write(process->fds[TO_CHILD], process->chunk + process->first,
                      process->last - process->first);
    if (n >= 0)
        process->first += (size_t)n;
    else if (errno == EPIPE)
        close_fd(&process->fds[TO_CHILD]);
    else if (errno != EAGAIN && errno != EINTR)
        return fail_errno(err, ERROR_IO, errno, "%s", process->options.what);
    return 0;
}

/* Keeps the beginning of what the program complains about. */
static void hear(struct process *process)
{
    char text[512];
    ssize_t n = read(process->fds[COMPLAINTS], text, sizeof text);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_fd(&process->fds[COMPLAINTS]);
    if (n <= 0)
        return;
    size_t kept = min_size((size_t)n, sizeof process->complaint - 1 - process->n_complaint);
    memcpy(process->complaint + process->n_complaint, text, kept);
    process->n_complaint += kept;
}

/* Its output has ended: how did it go? */
static int conclude(struct process *process, struct error *err)
{
    const char *what = process->options.what;
    int status = 0;
    close_fd(&process->fds[TO_CHILD]);
    close_fd(&process->fds[COMPLAINTS]);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        ;
    process->pid = 0;
    process->complaint[process->n_complaint] = '\0';
    size_t n = strcspn(process->complaint, "\r\n");
    const char *colon = n > 0 ? ": " : "";
    if (WIFSIGNALED(status))
        return fail(err, ERROR_FORMAT, "%s was ended by signal %d%s%.*s", what, WTERMSIG(status),
                    colon, (int)n, process->complaint);
    if (WEXITSTATUS(status) != 0)
        return fail(err, ERROR_FORMAT, "%s: exit status %d%s%.*s", what, WEXITSTATUS(status), colon,
                    (int)n, process->complaint);
    return 0;
}

static ssize_t process_read(struct intake *intake, void *data, size_t n_bytes, struct error *err)
{
    struct process *process = (struct process *)intake;
    while (process->pid > 0) {
        struct pollfd polls[N_PIPES];
        for (int i = 0; i < N_PIPES; i++)
            polls[i] =
                (struct pollfd){.fd = process->fds[i], .events = i == TO_CHILD ? POLLOUT : POLLIN};
        unsigned seconds = process->options.silence_s;
        int n_ready = poll(polls, N_PIPES, seconds > 0 ? (int)seconds * 1000 : -1);
        if (n_ready < 0 && errno != EINTR)
            return fail_errno(err, ERROR_IO, errno, "%s", process->options.what);
        if (n_ready == 0)
            return fail(err, ERROR_FORMAT, "%s did nothing for %u s", process->options.what,
                        seconds);
        if (n_ready < 0)
            continue;
        if (polls[TO_CHILD].revents && feed(process, err) < 0)
            return -1;
        if (polls[COMPLAINTS].revents)
            hear(process);
        if (!polls[FROM_CHILD].revents)
            continue;
        ssize_t n = read(process->fds[FROM_CHILD], data, n_bytes);
        if (n > 0)
            return n;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n < 0)
            return fail_errno(err, ERROR_IO, errno, "%s", process->options.what);
        hear(process);
        return conclude(process, err);
    }
    return 0;
}

static void process_close(struct intake *intake)
{
    struct process *process = (struct process *)intake;
    for (int i = 0; i < N_PIPES; i++)
        close_fd(&process->fds[i]);
    if (process->pid > 0) {
        kill(process->pid, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    intake_close(process->input);
    free(process);
}

struct intake *process_open(struct intake *input, const struct process_options *options,
                            struct error *err)
{
    static const struct intake_class class = {process_read, process_close};
    struct process *process = calloc(1, sizeof *process);
    if (!process) {
        intake_close(input);
        fail_memory(err, sizeof *process, "a process");
        return NULL;
    }
    process->intake.class = &class;
    process->options = *options;
    process->input = input;
    for (int i = 0; i < N_PIPES; i++)
        process->fds[i] = -1;
    if (start(process, err) < 0) {
        intake_close(&process->intake);
        return NULL;
    }
    process->options.argv = NULL; /* the caller's */
    return &process->intake;
}
