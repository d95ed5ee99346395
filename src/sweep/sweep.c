#include "sweep/sweep.h"

#include "base/clock.h"
#include "base/size.h"
#include "sweep/draw.h"
#include "sweep/steps.h"

#include <string.h>

/* Outputs of one work item. int8: enough columns that a tile of activations is used often while it
 * is in the first-level cache; f32 takes four times the room. Both fix where log-sum-exp blocks
 * end, so they are part of the numerics. */
#define PIECE           128
#define FFN_PIECE_EXACT 64

typedef int step_fn(struct sweep *sweep, const struct step *step, struct error *err);

static step_fn *const step_functions[] = {
    [STEP_EMBED] = step_embed,     [STEP_SELECT] = step_select, [STEP_NORM] = step_norm,
    [STEP_PACK] = step_pack,       [STEP_ROTATE] = step_rotate, [STEP_ATTENTION] = step_attention,
    [STEP_LOWRANK] = step_lowrank, [STEP_GEMM] = step_gemm,
};

int sweep_run(struct sweep *sweep, const struct batch *batch, size_t from, size_t to,
              struct error *err)
{
    sweep->batch = batch;
    sweep->active = &batch->all;
    for (size_t s = 0; s < from; s++) /* a resumed sweep has the rows its steps left */
        if (sweep->program->steps[s].kind == STEP_SELECT)
            sweep->active = &batch->readouts;

    for (size_t s = from; s < to; s++) {
        const struct step *step = &sweep->program->steps[s];
        uint64_t begun = clock_ns();
        if (step_functions[step->kind](sweep, step, err) < 0)
            return -1;
        if (step->kind == STEP_ATTENTION)
            sweep->attention_ns += clock_ns() - begun;
        stream_poll(sweep->stream); /* reads go on while steps without weights compute */
        const char *bad = atomic_load(&sweep->bad_values);
        if (bad)
            return fail(err, ERROR_FORMAT,
                        "%s: layer %u: %s: NaN or infinite values: the file is damaged (download "
                        "it again) or its values are beyond float",
                        gguf_path(sweep->shape.network->gguf), step->layer, bad);
    }
    return 0;
}

/* Memory. */

static struct sweep_bytes pieces_of(const struct sweep_shape *shape)
{
    struct quant_layout ffn = quant_layout(shape->network->hparams.n_ff);
    return (struct sweep_bytes){.piece = PIECE,
                                .ffn_piece = shape->exact ? FFN_PIECE_EXACT : ffn.group};
}

static uint32_t widest_input(const struct hparams *h)
{
    uint32_t out_width = h->n_heads * h->value_dim;
    return h->n_embd > out_width ? h->n_embd : out_width;
}

/* The parts of a block, one after the other; with no block it only measures. */
struct carver {
    char *block;
    uint64_t at;
};

static void *carve(struct carver *carver, uint64_t n_bytes)
{
    void *part = carver->block ? carver->block + carver->at : NULL;
    carver->at = round_up(carver->at + n_bytes, 64);
    return part;
}

static struct packed carve_packed(struct carver *carver, const struct sweep_shape *shape,
                                  uint32_t k)
{
    struct quant_layout layout = quant_layout(k);
    const struct gemm_shape *gemm = &shape->kernels->shape;
    uint64_t n_tiles = div_up(shape->max_rows, (uint64_t)gemm->mr),
             n_rows = n_tiles * (uint64_t)gemm->mr;
    struct packed packed = {NULL, NULL, NULL};
    if (shape->exact) {
        packed.x = carve(carver, n_rows * k * sizeof(float));
    } else {
        packed.q = carve(carver, n_tiles * gemm_tile_bytes(gemm, layout.k_pad));
        packed.scales = carve(carver, n_rows * layout.n_groups * sizeof(float));
    }
    return packed;
}

/* Rows that are read out, and draws: a sequence of max_rows may read out all and draw too. */
static uint64_t max_readings(const struct sweep_shape *shape)
{
    return (uint64_t)shape->max_rows + shape->readout.draws;
}

static void lay_out_rows(struct sweep *sweep, struct carver *carver)
{
    const struct sweep_shape *shape = &sweep->shape;
    const struct hparams *h = &shape->network->hparams;
    uint64_t n = shape->max_rows;
    sweep->hidden = carve(carver, n * h->n_embd * sizeof(float));
    sweep->input = carve_packed(carver, shape, widest_input(h));
    sweep->lowrank = carve(carver, n * shape->network->lowrank_width * sizeof(float));
    uint64_t n_readings = max_readings(shape), n_draws = shape->readout.draws ? n_readings : 0;
    sweep->wanted = carve(carver, n_readings * shape->readout.n_wanted * sizeof(float));
    sweep->next = carve(carver, shape->readout.next ? n * sizeof(float) : 0);
    sweep->wishes = carve(carver, shape->readout.next ? n * sizeof(struct wish) : 0);
    sweep->top = carve(carver, n_readings * shape->readout.n_top * sizeof(float));
    sweep->top_ids = carve(carver, n_readings * shape->readout.n_top * sizeof(int32_t));
    sweep->draws = carve(carver, n_draws * sizeof(struct head_draw));
    sweep->drawn = carve(carver, n_draws * sizeof(struct candidate));
    sweep->drawn_logprob = carve(carver, n_draws * sizeof(float));
    sweep->order = carve(carver, n * sizeof(uint32_t));
    sweep->distinct = carve(carver, (n + 1) * sizeof(uint32_t));

    /* One room, uses that never meet: raw embeddings, attention, the feed-forward part, the
     * read-out. */
    struct carver attention = *carver, ffn = *carver, head = *carver;
    const struct tensor *embeddings = shape->network->embeddings;
    uint64_t one_embedding = tensor_row_bytes(tensor_type_info(embeddings->type), h->n_embd) + 256;
    uint64_t begin = carver->at;
    sweep->shared = carver->block ? carver->block + begin : NULL;
    sweep->q = carve(&attention, n * h->n_heads * h->head_dim * sizeof(float));
    sweep->k = carve(&attention, n * h->n_kv_heads * h->head_dim * sizeof(float));
    sweep->v = carve(&attention, n * h->n_kv_heads * h->value_dim * sizeof(float));
    sweep->ffn = carve_packed(&ffn, shape, h->n_ff);
    uint64_t n_blocks = div_up(h->n_vocab, PIECE);
    sweep->block_max = carve(&head, n_readings * n_blocks * sizeof(float));
    sweep->block_sum = carve(&head, n_readings * n_blocks * sizeof(float));
    /* One draw's logits at least; as many more as the room has anyway. */
    uint64_t kept_bytes = (uint64_t)h->n_vocab * sizeof(float), kept_at = head.at;
    sweep->kept = carve(&head, n_draws ? kept_bytes : 0);
    carver->at = max_size(max_size(attention.at, begin + one_embedding), max_size(ffn.at, head.at));
    sweep->shared_bytes = carver->at - begin;
    sweep->bytes.n_kept = n_draws ? (uint32_t)min_size((carver->at - kept_at) / kept_bytes, n) : 0;
}

static void lay_out_scratch(struct sweep *sweep, struct carver *carver, struct scratch *scratch)
{
    const struct sweep_shape *shape = &sweep->shape;
    const struct hparams *h = &shape->network->hparams;
    uint64_t mr = (uint64_t)shape->kernels->shape.mr, nr = (uint64_t)shape->kernels->shape.nr;
    uint64_t widest = max_size(widest_input(h), h->n_ff),
             k_pad = quant_layout((uint32_t)widest).k_pad;
    uint64_t ffn_k_pad = quant_layout(h->n_embd).k_pad;
    /* Whole rows are packed but for the input of the down matrix, which comes in groups. */
    uint64_t row_k_pad = max_size(quant_layout(widest_input(h)).k_pad, quant_layout(h->n_ff).group);
    /* A feed-forward item has the outputs of gate and up, but fewer inputs than the down matrix. */
    uint64_t columns = round_up(sweep->bytes.piece, nr),
             ffn_columns = 2 * round_up(sweep->bytes.ffn_piece, nr);
    uint64_t panel = max_size(columns * k_pad, ffn_columns * ffn_k_pad);
    uint64_t groups = panel / 64; /* groups are no shorter */

    scratch->tile = carve(carver, mr * widest * sizeof(float));
    if (shape->exact) {
        scratch->floats = carve(carver, 256 * sizeof(float));
        scratch->panel_x = carve(carver, panel * sizeof(float));
    } else {
        scratch->q = carve(carver, mr * row_k_pad);
        scratch->q_scales = carve(carver, mr * (row_k_pad / 64) * sizeof(float));
        scratch->own.w = carve(carver, panel);
        scratch->own.scales = carve(carver, groups * sizeof(float));
        scratch->own.start = carve(carver, groups * sizeof(int32_t));
    }
    scratch->products =
        carve(carver, SWEEP_ROW_CHUNK * max_size(columns, ffn_columns) * sizeof(float));
    scratch->attention = carve(carver, attention_scratch_floats(shape) * sizeof(float));
    scratch->path = carve(carver, shape->max_positions * sizeof(uint32_t));
    uint64_t n_readings = max_readings(shape), n_top = shape->readout.n_top;
    scratch->top = carve(carver, n_readings * n_top * sizeof(float));
    scratch->top_ids = carve(carver, n_readings * n_top * sizeof(int32_t));
    scratch->n_top = carve(carver, n_top ? n_readings * sizeof(uint32_t) : 0);
    bool draws = shape->readout.draws;
    scratch->biased = carve(carver, draws ? sweep->bytes.piece * sizeof(float) : 0);
    scratch->drawing = carve(carver, draws ? n_readings * sizeof(struct candidate) : 0);
}

static uint64_t rows_bytes(const struct sweep_shape *shape, uint32_t *n_kept)
{
    struct sweep sweep = {.shape = *shape, .bytes = pieces_of(shape)};
    struct carver carver = {NULL, 0};
    lay_out_rows(&sweep, &carver);
    *n_kept = sweep.bytes.n_kept;
    return carver.at + (uint64_t)shape->max_rows * batch_bytes_per_row();
}

int sweep_measure(const struct sweep_shape *shape, struct sweep_bytes *bytes, struct error *err)
{
    *bytes = pieces_of(shape);
    struct sweep_shape many = *shape;
    many.max_rows = 1 << 16; /* so many that rounding does not show */
    uint64_t per_row = div_up(rows_bytes(&many, &bytes->n_kept), many.max_rows);
    if (per_row > UINT32_MAX)
        return fail(err, ERROR_LIMIT, "a row of this model would take %llu bytes",
                    (unsigned long long)per_row);
    bytes->per_row = (uint32_t)per_row;
    bytes->rows = rows_bytes(shape, &bytes->n_kept);

    struct sweep sweep = {.shape = *shape, .bytes = *bytes};
    struct carver carver = {NULL, 0};
    struct scratch scratch;
    for (int i = 0; i < shape->n_threads; i++)
        lay_out_scratch(&sweep, &carver, &scratch);
    const struct hparams *h = &shape->network->hparams;
    bytes->scratch = carver.at + (uint64_t)shape->max_positions * h->rope.n_rot * sizeof(float) +
                     (uint64_t)shape->n_threads * sizeof(struct scratch) + 64;
    return 0;
}

int sweep_init(struct sweep *sweep, const struct sweep_shape *shape, const struct program *program,
               const struct slicing *slicing, struct stream *stream, struct pool *pool,
               struct memory *memory, struct error *err)
{
    memset(sweep, 0, sizeof *sweep);
    sweep->shape = *shape;
    sweep->program = program;
    sweep->slicing = slicing;
    sweep->stream = stream;
    sweep->pool = pool;
    sweep->memory = memory;
    if (sweep_measure(shape, &sweep->bytes, err) < 0)
        return -1;
    uint64_t rows = sweep->bytes.rows - (uint64_t)shape->max_rows * batch_bytes_per_row();
    sweep->rows_block = memory_alloc(memory, MEMORY_ROWS, rows, err);
    sweep->scratch_block =
        sweep->rows_block ? memory_alloc(memory, MEMORY_SCRATCH, sweep->bytes.scratch, err) : NULL;
    if (!sweep->scratch_block) {
        sweep_deinit(sweep);
        return -1;
    }
    lay_out_rows(sweep, &(struct carver){sweep->rows_block, 0});
    struct carver carver = {sweep->scratch_block, 0};
    const struct rope_params *rope = &shape->network->hparams.rope;
    sweep->scratch = carve(&carver, (uint64_t)shape->n_threads * sizeof *sweep->scratch);
    sweep->scratch_from = carver.at;
    for (int i = 0; i < shape->n_threads; i++)
        lay_out_scratch(sweep, &carver, &sweep->scratch[i]);
    sweep->scratch_to = carver.at;
    sweep->cos_sin = carve(&carver, (uint64_t)shape->max_positions * rope->n_rot * sizeof(float));
    for (uint32_t p = 0; p < shape->max_positions; p++)
        rope_angles(rope, shape->network->rope_factors, p,
                    sweep->cos_sin + (size_t)p * rope->n_rot);
    return 0;
}

/* Of the block: the batch's own are elsewhere. */
static uint64_t rows_block_bytes(const struct sweep *sweep)
{
    return sweep->bytes.rows - (uint64_t)sweep->shape.max_rows * batch_bytes_per_row();
}

int sweep_vacate(struct sweep *sweep, uint32_t n_rows, struct error *err)
{
    uint64_t kept = (uint64_t)n_rows * sweep->shape.network->hparams.n_embd * sizeof(float);
    if (memory_vacate((char *)sweep->hidden + kept, rows_block_bytes(sweep) - kept, err) < 0)
        return -1;
    return memory_vacate((char *)sweep->scratch_block + sweep->scratch_from,
                         sweep->scratch_to - sweep->scratch_from, err);
}

void sweep_deinit(struct sweep *sweep)
{
    if (sweep->rows_block)
        memory_free(sweep->memory, MEMORY_ROWS, sweep->rows_block, rows_block_bytes(sweep));
    if (sweep->scratch_block)
        memory_free(sweep->memory, MEMORY_SCRATCH, sweep->scratch_block, sweep->bytes.scratch);
    memset(sweep, 0, sizeof *sweep);
}

/* Buffers. */

float *sweep_floats(const struct sweep *sweep, enum buffer buffer)
{
    switch (buffer) {
    case BUFFER_HIDDEN:
        return sweep->hidden;
    case BUFFER_Q:
        return sweep->q;
    case BUFFER_K:
        return sweep->k;
    case BUFFER_V:
        return sweep->v;
    case BUFFER_LOWRANK:
        return sweep->lowrank;
    default:
        return NULL;
    }
}

uint32_t sweep_width(const struct sweep *sweep, enum buffer buffer)
{
    const struct hparams *h = &sweep->shape.network->hparams;
    switch (buffer) {
    case BUFFER_HIDDEN:
        return h->n_embd;
    case BUFFER_Q:
        return h->n_heads * h->head_dim;
    case BUFFER_K:
        return h->n_kv_heads * h->head_dim;
    case BUFFER_V:
        return h->n_kv_heads * h->value_dim;
    case BUFFER_FFN:
        return h->n_ff;
    case BUFFER_LOWRANK:
        return sweep->shape.network->lowrank_width;
    default:
        return 0;
    }
}

const struct packed *sweep_packed(const struct sweep *sweep, enum buffer buffer)
{
    return buffer == BUFFER_FFN ? &sweep->ffn : &sweep->input;
}
