#include "power_loss.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECTOR_BYTES 512
#define MOST_FILES   4096

struct content {
    char *data; /* owned */
    size_t n_bytes;
};

struct kept_file {
    dev_t device;
    ino_t inode;
    int fd;                /* keeps the inode from being used again; of no file that is locked */
    struct content synced; /* what is on the disk for sure */
};

/* A name and the file that it is of; -1: none, it was removed. */
struct name {
    char *path;
    int file;
};

/* A change of the folder that has not been synced: [gone] is no more, [path] is of [file]. */
struct change {
    char *gone, *path; /* either may be NULL */
    int file;
};

static char folder[PATH_MAX]; /* "": nothing is watched */
static struct kept_file files[MOST_FILES];
static struct name names[MOST_FILES]; /* on the disk for sure */
static struct change changes[MOST_FILES];
static int n_files, n_names, n_changes;

static void give_up(const char *why)
{
    fprintf(stderr, "power_loss: %s\n", why);
    _exit(99);
}

/* Past the hooks, which count. */
static int open_past(const char *path, int flags)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0666);
}

void power_watch(const char *path)
{
    if (!realpath(path, folder))
        give_up("no such folder");
}

/* The name in the folder, malloced; NULL: it lies elsewhere. */
static char *name_of(const char *path)
{
    char full[2 * PATH_MAX], cwd[PATH_MAX];
    if (*path != '/' && !getcwd(cwd, sizeof cwd))
        give_up("no working directory");
    snprintf(full, sizeof full, "%s%s%s", *path == '/' ? "" : cwd, *path == '/' ? "" : "/", path);
    size_t n = strlen(folder);
    if (n == 0 || strncmp(full, folder, n) != 0 || full[n] != '/' || strchr(full + n + 1, '/'))
        return NULL;
    return strdup(full);
}

static struct content read_content(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        give_up("fstat");
    struct content content = {.data = malloc((size_t)st.st_size + 1),
                              .n_bytes = (size_t)st.st_size};
    for (size_t at = 0; content.data && at < content.n_bytes;) {
        ssize_t n = pread(fd, content.data + at, content.n_bytes - at, (off_t)at);
        if (n <= 0)
            give_up("a file cannot be read");
        at += (size_t)n;
    }
    if (!content.data)
        give_up("no memory");
    return content;
}

static int find_file(const struct stat *st)
{
    for (int f = 0; f < n_files; f++)
        if (files[f].device == st->st_dev && files[f].inode == st->st_ino)
            return f;
    return -1;
}

/* The file that [path] is of now, known from now on; -1: there is none. */
static int file_of(const char *path, bool *is_new)
{
    struct stat st;
    *is_new = false;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    int file = find_file(&st);
    if (file >= 0)
        return file;
    if (n_files == MOST_FILES)
        give_up("too many files");
    *is_new = true;
    files[n_files] = (struct kept_file){
        .device = st.st_dev, .inode = st.st_ino, .fd = open_past(path, O_RDONLY)};
    if (files[n_files].fd < 0)
        give_up("a file cannot be opened");
    return n_files++;
}

static void set_name(const char *path, int file)
{
    int i = 0;
    while (i < n_names && strcmp(names[i].path, path) != 0)
        i++;
    if (i == MOST_FILES)
        give_up("too many names");
    if (i == n_names)
        names[n_names++].path = strdup(path);
    names[i].file = file;
}

void power_look(const char *path)
{
    bool is_new;
    char *name = name_of(path);
    int file = name ? file_of(name, &is_new) : -1;
    if (file >= 0 && is_new) { /* from before this program: all of it is on the disk */
        files[file].synced = read_content(files[file].fd);
        set_name(name, file);
    }
    free(name);
}

static void add_change(char *gone, char *path, int file)
{
    if (n_changes == MOST_FILES)
        give_up("too many changes");
    changes[n_changes++] = (struct change){gone, path, file};
}

void power_created(const char *path)
{
    bool is_new;
    char *name = name_of(path);
    int file = name ? file_of(name, &is_new) : -1;
    if (file >= 0)
        add_change(NULL, name, file);
}

void power_renamed(const char *from, const char *to)
{
    bool is_new;
    char *gone = name_of(from), *path = name_of(to);
    int file = path ? file_of(path, &is_new) : -1;
    if (gone || file >= 0)
        add_change(gone, file >= 0 ? path : NULL, file);
}

void power_removed(const char *path)
{
    char *gone = name_of(path);
    if (gone)
        add_change(gone, NULL, -1);
}

static void apply(const struct change *change)
{
    if (change->gone)
        set_name(change->gone, -1);
    if (change->path)
        set_name(change->path, change->file);
}

void power_synced(int fd)
{
    struct stat st, watched;
    if (!*folder || fstat(fd, &st) < 0)
        return;
    if (S_ISDIR(st.st_mode)) {
        if (stat(folder, &watched) < 0 || watched.st_dev != st.st_dev ||
            watched.st_ino != st.st_ino)
            return;
        for (int c = 0; c < n_changes; c++)
            apply(&changes[c]);
        n_changes = 0;
        return;
    }
    int file = find_file(&st);
    if (file < 0)
        return;
    free(files[file].synced.data);
    files[file].synced = read_content(files[file].fd);
}

/* ---- The failure ---- */

/* xorshift64*, of a seed that is not 0. */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1d;
}

static size_t between(uint64_t *state, size_t a, size_t b)
{
    size_t least = a < b ? a : b, more = a < b ? b - a : a - b;
    switch (draw(state) % 3) {
    case 0:
        return a;
    case 1:
        return b;
    default:
        return least + draw(state) % (more / SECTOR_BYTES + 1) * SECTOR_BYTES;
    }
}

/* Old and new sectors by chance, into [old]. */
static void mix(struct content *old, const struct content *new, uint64_t *state)
{
    size_t n_bytes = between(state, old->n_bytes, new->n_bytes);
    char *data = calloc(n_bytes + 1, 1);
    if (!data)
        give_up("no memory");
    for (size_t at = 0; at < n_bytes; at += SECTOR_BYTES) {
        const struct content *from = draw(state) % 2 ? new : old;
        if (at < from->n_bytes) {
            size_t there = from->n_bytes - at, wanted = n_bytes - at;
            size_t n = there < wanted ? there : wanted;
            memcpy(data + at, from->data + at, n < SECTOR_BYTES ? n : SECTOR_BYTES);
        }
    }
    free(old->data);
    *old = (struct content){data, n_bytes};
}

static void write_file(const char *path, const struct content *content)
{
    int fd = open_past(path, O_WRONLY | O_CREAT | O_TRUNC);
    for (size_t at = 0; at < content->n_bytes;) {
        long n = syscall(SYS_write, fd, content->data + at, content->n_bytes - at);
        if (n <= 0)
            give_up("a file cannot be put back");
        at += (size_t)n;
    }
    close(fd);
}

void power_fail(unsigned long seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15;
    if (!*folder)
        return;
    for (int f = 0; f < n_files && seed; f++) {
        struct content now = read_content(files[f].fd);
        mix(&files[f].synced, &now, &state);
        free(now.data);
    }
    int n_kept = seed ? (int)(draw(&state) % (uint64_t)(n_changes + 1)) : 0;
    for (int c = n_kept; c < n_changes; c++)
        if (changes[c].path)
            syscall(SYS_unlinkat, AT_FDCWD, changes[c].path, 0);
    for (int c = 0; c < n_kept; c++)
        apply(&changes[c]);
    for (int i = 0; i < n_names; i++)
        syscall(SYS_unlinkat, AT_FDCWD, names[i].path, 0);
    for (int i = 0; i < n_names; i++)
        if (names[i].file >= 0)
            write_file(names[i].path, &files[names[i].file].synced);
}
