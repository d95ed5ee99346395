#include "field_template.h"

#include <stdlib.h>
#include <string.h>

/* A piece of a template. */
struct piece {
    const char *text; /* to be put out, or the name of a field */
    size_t n_bytes;
    bool is_field;
};

/* The piece at *at, which goes behind it: 1; 0: the end; -1. */
static int next_piece(const char **at, struct piece *piece, struct error *err)
{
    static const char escapes[] = "nt\\", meanings[] = "\n\t\\";
    const char *start = *at;
    if (*start == '\0')
        return 0;
    const char *escape = start[0] == '\\' && start[1] ? strchr(escapes, start[1]) : NULL;
    *piece = (struct piece){.text = start, .n_bytes = 1};
    *at = start + 1;
    if (escape) {
        piece->text = meanings + (escape - escapes);
        *at = start + 2;
    } else if ((*start == '{' || *start == '}') && start[1] == *start) {
        *at = start + 2;
    } else if (*start == '{') {
        size_t n = strcspn(start + 1, "{}");
        if (start[1 + n] != '}' || n == 0)
            return fail(err, ERROR_USAGE,
                        "'%.40s': a brace begins the name of a field, as in {title}; {{ is a brace",
                        start);
        *piece = (struct piece){.text = start + 1, .n_bytes = n, .is_field = true};
        *at = start + n + 2;
    } else if (*start == '}') {
        return fail(err, ERROR_USAGE, "'%.40s': there is nothing to close; }} is a brace", start);
    } else {
        piece->n_bytes = 1 + strcspn(start + 1, "{}\\");
        *at = start + piece->n_bytes;
    }
    return 1;
}

int field_template_check(const char *template, struct error *err)
{
    struct piece piece;
    int status;
    while ((status = next_piece(&template, &piece, err)) > 0)
        ;
    return status;
}

static int append_field(const struct piece *piece, const struct record *record, struct bytes *out,
                        struct error *err)
{
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct record_field *field = &record->fields[i];
        if (strlen(field->name) == piece->n_bytes &&
            memcmp(field->name, piece->text, piece->n_bytes) == 0)
            return bytes_append(out, field->value, field->n_bytes, err);
    }
    if (piece->n_bytes == 4 && memcmp(piece->text, "text", 4) == 0)
        return bytes_append(out, record->text, record->n_bytes, err);
    return 0;
}

int field_template_render(const char *template, const struct record *record, struct bytes *out,
                          struct error *err)
{
    struct piece piece;
    int status;
    while ((status = next_piece(&template, &piece, err)) > 0) {
        status = piece.is_field ? append_field(&piece, record, out, err)
                                : bytes_append(out, piece.text, piece.n_bytes, err);
        if (status < 0)
            return -1;
    }
    return status;
}
