#ifndef ANSWER_CHOICE_H
#define ANSWER_CHOICE_H
/* Log-probabilities of tokens -> one of several labels. A label is one or more spellings, each a
 * path of tokens that ends with the end of the turn; together they make a trie:
 *
 *     prompt -+- "one" ---+- end                 one
 *             |           +- " off"              one off     (nothing else goes on so)
 *             +- "several"                       several
 *
 * When only what decides is read, a path is cut where all that goes on belongs to one label; so a
 * label that its first token decides costs no row besides the prompt's own. Else every path is read
 * to its end. A *probe* is a run of tokens behind the prompt, all of whose positions, from the
 * prompt's last on, are read out; the probes together read every node that has children. */

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum choice_reading {
    CHOICE_DECIDED, /* as far as it tells the labels apart */
    CHOICE_WHOLE,   /* whole labels and the end of the turn */
    CHOICE_MEAN,    /* the same, as the mean of its tokens' log-probabilities */
};

struct choice_probe {
    int32_t *tokens; /* [n_tokens] behind the prompt; n_tokens 0: the prompt alone */
    uint32_t n_tokens;
};

struct choice {
    enum choice_reading reading;
    uint32_t n_labels;
    struct choice_node *nodes; /* [n_nodes], parents first; 0 is the prompt's end */
    uint32_t n_nodes, capacity;
    struct choice_probe *probes; /* [n_probes] */
    uint32_t n_probes;
    float *logprobs; /* [n_nodes] scratch of choice_read: of a node's token given its path */
};

/* Zeroed otherwise; choice_deinit is legal after any failure. */
void choice_init(struct choice *choice, enum choice_reading reading, uint32_t n_labels);
void choice_deinit(struct choice *choice);

/* A spelling of [label]: tokens[n_tokens], then any of ends[n_ends]. Two labels with one spelling
 * are ERROR_USAGE. */
int choice_add(struct choice *choice, uint32_t label, const int32_t *tokens, uint32_t n_tokens,
               const int32_t *ends, uint32_t n_ends, struct error *err) MUST_CHECK;

/* After the last spelling: cuts what need not be read and makes the probes. */
int choice_close(struct choice *choice, struct error *err) MUST_CHECK;

/* The id whose log-probability choice_read wants of a node (1 <= node < n_nodes; -1: none), and
 * where it will find it. */
int32_t choice_token(const struct choice *choice, uint32_t node);
void choice_set_wanted(struct choice *choice, uint32_t node, uint32_t wanted);

/* Parent, token and label of a node (-1: none; of a cut one all): all nodes' tell a choice from any
 * other. */
void choice_describe(const struct choice *choice, uint32_t node, int32_t description[3]);

/* Takes what was read out for a probe: logprobs[n_tokens + 1, n_wanted]. All probes, in order. */
void choice_read(struct choice *choice, uint32_t probe, const float *logprobs, uint32_t n_wanted);

/* After the last probe. probabilities[n_labels] add up to 1. Returns the probability of no label
 * (0 under CHOICE_MEAN, whose figures are no probabilities before they are set beside each
 * other). */
double choice_verdict(const struct choice *choice, double *probabilities);

#endif
