#ifndef FORMATS_TENSOR_H
#define FORMATS_TENSOR_H
/* Tensors as a file describes them: name, type, shape and place. No data is loaded here. */

#include <stdbool.h>
#include <stdint.h>

/* Numbers are those of GGUF (ggml's type ids), so that a file's id is looked up directly. */
enum tensor_type {
    TENSOR_F32 = 0,
    TENSOR_F16 = 1,
    TENSOR_Q4_0 = 2,
    TENSOR_Q4_1 = 3,
    TENSOR_Q5_0 = 6,
    TENSOR_Q5_1 = 7,
    TENSOR_Q8_0 = 8,
    TENSOR_Q4_K = 12,
    TENSOR_Q5_K = 13,
    TENSOR_Q6_K = 14,
    TENSOR_BF16 = 30,
    TENSOR_TYPE_LIMIT = 64, /* ids at or above are unknown even by name */
};

/* What a type is made of: blocks of [block_len] consecutive weights of one row in [block_bytes]
 * bytes. */
struct tensor_type_info {
    const char *name;   /* "Q4_K"; known names also for types trawl cannot read, so that they can be
                           refused by name */
    uint32_t block_len; /* 0: trawl cannot read this type */
    uint32_t block_bytes;
};

/* Never NULL: unknown ids give {"type N"-like name "unknown", 0, 0}. */
const struct tensor_type_info *tensor_type_info(uint32_t type);

struct tensor {
    const char *name; /* owned by the directory */
    uint32_t type;    /* enum tensor_type, checked readable only by tensor_require */
    uint32_t n_dims;  /* 1-4 */
    uint64_t dims[4]; /* dims[0] contiguous (columns of a matrix: its inputs), dims[1] rows (its
                         outputs); unused ones are 1 */
    uint32_t file;    /* index into the directory's files */
    uint64_t offset;  /* from the start of that file */
    uint64_t n_bytes; /* in the file; checked to lie inside it */
};

/* Bytes of [n] consecutive weights of a row; n a multiple of block_len. */
static inline uint64_t tensor_row_bytes(const struct tensor_type_info *info, uint64_t n)
{
    return n / info->block_len * info->block_bytes;
}

#endif
