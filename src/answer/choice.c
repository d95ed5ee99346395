#include "answer/choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct choice_node {
    uint32_t parent; /* NONE at the root */
    int32_t token;
    uint32_t depth;  /* tokens from the prompt to here */
    uint32_t label;  /* of a path that ends here, NONE: it goes on */
    uint32_t only;   /* the one label of all paths through here, NONE: several */
    uint32_t wanted; /* place of the token in the read-out */
    uint32_t probe;  /* a node with children: the probe that reads it */
    bool has_children, is_cut;
};

void choice_init(struct choice *choice, enum choice_reading reading, uint32_t n_labels)
{
    *choice = (struct choice){.reading = reading, .n_labels = n_labels};
}

void choice_deinit(struct choice *choice)
{
    for (uint32_t i = 0; i < choice->n_probes; i++)
        free(choice->probes[i].tokens);
    free(choice->probes);
    free(choice->nodes);
    free(choice->logprobs);
    *choice = (struct choice){0};
}

static int add_node(struct choice *choice, uint32_t parent, int32_t token, uint32_t label,
                    struct error *err)
{
    if (choice->n_nodes == choice->capacity) {
        uint32_t capacity = choice->capacity ? 2 * choice->capacity : 32;
        struct choice_node *grown = realloc(choice->nodes, capacity * sizeof *grown);
        if (!grown)
            return fail_memory(err, capacity * sizeof *grown, "labels");
        choice->nodes = grown;
        choice->capacity = capacity;
    }
    choice->nodes[choice->n_nodes++] =
        (struct choice_node){.parent = parent,
                             .token = token,
                             .depth = parent == NONE ? 0 : choice->nodes[parent].depth + 1,
                             .label = NONE,
                             .only = label,
                             .probe = NONE};
    return 0;
}

static uint32_t find_child(const struct choice *choice, uint32_t parent, int32_t token)
{
    for (uint32_t i = parent + 1; i < choice->n_nodes; i++)
        if (choice->nodes[i].parent == parent && choice->nodes[i].token == token)
            return i;
    return NONE;
}

/* The child of [parent] by [token], made if need be, on the way to [label]. NONE with [err]. */
static uint32_t step(struct choice *choice, uint32_t parent, int32_t token, uint32_t label,
                     struct error *err)
{
    uint32_t child = find_child(choice, parent, token);
    if (child == NONE) {
        if (add_node(choice, parent, token, label, err) < 0)
            return NONE;
        child = choice->n_nodes - 1;
    }
    if (choice->nodes[child].only != label)
        choice->nodes[child].only = NONE;
    choice->nodes[parent].has_children = true;
    return child;
}

int choice_add(struct choice *choice, uint32_t label, const int32_t *tokens, uint32_t n_tokens,
               const int32_t *ends, uint32_t n_ends, struct error *err)
{
    if (choice->n_nodes == 0 && add_node(choice, NONE, -1, NONE, err) < 0)
        return -1;
    uint32_t at = 0;
    for (uint32_t i = 0; i < n_tokens; i++)
        if ((at = step(choice, at, tokens[i], label, err)) == NONE)
            return -1;
    for (uint32_t i = 0; i < n_ends; i++) {
        uint32_t end = step(choice, at, ends[i], label, err);
        if (end == NONE)
            return -1;
        uint32_t *of = &choice->nodes[end].label;
        if (*of != NONE && *of != label)
            return fail(err, ERROR_USAGE, "labels %u and %u are the same to this model", *of + 1,
                        label + 1);
        *of = label;
    }
    return 0;
}

/* The path from the prompt to [node], tokens in order. */
static int make_probe(struct choice *choice, uint32_t node, struct error *err)
{
    uint32_t n = choice->nodes[node].depth;
    struct choice_probe *probe = &choice->probes[choice->n_probes];
    probe->tokens = calloc(n + 1, sizeof *probe->tokens);
    if (!probe->tokens)
        return fail_memory(err, n * sizeof *probe->tokens, "labels");
    probe->n_tokens = n;
    for (uint32_t at = node; at != NONE; at = choice->nodes[at].parent) {
        struct choice_node *on_path = &choice->nodes[at];
        if (on_path->depth > 0)
            probe->tokens[on_path->depth - 1] = on_path->token;
        if (on_path->probe == NONE)
            on_path->probe = choice->n_probes;
    }
    choice->n_probes++;
    return 0;
}

/* A probe for every node that is read and below which none is. */
static int make_probes(struct choice *choice, struct error *err)
{
    choice->probes = calloc(choice->n_nodes, sizeof *choice->probes);
    choice->logprobs = calloc(choice->n_nodes, sizeof *choice->logprobs);
    if (!choice->probes || !choice->logprobs)
        return fail_memory(err, choice->n_nodes * sizeof *choice->probes, "labels");
    for (uint32_t i = choice->n_nodes; i-- > 0;) {
        const struct choice_node *node = &choice->nodes[i];
        /* Children come later, so deeper ones have claimed their path already. */
        if (node->has_children && !node->is_cut && node->probe == NONE &&
            make_probe(choice, i, err) < 0)
            return -1;
    }
    return 0;
}

int choice_close(struct choice *choice, struct error *err)
{
    for (uint32_t i = 1; i < choice->n_nodes && choice->reading == CHOICE_DECIDED; i++) {
        struct choice_node *node = &choice->nodes[i];
        const struct choice_node *parent = &choice->nodes[node->parent];
        /* Where one label is left the path ends; what lies behind is not read. */
        if (parent->only != NONE) {
            node->is_cut = true;
            node->label = NONE;
        } else if (node->only != NONE) {
            node->label = node->only;
            node->has_children = false;
        }
    }
    return make_probes(choice, err);
}

int32_t choice_token(const struct choice *choice, uint32_t node)
{
    return choice->nodes[node].is_cut ? -1 : choice->nodes[node].token;
}

void choice_set_wanted(struct choice *choice, uint32_t node, uint32_t wanted)
{
    choice->nodes[node].wanted = wanted;
}

void choice_describe(const struct choice *choice, uint32_t node, int32_t description[3])
{
    const struct choice_node *n = &choice->nodes[node];
    description[0] = n->is_cut ? -1 : (int32_t)n->parent;
    description[1] = n->is_cut ? -1 : n->token;
    description[2] = n->is_cut || n->label == NONE ? -1 : (int32_t)n->label;
}

void choice_read(struct choice *choice, uint32_t probe, const float *logprobs, uint32_t n_wanted)
{
    for (uint32_t i = 1; i < choice->n_nodes; i++) {
        const struct choice_node *node = &choice->nodes[i];
        const struct choice_node *parent = &choice->nodes[node->parent];
        if (!node->is_cut && parent->probe == probe)
            choice->logprobs[i] = logprobs[(size_t)parent->depth * n_wanted + node->wanted];
    }
}

/* log(exp(a) + exp(b)) */
static double add_logs(double a, double b)
{
    double larger = a > b ? a : b, smaller = a > b ? b : a;
    return smaller == -INFINITY ? larger : larger + log1p(exp(smaller - larger));
}

double choice_verdict(const struct choice *choice, double *probabilities)
{
    double all = -INFINITY;
    for (uint32_t l = 0; l < choice->n_labels; l++)
        probabilities[l] = -INFINITY;
    for (uint32_t i = 1; i < choice->n_nodes; i++) {
        const struct choice_node *node = &choice->nodes[i];
        if (node->label == NONE)
            continue;
        double sum = 0.0;
        for (uint32_t at = i; at != 0; at = choice->nodes[at].parent)
            sum += choice->logprobs[at];
        if (choice->reading == CHOICE_MEAN)
            sum /= node->depth;
        probabilities[node->label] = add_logs(probabilities[node->label], sum);
    }
    for (uint32_t l = 0; l < choice->n_labels; l++)
        all = add_logs(all, probabilities[l]);
    for (uint32_t l = 0; l < choice->n_labels; l++)
        probabilities[l] = all == -INFINITY ? 1.0 / choice->n_labels : exp(probabilities[l] - all);
    if (choice->reading == CHOICE_MEAN)
        return 0.0;
    return all < 0.0 ? -expm1(all) : 0.0; /* rounding may put the sum a little above 1 */
}
