#include "fill.h"

#include "../input/record.h"

#include <string.h>

/* What stands at [text]: literal bytes, or a field {name}. */
struct piece {
    const char *text; /* literal, or name */
    size_t n_bytes;   /* 0: the end */
    bool is_field;
};

static int next_piece(const char **at, struct piece *piece, struct error *err)
{
    const char *text = *at;
    size_t n = strcspn(text, "{}");
    *piece = (struct piece){text, n, false};
    if (n > 0 || *text == '\0') {
        *at = text + n;
        return 0;
    }
    if (text[1] == text[0]) { /* {{ and }} */
        piece->n_bytes = 1;
        *at = text + 2;
        return 0;
    }
    n = strcspn(text + 1, "{}");
    if (*text == '}' || text[1 + n] != '}' || n == 0)
        return fail(err, ERROR_USAGE,
                    "\"%.60s\": a brace that belongs to no {field}; {{ and }} are braces "
                    "themselves",
                    text);
    *piece = (struct piece){text + 1, n, true};
    *at = text + n + 2;
    return 0;
}

int fill_has_fields(const char *text, bool *has_fields, struct error *err)
{
    struct piece piece;
    *has_fields = false;
    do {
        if (next_piece(&text, &piece, err) < 0)
            return -1;
        *has_fields |= piece.is_field;
    } while (piece.n_bytes > 0);
    return 0;
}

static bool is_name(const struct piece *piece, const char *name)
{
    return strlen(name) == piece->n_bytes && memcmp(name, piece->text, piece->n_bytes) == 0;
}

static int append_field(const struct piece *piece, const struct record *record, struct bytes *out,
                        struct error *err)
{
    for (size_t i = 0; i < record->n_fields; i++)
        if (is_name(piece, record->fields[i].name))
            return bytes_append(out, record->fields[i].value, record->fields[i].n_bytes, err);
    if (is_name(piece, "id"))
        return bytes_append_text(out, record->id, err);
    return fail(err, ERROR_USAGE, "it has no field '%.*s', which a question asks about",
                (int)(piece->n_bytes < 80 ? piece->n_bytes : 80), piece->text);
}

int fill_text(const char *text, const struct record *record, struct bytes *out, struct error *err)
{
    struct piece piece;
    do {
        if (next_piece(&text, &piece, err) < 0 ||
            (piece.is_field ? append_field(&piece, record, out, err)
                            : bytes_append(out, piece.text, piece.n_bytes, err)) < 0)
            return -1;
    } while (piece.n_bytes > 0);
    return 0;
}
