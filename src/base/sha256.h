#ifndef BASE_SHA256_H
#define BASE_SHA256_H
/* SHA-256 (FIPS 180-4): what documents and answers are known by. */

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

struct sha256 {
    uint32_t state[8];
    uint64_t n_bytes; /* so far */
    uint8_t block[64];
};

void sha256_init(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t n_bytes);
/* [sha] is used up. */
void sha256_finish(struct sha256 *sha, uint8_t hash[SHA256_BYTES]);

#endif
