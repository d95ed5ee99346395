#include "kinds.h"

static const struct input_kind KINDS[] = {
    {"html", html_recognise, html_read},
};

const struct input_kind *kind_find(const char *head, size_t n_bytes, const char *path)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (KINDS[i].recognise(head, n_bytes, path))
            return &KINDS[i];
    return NULL;
}
