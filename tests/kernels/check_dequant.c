/* Unpacking of every tensor type: every variant against published vectors and against the plain C
 * one, bit for bit. */

#include "variants.h"

#include "dequant_vectors.h"

struct dequant_variant {
    uint32_t type;
    const char *name, *isa;
    unsigned need;
    dequant_fn *fn, *plain;
};

static const struct dequant_variant dequants[] = {
#define AS_DATA(type, name, isa, need)                                                             \
    {type, #name, #isa, need, dequant_##name##_##isa, dequant_##name##_c},
    DEQUANT_VARIANTS(AS_DATA)
#undef AS_DATA
};

enum { N_DEQUANTS = sizeof dequants / sizeof dequants[0] };

static bool dequant_applies(const struct dequant_variant *v)
{
    check_case("dequant_%s_%s", v->name, v->isa);
    return (cpu_features() & v->need) == v->need;
}

static void block_size(uint32_t type, size_t *n_weights, size_t *n_bytes)
{
    static const struct {
        uint32_t type;
        size_t n_weights, n_bytes;
    } sizes[] = {
        {TENSOR_F32, 1, 4},      {TENSOR_F16, 1, 2},      {TENSOR_BF16, 1, 2},
        {TENSOR_Q8_0, 32, 34},   {TENSOR_Q4_0, 32, 18},   {TENSOR_Q4_1, 32, 20},
        {TENSOR_Q5_0, 32, 22},   {TENSOR_Q5_1, 32, 24},   {TENSOR_Q4_K, 256, 144},
        {TENSOR_Q5_K, 256, 176}, {TENSOR_Q6_K, 256, 210},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i].type == type) {
            *n_weights = sizes[i].n_weights;
            *n_bytes = sizes[i].n_bytes;
        }
    }
}

TEST(dequant_reads_published_vectors)
{
    static const struct {
        uint32_t type;
        const uint8_t *blocks;
        const uint32_t *weights;
        size_t n;
    } cases[] = {
#define CASE(type, name) {type, name##_blocks, name##_weights, sizeof name##_weights / 4}
        CASE(TENSOR_Q8_0, q8_0), CASE(TENSOR_Q4_0, q4_0), CASE(TENSOR_Q4_1, q4_1),
        CASE(TENSOR_Q5_0, q5_0), CASE(TENSOR_Q5_1, q5_1), CASE(TENSOR_Q4_K, q4_k),
        CASE(TENSOR_Q5_K, q5_k), CASE(TENSOR_Q6_K, q6_k),
#undef CASE
    };
    for (size_t i = 0; i < N_DEQUANTS; i++) {
        for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
            if (cases[c].type != dequants[i].type || !dequant_applies(&dequants[i]))
                continue;
            float to[3 * 256];
            dequants[i].fn(cases[c].blocks, to, cases[c].n);
            for (size_t j = 0; j < cases[c].n; j++)
                CHECK(to[j] == float_of(cases[c].weights[j]));
        }
    }
}

/* Makes one of the block's f16 numbers an infinity, a NaN or a subnormal. */
static void make_special(uint32_t type, uint8_t *block, struct rng *rng)
{
    static const uint16_t special[] = {0x7c00, 0xfc00, 0x7e00, 0x0001, 0x83ff, 0x8000};
    const uint16_t half = special[rng_below(rng, sizeof special / sizeof special[0])];
    uint8_t *at = block + (type == TENSOR_Q6_K ? 208 : 2 * rng_below(rng, 2));
    at[0] = (uint8_t)half;
    at[1] = (uint8_t)(half >> 8);
}

TEST(dequant_variants_agree)
{
    struct rng rng = rng_make(check_seed());
    for (size_t i = 0; i < N_DEQUANTS; i++) {
        if (!dequant_applies(&dequants[i]))
            continue;
        size_t n_weights = 0, n_bytes = 0;
        block_size(dequants[i].type, &n_weights, &n_bytes);
        for (size_t n_blocks = 1; n_blocks < 80; n_blocks += n_weights == 1 ? 1 : 13) {
            const size_t n = n_blocks * n_weights;
            struct guarded blocks = guarded_new(n_blocks * n_bytes);
            uint8_t *bytes = blocks.data;
            for (size_t j = 0; j < n_blocks * n_bytes; j++)
                bytes[j] = (uint8_t)rng_u64(&rng);
            for (size_t j = 0; j < n_blocks && n_weights > 1; j += 2)
                make_special(dequants[i].type, bytes + j * n_bytes, &rng);
            struct guarded to = guarded_new(n * sizeof(float)),
                           plain = guarded_new(n * sizeof(float));
            const float *got = to.data, *expected = plain.data;
            dequants[i].fn(bytes, to.data, n);
            dequants[i].plain(bytes, plain.data, n);
            for (size_t j = 0; j < n; j++)
                CHECK(got[j] == expected[j] || (isnan(got[j]) && isnan(expected[j])));
            guarded_free(&plain);
            guarded_free(&to);
            guarded_free(&blocks);
        }
    }
}

TEST(dequant_reads_every_half_and_bfloat)
{
    for (size_t i = 0; i < N_DEQUANTS; i++) {
        const bool half = dequants[i].type == TENSOR_F16;
        if ((!half && dequants[i].type != TENSOR_BF16) || !dequant_applies(&dequants[i]))
            continue;
        for (uint32_t bits = 0; bits < 65536; bits += 32) {
            uint16_t from[32];
            float to[32];
            for (uint32_t j = 0; j < 32; j++)
                from[j] = (uint16_t)(bits + j);
            dequants[i].fn(from, to, 32);
            for (uint32_t j = 0; j < 32; j++) {
                const uint32_t exponent = (bits + j) >> 10 & 31, fraction = (bits + j) & 1023;
                float expected = float_of((bits + j) << 16);
                if (half && exponent == 31)
                    expected = fraction ? NAN : (bits + j) & 0x8000 ? -INFINITY : INFINITY;
                else if (half)
                    expected = ldexpf((float)(exponent ? fraction + 1024 : fraction),
                                      (int)(exponent ? exponent : 1) - 25) *
                               ((bits + j) & 0x8000 ? -1.0f : 1.0f);
                CHECK(to[j] == expected || (isnan(to[j]) && isnan(expected)));
            }
        }
    }
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
