#include "id_list.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int append(struct trawl_tokens *tokens, int32_t id, struct error *err)
{
    if (tokens->n_ids == tokens->capacity) {
        size_t capacity = tokens->capacity ? tokens->capacity * 2 : 256;
        int32_t *ids = realloc(tokens->ids, capacity * sizeof *ids);
        if (!ids)
            return fail_memory(err, capacity * sizeof *ids, "token ids");
        tokens->ids = ids;
        tokens->capacity = capacity;
    }
    tokens->ids[tokens->n_ids++] = id;
    return 0;
}

int id_list_read(const char *text, const char *end, struct trawl_tokens *out, struct error *err)
{
    while (text < end) {
        if (isspace((unsigned char)*text)) {
            text++;
            continue;
        }
        const char *word = text;
        int64_t id = 0;
        for (; text < end && isdigit((unsigned char)*text) && id <= INT32_MAX; text++)
            id = id * 10 + (*text - '0');
        if (text == word || id > INT32_MAX || (text < end && !isspace((unsigned char)*text))) {
            while (text < end && !isspace((unsigned char)*text))
                text++;
            int n = text - word < 40 ? (int)(text - word) : 40;
            return fail(err, ERROR_FORMAT, "'%.*s' is not a token id", n, word);
        }
        if (append(out, (int32_t)id, err) < 0)
            return -1;
    }
    return 0;
}
