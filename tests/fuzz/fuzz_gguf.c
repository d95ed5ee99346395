/* Any bytes as a model file: gguf_open gives an error or a directory whose every part can be looked
 * at. The corpus (corpus/gguf) has small files of each version; `fuzz_gguf corpus/gguf` with
 * libFuzzer, or any program that calls LLVMFuzzerTestOneInput for each file. */
#include "formats/gguf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* Reads every byte of a value, for the sanitizers. */
static uint64_t look_at(const struct gguf_value *value)
{
    uint64_t sum = 0;
    if (value->type == GGUF_STRING)
        return strlen(value->text.data) + value->text.n_bytes;
    if (value->type != GGUF_ARRAY)
        return value->u;
    if (value->item_type == GGUF_STRING)
        for (uint64_t i = 0; i < value->n_items; i++)
            sum += strlen(value->texts[i].data) +
                   (uint8_t)value->texts[i].data[value->texts[i].n_bytes];
    else if (value->n_items > 0)
        sum += ((const uint8_t *)value->items)[0] +
               ((const uint8_t *)value->items)[value->n_items - 1];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const char *const keys[] = {"general.architecture", "general.alignment", "a", "k"};
    char path[64];
    int fd = memfd_create("model", 0);
    if (fd < 0 || write(fd, bytes, n_bytes) != (ssize_t)n_bytes)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);

    struct error err = {0};
    struct gguf *gguf = gguf_open(path, &err);
    volatile uint64_t sum = gguf ? 0 : strlen(err.text);
    if (!gguf && sum == 0)
        abort(); /* an error says what it is */
    for (uint64_t i = 0; gguf && i < gguf_n_tensors(gguf); i++) {
        const struct tensor *tensor = gguf_tensor(gguf, i);
        if (gguf_find_tensor(gguf, tensor->name) != tensor ||
            tensor->offset + tensor->n_bytes > n_bytes)
            abort();
    }
    for (size_t i = 0; gguf && i < sizeof keys / sizeof keys[0]; i++) {
        const struct gguf_value *value = gguf_find(gguf, keys[i]);
        uint32_t u;
        float f;
        if (value)
            sum += look_at(value) + (uint64_t)gguf_get_u32_at(gguf, keys[i], 1, &u, &err) +
                   (uint64_t)gguf_get_float(gguf, keys[i], &f, &err);
    }
    if (gguf && gguf_resident_bytes(gguf) > (UINT64_C(1) << 20) + 64 * n_bytes)
        abort(); /* memory follows what is in the file */
    gguf_close(gguf);
    close(fd);
    return 0;
}
