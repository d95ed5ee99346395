#include "inputs.h"

#include "base/sha256.h"
#include "process.h"
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_NESTED 4 /* archives in archives */

/* An archive being read, and those that it is in. */
struct nest {
    struct nest *outer;
    struct unpack *unpack;
    char *name;       /* as printed */
    char *inner_hint; /* what its name says about a single member: "x.html" of x.html.gz; or NULL */
    bool has_state;   /* its file's */
    uint8_t state[TROUBLE_STATE_BYTES];
    unsigned depth;
};

struct inputs {
    struct inputs_options options;
    struct walk *walk;
    struct fetch *fetch; /* NULL: nothing has been fetched */
    struct nest *nest;   /* NULL: files are read */
};

struct inputs *inputs_open(const struct inputs_options *options, struct error *err)
{
    struct inputs *inputs = calloc(1, sizeof *inputs);
    if (!inputs) {
        fail_memory(err, sizeof *inputs, "the input");
        return NULL;
    }
    inputs->options = *options;
    inputs->walk = walk_new(&options->walk, err);
    if (inputs->walk)
        return inputs;
    free(inputs);
    return NULL;
}

static void leave_archive(struct inputs *inputs)
{
    struct nest *nest = inputs->nest;
    inputs->nest = nest->outer;
    unpack_close(nest->unpack);
    free(nest->name);
    free(nest->inner_hint);
    free(nest);
}

void inputs_close(struct inputs *inputs)
{
    if (!inputs)
        return;
    while (inputs->nest)
        leave_archive(inputs);
    fetch_close(inputs->fetch);
    walk_free(inputs->walk);
    free(inputs);
}

void input_free(struct input *input)
{
    if (!input)
        return;
    intake_close(input->intake);
    free(input->name);
    free(input->hint_text);
    free(input->trouble);
    free(input);
}

/* What a source is like: another size, time or place, and it is another source. [st] NULL: an
 * address, of which nothing is known without fetching it. */
static void take_state(const struct inputs *inputs, struct input *input, const struct stat *st)
{
    struct sha256 sha;
    sha256_init(&sha);
    sha256_add(&sha, inputs->options.troubles.settings, TROUBLE_STATE_BYTES);
    if (st) {
#ifdef __APPLE__
        const struct timespec *mtime = &st->st_mtimespec;
#else
        const struct timespec *mtime = &st->st_mtim;
#endif
        const int64_t facts[] = {(int64_t)st->st_size, (int64_t)st->st_ino, (int64_t)mtime->tv_sec,
                                 (int64_t)mtime->tv_nsec};
        sha256_add(&sha, facts, sizeof facts);
    }
    sha256_finish(&sha, input->state);
    input->has_state = true;
}

/* Whether an earlier run found that it cannot be read: 1, the trouble is set; 0; -1. */
static int look_up(const struct inputs *inputs, struct input *input, struct error *err)
{
    const struct trouble_memory *memory = &inputs->options.troubles;
    struct bytes why = {0};
    if (!memory->recall || !input->has_state || input->is_looked_up)
        return 0;
    input->is_looked_up = true;
    int status = memory->recall(memory->context, input->name, input->state, &why, err);
    if (status == 1) {
        input->trouble = why.data;
        input->is_known = true;
        intake_close(input->intake);
        input->intake = NULL;
        return 1;
    }
    bytes_deinit(&why);
    return status;
}

/* Records why the input cannot be read. Only lack of memory for the words is fatal. */
static int give_up(struct input *input, const struct error *trouble, struct error *err)
{
    const char *why = trouble->os_errno ? strerror(trouble->os_errno) : trouble->text;
    intake_close(input->intake);
    input->intake = NULL;
    input->has_state &= trouble_lasts(trouble);
    input->trouble = strdup(why);
    return input->trouble ? 0 : fail_memory(err, strlen(why), "a message");
}

static struct input *input_new(char *name, bool named, struct error *err)
{
    struct input *input = name ? calloc(1, sizeof *input) : NULL;
    if (!input) {
        free(name);
        fail_memory(err, sizeof *input, "a file");
        return NULL;
    }
    input->name = name;
    input->hint = name;
    input->is_named = named;
    return input;
}

/* ---- Files and addresses ---- */

static bool is_output(int fd, const struct stat *st)
{
    struct stat out;
    return fd != STDIN_FILENO && S_ISREG(st->st_mode) && fstat(STDOUT_FILENO, &out) == 0 &&
           out.st_dev == st->st_dev && out.st_ino == st->st_ino;
}

/* Sets the intake. -1 with [trouble]. */
static int open_file(struct inputs *inputs, const struct walk_entry *entry, struct input *input,
                     struct error *trouble)
{
    if (entry->os_errno)
        return fail_errno(trouble, ERROR_IO, entry->os_errno, "%s", entry->path);
    int fd = entry->is_stdin ? STDIN_FILENO : open(entry->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        int os_errno = errno;
        if (fd > STDIN_FILENO)
            close(fd);
        return fail_errno(trouble, ERROR_IO, os_errno, "%s", entry->path);
    }
    input->intake = intake_open_fd(fd, trouble);
    if (!input->intake)
        return -1;
    if (inputs->options.refuse_output && is_output(fd, &st))
        return fail(trouble, ERROR_USAGE, "input file is also the output");
    input->path = entry->is_stdin ? NULL : input->name;
    if (!entry->is_stdin && S_ISREG(st.st_mode))
        take_state(inputs, input, &st);
    return 0;
}

static int open_address(struct inputs *inputs, struct input *input, struct error *trouble)
{
    if (!inputs->options.fetch.enabled)
        return fail(trouble, ERROR_USAGE, "an address is only read with --fetch");
    if (!inputs->fetch && !(inputs->fetch = fetch_open(&inputs->options.fetch,
                                                       inputs->options.most_bytes, trouble))) {
        input->has_state = false; /* it is not the address that fails */
        return -1;
    }
    input->intake = fetch_get(inputs->fetch, input->name, trouble);
    if (!input->intake)
        return -1;
    input->hint_text = strndup(input->name, strcspn(input->name, "?#"));
    input->hint = input->hint_text;
    return 0;
}

/* ---- Archives ---- */

/* The name without the extension of what it is packed by; NULL without one, or without memory. */
static char *unpacked_name(const char *name)
{
    static const char *const endings[][2] = {{".gz", ""},      {".bz2", ""},      {".zst", ""},
                                             {".tgz", ".tar"}, {".tzst", ".tar"}, {".z", ""}};
    const char *dot = name ? strrchr(name, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++) {
        size_t n = (size_t)(dot - name), n_other = strlen(endings[i][1]);
        if (strcasecmp(dot, endings[i][0]) != 0)
            continue;
        char *inner = malloc(n + n_other + 1);
        if (!inner)
            return NULL;
        memcpy(inner, name, n);
        memcpy(inner + n, endings[i][1], n_other + 1);
        return inner;
    }
    return name ? strdup(name) : NULL;
}

/* Goes on with what is in [input], whose name and intake are taken; -1 with [trouble]. */
static int enter_archive(struct inputs *inputs, struct input *input, struct error *trouble)
{
    unsigned depth = inputs->nest ? inputs->nest->depth + 1 : 1;
    if (depth > MOST_NESTED)
        return fail(trouble, ERROR_UNSUPPORTED, "archives in archives, more than %d deep",
                    MOST_NESTED);
    struct nest *nest = calloc(1, sizeof *nest);
    if (!nest)
        return fail_memory(trouble, sizeof *nest, "an archive");
    struct intake *intake = input->intake;
    input->intake = NULL;
    nest->unpack = unpack_open(intake, trouble);
    if (!nest->unpack) {
        free(nest);
        return -1;
    }
    nest->inner_hint = unpacked_name(input->hint);
    nest->name = input->name;
    input->name = NULL;
    nest->depth = depth;
    nest->has_state = input->has_state;
    memcpy(nest->state, input->state, sizeof nest->state);
    nest->outer = inputs->nest;
    inputs->nest = nest;
    return 0;
}

/* "ARCHIVE/MEMBER"; NULL without memory. */
static char *member_name(const char *archive, const char *member)
{
    size_t n_bytes = strlen(archive) + strlen(member) + 2;
    char *name = malloc(n_bytes);
    if (name)
        snprintf(name, n_bytes, "%s/%s", archive, member);
    return name;
}

/* The next member of the innermost archive: 1; 0: there is none, that archive has been left; -1. */
static int next_member(struct inputs *inputs, struct input **out, struct error *err)
{
    struct nest *nest = inputs->nest;
    struct intake *intake = NULL;
    const char *name = NULL;
    struct error trouble = {0};
    *out = NULL;
    int status = unpack_next(nest->unpack, &intake, &name, &trouble);
    if (status == 0) {
        leave_archive(inputs);
        return 0;
    }
    *out = input_new(name ? member_name(nest->name, name) : strdup(nest->name), false, err);
    if (!*out) {
        intake_close(intake);
        return -1;
    }
    (*out)->intake = intake;
    if (status > 0) {
        (*out)->has_state = nest->has_state;
        memcpy((*out)->state, nest->state, sizeof nest->state);
    }
    if (status < 0) {
        leave_archive(inputs);
        return give_up(*out, &trouble, err) < 0 ? -1 : 1;
    }
    if (!name) { /* what is in x.html.gz is called as it, and is what x.html would be */
        (*out)->is_named = nest->depth == 1;
        (*out)->hint = (*out)->hint_text = nest->inner_hint ? strdup(nest->inner_hint) : NULL;
    }
    return 1;
}

/* ---- The next input ---- */

static int add_filter(struct inputs *inputs, struct input *input, struct error *trouble)
{
    const char *const argv[] = {"sh", "-c", inputs->options.filter, NULL};
    struct process_options options = {
        .argv = argv, .what = "--filter", .remedy = "--filter needs one", .file = input->name};
    struct intake *intake = input->intake;
    input->intake = process_open(intake, &options, trouble);
    return input->intake ? 0 : -1;
}

/* Looks at an opened input: 1: it is to be read; 0: it is an archive, which has been entered; -1
 * with [trouble]. */
static int look(struct inputs *inputs, struct input *input, struct error *trouble)
{
    const char *head;
    size_t n_head;
    if (!inputs->options.raw) {
        if (intake_peek(input->intake, 512, &head, &n_head, trouble) < 0)
            return -1;
        if (unpack_recognise(head, n_head, input->hint))
            return enter_archive(inputs, input, trouble);
    }
    if (inputs->options.filter && add_filter(inputs, input, trouble) < 0)
        return -1;
    return 1;
}

static int next_entry(struct inputs *inputs, struct input **out, struct error *err)
{
    struct walk_entry entry;
    struct error trouble = {0};
    int status = walk_next(inputs->walk, &entry, err);
    if (status <= 0)
        return status;
    *out = input_new(strdup(entry.is_stdin ? "(standard input)" : entry.path), entry.named, err);
    if (!*out)
        return -1;
    if (entry.is_address) {
        take_state(inputs, *out, NULL);
        status = look_up(inputs, *out, err);
        if (status != 0)
            return status;
    }
    status = entry.is_address ? open_address(inputs, *out, &trouble)
                              : open_file(inputs, &entry, *out, &trouble);
    if (entry.is_stdin)
        (*out)->hint = NULL;
    return status < 0 && give_up(*out, &trouble, err) < 0 ? -1 : 1;
}

int inputs_next(struct inputs *inputs, struct input **out, struct error *err)
{
    for (;;) {
        struct error trouble = {0};
        bool in_archive = inputs->nest != NULL;
        *out = NULL;
        int status = in_archive ? next_member(inputs, out, err) : next_entry(inputs, out, err);
        if (status == 0 && !in_archive)
            return 0;
        if (status > 0 && !(*out)->trouble && look_up(inputs, *out, err) < 0)
            status = -1;
        if (status > 0 && !(*out)->trouble) {
            status = look(inputs, *out, &trouble);
            if (status < 0)
                status = give_up(*out, &trouble, err) < 0 ? -1 : 1;
        }
        if (status > 0)
            return 1;
        input_free(*out);
        *out = NULL;
        if (status < 0)
            return -1;
    }
}
