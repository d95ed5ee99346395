#ifndef SUPPORT_QUANTIZE_H
#define SUPPORT_QUANTIZE_H
/* Simple quantisers, float to every block type that trawl reads: valid blocks with sensible scales,
 * not the best ones. Written from the layouts in ggml's documentation; how to read them back is
 * kernels/blocks.h's. */

#include "formats/tensor.h"

#include <stddef.h>
#include <stdint.h>

uint16_t quantize_f16(float x);  /* nearest, ties to even; overflow becomes infinity */
uint16_t quantize_bf16(float x); /* nearest, ties to even */

/* [n] weights (a multiple of the type's block) to [to], tensor_row_bytes(info, n) bytes. Aborts for
 * types trawl cannot read. */
void quantize_weights(enum tensor_type type, const float *x, size_t n, uint8_t *to);

#endif
