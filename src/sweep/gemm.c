/* What a work item is: its weights are unpacked once and multiplied with every row. */

#include "sweep/gemm.h"

#include "base/clock.h"
#include "base/size.h"

#include <string.h>

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

struct panel_q8 gemm_panel(const struct gemm_job *job, const struct scratch *scratch, size_t panel)
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
        struct panel_q8 to = gemm_panel(job, scratch, panel);
        finite = kernels->unpack[operand->type](&job->layout, &blocks, &to);
    }
    if (!finite)
        atomic_store(&job->sweep->bad_values, operand->weight->tensor->name);
}

/* ---- Items ---- */

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
            gemm_multiply(job, scratch, 0, all, panel, panel + 1, stride,
                          ahead_of(job, scratch, item, panel, n_panels));
            scratch->products_ns += clock_ns() - unpacked;
        }
    }
    for (size_t row = 0; row < all; row += SWEEP_ROW_CHUNK) {
        size_t n_rows = min_size(SWEEP_ROW_CHUNK, all - row);
        if (!few) {
            uint64_t begun = clock_ns();
            gemm_multiply(job, scratch, row / mr, n_rows, 0, n_panels, stride,
                          (struct ahead){NULL, 0});
            scratch->products_ns += clock_ns() - begun;
        }
        gemm_put(job, scratch, worker, row, n_rows, n_panels, first, n);
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
        gemm_multiply(job, scratch, row / mr, n_rows, 0, n_panels, n_panels * nr,
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
