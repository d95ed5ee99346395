#include "sweep/slicing.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

static uint64_t output_bytes(const struct step *step)
{
    const struct tensor *tensor = step->weight->tensor;
    uint64_t n_bytes = tensor_row_bytes(tensor_type_info(tensor->type), step->weight->k);
    if (step->up)
        n_bytes += tensor_row_bytes(tensor_type_info(step->up->tensor->type), step->up->k);
    return n_bytes;
}

/* Outputs of one slice of [step]: whole rounds, in which every thread has one work item, so that no
 * thread waits for another at its end; single items where not even one round may be held. */
static uint32_t outputs_per_slice(const struct step *step, const struct slicing_options *options)
{
    uint32_t item = step->up ? options->ffn_piece : options->piece;
    uint64_t round = (uint64_t)item * (uint64_t)options->n_threads;
    uint64_t each = output_bytes(step);
    uint64_t n = max_size(round_down(options->usual_bytes / each, round), round);
    if (n * each > options->most_bytes)
        n = max_size(round_down(options->most_bytes / each, item), item);
    return (uint32_t)min_size(n, round_up(step->weight->n, item));
}

uint64_t slicing_panel_bytes(const struct gemm_shape *shape, const struct quant_layout *layout,
                             uint32_t n)
{
    uint64_t each = layout->k_pad + layout->n_groups * (sizeof(float) + sizeof(int32_t));
    return round_up(n, (uint64_t)shape->nr) * each;
}

/* Whole pages of panels, where they take no more than the blocks do. */
static uint64_t kept_bytes(const struct step *step, uint32_t n, const struct gemm_shape *shape,
                           const struct slice *slice)
{
    struct quant_layout layout = quant_layout(step->weight->k);
    uint64_t n_bytes =
        round_up(slicing_panel_bytes(shape, &layout, n) * (step->up ? 2 : 1), FILE_ALIGN);
    return n_bytes <= slice_read_bytes(slice) ? n_bytes : 0;
}

static struct slice_part part_of(const struct weight *weight, uint32_t first, uint32_t n)
{
    uint64_t row_bytes = tensor_row_bytes(tensor_type_info(weight->tensor->type), weight->k);
    return (struct slice_part){.file = weight->tensor->file,
                               .offset = weight->tensor->offset + first * row_bytes,
                               .n_bytes = n * row_bytes};
}

int slicing_make(struct slicing *slicing, const struct program *program,
                 const struct slicing_options *options, struct error *err)
{
    memset(slicing, 0, sizeof *slicing);
    size_t n_slices = 0;
    for (size_t s = 0; s < program->n_steps; s++)
        if (program->steps[s].kind == STEP_GEMM)
            n_slices +=
                div_up(program->steps[s].weight->n, outputs_per_slice(&program->steps[s], options));
    slicing->slices = calloc(n_slices, sizeof *slicing->slices);
    slicing->outputs = calloc(n_slices, sizeof *slicing->outputs);
    slicing->first_of_step = calloc(program->n_steps + 1, sizeof *slicing->first_of_step);
    if (!slicing->slices || !slicing->outputs || !slicing->first_of_step) {
        slicing_free(slicing);
        return fail_memory(err, n_slices * sizeof(struct slice), "the list of slices");
    }
    for (size_t s = 0; s < program->n_steps; s++) {
        const struct step *step = &program->steps[s];
        slicing->first_of_step[s] = slicing->n_slices;
        if (step->kind != STEP_GEMM)
            continue;
        uint32_t per_slice = outputs_per_slice(step, options);
        for (uint32_t first = 0; first < step->weight->n; first += per_slice) {
            uint32_t n = step->weight->n - first < per_slice ? step->weight->n - first : per_slice;
            struct slice *slice = &slicing->slices[slicing->n_slices];
            slicing->outputs[slicing->n_slices++] = (struct slice_outputs){
                first, n, (uint64_t)n * step->weight->k * (step->up ? 2 : 1)};
            slice->parts[slice->n_parts++] = part_of(step->weight, first, n);
            if (step->up)
                slice->parts[slice->n_parts++] = part_of(step->up, first, n);
            if (options->panels)
                slice->kept_bytes = kept_bytes(step, n, options->panels, slice);
            uint64_t n_bytes = slice_read_bytes(slice);
            slicing->total_bytes += n_bytes;
            slicing->total_pinned += slice_pinned_bytes(slice);
            if (n_bytes > slicing->largest_bytes)
                slicing->largest_bytes = n_bytes;
        }
    }
    slicing->first_of_step[program->n_steps] = slicing->n_slices;
    return 0;
}

void slicing_free(struct slicing *slicing)
{
    free(slicing->slices);
    free(slicing->outputs);
    free(slicing->first_of_step);
    memset(slicing, 0, sizeof *slicing);
}

uint64_t slicing_pin(struct slicing *slicing, uint64_t budget_bytes)
{
    /* Walk the sweep and keep the pinned share of what has gone by as close below the budget's
     * share as whole slices allow: the disk then works at the same rate everywhere in the sweep. */
    uint64_t passed = 0, pinned = 0;
    for (size_t i = 0; i < slicing->n_slices; i++) {
        uint64_t n_bytes = slice_pinned_bytes(&slicing->slices[i]);
        passed += n_bytes;
        double due = (double)passed * ((double)budget_bytes / (double)slicing->total_pinned);
        slicing->slices[i].pinned =
            pinned + n_bytes <= budget_bytes && (double)(pinned + n_bytes) <= due + 0.5;
        if (slicing->slices[i].pinned)
            pinned += n_bytes;
    }
    return pinned;
}
