/* trawl inspect: what a model is and what a run of it needs. */

#include "commands.h"
#include "message.h"
#include "models.h"
#include "output/report.h"
#include "output/units.h"
#include "run_options.h"

#include <inttypes.h>
#include <string.h>

#define LEAST_MARGIN_BYTES (256u << 10)

#define COUNT(n)  unit_count(n).text
#define BYTES(n)  unit_bytes((double)(n)).text
#define MEMORY(n) unit_memory(n).text

static void print_model(const struct trawl_model_info *info, struct out *out)
{
    out_format(out, "file          %s\n", info->path);
    if (info->name)
        out_format(out, "name          %s\n", info->name);
    out_format(out, "format        GGUF v%u, %u file%s, %s\n", info->gguf_version, info->n_files,
               info->n_files == 1 ? "" : "s", BYTES(info->file_bytes));
    out_format(out, "architecture  %s, %s parameters\n", info->architecture, COUNT(info->n_params));
    out_format(out,
               "shape         %u layers, %u wide, feed-forward %u, %u heads of %u, %u for keys and "
               "values\n",
               info->n_layers, info->n_embd, info->n_ff, info->n_heads, info->head_dim,
               info->n_kv_heads);
    out_format(out, "context       %s tokens", COUNT(info->n_context));
    if (info->sliding_window > 0)
        out_format(out, ", sliding window %s", COUNT(info->sliding_window));
    out_format(out, "\nvocabulary    %s tokens, %s%s%s%s\n", COUNT(info->n_vocab), info->tokenizer,
               info->pre_tokenizer ? ", pre-tokenizer " : "",
               info->pre_tokenizer ? info->pre_tokenizer : "",
               info->tied_head ? ", tied head" : "");
    out_format(out, "template      %s\n",
               info->template_name ? info->template_name
                                   : "not recognised (grep wants --template NAME)");
    for (int i = 0; i < info->n_types; i++)
        out_format(out, "tensors       %-6s %5" PRIu64 " of %s\n", info->types[i].type,
                   info->types[i].n_tensors, BYTES(info->types[i].n_bytes));
}

static void print_plan(const char *what, const struct trawl_plan *plan, struct out *out)
{
    out_format(out, "%s %s: %s rows of %s, %d threads, %s, %s; %s read a sweep\n", what,
               MEMORY(plan->memory_bytes), COUNT(plan->n_rows), BYTES(plan->bytes_per_row),
               plan->n_threads, plan->cpu ? plan->cpu : "?", plan->numerics,
               BYTES(plan->bytes_per_sweep));
    report_memory(plan, out);
}

static void print_model_json(const struct trawl_model_info *info, struct out *out)
{
    out_text(out, "{\"file\": ");
    out_json_text(out, info->path, strlen(info->path));
    out_key_text(out, "name", info->name);
    out_key_text(out, "architecture", info->architecture);
    out_key_count(out, "gguf_version", info->gguf_version);
    out_key_count(out, "files", info->n_files);
    out_key_count(out, "file_bytes", info->file_bytes);
    out_key_count(out, "parameters", info->n_params);
    out_key_count(out, "layers", info->n_layers);
    out_key_count(out, "embedding_length", info->n_embd);
    out_key_count(out, "feed_forward_length", info->n_ff);
    out_key_count(out, "heads", info->n_heads);
    out_key_count(out, "kv_heads", info->n_kv_heads);
    out_key_count(out, "head_size", info->head_dim);
    out_key_count(out, "context_length", info->n_context);
    out_key_count(out, "sliding_window", info->sliding_window);
    out_key_count(out, "vocabulary", info->n_vocab);
    out_key_text(out, "tokenizer", info->tokenizer);
    out_key_text(out, "pre_tokenizer", info->pre_tokenizer);
    out_key_text(out, "template", info->template_name);
    out_format(out, ", \"tied_head\": %s, \"types\": {", info->tied_head ? "true" : "false");
    for (int i = 0; i < info->n_types; i++)
        out_format(out, "%s\"%s\": {\"tensors\": %" PRIu64 ", \"bytes\": %" PRIu64 "}",
                   i > 0 ? ", " : "", info->types[i].type, info->types[i].n_tensors,
                   info->types[i].n_bytes);
    out_char(out, '}');
}

static void print_plan_json(const char *key, const struct trawl_plan *plan, struct out *out)
{
    out_format(out, ", \"%s\": {\"memory_bytes\": %" PRIu64, key, plan->memory_bytes);
    out_key_count(out, "process_bytes", plan->process_bytes);
    out_key_count(out, "model_bytes", plan->model_bytes);
    out_key_count(out, "ring_bytes", plan->ring_bytes);
    out_key_count(out, "scratch_bytes", plan->scratch_bytes);
    out_key_count(out, "rows_bytes", plan->rows_bytes);
    out_key_count(out, "input_bytes", plan->input_bytes);
    out_key_count(out, "pinned_bytes", plan->pinned_bytes);
    out_key_count(out, "rows", plan->n_rows);
    out_key_count(out, "least_rows", plan->least_rows);
    out_key_count(out, "bytes_per_row", plan->bytes_per_row);
    out_key_count(out, "pinned_slices", plan->n_pinned);
    out_key_count(out, "bytes_per_sweep", plan->bytes_per_sweep);
    out_key_count(out, "threads", (uint64_t)(plan->n_threads > 0 ? plan->n_threads : 0));
    out_key_text(out, "cpu", plan->cpu);
    out_key_text(out, "numerics", plan->numerics);
    out_key_text(out, "reader", plan->reader);
    out_char(out, '}');
}

/* A vocabulary-only file and a budget that is too small have no plan; what the model is can be said
 * all the same. */
static int print_all(const struct trawl_model *model, const struct arguments *arguments,
                     struct out *out, struct error *err)
{
    struct trawl_model_info info;
    struct trawl_run_options run;
    struct trawl_plan plan;
    const struct option_use *use = arguments_find(arguments, OPTION_WINDOW);
    bool json = arguments_find(arguments, OPTION_JSON);
    uint64_t window = 0;
    if ((use && value_count(use, 8, UINT32_MAX, &window, err) < 0) ||
        run_options_read(&run, arguments, err) < 0 || trawl_model_info(model, &info, err) < 0)
        return -1;
    int planned = trawl_plan(model, &run, (uint32_t)window, &plan, err);
    /* The least, which the refusal of a byte says, and what it consists of: the same question with
     * just that budget, a little more since this process grows by asking. */
    struct trawl_plan least = {0};
    struct error too_small = {0};
    run.memory_bytes = 1;
    run.n_rows = 0;
    bool has_least =
        trawl_plan(model, &run, (uint32_t)window, &least, &too_small) < 0 && least.least_bytes > 0;
    uint64_t least_bytes = least.least_bytes;
    run.memory_bytes = least_bytes + LEAST_MARGIN_BYTES;
    has_least = has_least && trawl_plan(model, &run, (uint32_t)window, &least, &too_small) == 0;
    if (json) {
        print_model_json(&info, out);
        out_key_count(out, "least_memory_bytes", least_bytes);
        if (planned == 0) {
            out_key_count(out, "bytes_per_sweep", plan.first_sweep_bytes);
            out_key_count(out, "slices", plan.n_slices);
        }
        if (has_least)
            print_plan_json("least", &least, out);
        if (planned == 0)
            print_plan_json("plan", &plan, out);
        out_text(out, "}\n");
    } else {
        print_model(&info, out);
        if (planned == 0)
            out_format(out, "sweep         %s in %s slices\n",
                       BYTES(plan.first_sweep_bytes), COUNT(plan.n_slices));
        if (has_least)
            print_plan("at least", &least, out);
        if (planned == 0)
            print_plan("with", &plan, out);
    }
    struct error output_error = {0};
    if (out_flush(out, &output_error) < 0) {
        *err = output_error;
        return -1;
    }
    return planned;
}

int cmd_inspect(const struct arguments *arguments)
{
    struct error err = {0};
    struct out out = {.file = stdout};
    struct trawl_model *model = NULL;
    const struct option_use *use = arguments_find(arguments, OPTION_MODEL);
    const char *given = arguments->n_operands > 0 ? arguments->operands[0]
                        : use                     ? use->value
                                                  : NULL;
    int status = 0;

    if (arguments->n_operands + (use != NULL) > 1)
        status = fail(&err, ERROR_USAGE, "inspect takes one model");
    if (status == 0 && !(model = models_open(arguments, given, false, &err)))
        status = -1;
    if (status == 0)
        status = print_all(model, arguments, &out, &err);
    trawl_model_close(model);
    return status < 0 ? message_error(&err) : EXIT_MATCH;
}
