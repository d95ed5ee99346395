#ifndef MODEL_PROGRAM_H
#define MODEL_PROGRAM_H
/* A model as a flat list of steps over the rows of a batch. The executor (sweep/) knows steps, not
 * model families: a new family is a new program made of these, or one more kind of step. */

#include "model/network.h"

/* Where a step's rows lie. One of each per batch; widths follow from the network. */
enum buffer {
    BUFFER_HIDDEN, /* f32 [rows, n_embd]: the residual stream */
    BUFFER_INPUT,  /* packed activations: input of the attention's, the gate|up's and the head's
                      matrices */
    BUFFER_FFN,    /* packed activations: input of the down matrix. Lies over Q, K and V */
    BUFFER_Q, /* f32 [rows, n_heads, head_dim]; attention leaves its result in the first value_dim
                 of each head */
    BUFFER_K, /* f32 [rows, n_kv_heads, head_dim] */
    BUFFER_V, /* f32 [rows, n_kv_heads, value_dim] */
    BUFFER_LOWRANK, /* f32 [rows, lowrank_width] */
};

enum step_kind {
    STEP_EMBED,     /* token ids -> dst */
    STEP_SELECT,    /* from here on only the rows that are read out; src is compacted in place */
    STEP_NORM,      /* src -> RMS norm * gamma -> packed dst */
    STEP_PACK,      /* src -> packed dst */
    STEP_ROTATE,    /* dst heads: optional norm by gamma, then the rotary embedding, in place */
    STEP_ATTENTION, /* Q against the K and V of all rows of the path -> Q */
    STEP_LOWRANK,   /* src (packed) times the low-rank A of weight (and of up) -> LOWRANK */
    STEP_GEMM,      /* src (packed) times weight (streamed in slices) -> dst by `result` */
};

enum gemm_result {
    RESULT_STORE,  /* dst = y */
    RESULT_ADD,    /* dst += y */
    RESULT_SWIGLU, /* dst = packed silu(gate) * up, weight and up in one slice */
    RESULT_READ,   /* logits: reduced to what is read out, never stored */
};

struct step {
    enum step_kind kind;
    uint32_t layer; /* for messages and progress; n_layers: the head */
    enum buffer src, dst;
    const float *gamma;          /* [width] or NULL */
    uint32_t n_heads;            /* STEP_ROTATE */
    const struct weight *weight; /* STEP_GEMM, STEP_LOWRANK */
    const struct weight *up;     /* RESULT_SWIGLU: weight is the gate */
    enum gemm_result result;
};

struct program {
    struct step *steps;
    size_t n_steps;
};

int program_make(struct program *program, const struct network *network,
                 struct error *err) MUST_CHECK;
void program_free(struct program *program);

#endif
