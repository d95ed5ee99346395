#ifndef TOML_H
#define TOML_H
/* The part of TOML 1.0 that a sheet needs: comments, `key = value` with bare or quoted keys,
 * strings of all four kinds, whole numbers, numbers, booleans, arrays of these (over several lines
 * if wanted), and [[tables]] of an array. Anything else (dotted keys, [tables], inline tables,
 * dates, arrays in arrays, hexadecimal and underscored numbers) is refused by line and name, as are
 * keys given twice. */

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum toml_kind { TOML_STRING, TOML_INTEGER, TOML_NUMBER, TOML_BOOLEAN, TOML_ARRAY };

struct toml_value {
    enum toml_kind kind;
    unsigned line;
    const char *text; /* string: NUL-terminated, no NUL inside */
    int64_t integer;
    double number; /* of an integer too */
    bool boolean;
    const struct toml_value *items; /* [n_items], none of them an array */
    size_t n_items;
};

struct toml_entry {
    const char *key;
    struct toml_value value;
    struct toml_entry *next;
};

/* Entries in the order of the file. The first table is what stands before any [[name]]. */
struct toml_table {
    const char *name; /* "" for the first */
    unsigned line;
    struct toml_entry *entries;
    struct toml_table *next;
};

/* Everything lives in [arena]. NULL with [err], which names the line. */
const struct toml_table *toml_parse(const char *text, size_t n_bytes, struct arena *arena,
                                    struct error *err) MUST_CHECK;

#endif
