/* Matrices: slices of weights times all rows. One work item is a piece of a slice's outputs: its
 * weights are unpacked once into panels, the worker's own or those that the slice keeps from then
 * on, and then multiplied with every row, so workers share nothing but the activations. Three
 * layers, kept apart: unpacking (formats), products (the micro-kernel and its cache blocking), and
 * where results go. */

#include "base/clock.h"
#include "base/size.h"
#include "sweep/steps.h"

#include <math.h>
#include <string.h>

/* Inputs multiplied before the next panel is taken: a tile of activations of that length stays in
 * the first-level cache. */
#define K_CHUNK 1024
/* Panels gone through per tile: together with K_CHUNK they stay in the second-level cache. */
#define PANELS_PER_BLOCK 4

/* Weights in memory: rows of [k] values of [type]. */
struct operand {
    const uint8_t *rows;
    uint32_t type;
    uint64_t row_bytes;
    const struct weight *weight;
};

struct gemm_job {
    struct sweep *sweep;
    const struct step *step;
    struct operand operands[2]; /* the second is `up` */
    int n_operands;
    uint32_t first, n; /* outputs of the slice */
    uint32_t piece;    /* outputs of an item, of each operand */
    struct quant_layout layout;
    uint8_t *kept; /* the panels of all items, where the slice keeps them */
    bool made;     /* they are there already */
};

/* ---- Unpacking ---- */

/* Where the panels of item [item] go, [n_panels] of them: all their weights, all scales, all
 * starts. */
static struct panel_q8 panels_of(const struct gemm_job *job, const struct scratch *scratch,
                                 size_t item, size_t n_panels)
{
    if (!job->kept)
        return scratch->own;
    const struct gemm_shape *shape = &job->sweep->shape.kernels->shape;
    size_t outputs = n_panels * (size_t)shape->nr;
    uint8_t *w = job->kept + item * (size_t)job->n_operands *
                                 slicing_panel_bytes(shape, &job->layout, job->piece);
    float *scales = (float *)(w + outputs * job->layout.k_pad);
    return (struct panel_q8){(int8_t *)w, scales,
                             (int32_t *)(scales + outputs * job->layout.n_groups)};
}

static struct panel_q8 panel_at(const struct gemm_job *job, const struct scratch *scratch,
                                size_t panel)
{
    size_t nr = (size_t)job->sweep->shape.kernels->shape.nr;
    size_t groups = panel * nr * job->layout.n_groups;
    return (struct panel_q8){scratch->panels.w + panel * nr * job->layout.k_pad,
                             scratch->panels.scales + groups, scratch->panels.start + groups};
}

static bool all_finite(const float *x, size_t n)
{
    uint32_t largest = 0; /* exponent bits; integers, so that the compiler may vectorise */
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7f800000u;
        largest = bits > largest ? bits : largest;
    }
    return largest != 0x7f800000u;
}

static bool unpack_floats(const struct gemm_job *job, struct scratch *scratch,
                          const struct operand *operand, uint32_t row, int n_rows, float *panel)
{
    const struct kernels *kernels = job->sweep->shape.kernels;
    const struct tensor_type_info *info = tensor_type_info(operand->type);
    size_t nr = (size_t)kernels->shape.nr;
    uint32_t k = job->layout.k;
    bool finite = true;
    if (n_rows < (int)nr)
        memset(panel, 0, (size_t)k * nr * sizeof *panel);
    for (int r = 0; r < n_rows; r++)
        for (uint32_t first = 0; first < k; first += 256) { /* every block length divides 256 */
            uint32_t n = k - first < 256 ? k - first : 256;
            const uint8_t *blocks = operand->rows + (row + (uint32_t)r) * operand->row_bytes +
                                    tensor_row_bytes(info, first);
            kernels->dequant[operand->type](blocks, scratch->floats, n);
            finite &= all_finite(scratch->floats, n);
            for (uint32_t i = 0; i < n; i++)
                panel[(size_t)(first + i) * nr + (size_t)r] = scratch->floats[i];
        }
    return finite;
}

/* One panel of an item: up to nr rows of an operand. */
struct rows_of {
    const struct operand *operand;
    uint32_t first;
    int n;
};

/* Panel [panel] of the item of outputs [first, first + n): those of the second operand come after
 * those of the first. */
static struct rows_of rows_of_panel(const struct gemm_job *job, uint32_t first, uint32_t n,
                                    size_t panel)
{
    size_t nr = (size_t)job->sweep->shape.kernels->shape.nr, per_operand = div_up(n, nr);
    size_t at = panel % per_operand * nr;
    return (struct rows_of){&job->operands[panel / per_operand], first + (uint32_t)at,
                            (int)min_size(nr, n - at)};
}

static const uint8_t *blocks_of(const struct rows_of *rows)
{
    return rows->operand->rows + rows->first * rows->operand->row_bytes;
}

static void unpack_panel(const struct gemm_job *job, struct scratch *scratch,
                         const struct rows_of *rows, size_t panel)
{
    const struct kernels *kernels = job->sweep->shape.kernels;
    const struct operand *operand = rows->operand;
    bool finite;
    if (job->sweep->shape.exact) {
        finite =
            unpack_floats(job, scratch, operand, rows->first, rows->n,
                          scratch->panel_x + panel * (size_t)kernels->shape.nr * job->layout.k);
    } else {
        struct weight_rows blocks = {blocks_of(rows), operand->row_bytes, rows->n};
        struct panel_q8 to = panel_at(job, scratch, panel);
        finite = kernels->unpack[operand->type](&job->layout, &blocks, &to);
    }
    if (!finite)
        atomic_store(&job->sweep->bad_values, operand->weight->tensor->name);
}

/* ---- Products ---- */

/* What one call of a micro-kernel multiplies. */
struct block {
    size_t tile, panel; /* tile of the input, panel of the scratch */
    int n_rows;         /* that exist in the tile */
    uint32_t k0, k1;
    const uint8_t *next; /* needed next; int8 only */
    float *c;
    size_t stride;
};

/* Blocks that are unpacked after some products, fetched meanwhile: few rows would have to wait for
 * memory once per panel. */
struct ahead {
    const uint8_t *blocks;
    size_t n_bytes; /* that were not asked for yet */
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
            .panel = panel_at(job, scratch, block->panel),
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
    return (const uint8_t *)panel_at(job, scratch, chunk->first + piece / per_panel).w +
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

/* [n_rows] rows from tile [tile] on times panels [first, end). */
static void multiply(const struct gemm_job *job, struct scratch *scratch, size_t tile,
                     size_t n_rows, size_t first, size_t end, size_t stride, struct ahead ahead)
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

/* ---- Where results go ---- */

/* One row of products gets bias and low-rank terms: y += b + sum over ranks of t[r] * B[r]. [t] is
 * this row of LOWRANK, past other operands' ranks. */
static void finish_row(const struct gemm_job *job, const struct weight *weight, const float *t,
                       uint32_t first, uint32_t n, float *y)
{
    axpy_fn *axpy = job->sweep->shape.kernels->axpy;
    if (weight->bias)
        axpy(1.0f, weight->bias + first, y, n);
    for (uint32_t r = 0; r < weight->lowrank.rank; r++)
        axpy(t[r], weight->lowrank.b + (size_t)r * weight->n + first, y, n);
}

static const float *lowrank_row(const struct sweep *sweep, size_t row)
{
    return sweep->lowrank + row * sweep->shape.network->lowrank_width;
}

/* Products of rows [row, row + n_rows) and outputs [first, first + n): stored or added to dst. */
static void put_rows(const struct gemm_job *job, struct scratch *scratch, size_t row, size_t n_rows,
                     size_t stride, uint32_t first, uint32_t n)
{
    struct sweep *sweep = job->sweep;
    const struct weight *weight = job->step->weight;
    float *dst = sweep_floats(sweep, job->step->dst);
    size_t width = sweep_width(sweep, job->step->dst);
    for (size_t i = 0; i < n_rows; i++) {
        float *y = scratch->products + i * stride;
        finish_row(job, weight, lowrank_row(sweep, row + i), first, n, y);
        float *to = dst + (row + i) * width + first;
        if (job->step->result == RESULT_ADD)
            sweep->shape.kernels->axpy(1.0f, y, to, n);
        else
            memcpy(to, y, n * sizeof *to);
    }
}

/* Gate and up side by side -> packed input of the down matrix, a group of its columns at once. */
static void put_swiglu(const struct gemm_job *job, struct scratch *scratch, size_t row,
                       size_t n_rows, size_t stride, size_t up_column, uint32_t first, uint32_t n)
{
    struct sweep *sweep = job->sweep;
    const struct kernels *kernels = sweep->shape.kernels;
    const struct weight *gate = job->step->weight, *up = job->step->up;
    for (size_t i = 0; i < n_rows; i++) {
        float *y = scratch->products + i * stride;
        const float *t = lowrank_row(sweep, row + i);
        finish_row(job, gate, t, first, n, y);
        finish_row(job, up, t + gate->lowrank.rank, first, n, y + up_column);
        kernels->swiglu(y, y + up_column, y, n);
    }
    size_t mr = (size_t)kernels->shape.mr;
    bool finite = true;
    for (size_t i = 0; i < n_rows; i += mr)
        finite &= pack_columns(sweep, scratch, sweep_packed(sweep, job->step->dst), gate->n,
                               (row + i) / mr, (int)min_size(mr, n_rows - i),
                               scratch->products + i * stride, stride, first, n);
    if (!finite)
        atomic_store(&sweep->bad_values, "feed-forward");
}

static void read_rows(const struct gemm_job *job, struct scratch *scratch, int worker, size_t row,
                      size_t n_rows, size_t stride, uint32_t first, uint32_t n)
{
    for (size_t i = 0; i < n_rows; i++)
        finish_row(job, job->step->weight, lowrank_row(job->sweep, row + i), first, n,
                   scratch->products + i * stride);
    head_reduce(job->sweep, worker, (uint32_t)row, (uint32_t)n_rows, first, n, scratch->products,
                stride);
}

/* Rows [row, row + n_rows) of the item's products, all of its panels, go where they belong. */
static void put(const struct gemm_job *job, struct scratch *scratch, int worker, size_t row,
                size_t n_rows, size_t n_panels, uint32_t first, uint32_t n)
{
    size_t stride = n_panels * (size_t)job->sweep->shape.kernels->shape.nr;
    if (job->step->result == RESULT_SWIGLU)
        put_swiglu(job, scratch, row, n_rows, stride, stride / 2, first, n);
    else if (job->step->result == RESULT_READ)
        read_rows(job, scratch, worker, row, n_rows, stride, first, n);
    else
        put_rows(job, scratch, row, n_rows, stride, first, n);
}

/* What is needed after panel [panel] of the item: the blocks, or kept weights, of its next panel,
 * or of the first one of the item that this worker probably takes next. */
static struct ahead ahead_of(const struct gemm_job *job, const struct scratch *scratch, size_t item,
                             size_t panel, size_t n_panels)
{
    if (job->made) {
        size_t n_bytes = (size_t)job->sweep->shape.kernels->shape.nr * job->layout.k_pad;
        const uint8_t *next = (const uint8_t *)scratch->panels.w + (panel + 1) * n_bytes;
        return (struct ahead){next, panel + 1 < n_panels ? n_bytes : 0};
    }
    size_t later = panel + 1 < n_panels ? item : item + (size_t)job->sweep->shape.n_threads;
    uint32_t at = (uint32_t)min_size(later * job->piece, job->n);
    uint32_t n = (uint32_t)min_size(job->piece, job->n - at);
    if (n == 0)
        return (struct ahead){NULL, 0};
    struct rows_of rows = rows_of_panel(job, at, n, (panel + 1) % n_panels);
    return (struct ahead){blocks_of(&rows), (size_t)rows.n * rows.operand->row_bytes};
}

/* Few rows meet each panel as soon as it is unpacked; many, which come in several chunks, meet all
 * panels of the item. */
static void gemm_item(void *arg, size_t item, int worker)
{
    const struct gemm_job *job = arg;
    struct sweep *sweep = job->sweep;
    struct scratch *scratch = &sweep->scratch[worker];
    uint32_t at = (uint32_t)item * job->piece; /* within the slice */
    uint32_t n = (uint32_t)min_size(job->piece, job->n - at), first = job->first + at;
    size_t mr = (size_t)sweep->shape.kernels->shape.mr, nr = (size_t)sweep->shape.kernels->shape.nr;
    size_t n_panels = (size_t)job->n_operands * div_up(n, nr), stride = n_panels * nr;
    size_t all = sweep->active->n_rows;
    bool few = all <= SWEEP_ROW_CHUNK;
    scratch->panels = panels_of(job, scratch, item, n_panels);
    for (size_t panel = 0; panel < n_panels && (few || !job->made); panel++) {
        struct rows_of rows = rows_of_panel(job, at, n, panel);
        uint64_t begun = clock_ns();
        if (!job->made)
            unpack_panel(job, scratch, &rows, panel);
        uint64_t unpacked = clock_ns();
        scratch->unpack_ns += unpacked - begun;
        if (few) {
            multiply(job, scratch, 0, all, panel, panel + 1, stride,
                     ahead_of(job, scratch, item, panel, n_panels));
            scratch->products_ns += clock_ns() - unpacked;
        }
    }
    for (size_t row = 0; row < all; row += SWEEP_ROW_CHUNK) {
        size_t n_rows = min_size(SWEEP_ROW_CHUNK, all - row);
        if (!few) {
            uint64_t begun = clock_ns();
            multiply(job, scratch, row / mr, n_rows, 0, n_panels, stride, (struct ahead){NULL, 0});
            scratch->products_ns += clock_ns() - begun;
        }
        put(job, scratch, worker, row, n_rows, n_panels, first, n);
    }
}

static struct operand streamed(const struct weight *weight, const uint8_t *data)
{
    return (struct operand){data, weight->tensor->type,
                            tensor_row_bytes(tensor_type_info(weight->tensor->type), weight->k),
                            weight};
}

int step_gemm(struct sweep *sweep, const struct step *step, struct error *err)
{
    const struct slicing *slicing = sweep->slicing;
    size_t s = (size_t)(step - sweep->program->steps);
    if (step->result == RESULT_READ)
        head_begin(sweep);
    for (size_t i = slicing->first_of_step[s]; i < slicing->first_of_step[s + 1]; i++) {
        struct slice_data data;
        if (stream_acquire(sweep->stream, i, &data, err) < 0)
            return fail_context(err, "%s", step->weight->tensor->name);
        struct gemm_job job = {.sweep = sweep,
                               .step = step,
                               .operands = {streamed(step->weight, data.parts[0])},
                               .n_operands = step->up ? 2 : 1,
                               .first = slicing->outputs[i].first,
                               .n = slicing->outputs[i].n,
                               .piece = step->up ? sweep->bytes.ffn_piece : sweep->bytes.piece,
                               .layout = quant_layout(step->weight->k),
                               .kept = data.kept,
                               .made = data.made};
        if (step->up)
            job.operands[1] = streamed(step->up, data.parts[1]);
        parallel_for(sweep->pool, div_up(job.n, job.piece), gemm_item, &job);
        stream_release(sweep->stream, i);
        if (sweep->progress && sweep->progress(sweep->progress_context, s, i))
            return fail(err, ERROR_CANCELLED, "stopped");
    }
    return step->result == RESULT_READ ? head_finish(sweep, err) : 0;
}

/* ---- Low-rank terms: the small matrix A, resident, times all rows ---- */

/* Items are runs of rows, since A has few outputs: every worker unpacks it for itself. */
static void lowrank_item(void *arg, size_t item, int worker)
{
    const struct gemm_job *job = arg;
    struct sweep *sweep = job->sweep;
    struct scratch *scratch = &sweep->scratch[worker];
    size_t mr = (size_t)sweep->shape.kernels->shape.mr, nr = (size_t)sweep->shape.kernels->shape.nr;
    size_t row = item * SWEEP_ROW_CHUNK,
           n_rows = min_size(SWEEP_ROW_CHUNK, sweep->active->n_rows - row);
    size_t width = sweep->shape.network->lowrank_width;
    scratch->panels = scratch->own;
    for (uint32_t at = 0; at < job->n; at += job->piece) {
        uint32_t n = (uint32_t)min_size(job->piece, job->n - at);
        size_t n_panels = div_up(n, nr);
        for (size_t panel = 0; panel < n_panels; panel++) {
            struct rows_of rows = rows_of_panel(job, at, n, panel);
            unpack_panel(job, scratch, &rows, panel);
        }
        multiply(job, scratch, row / mr, n_rows, 0, n_panels, n_panels * nr,
                 (struct ahead){NULL, 0});
        for (size_t i = 0; i < n_rows; i++)
            memcpy(sweep->lowrank + (row + i) * width + job->first + at,
                   scratch->products + i * n_panels * nr, n * sizeof(float));
    }
}

int step_lowrank(struct sweep *sweep, const struct step *step, struct error *err)
{
    (void)err;
    const struct weight *weights[] = {step->weight, step->up};
    uint32_t column = 0;
    for (int w = 0; w < (step->up ? 2 : 1); w++) {
        const struct weight *weight = weights[w];
        struct operand a = {(const uint8_t *)weight->lowrank.a, TENSOR_F32,
                            (uint64_t)weight->k * sizeof(float), weight};
        struct gemm_job job = {.sweep = sweep,
                               .step = step,
                               .operands = {a},
                               .n_operands = 1,
                               .first = column,
                               .n = weight->lowrank.rank,
                               .piece = sweep->bytes.piece,
                               .layout = quant_layout(weight->k)};
        if (job.n)
            parallel_for(sweep->pool, div_up(sweep->active->n_rows, SWEEP_ROW_CHUNK), lowrank_item,
                         &job);
        column += job.n;
    }
    return 0;
}
