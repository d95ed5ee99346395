#include "plan/plan.h"

#include "base/size.h"
#include "stream/rows.h"

#include <stdio.h>
#include <string.h>

#define MIB (1024.0 * 1024.0)

/* Rows beyond which more of them gain nothing: several times the T* of any dense model on the disks
 * and cores in reach (design: "Balance"). What memory is then left does more good holding slices.
 */
#define ENOUGH_ROWS 4096

/* Slices: small, so that what is being read and used stays in the caches (stream/ring.h), and
 * larger only where a round of all threads' work items is; smaller where the budget is. */
#define USUAL_SLICE_BYTES (1u << 20)
#define MOST_SLICE_BYTES  (16u << 20)
#define LEAST_SLICE_BYTES (256u << 10)

/* Stacks, buffers of the program, book-keeping of the kernel: what no account names. */
#define SLACK_BYTES (6u << 20)

#define LEAST_INPUT_BYTES (512u << 10)
#define MOST_INPUT_BYTES  (64u << 20)

static struct sweep_shape shape_of(const struct plan_input *input, uint32_t n_rows)
{
    return (struct sweep_shape){.network = input->network,
                                .kernels = input->kernels,
                                .exact = input->exact,
                                .n_threads = input->n_threads,
                                .max_rows = n_rows,
                                .max_positions = input->max_tokens,
                                .readout = input->readout};
}

/* What one sequence's results take when they are handed out. */
static uint64_t result_bytes(const struct plan_input *input)
{
    return (uint64_t)input->max_tokens *
           (4ull * input->readout.n_wanted + 8ull * input->readout.n_top + 16);
}

/* Everything but pinned slices, with slices of at most [slice_bytes]; [spare_bytes] is what the
 * budget has beyond the least of everything. */
static int fixed_parts(const struct plan_input *input, uint64_t slice_bytes, uint64_t spare_bytes,
                       uint32_t n_rows, struct trawl_plan *plan, struct sweep_bytes *bytes,
                       struct slicing *slicing, struct error *err)
{
    struct sweep_shape shape = shape_of(input, n_rows);
    if (sweep_measure(&shape, bytes, err) < 0)
        return -1;
    const struct slicing_options cuts = {.usual_bytes = min_size(USUAL_SLICE_BYTES, slice_bytes),
                                         .most_bytes = slice_bytes,
                                         .piece = bytes->piece,
                                         .ffn_piece = bytes->ffn_piece,
                                         .n_threads = input->n_threads,
                                         .panels = input->exact ? NULL : &input->kernels->shape};
    if (slicing_make(slicing, input->program, &cuts, err) < 0)
        return -1;
    struct stream_ring ring = stream_ring_bytes(slicing->slices, slicing->n_slices);
    plan->process_bytes = input->process_bytes + SLACK_BYTES;
    plan->model_bytes = input->model_bytes;
    /* Half of what is to spare, but three slices at least: one in use, one that has come, one that
     * is being read. */
    uint64_t ring_share = max_size(round_down(spare_bytes / 2, FILE_ALIGN), 3 * ring.least_bytes);
    plan->ring_bytes =
        spare_bytes ? min_size(ring.recommended_bytes, ring_share) : ring.least_bytes;
    plan->scratch_bytes = bytes->scratch + ROWS_BUFFER_BYTES + result_bytes(input);
    plan->rows_bytes = bytes->rows;
    plan->input_bytes = min_size(LEAST_INPUT_BYTES + spare_bytes / 8, MOST_INPUT_BYTES);
    plan->bytes_per_row = bytes->per_row;
    plan->n_rows = n_rows;
    plan->n_slices = slicing->n_slices;
    return 0;
}

static uint64_t sum(const struct trawl_plan *plan)
{
    return plan->process_bytes + plan->model_bytes + plan->ring_bytes + plan->scratch_bytes +
           plan->rows_bytes + plan->input_bytes;
}

/* The most comfortable slices and ring that leave room for the least rows; the least of all sets
 * plan->least_bytes. */
static int choose_slices(const struct plan_input *input, struct trawl_plan *plan,
                         struct slicing *slicing, struct error *err)
{
    struct sweep_bytes bytes;
    if (fixed_parts(input, LEAST_SLICE_BYTES, 0, plan->least_rows, plan, &bytes, slicing, err) < 0)
        return -1;
    plan->least_bytes = sum(plan);
    if (plan->least_bytes > input->memory_bytes) {
        slicing_free(slicing);
        return fail(err, ERROR_LIMIT,
                    "a memory budget of %.2f MiB is too small: the least that would do is %.2f MiB "
                    "(program %.1f, model %.1f, "
                    "slices %.1f, threads %.1f, %u rows %.1f, input %.1f); give --memory %.0fM or "
                    "a smaller --window",
                    (double)input->memory_bytes / MIB, (double)plan->least_bytes / MIB,
                    (double)plan->process_bytes / MIB, (double)plan->model_bytes / MIB,
                    (double)plan->ring_bytes / MIB, (double)plan->scratch_bytes / MIB, plan->n_rows,
                    (double)plan->rows_bytes / MIB, (double)plan->input_bytes / MIB,
                    (double)plan->least_bytes / MIB + 1.0);
    }
    uint64_t spare = input->memory_bytes - plan->least_bytes;
    for (uint64_t slice_bytes = MOST_SLICE_BYTES; spare > 0 && slice_bytes >= LEAST_SLICE_BYTES;
         slice_bytes /= 2) {
        struct trawl_plan tried = *plan;
        struct slicing larger;
        if (fixed_parts(input, slice_bytes, spare, plan->least_rows, &tried, &bytes, &larger, err) <
            0) {
            slicing_free(slicing);
            return -1;
        }
        if (sum(&tried) <= input->memory_bytes &&
            tried.ring_bytes <= max_size(spare / 2, plan->ring_bytes)) {
            slicing_free(slicing);
            *slicing = larger;
            *plan = tried;
            break;
        }
        slicing_free(&larger);
    }
    return 0;
}

static void choose_rows(const struct plan_input *input, struct trawl_plan *plan)
{
    uint32_t wanted = input->n_rows ? input->n_rows : ENOUGH_ROWS;
    if (wanted < plan->least_rows)
        wanted = plan->least_rows;
    uint64_t spare = input->memory_bytes - sum(plan);
    uint64_t fit = plan->least_rows + spare / plan->bytes_per_row;
    uint32_t n_rows = fit < wanted ? (uint32_t)fit : wanted;
    for (;; n_rows -= n_rows / 64 + 1) { /* rounding and the tables' powers of two can make it a
                                            little more than per_row says */
        struct sweep_shape shape = shape_of(input, n_rows);
        struct sweep_bytes bytes;
        struct error ignored;
        if (n_rows <= plan->least_rows || sweep_measure(&shape, &bytes, &ignored) < 0)
            return;
        struct trawl_plan tried = *plan;
        tried.rows_bytes = bytes.rows;
        tried.scratch_bytes = bytes.scratch + ROWS_BUFFER_BYTES + result_bytes(input);
        tried.n_rows = n_rows;
        if (sum(&tried) <= input->memory_bytes) {
            *plan = tried;
            return;
        }
    }
}

static void count_weights(const struct program *program, struct trawl_plan *plan)
{
    for (size_t s = 0; s < program->n_steps; s++) {
        const struct step *step = &program->steps[s];
        if (step->kind != STEP_GEMM)
            continue;
        uint64_t n = (uint64_t)step->weight->n * step->weight->k;
        n += step->up ? (uint64_t)step->up->n * step->up->k : 0;
        *(step->result == RESULT_READ ? &plan->head_weights : &plan->layer_weights) += n;
    }
}

/* Pins what fits into [free_bytes] beside the ring. With every slice pinned the ring is as large as
 * what is read through it once, before it is kept in another form: often nothing. */
static uint64_t pin_slices(uint64_t free_bytes, struct trawl_plan *plan, struct slicing *slicing)
{
    slicing_pin(slicing, slicing->total_pinned);
    struct stream_ring ring = stream_ring_bytes(slicing->slices, slicing->n_slices);
    uint64_t ring_bytes = min_size(ring.recommended_bytes, plan->ring_bytes);
    if (slicing->total_pinned + ring_bytes <= free_bytes) {
        plan->ring_bytes = ring_bytes;
        return slicing->total_pinned;
    }
    return slicing_pin(slicing, free_bytes - plan->ring_bytes);
}

int plan_make(const struct plan_input *input, struct trawl_plan *plan, struct slicing *slicing,
              struct error *err)
{
    struct slicing own;
    if (!slicing)
        slicing = &own;
    memset(plan, 0, sizeof *plan);
    plan->memory_bytes = input->memory_bytes;
    plan->n_threads = input->n_threads;
    plan->cpu = input->kernels->level->name;
    plan->reader = input->reader_name;
    snprintf(plan->numerics, sizeof plan->numerics, "%s-%s", input->exact ? "f32" : "int8-h64",
             plan->cpu);
    count_weights(input->program, plan);
    plan->least_rows = input->max_tokens;
    if (input->n_rows && input->n_rows < plan->least_rows)
        return fail(err, ERROR_LIMIT,
                    "--rows %u cannot hold one window of %u rows (document and prompt); give "
                    "--rows %u or a smaller --window",
                    input->n_rows, plan->least_rows, plan->least_rows);
    if (choose_slices(input, plan, slicing, err) < 0)
        return -1;
    choose_rows(input, plan);
    if (input->n_rows && plan->n_rows < input->n_rows) {
        slicing_free(slicing);
        return fail(err, ERROR_LIMIT,
                    "--rows %u does not fit a memory budget of %.1f MiB: %u rows do, at %u bytes "
                    "each; give --rows %u or more --memory",
                    input->n_rows, (double)input->memory_bytes / MIB, plan->n_rows,
                    plan->bytes_per_row, plan->n_rows);
    }
    plan->pinned_bytes =
        pin_slices(input->memory_bytes - sum(plan) + plan->ring_bytes, plan, slicing);
    plan->first_sweep_bytes = plan->bytes_per_sweep = slicing->total_bytes;
    for (size_t i = 0; i < slicing->n_slices; i++) {
        const struct slice *slice = &slicing->slices[i];
        plan->n_pinned += slice->pinned;
        plan->bytes_per_sweep -= slice->pinned ? slice_read_bytes(slice) : 0;
        plan->kept_weights += slice->pinned && slice->kept_bytes ? slicing->outputs[i].weights : 0;
    }
    if (slicing == &own)
        slicing_free(&own);
    return 0;
}
