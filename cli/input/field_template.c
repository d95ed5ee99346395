#include "field_template.h"

#include <string.h>

/* A piece of a template. */
struct piece {
    const char *text; /* to be put out, or the name of a field */
    size_t n_bytes;
    bool is_field;
};

/* The piece at *at, which goes behind it: 1; 0: the end; -1. */
static int next_piece(const char **at, enum template_use use, struct piece *piece,
                      struct error *err)
{
    static const char escapes[] = "nt\\", meanings[] = "\n\t\\";
    const char *start = *at;
    if (*start == '\0')
        return 0;
    bool may_escape = use == TEMPLATE_OF_DOCUMENT && start[0] == '\\' && start[1];
    const char *escape = may_escape ? strchr(escapes, start[1]) : NULL;
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

int field_template_check(const char *template, enum template_use use, bool *has_fields,
                         struct error *err)
{
    struct piece piece;
    bool any = false;
    int status;
    while ((status = next_piece(&template, use, &piece, err)) > 0)
        any |= piece.is_field;
    if (has_fields)
        *has_fields = any;
    return status;
}

static bool is_named(const struct piece *piece, const char *name)
{
    return strlen(name) == piece->n_bytes && memcmp(name, piece->text, piece->n_bytes) == 0;
}

static int append_field(const struct piece *piece, enum template_use use,
                        const struct record *record, struct bytes *out, struct error *err)
{
    for (size_t i = 0; i < record->n_fields; i++)
        if (is_named(piece, record->fields[i].name))
            return bytes_append(out, record->fields[i].value, record->fields[i].n_bytes, err);
    if (use == TEMPLATE_OF_DOCUMENT)
        return is_named(piece, "text") ? bytes_append(out, record->text, record->n_bytes, err) : 0;
    if (is_named(piece, "id"))
        return bytes_append_text(out, record->id, err);
    return fail(err, ERROR_USAGE, "it has no field '%.*s', which a question asks about",
                (int)(piece->n_bytes < 80 ? piece->n_bytes : 80), piece->text);
}

int field_template_render(const char *template, enum template_use use, const struct record *record,
                          struct bytes *out, struct error *err)
{
    struct piece piece;
    int status;
    while ((status = next_piece(&template, use, &piece, err)) > 0) {
        status = piece.is_field ? append_field(&piece, use, record, out, err)
                                : bytes_append(out, piece.text, piece.n_bytes, err);
        if (status < 0)
            return -1;
    }
    return status;
}
