/* make_tiny PATH [KEY=NUMBER ...]: a random model for the scripts that test the program. KEYs:
 * layers, dim, heads, kv_heads, ffn, context, vocab, type (a tensor type's number in GGUF), seed.
 */

#include "support/tiny_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool set(struct tiny_model *model, const char *key, size_t n_key, uint64_t value)
{
    const struct {
        const char *name;
        uint32_t *field;
    } keys[] = {
        {"layers", &model->n_layers},     {"dim", &model->dim},     {"heads", &model->n_heads},
        {"kv_heads", &model->n_kv_heads}, {"ffn", &model->ffn_dim}, {"context", &model->context},
        {"vocab", &model->n_vocab},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strlen(keys[i].name) == n_key && strncmp(keys[i].name, key, n_key) == 0) {
            *keys[i].field = (uint32_t)value;
            return true;
        }
    if (n_key == 4 && strncmp("type", key, n_key) == 0)
        model->type = (enum tensor_type)value;
    else if (n_key == 4 && strncmp("seed", key, n_key) == 0)
        model->seed = value;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct tiny_model model = {.seed = 1};
    for (int i = 2; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        if (!equals ||
            !set(&model, argv[i], (size_t)(equals - argv[i]), strtoull(equals + 1, NULL, 10))) {
            fprintf(stderr, "make_tiny: %s: no such key\n", argv[i]);
            return 2;
        }
    }
    if (argc < 2) {
        fprintf(stderr, "usage: make_tiny PATH [KEY=NUMBER ...]\n");
        return 2;
    }
    tiny_model_write(&model, argv[1]);
    return 0;
}
