#ifndef TRAWL_H
#define TRAWL_H
/* trawl: read many documents with a language model that is larger than memory.
 *
 * The only public header. A model is opened once; a run sends a stream of sequences (or documents
 * with questions) through sweeps over the model's weights, under one memory budget, and hands the
 * answers back in input order. The library never prints, never exits and has no global state.
 * Fallible functions return 0 or -1 (or NULL) and fill `struct error`.
 *
 * Threads: an open model is read-only and may be shared; each run is driven by the thread that
 * called it, which also receives the callbacks. */

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAWL_VERSION "0.1.0"

/* ---- Models ---- */

struct trawl_model;

struct trawl_adapter {
    const char *path; /* GGUF low-rank adapter */
    float scale;      /* 1 is as trained */
};

struct trawl_model_options {
    const char *path; /* GGUF, any part of a split model */
    const struct trawl_adapter *adapters;
    int n_adapters;
    bool vocabulary_only; /* the tokenizer is all that is wanted; the file may have no tensors */
};

/* NULL with [err] naming the file and what is wrong or missing in it. */
struct trawl_model *trawl_model_open(const struct trawl_model_options *options,
                                     struct error *err) MUST_CHECK;
void trawl_model_close(struct trawl_model *model); /* NULL is legal */

/* Facts for `inspect`. Texts are the model's, valid until it is closed. */
struct trawl_model_info {
    const char *path, *architecture, *name; /* name may be NULL */
    const char *template_name;              /* recognised chat template, NULL when it is not */
    const char *tokenizer;                  /* "llama" or "gpt2" */
    const char *pre_tokenizer;              /* NULL when it has none */
    int32_t eos;                            /* end-of-sequence token, -1: none */
    uint32_t gguf_version, n_files, n_layers, n_embd, n_ff, n_heads, n_kv_heads, head_dim, n_vocab,
        n_context, sliding_window;
    bool tied_head;
    uint64_t n_params, file_bytes;
    struct trawl_type_count {
        const char *type;
        uint64_t n_tensors, n_bytes;
    } types[16];
    int n_types;
};
int trawl_model_info(const struct trawl_model *model, struct trawl_model_info *info,
                     struct error *err) MUST_CHECK;

/* ---- Tokens ---- */

struct trawl_tokens {
    int32_t *ids; /* owned; free with trawl_tokens_deinit */
    size_t n_ids, capacity;
};
void trawl_tokens_deinit(struct trawl_tokens *tokens);

struct trawl_tokenize_options {
    bool no_bos;        /* default: begin-of-sequence where the model wants one */
    bool parse_special; /* control tokens in the text become tokens; off, they are only text */
};
/* Appends to [out]. */
int trawl_tokenize(const struct trawl_model *model, const char *text, size_t n_bytes,
                   const struct trawl_tokenize_options *options, struct trawl_tokens *out,
                   struct error *err) MUST_CHECK;
/* Appends the text of all ids. An id outside the vocabulary is an error. */
int trawl_detokenize(const struct trawl_model *model, const int32_t *ids, size_t n_ids,
                     struct bytes *out, struct error *err) MUST_CHECK;
/* Text of one token by itself (control tokens: their name), not NUL-terminated, appended to [out].
 */
int trawl_token_text(const struct trawl_model *model, int32_t id, struct bytes *out,
                     struct error *err) MUST_CHECK;
/* Whether it stands for no text, as begin and end tokens do. */
bool trawl_token_is_control(const struct trawl_model *model, int32_t id);

/* -- Conversations as a model was trained on them -- */

enum trawl_role { TRAWL_SYSTEM, TRAWL_USER, TRAWL_ASSISTANT };

struct trawl_message {
    enum trawl_role role;
    const char *text; /* any bytes; only text, whatever it looks like */
    size_t n_bytes;
};

struct trawl_chat;

/* [template_name] NULL: recognised from the model. One thread at a time; the model outlives it. */
struct trawl_chat *trawl_chat_open(const struct trawl_model *model, const char *template_name,
                                   struct error *err) MUST_CHECK;
void trawl_chat_close(struct trawl_chat *chat); /* NULL is legal */
/* The conversation and what begins an answer to it, in place of what [out] held. At most one system
 * message, first; then user and assistant, in turn where the template wants that: else ERROR_USAGE.
 */
int trawl_chat_tokens(struct trawl_chat *chat, const struct trawl_message *messages,
                      size_t n_messages, struct trawl_tokens *out, struct error *err) MUST_CHECK;
/* The token that ends an answer beside end-of-sequence, -1: none. */
int32_t trawl_chat_end(const struct trawl_chat *chat);

/* ---- Runs ---- */

struct trawl_run_options {
    uint64_t memory_bytes; /* the budget for everything; 0: half of what is available */
    uint32_t n_rows;       /* rows of a batch; 0: chosen by the plan */
    int n_threads;         /* 0: all cores this process may use, fewer where memory is short */
    const char *reader;    /* "uring", "pread", "null"; NULL: the best that works */
    const char *cpu;       /* CPU level; NULL: the best this machine has */
    bool exact;            /* f32 arithmetic instead of int8 */
    bool dry_run;          /* read the input, make the plan and count; run nothing: results have no
                              read-outs, documents no answers */
};

/* What a plan consists of: `inspect`, `--dry-run` and refusals say it. Bytes. */
struct trawl_plan {
    uint64_t memory_bytes;  /* the budget */
    uint64_t least_bytes;   /* the least that would do for one window */
    uint64_t process_bytes; /* program, libraries, stacks, small allocations */
    uint64_t model_bytes;   /* vocabulary, directory, norms, biases, adapters */
    uint64_t ring_bytes;    /* slices in flight */
    uint64_t scratch_bytes; /* per-thread panels and tiles */
    uint64_t rows_bytes;    /* all rows of a batch */
    uint64_t input_bytes;   /* documents and prompts waiting */
    uint64_t pinned_bytes;  /* slices that stay, as they are or, where that is less, unpacked */
    uint32_t n_rows, least_rows;
    uint32_t bytes_per_row;
    int n_threads;
    uint64_t n_slices, n_pinned;
    uint64_t first_sweep_bytes; /* read by the first sweep: all slices */
    uint64_t bytes_per_sweep;   /* read by every other: those that do not stay */
    uint64_t layer_weights;     /* numbers that every row is multiplied with */
    uint64_t head_weights;      /* and those for the rows that are read out */
    uint64_t kept_weights;      /* of both, those that stay in memory unpacked */
    char numerics[32]; /* name of the arithmetic; answers of one name are equal bit for bit */
    const char *cpu;
    const char *reader;
};

/* The plan of a run whose longest sequence has [max_tokens] (0: the default window). */
int trawl_plan(const struct trawl_model *model, const struct trawl_run_options *options,
               uint32_t max_tokens, struct trawl_plan *plan, struct error *err) MUST_CHECK;

struct trawl_stats {
    uint64_t documents, yes, no, unsure; /* asked runs only; blank documents count as no */
    uint64_t blank, too_long;            /* not sent: nothing in them; --long skip */
    uint64_t recalled;       /* answers that were remembered: nothing was run for them */
    uint64_t skipped;        /* answers whose condition did not hold */
    uint64_t resumed_layers; /* of a suspended sweep, not computed again */
    uint64_t waited;         /* documents some of whose questions were asked in a later sweep */
    uint64_t sequences;
    uint64_t prompt_tokens; /* tokens of all sequences, as if nothing were shared */
    uint64_t rows;          /* rows computed: distinct nodes of each batch's prefix tree */
    uint64_t shared_tokens; /* prompt_tokens - rows */
    uint64_t sweeps, bytes_read;
    double seconds, seconds_compute,
        seconds_waiting;   /* compute: a compute thread had a slice; waiting: none had */
    double seconds_paused; /* not part of the others */
    /* Of seconds_compute, the mean over the threads: weights to panels; panels times rows;
     * attention. */
    double seconds_unpacking, seconds_products, seconds_attention;
    double disk_seconds;        /* bytes_read at the raw rate seen in this run */
    double raw_bytes_per_s;     /* probed direct read rate of the model file */
    double bound_ratio;         /* max(disk_seconds, seconds_compute) / seconds */
    const char *bound;          /* "disk" or "compute" */
    uint64_t peak_memory_bytes; /* the kernel's figure */
    struct trawl_plan plan;
};

/* Progress within a run; called between slices at most about ten times a second. Return nonzero to
 * stop the run (ERROR_CANCELLED). */
struct trawl_progress {
    uint64_t sweep;           /* 1.. */
    uint32_t layer, n_layers; /* within the sweep */
    double sweep_done;        /* 0..1 */
    uint64_t batch_rows, batch_sequences;
    uint64_t sequences_done;
    uint64_t rows_done;
    uint64_t bytes_read;
    double seconds, seconds_waiting; /* without pauses */
};

/* -- Sequences: token ids in, log-probabilities out (`score`, and what everything else is made of)
 * -- */

/* How the token behind a sequence is drawn. Biases change what the last position's read-outs say
 * too; temperature and top_p do not. The same sequence, draw and seed give the same token, whatever
 * else is run (docs/numerics.md). */
struct trawl_draw {
    const int32_t *bias_ids; /* [n_biases] ascending */
    const float *biases;     /* [n_biases] added to the logits of these ids; finite */
    uint32_t n_biases;
    double temperature; /* 0: the most probable token, of equal ones the lowest id */
    double top_p; /* only among the most probable tokens, as many as have this share together; 1:
                     among all */
    uint64_t seed;
};

struct trawl_sequence {
    uint64_t tag;                  /* given back with the result */
    const int32_t *ids;            /* borrowed until the next call of the source */
    uint32_t n_ids;                /* >= 1 */
    uint32_t first_readout;        /* positions first_readout .. n_ids-1 are read out */
    const struct trawl_draw *draw; /* NULL: nothing is drawn. Borrowed until the result */
};

struct trawl_readout_options {
    const int32_t *wanted; /* ids whose log-probability every read-out position gives */
    uint32_t n_wanted;
    bool next; /* also that of the sequence's own next token (the last position has none: NaN) */
    uint32_t n_top; /* and the K best, highest first, ties by lower id */
    bool draws;     /* sequences may have a draw */
};

struct trawl_result {
    uint64_t tag;
    uint32_t n_readouts;
    const float *wanted;    /* [n_readouts, n_wanted] log-probabilities */
    const float *next;      /* [n_readouts] */
    const int32_t *top_ids; /* [n_readouts, n_top] */
    const float *top;       /* [n_readouts, n_top] */
    int32_t drawn;          /* -1: nothing */
    float drawn_logprob;
};

#define TRAWL_KEY_BYTES 32

/* A sweep between two layers: all of its state is the rows' hidden. */
struct trawl_suspended {
    uint8_t batch[TRAWL_KEY_BYTES]; /* tells this batch from others */
    uint32_t layer;                 /* the next to be run */
    void *hidden;                   /* [n_bytes], the run's own */
    uint64_t n_bytes;
};

struct trawl_run_callbacks {
    void *context;
    /* Once, before the first sequence is asked for: 0 go on, -1. May be NULL. */
    int (*planned)(void *context, const struct trawl_plan *plan, struct error *err);
    /* 1: [sequence] filled; 0: no more; 2: nothing more until the sequences given so far have been
     * answered; -1: error. */
    int (*next)(void *context, struct trawl_sequence *sequence, struct error *err);
    /* In input order, as sweeps end. 0: go on; 1: stop quietly; -1: error. */
    int (*result)(void *context, const struct trawl_result *result, struct error *err);
    /* All results of a sweep have been handed out. 0 go on, -1. May be NULL. */
    int (*swept)(void *context, struct error *err);
    int (*progress)(void *context, const struct trawl_progress *progress); /* may be NULL */
    /* Each may be NULL. suspend: before every layer, a chance to write the sweep down (there is
     * nothing of it before layer 0); 0 go on, 1 pause (with paused), -1. paused: all memory but the
     * hidden rows has been given back; returns when the run is to go on, 0, or to stop, as progress
     * does. resume: before a sweep; 1 [layer] and [hidden] are what was written down of this batch,
     * 0 there is nothing of it, -1. */
    int (*suspend)(void *context, const struct trawl_suspended *suspended, struct error *err);
    int (*paused)(void *context, const struct trawl_progress *progress);
    int (*resume)(void *context, struct trawl_suspended *suspended, struct error *err);
};

int trawl_run(const struct trawl_model *model, const struct trawl_run_options *options,
              const struct trawl_readout_options *readout, uint32_t max_tokens,
              const struct trawl_run_callbacks *callbacks, struct trawl_stats *stats,
              struct error *err) MUST_CHECK;

/* -- Documents: text in, answers out (`grep`, `ask`) -- */

enum trawl_layout { TRAWL_DOCUMENT_FIRST, TRAWL_QUESTION_FIRST };
enum trawl_long { TRAWL_LONG_WINDOWS, TRAWL_LONG_HEAD, TRAWL_LONG_SKIP };

enum trawl_question_kind {
    TRAWL_YES_NO,
    TRAWL_CHOICE, /* one of its labels */
    TRAWL_SCORE,  /* a choice among the whole numbers of a scale */
};

/* How much of a label is read, and how that is set beside the other labels' (answer/choice.h). */
enum trawl_label_reading {
    TRAWL_LABELS_DECIDED, /* as far as it tells them apart: no row for one its first token decides
                           */
    TRAWL_LABELS_WHOLE,   /* the whole label and the end of the turn after it */
    TRAWL_LABELS_MEAN,    /* the same, as the mean over its tokens, so that length does not count */
};

/* An earlier question of the same sheet and the answer it must have: of yes_no 1 (yes) or 0, of the
 * others the label's index. */
struct trawl_condition {
    int question;
    int label;
};

struct trawl_question {
    const char *text; /* "": the document is all of the prompt */
    enum trawl_question_kind kind;
    bool per_document;         /* each document brings its own text of it */
    double threshold;          /* yes_no: yes from this p_yes on; 0: 0.5. For conditions only */
    const char *const *labels; /* choice: [n_labels], two at least */
    int n_labels;
    int scale_from, scale_to; /* score: scale_from < scale_to */
    enum trawl_label_reading reading;
    const struct trawl_condition *ask_if; /* NULL: always */
};
/* The number of labels, those of a scale included; 0 for yes_no. */
int trawl_question_labels(const struct trawl_question *question);

struct trawl_ask_options {
    struct trawl_run_options run;
    const struct trawl_question *questions; /* asked of every document */
    int n_questions;
    const char *system_text;   /* NULL: one that fits the questions' kinds */
    const char *template_name; /* NULL: recognised from the model */
    enum trawl_layout layout;
    uint32_t window_tokens; /* tokens of a document sent at once; 0: min(context, 4096) less what
                               the prompt adds */
    enum trawl_long long_documents;
    double threshold; /* for stats.yes / no; a document matches when p_yes >= threshold */
    bool unordered;   /* answers come as they are complete, not in input order */
};

struct trawl_document {
    uint64_t tag;
    const char *text; /* borrowed until the next call of the source */
    size_t n_bytes;
    bool is_cut; /* the text is the beginning of a longer one: too long under TRAWL_LONG_SKIP */
    size_t n_kept_bytes; /* what the caller keeps of it beside the text until it is answered */
    const char *const *questions; /* [n_questions] texts for this document, borrowed likewise; NULL:
                                     those of the options */
};

enum trawl_cell_state {
    TRAWL_CELL_EMPTY,   /* nothing was sent: blank or too long, or its own question is too long */
    TRAWL_CELL_SKIPPED, /* its condition does not hold */
    TRAWL_CELL_ANSWERED,
};

/* The answer to one question. Of several windows the surest counts: for yes_no the surest yes. */
struct trawl_cell {
    enum trawl_cell_state state;
    int label;      /* the most probable one; yes_no: 1 yes, 0 no, by the question's threshold */
    double p;       /* its probability; yes_no: p_yes */
    double p_other; /* of none of the answers asked for; > 0.5: unsure */
    double expectation;         /* score */
    const double *distribution; /* [n_labels] adding up to 1; NULL for yes_no */
};

struct trawl_answer {
    uint64_t tag;
    bool blank;        /* nothing but white space: not sent, p_yes = 0 */
    bool too_long;     /* --long skip: not sent, p_yes = 0 */
    double p_yes;      /* of yes against no: the largest of all yes_no questions */
    double p_other;    /* probability of neither; > 0.5: unsure */
    int question;      /* which question gave p_yes */
    uint32_t n_tokens; /* prompt tokens of this document, sent or remembered */
    uint32_t n_windows;
    const struct trawl_cell *cells; /* [n_questions], valid during the callback */
};

struct trawl_ask_callbacks {
    void *context;
    /* Once, before the first document is asked for: 0 go on, -1. May be NULL. */
    int (*planned)(void *context, const struct trawl_plan *plan, struct error *err);
    /* 1: [document] filled; 0: no more; 2: nothing more until the documents given so far have been
     * answered; -1: error. */
    int (*next)(void *context, struct trawl_document *document, struct error *err);
    /* The document of [tag], given before and not yet answered, once more. NULL: no question waits
     * for another's answer, all are asked in one sweep. */
    int (*again)(void *context, uint64_t tag, struct trawl_document *document, struct error *err);
    /* In input order (unless unordered), as sweeps end. 0: go on; 1: stop quietly; -1: error. */
    int (*answer)(void *context, const struct trawl_answer *answer, struct error *err);
    int (*progress)(void *context, const struct trawl_progress *progress); /* may be NULL */

    /* A memory of what was read out, both NULL without one. The key is a hash of all that the
     * values depend on: token ids, read-out, model, adapters, numerics. recall: 1 [values] filled,
     * 0 not known, -1. What was recorded may be recorded again, with the
     * same values. */
    int (*recall)(void *context, const uint8_t key[TRAWL_KEY_BYTES], double *values,
                  uint32_t n_values, struct error *err);
    int (*record)(void *context, const uint8_t key[TRAWL_KEY_BYTES], const double *values,
                  uint32_t n_values, struct error *err);
    /* All answers of a sweep have been handed out. 0 go on, -1. May be NULL. */
    int (*swept)(void *context, struct error *err);
    /* As trawl_run_callbacks has them. With a memory the batch's key tells model, adapters and
     * numerics too; without one resume is not called. */
    int (*suspend)(void *context, const struct trawl_suspended *suspended, struct error *err);
    int (*paused)(void *context, const struct trawl_progress *progress);
    int (*resume)(void *context, struct trawl_suspended *suspended, struct error *err);
};

/* What tells a model from any other: a hash of its metadata, sizes, the beginning of each tensor
 * and its adapters. */
int trawl_model_hash(const struct trawl_model *model, uint8_t hash[TRAWL_KEY_BYTES],
                     struct error *err) MUST_CHECK;

/* Documents in flight (pulled and not yet answered) take at most half of plan.input_bytes and the
 * last of them, so the caller may keep their texts (and must where it gives them again); the other
 * half is for what it keeps besides and for a document being read and tokenised, which takes some
 * four times its length. */
int trawl_ask(const struct trawl_model *model, const struct trawl_ask_options *options,
              const struct trawl_ask_callbacks *callbacks, struct trawl_stats *stats,
              struct error *err) MUST_CHECK;

/* What would be sent for a document under one question, as text (special tokens by name). Appends
 * to [out]. */
int trawl_prompt_text(const struct trawl_model *model, const struct trawl_ask_options *options,
                      const struct trawl_document *document, int question, struct bytes *out,
                      struct error *err) MUST_CHECK;

/* Names for help texts and completions: the i-th, NULL after the last. */
const char *trawl_template_name(size_t i);
const char *trawl_reader_name(size_t i);
const char *trawl_cpu_name(size_t i);

#endif
