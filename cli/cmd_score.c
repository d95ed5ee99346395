/* trawl score: log-probabilities of given tokens, through the same sweep as everything else, so
 * that it can be compared with other engines. */

#include "commands.h"
#include "input/whole.h"
#include "message.h"
#include "models.h"
#include "output/progress.h"
#include "output/report.h"
#include "run_options.h"
#include "score_input.h"

#include <inttypes.h>
#include <math.h>

struct score {
    const struct trawl_model *model;
    struct score_input input;
    size_t n_given; /* sequences the engine has */
    uint32_t n_top;
    bool json;
    struct out out;
    struct bytes text;          /* of one token */
    double sum, sum_of_squares; /* of negative log-probabilities */
    uint64_t n_scored;
    struct report_options told;
    struct progress progress;
    struct report report;
    struct stats_file stats;
};

static int next_sequence(void *context, struct trawl_sequence *sequence, struct error *err)
{
    struct score *score = context;
    if (score->out.unflushed && out_flush(&score->out, err) < 0)
        return -1;
    if (score->n_given == score->input.n_spans)
        return 0;
    const struct score_span *span = &score->input.spans[score->n_given];
    *sequence = (struct trawl_sequence){.tag = score->n_given++,
                                        .ids = score->input.tokens.ids + span->first,
                                        .n_ids = span->n_ids,
                                        .first_readout = score_first_readout(&score->input, span)};
    return 1;
}

static void print_top_json(struct score *score, const struct trawl_result *result, uint32_t readout)
{
    out_char(&score->out, '[');
    for (uint32_t k = 0; k < score->n_top; k++) {
        size_t i = (size_t)readout * score->n_top + k;
        out_format(&score->out, "%s[%" PRId32 ", ", k > 0 ? ", " : "", result->top_ids[i]);
        out_number(&score->out, (double)result->top[i]);
        out_char(&score->out, ']');
    }
    out_char(&score->out, ']');
}

static void print_json(struct score *score, const struct trawl_result *result, const int32_t *ids,
                       uint32_t n_ids, uint32_t first)
{
    struct out *out = &score->out;
    out_text(out, "{\"ids\": [");
    for (uint32_t i = 0; i < n_ids; i++)
        out_format(out, "%s%" PRId32, i > 0 ? ", " : "", ids[i]);
    out_text(out, "], \"logprobs\": [");
    for (uint32_t i = 0; i < n_ids; i++) {
        out_text(out, i > 0 ? ", " : "");
        out_number(out, i > first ? (double)result->next[i - 1 - first] : NAN);
    }
    out_char(out, ']');
    if (score->n_top > 0) {
        out_text(out, ", \"top\": [");
        for (uint32_t i = 0; i < n_ids; i++) {
            out_text(out, i > 0 ? ", " : "");
            if (i < first)
                out_text(out, "[]");
            else
                print_top_json(score, result, i - first);
        }
        out_char(out, ']');
    }
    out_text(out, "}\n");
}

static int print_token(struct score *score, int32_t id, struct error *err)
{
    bytes_clear(&score->text);
    if (trawl_token_text(score->model, id, &score->text, err) < 0)
        return -1;
    out_format(&score->out, "%" PRId32 "\t", id);
    out_json_text(&score->out, score->text.data ? score->text.data : "", score->text.n_bytes);
    out_char(&score->out, '\t');
    return 0;
}

/* sequence, position, id, text, log-probability given what is before it, then the K best at that
 * place. */
static int print_lines(struct score *score, const struct trawl_result *result, const int32_t *ids,
                       uint32_t n_ids, uint32_t first, struct error *err)
{
    for (uint32_t i = first + 1; i < n_ids; i++) {
        uint32_t readout = i - 1 - first;
        out_format(&score->out, "%" PRIu64 "\t%" PRIu32 "\t", result->tag, i);
        if (print_token(score, ids[i], err) < 0)
            return -1;
        out_number(&score->out, (double)result->next[readout]);
        for (uint32_t k = 0; k < score->n_top; k++) {
            size_t top = (size_t)readout * score->n_top + k;
            out_char(&score->out, '\t');
            if (print_token(score, result->top_ids[top], err) < 0)
                return -1;
            out_number(&score->out, (double)result->top[top]);
        }
        out_char(&score->out, '\n');
    }
    return 0;
}

static int take_result(void *context, const struct trawl_result *result, struct error *err)
{
    struct score *score = context;
    const struct score_span *span = &score->input.spans[result->tag];
    const int32_t *ids = score->input.tokens.ids + span->first;
    uint32_t first = score_first_readout(&score->input, span);
    for (uint32_t i = first + 1; i < span->n_ids; i++) {
        double nll = -(double)result->next[i - 1 - first];
        score->sum += nll;
        score->sum_of_squares += nll * nll;
        score->n_scored++;
    }
    score->progress.n_done++;
    progress_clear(&score->progress);
    if (score->json)
        print_json(score, result, ids, span->n_ids, first);
    else if (print_lines(score, result, ids, span->n_ids, first, err) < 0)
        return -1;
    return out_check(&score->out, err);
}

static int show_progress(void *context, const struct trawl_progress *now)
{
    struct score *score = context;
    progress_draw(&score->progress, now);
    return 0;
}

/* exp of the mean, and the standard error of it (first order): exp(mean) x sqrt(variance of the
 * mean). */
static void print_perplexity(struct score *score, bool of_ids)
{
    if (score->n_scored == 0 || (of_ids && score->json))
        return;
    double n = (double)score->n_scored;
    double mean = score->sum / n, perplexity = exp(mean);
    double variance = score->sum_of_squares / n - mean * mean;
    double error = n > 1 && variance > 0 ? perplexity * sqrt(variance / (n - 1)) : 0;
    if (score->json) {
        out_text(&score->out, "{\"perplexity\": ");
        out_number(&score->out, perplexity);
        out_text(&score->out, ", \"standard_error\": ");
        out_number(&score->out, error);
        out_format(&score->out, ", \"tokens\": %" PRIu64 "}\n", score->n_scored);
    } else {
        out_format(&score->out, "perplexity %.6f +/- %.6f over %" PRIu64 " tokens\n", perplexity,
                   error, score->n_scored);
    }
}

static int read_input(struct score *score, const struct arguments *arguments, bool of_ids,
                      struct error *err)
{
    const struct option_use *use = arguments_find(arguments, OPTION_SCORE_CONTEXT);
    uint64_t context = 0;
    struct bytes text = {0};
    const char *path = arguments->operands[0];
    if (use && value_count(use, 4, UINT32_MAX, &context, err) < 0)
        return -1;
    int status = whole_read(path, &text, err);
    if (status == 0) {
        status = of_ids ? score_input_ids(&score->input, score->model, text.data, text.n_bytes, err)
                        : score_input_text(&score->input, score->model, text.data, text.n_bytes,
                                           (uint32_t)context, err);
        if (status < 0)
            fail_context(err, "%s", path);
    }
    bytes_deinit(&text);
    return status;
}

static int run(struct score *score, const struct arguments *arguments, struct error *err)
{
    bool of_ids = arguments_find(arguments, OPTION_IDS);
    struct trawl_run_options options;
    if (run_options_read(&options, arguments, err) < 0 ||
        stats_file_open(&score->stats, score->told.stats_path, err) < 0 ||
        read_input(score, arguments, of_ids, err) < 0)
        return -1;
    score->progress.n_read = score->input.n_spans;
    score->progress.read_all = true;

    struct trawl_readout_options readout = {.next = true, .n_top = score->n_top};
    struct trawl_run_callbacks callbacks = {
        .context = score, .next = next_sequence, .result = take_result, .progress = show_progress};
    int status = trawl_run(score->model, &options, &readout, score->input.longest, &callbacks,
                           &score->report.stats, err);
    progress_clear(&score->progress);
    if (status < 0)
        return -1;
    print_perplexity(score, of_ids);
    if (out_flush(&score->out, err) < 0)
        return -1;
    if (score->progress.on)
        report_screen(&score->report, &(struct out){.file = stderr});
    return stats_file_save(&score->stats, &score->report, err);
}

int cmd_score(const struct arguments *arguments)
{
    struct error err = {0};
    struct trawl_model *model = NULL;
    struct score score = {.out.file = stdout, .progress.noun = "sequences"};
    const struct option_use *given = arguments_find(arguments, OPTION_MODEL);
    const struct option_use *top = arguments_find(arguments, OPTION_SCORE_TOP);
    uint64_t n_top = 0;
    int status = 0;

    if (arguments->n_operands != 1)
        status = fail(&err, ERROR_USAGE, "score reads one file (- for standard input)");
    if (status == 0 && top)
        status = value_count(top, 0, 1000000, &n_top, &err);
    score.n_top = (uint32_t)n_top;
    score.json = arguments_find(arguments, OPTION_JSON);
    report_options_read(&score.told, arguments);
    score.progress.on = score.told.show_progress;
    if (status == 0 && !(model = models_open(arguments, given ? given->value : NULL, false, &err)))
        status = -1;
    score.model = model;
    if (status == 0)
        status = run(&score, arguments, &err);
    progress_clear(&score.progress);

    score_input_deinit(&score.input);
    bytes_deinit(&score.text);
    stats_file_close(&score.stats);
    trawl_model_close(model);
    return status < 0 ? message_error(&err) : EXIT_MATCH;
}
