/* Matrices: slices of weights times all rows. One work item is a piece of a slice's outputs: its
 * weights are unpacked once into the worker's own panels and then multiplied with every row, so
 * workers share nothing but the activations. Three layers, kept apart: unpacking (formats),
 * products (the micro-kernel and its cache blocking), and where results go. */

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
};

/* ---- Unpacking ---- */

static struct panel_q8 panel_at(const struct gemm_job *job, const struct scratch *scratch,
                                size_t panel)
{
    size_t nr = (size_t)job->sweep->shape.kernels->shape.nr;
    size_t groups = panel * nr * job->layout.n_groups;
    return (struct panel_q8){scratch->panel_q + panel * nr * job->layout.k_pad,
                             scratch->panel_scales + groups, scratch->panel_start + groups};
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

/* Outputs [first, first + n) of one operand -> panels from number [panel] on. Returns how many. */
static size_t unpack(const struct gemm_job *job, struct scratch *scratch,
                     const struct operand *operand, uint32_t first, uint32_t n, size_t panel)
{
    size_t nr = (size_t)job->sweep->shape.kernels->shape.nr, n_panels = div_up(n, nr);
    bool finite = true;
    for (size_t p = 0; p < n_panels; p++) {
        uint32_t row = first + (uint32_t)(p * nr);
        int n_rows = (int)min_size(nr, n - p * nr);
        if (job->sweep->shape.exact) {
            finite &= unpack_floats(job, scratch, operand, row, n_rows,
                                    scratch->panel_x + (panel + p) * nr * job->layout.k);
        } else {
            struct weight_rows rows = {operand->rows + row * operand->row_bytes, operand->row_bytes,
                                       n_rows};
            struct panel_q8 to = panel_at(job, scratch, panel + p);
            finite &= job->sweep->shape.kernels->unpack[operand->type](&job->layout, &rows, &to);
        }
    }
    if (!finite)
        atomic_store(&job->sweep->bad_values, operand->weight->tensor->name);
    return n_panels;
}

/* ---- Products ---- */

/* What one call of a micro-kernel multiplies. */
struct block {
    size_t tile, panel; /* tile of the input, panel of the scratch */
    int n_rows;         /* that exist in the tile */
    uint32_t k0, k1;
    const int8_t *next; /* read next; int8 only */
    float *c;
    size_t stride;
};

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
        struct gemm_q8_args args = {.layout = layout,
                                    .a = input->q + block->tile * mr * layout->k_pad,
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

/* [n_rows] rows from tile [tile] on times panels [first, first + n_panels), inputs [k0, k1). While
 * a tile meets the panels the next one is fetched, a part with each panel. */
static void multiply_chunk(const struct gemm_job *job, struct scratch *scratch, size_t tile,
                           size_t n_rows, size_t first, size_t n_panels, size_t stride, uint32_t k0,
                           uint32_t k1)
{
    const struct packed *input = sweep_packed(job->sweep, job->step->src);
    size_t mr = (size_t)job->sweep->shape.kernels->shape.mr;
    size_t nr = (size_t)job->sweep->shape.kernels->shape.nr, n_tiles = div_up(n_rows, mr);
    for (size_t t = 0; t < n_tiles; t++) {
        size_t next_tile = t + 1 < n_tiles ? tile + t + 1 : tile;
        uint32_t next_k = t + 1 < n_tiles ? k0 : k1 < job->layout.k_pad ? k1 : 0;
        const int8_t *next =
            input->q ? input->q + next_tile * mr * job->layout.k_pad + next_k * mr : NULL;
        for (size_t p = 0; p < n_panels; p++) {
            size_t fetched = p * 4 * (k1 - k0);
            struct block block = {.tile = tile + t,
                                  .panel = first + p,
                                  .n_rows = (int)min_size(mr, n_rows - t * mr),
                                  .k0 = k0,
                                  .k1 = k1,
                                  .next = next && fetched < mr * (k1 - k0) ? next + fetched : NULL,
                                  .c = scratch->products + t * mr * stride + (first + p) * nr,
                                  .stride = stride};
            multiply_block(job, scratch, input, &block);
        }
    }
}

static void multiply(const struct gemm_job *job, struct scratch *scratch, size_t tile,
                     size_t n_rows, size_t n_panels, size_t stride)
{
    const struct quant_layout *layout = &job->layout;
    uint32_t k_end = job->sweep->shape.exact ? layout->k : layout->k_pad;
    uint32_t chunk =
        job->sweep->shape.exact ? K_CHUNK / 4 : (uint32_t)round_down(K_CHUNK, layout->group);
    for (uint32_t k = 0; k < k_end; k += chunk)
        for (size_t p = 0; p < n_panels; p += PANELS_PER_BLOCK)
            multiply_chunk(job, scratch, tile, n_rows, p, min_size(PANELS_PER_BLOCK, n_panels - p),
                           stride, k, k_end - k < chunk ? k_end : k + chunk);
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

static void gemm_item(void *arg, size_t item, int worker)
{
    const struct gemm_job *job = arg;
    struct sweep *sweep = job->sweep;
    struct scratch *scratch = &sweep->scratch[worker];
    uint32_t at = (uint32_t)item * job->piece; /* within the slice */
    uint32_t n = (uint32_t)min_size(job->piece, job->n - at), first = job->first + at;
    size_t n_panels = 0, up_panel = 0;
    uint64_t begun = clock_ns();
    for (int o = 0; o < job->n_operands; o++) {
        up_panel = n_panels;
        n_panels += unpack(job, scratch, &job->operands[o], at, n, n_panels);
    }
    scratch->unpack_ns += clock_ns() - begun;

    size_t mr = (size_t)sweep->shape.kernels->shape.mr, nr = (size_t)sweep->shape.kernels->shape.nr;
    size_t stride = n_panels * nr;
    for (size_t row = 0; row < sweep->active->n_rows; row += SWEEP_ROW_CHUNK) {
        size_t n_rows = min_size(SWEEP_ROW_CHUNK, sweep->active->n_rows - row);
        begun = clock_ns();
        multiply(job, scratch, row / mr, n_rows, n_panels, stride);
        scratch->products_ns += clock_ns() - begun;
        if (job->step->result == RESULT_SWIGLU)
            put_swiglu(job, scratch, row, n_rows, stride, up_panel * nr, first, n);
        else if (job->step->result == RESULT_READ)
            read_rows(job, scratch, worker, row, n_rows, stride, first, n);
        else
            put_rows(job, scratch, row, n_rows, stride, first, n);
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
        const uint8_t *data[2] = {NULL, NULL};
        if (stream_acquire(sweep->stream, i, data, err) < 0)
            return fail_context(err, "%s", step->weight->tensor->name);
        struct gemm_job job = {.sweep = sweep,
                               .step = step,
                               .operands = {streamed(step->weight, data[0])},
                               .n_operands = step->up ? 2 : 1,
                               .first = slicing->outputs[i].first,
                               .n = slicing->outputs[i].n,
                               .piece = step->up ? sweep->bytes.ffn_piece : sweep->bytes.piece,
                               .layout = quant_layout(step->weight->k)};
        if (step->up)
            job.operands[1] = streamed(step->up, data[1]);
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
    for (uint32_t at = 0; at < job->n; at += job->piece) {
        uint32_t n = (uint32_t)min_size(job->piece, job->n - at);
        size_t n_panels = unpack(job, scratch, &job->operands[0], at, n, 0);
        multiply(job, scratch, row / mr, n_rows, n_panels, n_panels * nr);
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
