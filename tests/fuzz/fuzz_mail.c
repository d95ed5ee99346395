/* Any bytes as an mbox or, where the first byte is odd, as one mail: every record is UTF-8 and no
 * larger than it may be. */
#include "../../cli/input/kinds.h"
#include "../../cli/input/record_build.h"
#include "../../cli/utf8_check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check(const struct record *record)
{
    if (!utf8_is_valid(record->text, record->n_bytes) || record->text[record->n_bytes] != '\0')
        abort();
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct record_field *field = &record->fields[i];
        if (!utf8_is_valid(field->value, field->n_bytes) || field->value[field->n_bytes] != '\0' ||
            strlen(field->name) == 0)
            abort();
        if (strcmp(field->name, "body") == 0 && field->n_bytes > 4 * MOST_BYTES)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {0};
    struct bytes copy = {0};
    struct input input = {.name = "fuzz"};
    struct records_options options = {0};
    if (n_bytes == 0)
        return 0;
    const struct input_kind *kind = bytes[0] & 1 ? &KIND_MAIL : &KIND_MBOX;
    if (bytes_append(&copy, bytes + 1, n_bytes - 1, &err) < 0)
        abort();
    struct reader reader = {.options = &options,
                            .input = &input,
                            .intake = intake_open_bytes(&copy, &err),
                            .most_bytes = MOST_BYTES};
    if (!reader.intake || kind->open(&reader, &err) < 0)
        abort();
    int status;
    size_t n_records = 0;
    do {
        struct record *record = record_new(&err);
        if (!record)
            abort();
        status = kind->next(&reader, record, &err);
        if (status > 0)
            check(record);
        record_free(record);
        if (++n_records > n_bytes + 1)
            abort();
    } while (status > 0);
    if (status < 0 && err.kind == ERROR_MEMORY)
        abort();
    kind->close(&reader);
    intake_close(reader.intake);
    return 0;
}
