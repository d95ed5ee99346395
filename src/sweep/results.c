/* Where products go: bias and low-rank terms first, then to a buffer of rows, through the gate into
 * the next matrix's input, or to the read-out. */

#include "base/size.h"
#include "sweep/gemm.h"

#include <string.h>

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

void gemm_put(const struct gemm_job *job, struct scratch *scratch, int worker, size_t row,
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
