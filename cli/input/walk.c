#include "walk.h"

#include "fetch.h"
#include "lines.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names of a directory that are held at a time: a larger one is read again for the next names, so
 * that memory does not grow with it. */
#define MOST_NAMES 8192

#define MOST_OPERAND_BYTES (1 << 20) /* of a line of a list */

/* One directory on the way down. */
struct level {
    struct level *parent;
    char **names; /* [n_names] the first in order of those not yet visited; owned */
    size_t n_names, next;
    size_t capacity;
    bool has_more;     /* names after these */
    size_t path_bytes; /* length of the directory's path with its slash */
};

struct walk {
    struct walk_options options;
    size_t next_operand;
    struct lines list; /* of files_from */
    bool list_is_open;
    struct level *level; /* NULL between operands */
    char *path;          /* of the current entry */
    size_t capacity;
};

struct walk *walk_new(const struct walk_options *options, struct error *err)
{
    struct walk *walk = calloc(1, sizeof *walk);
    if (!walk) {
        fail_memory(err, sizeof *walk, "the walk");
        return NULL;
    }
    walk->options = *options;
    return walk;
}

/* Gives up the names from [first] on. */
static void drop_names(struct level *level, size_t first)
{
    for (size_t i = first; i < level->n_names; i++)
        free(level->names[i]);
    level->n_names = first;
}

static void level_free(struct level *level)
{
    drop_names(level, 0);
    free(level->names);
    free(level);
}

void walk_free(struct walk *walk)
{
    if (!walk)
        return;
    while (walk->level) {
        struct level *parent = walk->level->parent;
        level_free(walk->level);
        walk->level = parent;
    }
    lines_deinit(&walk->list);
    free(walk->path);
    free(walk);
}

/* Writes [name] at [offset] of the path. */
static int set_path(struct walk *walk, size_t offset, const char *name, struct error *err)
{
    size_t n = strlen(name) + 1;
    if (offset + n + 1 > walk->capacity) {
        size_t capacity = (offset + n + 1) * 2;
        char *path = realloc(walk->path, capacity);
        if (!path)
            return fail_memory(err, capacity, "a path");
        walk->path = path;
        walk->capacity = capacity;
    }
    memcpy(walk->path + offset, name, n);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct level *level, const char *name, struct error *err)
{
    if (level->n_names == level->capacity) {
        size_t capacity = level->capacity ? level->capacity * 2 : 64;
        char **names = realloc(level->names, capacity * sizeof *names);
        if (!names)
            return fail_memory(err, capacity * sizeof *names, "names of a directory");
        level->names = names;
        level->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy)
        return fail_memory(err, strlen(name), "names of a directory");
    level->names[level->n_names++] = copy;
    return 0;
}

static void sort_names(struct level *level)
{
    if (level->n_names > 0)
        qsort(level->names, level->n_names, sizeof *level->names, compare_names);
}

/* The first MOST_NAMES in order of those after [after] (NULL: of all). Twice as many are gathered,
 * then sorted and halved: what lies behind the half is no longer of interest. */
static int read_names(struct level *level, DIR *directory, const char *after, struct error *err)
{
    const struct dirent *entry;
    const char *before = NULL; /* the last one that may still be among the first */
    while ((entry = readdir(directory))) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            (after && strcmp(name, after) <= 0) || (before && strcmp(name, before) >= 0))
            continue;
        if (add_name(level, name, err) < 0)
            return -1;
        if (level->n_names == 2 * MOST_NAMES) {
            sort_names(level);
            drop_names(level, MOST_NAMES);
            before = level->names[MOST_NAMES - 1];
            level->has_more = true;
        }
    }
    sort_names(level);
    if (level->n_names > MOST_NAMES) {
        drop_names(level, MOST_NAMES);
        level->has_more = true;
    }
    return 0;
}

/* Goes on to the names after those that were visited. One that has vanished meanwhile has none. */
static int read_more_names(struct walk *walk, struct level *level, struct error *err)
{
    char *last = level->names[level->n_names - 1];
    walk->path[level->path_bytes] = '\0';
    DIR *directory = opendir(level->path_bytes > 0 ? walk->path : ".");
    level->n_names--; /* [last] is kept for the comparison */
    drop_names(level, 0);
    level->next = 0;
    level->has_more = false;
    int status = directory ? read_names(level, directory, last, err) : 0;
    if (directory)
        closedir(directory);
    free(last);
    return status;
}

/* Enters the directory at the current path. Returns 0, 1 with *os_errno set when it cannot be read,
 * or -1. */
static int enter(struct walk *walk, bool named, int *os_errno, struct error *err)
{
    DIR *directory = opendir(walk->path);
    if (!directory) {
        *os_errno = errno;
        return 1;
    }
    struct level *level = calloc(1, sizeof *level);
    int status = level ? read_names(level, directory, NULL, err)
                       : fail_memory(err, sizeof *level, "a directory");
    closedir(directory);
    if (status < 0) {
        if (level)
            level_free(level);
        return -1;
    }
    if (named && walk->options.relative_names)
        walk->path[0] = '\0';
    level->path_bytes = strlen(walk->path);
    if (level->path_bytes > 0 && walk->path[level->path_bytes - 1] != '/') {
        walk->path[level->path_bytes++] = '/'; /* set_path left room for it */
        walk->path[level->path_bytes] = '\0';
    }
    level->parent = walk->level;
    walk->level = level;
    return 0;
}

/* Whether the pattern matches the path or a part of it that begins after a slash. */
static bool matches_suffix(const char *pattern, const char *path)
{
    for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
        const char *part = slash == path ? path : slash + 1;
        if (fnmatch(pattern, part, 0) == 0)
            return true;
    }
    return false;
}

/* As grep: rules are tried on the base name (an operand: on every suffix of its path), the last
 * that matches wins; without a match a file is in unless the first rule includes. */
static bool is_wanted(const struct walk *walk, const char *path, bool named)
{
    const struct walk_options *options = &walk->options;
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    for (size_t i = options->n_globs; i > 0; i--) {
        const struct glob_rule *rule = &options->globs[i - 1];
        if (named ? matches_suffix(rule->pattern, path) : fnmatch(rule->pattern, base, 0) == 0)
            return rule->include;
    }
    return options->n_globs == 0 || !options->globs[0].include;
}

/* Decides on the current path. 1: [entry] is a file or an error; 0: nothing to read here, or a
 * directory was entered; -1. */
static int visit(struct walk *walk, bool named, struct walk_entry *entry, struct error *err)
{
    *entry = (struct walk_entry){.path = walk->path, .named = named};
    if (named && strcmp(walk->path, "-") == 0) {
        entry->is_stdin = true;
        return 1;
    }
    if (named && fetch_is_address(walk->path)) {
        entry->is_address = true;
        return 1;
    }
    struct stat st;
    if ((named ? stat(walk->path, &st) : lstat(walk->path, &st)) < 0) {
        entry->os_errno = errno;
        return !named || is_wanted(walk, walk->path, named);
    }
    if (S_ISDIR(st.st_mode))
        return enter(walk, named, &entry->os_errno, err);
    if (!named && !S_ISREG(st.st_mode))
        return 0;
    return is_wanted(walk, walk->path, named);
}

static int open_list(struct walk *walk, struct error *err)
{
    const char *path = walk->options.files_from;
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", path);
    struct intake *intake = intake_open_fd(fd, err);
    if (!intake)
        return -1;
    lines_init(&walk->list, intake, walk->options.null_names ? '\0' : '\n', MOST_OPERAND_BYTES);
    walk->list_is_open = true;
    return 0;
}

/* Makes the next operand the current path: 1; 0: no more; -1. */
static int next_operand(struct walk *walk, struct error *err)
{
    if (walk->next_operand < walk->options.n_operands)
        return set_path(walk, 0, walk->options.operands[walk->next_operand++], err) < 0 ? -1 : 1;
    if (!walk->options.files_from)
        return 0;
    if (!walk->list_is_open && open_list(walk, err) < 0)
        return -1;
    struct line line = {0};
    int status = 1;
    while (status > 0 && line.n_bytes == 0)
        status = lines_next(&walk->list, &line, err);
    if (status < 0)
        return fail_context(err, "%s", walk->options.files_from);
    if (status == 0)
        return 0;
    char *name = strndup(line.text, line.n_bytes);
    status = name ? set_path(walk, 0, name, err) : fail_memory(err, line.n_bytes, "a path");
    free(name);
    return status < 0 ? -1 : 1;
}

int walk_next(struct walk *walk, struct walk_entry *entry, struct error *err)
{
    for (;;) {
        struct level *level = walk->level;
        bool named = !level;
        if (level && level->next == level->n_names && level->has_more) {
            if (read_more_names(walk, level, err) < 0)
                return -1;
            continue;
        }
        if (level && level->next == level->n_names) {
            walk->level = level->parent;
            level_free(level);
            continue;
        }
        int status = named ? next_operand(walk, err)
                           : set_path(walk, level->path_bytes, level->names[level->next++], err);
        if (status < 0 || (named && status == 0))
            return status;
        status = visit(walk, named, entry, err);
        if (status != 0)
            return status;
    }
}
