#ifndef KINDS_H
#define KINDS_H
/* Inputs that are not plain text. A kind recognises a file by its first bytes and turns all of it
 * into text; what no kind recognises is text already, and streamed. A new kind (PDF, mail) is a
 * file like html.c and a row in kinds.c. */

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct input_kind {
    const char *name;
    /* [head]: up to LINES_HEAD_BYTES of the file's beginning. [path] is a hint only. */
    bool (*recognise)(const char *head, size_t n_bytes, const char *path);
    /* Appends the text: UTF-8, lines ended by a newline. */
    int (*read)(const char *data, size_t n_bytes, struct bytes *text, struct error *err);
};

/* NULL: plain text. */
const struct input_kind *kind_find(const char *head, size_t n_bytes, const char *path);

bool html_recognise(const char *head, size_t n_bytes, const char *path);
int html_read(const char *data, size_t n_bytes, struct bytes *text, struct error *err) MUST_CHECK;

#endif
