/* Tiles of rows times panels of weights, cut for the caches. */

#include "base/size.h"
#include "sweep/gemm.h"

/* Inputs multiplied before the next panel is taken: a tile of activations of that length stays in
 * the first-level cache. */
#define K_CHUNK 1024
/* Panels gone through per tile: together with K_CHUNK they stay in the second-level cache. */
#define PANELS_PER_BLOCK 4

/* What one call of a micro-kernel multiplies. */
struct block {
    size_t tile, panel; /* tile of the input, panel of the scratch */
    int n_rows;         /* that exist in the tile */
    uint32_t k0, k1;
    const uint8_t *next; /* needed next; int8 only */
    float *c;
    size_t stride;
};

/* What the product of inputs [k0, k1) of a tile and a panel fetches of them; or NULL. */
static const uint8_t *take_ahead(struct ahead *ahead, uint32_t k0, uint32_t k1)
{
    if (ahead->n_bytes == 0)
        return NULL;
    const uint8_t *blocks = ahead->blocks;
    size_t n = min_size(ahead->n_bytes, (size_t)GEMM_NEXT_BYTES * (k1 - k0));
    ahead->blocks += n;
    ahead->n_bytes -= n;
    return blocks;
}

static void multiply_block(const struct gemm_job *job, const struct scratch *scratch,
                           const struct packed *input, const struct block *block)
{
    const struct kernels *kernels = job->sweep->shape.kernels;
    const struct quant_layout *layout = &job->layout;
    size_t mr = (size_t)kernels->shape.mr, nr = (size_t)kernels->shape.nr;
    if (job->sweep->shape.exact) {
        struct gemm_f32_args args = {.a = input->x + block->tile * mr * layout->k,
                                     .w = scratch->panel_x + block->panel * nr * layout->k,
                                     .k0 = block->k0,
                                     .k1 = block->k1,
                                     .c = block->c,
                                     .ldc = block->stride,
                                     .first = block->k0 == 0};
        kernels->gemm_f32(&args);
    } else {
        struct gemm_q8_args args = {
            .layout = layout,
            .a = input->q + block->tile * gemm_tile_bytes(&kernels->shape, layout->k_pad),
            .a_scales = input->scales + block->tile * mr * layout->n_groups,
            .panel = gemm_panel(job, scratch, block->panel),
            .g0 = block->k0 / layout->group,
            .g1 = block->k1 / layout->group,
            .c = block->c,
            .ldc = block->stride,
            .first = block->k0 == 0,
            .n_rows = block->n_rows,
            .next = block->next};
        kernels->gemm_q8(&args);
    }
}

/* Where the inputs from [k] on of tile [tile] lie; NULL unless they are int8. */
static const uint8_t *tile_at(const struct gemm_job *job, const struct packed *input, size_t tile,
                              uint32_t k)
{
    const struct gemm_shape *shape = &job->sweep->shape.kernels->shape;
    return input->q
               ? (const uint8_t *)input->q + gemm_tile_bytes(shape, tile * job->layout.k_pad + k)
               : NULL;
}

/* Panels [first, first + n_panels) and their inputs [k0, k1): what stays in the second-level cache
 * while all tiles meet it. */
struct chunk {
    size_t first, n_panels;
    uint32_t k0, k1;
};

/* A piece of the panels of [chunk], for the call-th of [n_calls] calls that can fetch one; they are
 * wanted after the last, and lie far where panels do not all fit the cache. NULL: none now. */
static const uint8_t *piece_of(const struct gemm_job *job, const struct scratch *scratch,
                               const struct chunk *chunk, size_t call, size_t n_calls)
{
    size_t nr = (size_t)job->sweep->shape.kernels->shape.nr, per_panel = nr / GEMM_NEXT_BYTES;
    size_t n_pieces = chunk->n_panels * per_panel;
    size_t skipped = n_calls > n_pieces ? n_calls - n_pieces : 0, piece = call - skipped;
    if (call < skipped || piece >= n_pieces)
        return NULL;
    size_t n_inputs = chunk->k1 - chunk->k0;
    return (const uint8_t *)gemm_panel(job, scratch, chunk->first + piece / per_panel).w +
           chunk->k0 * nr + piece % per_panel * n_inputs * GEMM_NEXT_BYTES;
}

/* [n_rows] rows from tile [tile] on times a chunk. While a tile meets the panels, what comes after
 * is fetched: the blocks ahead, or the next tile and panels of the next chunk. */
static void multiply_chunk(const struct gemm_job *job, struct scratch *scratch, size_t tile,
                           size_t n_rows, const struct chunk *chunk, const struct chunk *after,
                           size_t stride, struct ahead *ahead)
{
    const struct packed *input = sweep_packed(job->sweep, job->step->src);
    size_t mr = (size_t)job->sweep->shape.kernels->shape.mr;
    size_t nr = (size_t)job->sweep->shape.kernels->shape.nr, n_tiles = div_up(n_rows, mr);
    for (size_t t = 0; t < n_tiles; t++) {
        size_t next_tile = t + 1 < n_tiles ? tile + t + 1 : tile;
        uint32_t next_k = t + 1 < n_tiles ? chunk->k0 : after->k0;
        for (size_t p = 0; p < chunk->n_panels; p++) {
            const uint8_t *next = take_ahead(ahead, chunk->k0, chunk->k1);
            if (!next && p == 0)
                next = tile_at(job, input, next_tile, next_k);
            else if (!next && input->q)
                next = piece_of(job, scratch, after, t * (chunk->n_panels - 1) + p - 1,
                                n_tiles * (chunk->n_panels - 1));
            struct block block = {.tile = tile + t,
                                  .panel = chunk->first + p,
                                  .n_rows = (int)min_size(mr, n_rows - t * mr),
                                  .k0 = chunk->k0,
                                  .k1 = chunk->k1,
                                  .next = next,
                                  .c =
                                      scratch->products + t * mr * stride + (chunk->first + p) * nr,
                                  .stride = stride};
            multiply_block(job, scratch, input, &block);
        }
    }
}

void gemm_multiply(const struct gemm_job *job, struct scratch *scratch, size_t tile, size_t n_rows,
                   size_t first, size_t end, size_t stride, struct ahead ahead)
{
    const struct quant_layout *layout = &job->layout;
    uint32_t k_end = job->sweep->shape.exact ? layout->k : layout->k_pad;
    uint32_t n_inputs =
        job->sweep->shape.exact ? K_CHUNK / 4 : (uint32_t)round_down(K_CHUNK, layout->group);
    size_t n_chunks = div_up(end - first, PANELS_PER_BLOCK) * div_up(k_end, n_inputs);
    struct chunk chunk = {first, min_size(PANELS_PER_BLOCK, end - first), 0,
                          (uint32_t)min_size(n_inputs, k_end)};
    for (size_t i = 0; i < n_chunks; i++) {
        /* The next panels; then the first ones with the next inputs, of the last inputs the first.
         */
        struct chunk after = chunk;
        after.first += chunk.n_panels;
        if (after.first == end) {
            after.first = first;
            after.k0 = chunk.k1 < k_end ? chunk.k1 : 0;
            after.k1 = (uint32_t)min_size(after.k0 + n_inputs, k_end);
        }
        after.n_panels = min_size(PANELS_PER_BLOCK, end - after.first);
        multiply_chunk(job, scratch, tile, n_rows, &chunk, &after, stride, &ahead);
        chunk = after;
    }
}
