/* Any bytes as JSON: what is accepted has members that are JSON again, and strings that are text as
 * long as they can be. */
#include "../../cli/input/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void look_at(const struct json_value *value, const char *start, size_t n_all)
{
    struct error err = {0};
    struct json_value again, member;
    struct bytes text = {0};
    size_t at = 0;
    int status;
    if (value->text < start || value->text + value->n_bytes > start + n_all ||
        json_parse(value->text, value->n_bytes, &again, &err) < 0 || again.type != value->type)
        abort();
    if (value->type == JSON_STRING &&
        (json_append_string(value, &text, &err) < 0 || text.n_bytes > value->n_bytes))
        abort();
    if (value->type == JSON_OBJECT) {
        while ((status = json_next_member(value, &at, &text, &member, &err)) > 0)
            if (member.n_bytes < 4096) /* objects in objects are looked at again and again */
                look_at(&member, value->text, value->n_bytes);
        if (status < 0)
            abort();
    }
    bytes_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {0};
    struct json_value value;
    char *copy = malloc(n_bytes + 1); /* so that a byte read behind the end is seen */
    if (!copy)
        abort();
    char *text = copy + 1;
    memcpy(text, bytes, n_bytes);
    if (json_parse(text, n_bytes, &value, &err) == 0)
        look_at(&value, text, n_bytes);
    else if (err.text[0] == '\0')
        abort();
    free(copy);
    return 0;
}
