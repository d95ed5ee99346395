#include "kinds.h"

#include <string.h>
#include <strings.h>

/* In the order in which an input is looked at: what begins with a signature comes first. */
static const struct input_kind *const KINDS[] = {
    &KIND_PDF,   &KIND_SQLITE, &KIND_HTML, &KIND_FEED,     &KIND_MBOX, &KIND_MAIL,
    &KIND_JSONL, &KIND_CSV,    &KIND_TSV,  &KIND_MARKDOWN, &KIND_TEXT, &KIND_LINES};
#define N_KINDS (sizeof KINDS / sizeof KINDS[0])

const struct input_kind *kind_find(const char *head, size_t n_bytes, const char *path)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (KINDS[i]->recognise && KINDS[i]->recognise(head, n_bytes, path))
            return KINDS[i];
    return NULL;
}

const struct input_kind *kind_named(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(KINDS[i]->name, name) == 0)
            return KINDS[i];
    return NULL;
}

const char *kind_name(size_t i)
{
    return i < N_KINDS ? KINDS[i]->name : NULL;
}

bool path_has_extension(const char *path, const char *extensions)
{
    const char *dot = path ? strrchr(path, '.') : NULL;
    if (!dot)
        return false;
    size_t n_dot = strlen(dot + 1);
    while (*extensions) {
        size_t n = strcspn(extensions, " ");
        if (n == n_dot && strncasecmp(dot + 1, extensions, n) == 0)
            return true;
        extensions += n + (extensions[n] == ' ');
    }
    return false;
}
