#ifndef ENGINE_ANSWER_KEY_H
#define ENGINE_ANSWER_KEY_H
/* What an answer is remembered by: a hash of all that it depends on. */

#include "base/sha256.h"
#include "engine/model.h"

struct answer_keys {
    struct sha256 common; /* model, adapters, numerics */
};

int answer_keys_init(struct answer_keys *keys, const struct trawl_model *model,
                     const char *numerics, struct error *err) MUST_CHECK;
void answer_keys_make(const struct answer_keys *keys, const uint8_t readout[SHA256_BYTES],
                      const int32_t *ids, size_t n_ids, uint8_t key[TRAWL_KEY_BYTES]);

#endif
