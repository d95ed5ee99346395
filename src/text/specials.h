#ifndef TEXT_SPECIALS_H
#define TEXT_SPECIALS_H
/* Tokens that are looked for in the text before anything else: control tokens (only where they are
 * asked for) and user-defined ones (always). Private to this folder; read-only once open. */

#include "text/vocabulary.h"

/* Longer names are not looked for: bounds the work a hostile vocabulary can ask for. */
#define SPECIAL_MAX_BYTES 256

struct specials {
    uint32_t *ids; /* [n_ids] sorted by their bytes */
    uint32_t n_ids;
    bool starts[256]; /* bytes that one of them begins with */
};

int specials_open(struct specials *specials, const struct vocabulary *v,
                  struct error *err) MUST_CHECK;
void specials_close(struct specials *specials);

/* The first place at or after [at] where such a token is written, there the longest. Returns its id
 * and its borders, TOKEN_NONE when there is none. */
int32_t specials_find(const struct specials *specials, const struct vocabulary *v, const char *text,
                      size_t n_bytes, size_t at, bool control, size_t *from, size_t *to);

#endif
