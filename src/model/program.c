#include "model/program.h"

#include <stdlib.h>

/* An upper bound: a decoder layer with an adapter on every matrix, and what comes before and after
 * the layers. */
enum { MAX_STEPS_PER_LAYER = 24, MAX_STEPS_AROUND = 8 };

static void push(struct program *program, struct step step)
{
    program->steps[program->n_steps++] = step;
}

/* y = weight x, preceded by its low-rank A where an adapter gives one. */
static void push_gemm(struct program *program, uint32_t layer, enum buffer src,
                      const struct weight *weight, const struct weight *up, enum buffer dst,
                      enum gemm_result result)
{
    struct step step = {.layer = layer, .src = src, .weight = weight, .up = up};
    if (weight->lowrank.rank || (up && up->lowrank.rank)) {
        step.kind = STEP_LOWRANK;
        step.dst = BUFFER_LOWRANK;
        push(program, step);
    }
    step.kind = STEP_GEMM;
    step.dst = dst;
    step.result = result;
    push(program, step);
}

static void push_norm(struct program *program, uint32_t layer, const float *gamma)
{
    push(program, (struct step){.kind = STEP_NORM,
                                .layer = layer,
                                .src = BUFFER_HIDDEN,
                                .dst = BUFFER_INPUT,
                                .gamma = gamma});
}

static void push_rotate(struct program *program, uint32_t layer, enum buffer heads,
                        uint32_t n_heads, const float *gamma)
{
    push(
        program,
        (struct step){
            .kind = STEP_ROTATE, .layer = layer, .dst = heads, .n_heads = n_heads, .gamma = gamma});
}

/* A decoder layer. Keys and values come first, for all rows; in the last layer the rows that are
 * not read out have then done their part and drop out before the query, the output and the
 * feed-forward matrices. */
static void push_layer(struct program *program, const struct network *network, uint32_t i)
{
    const struct hparams *h = &network->hparams;
    const struct layer *layer = &network->layers[i];

    push_norm(program, i, layer->attention_norm);
    push_gemm(program, i, BUFFER_INPUT, &layer->k, NULL, BUFFER_K, RESULT_STORE);
    push_gemm(program, i, BUFFER_INPUT, &layer->v, NULL, BUFFER_V, RESULT_STORE);
    push_rotate(program, i, BUFFER_K, h->n_kv_heads, layer->k_norm);
    if (i + 1 == h->n_layers) {
        push(program,
             (struct step){
                 .kind = STEP_SELECT, .layer = i, .src = BUFFER_HIDDEN, .dst = BUFFER_HIDDEN});
        push_norm(program, i, layer->attention_norm);
    }
    push_gemm(program, i, BUFFER_INPUT, &layer->q, NULL, BUFFER_Q, RESULT_STORE);
    push_rotate(program, i, BUFFER_Q, h->n_heads, layer->q_norm);
    push(program,
         (struct step){.kind = STEP_ATTENTION, .layer = i, .src = BUFFER_Q, .dst = BUFFER_Q});
    push(program,
         (struct step){.kind = STEP_PACK, .layer = i, .src = BUFFER_Q, .dst = BUFFER_INPUT});
    push_gemm(program, i, BUFFER_INPUT, &layer->o, NULL, BUFFER_HIDDEN, RESULT_ADD);

    push_norm(program, i, layer->ffn_norm);
    push_gemm(program, i, BUFFER_INPUT, &layer->gate, &layer->up, BUFFER_FFN, RESULT_SWIGLU);
    push_gemm(program, i, BUFFER_FFN, &layer->down, NULL, BUFFER_HIDDEN, RESULT_ADD);
}

int program_make(struct program *program, const struct network *network, struct error *err)
{
    uint32_t n_layers = network->hparams.n_layers;
    size_t most = (size_t)n_layers * MAX_STEPS_PER_LAYER + MAX_STEPS_AROUND;
    *program = (struct program){calloc(most, sizeof *program->steps), 0};
    if (!program->steps)
        return fail_memory(err, most * sizeof *program->steps, "the program");

    push(program, (struct step){.kind = STEP_EMBED, .dst = BUFFER_HIDDEN});
    for (uint32_t i = 0; i < n_layers; i++)
        push_layer(program, network, i);
    push_norm(program, n_layers, network->output_norm);
    push_gemm(program, n_layers, BUFFER_INPUT, &network->head, NULL, BUFFER_HIDDEN, RESULT_READ);
    return 0;
}

void program_free(struct program *program)
{
    free(program->steps);
    *program = (struct program){NULL, 0};
}
