/* One JSON object per document, whether it matched or not, so that answers can be joined with what
 * else is known of the documents. */

#include "sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct json_sink {
    struct sink sink;
    struct json_options options;
    struct out *out;
};

static void print_text_key(struct out *out, const char *key, const char *text, size_t n_bytes)
{
    out_format(out, "\"%s\": ", key);
    out_json_value(out, text, n_bytes);
}

static int json_document(struct sink *sink, struct item *item, const struct verdict *verdict,
                         struct error *err)
{
    struct json_sink *json = (struct json_sink *)sink;
    struct out *out = json->out;
    const struct trawl_answer *answer = &verdict->answer;

    out_char(out, '{');
    print_text_key(out, "file", item->file->name, strlen(item->file->name));
    if (json->options.unit != UNIT_FILE)
        out_format(out, ", \"line\": %" PRIu64, item->line);
    out_format(out, ", \"answer\": \"%s\", \"p_yes\": ", verdict->yes ? "yes" : "no");
    out_number(out, answer->p_yes);
    if (json->options.calibrated)
        out_key_number(out, "p_raw", verdict->p_raw);
    out_text(out, ", \"p_other\": ");
    out_number(out, answer->p_other);
    out_format(out, ", \"unsure\": %s, \"tokens\": %" PRIu32,
               answer->p_other > 0.5 ? "true" : "false", answer->n_tokens);
    if (answer->n_windows > 1)
        out_format(out, ", \"windows\": %" PRIu32, answer->n_windows);
    if (answer->too_long)
        out_text(out, ", \"too_long\": true");
    if (answer->question >= 0 && answer->question < json->options.n_questions) {
        const char *question = json->options.questions[answer->question].text;
        out_text(out, ", ");
        print_text_key(out, "question", question, strlen(question));
    }
    if (!json->options.no_text && item->text) {
        out_text(out, ", ");
        print_text_key(out, "text", item->text, item->n_bytes);
    }
    out_text(out, "}\n");
    item_free(item);
    return json->options.line_buffered ? out_flush(out, err) : out_check(out, err);
}

static int json_file_end(struct sink *sink, const struct input_file *file, struct error *err)
{
    (void)file;
    return out_check(((struct json_sink *)sink)->out, err);
}

static int json_finish(struct sink *sink, struct error *err)
{
    return out_flush(((struct json_sink *)sink)->out, err);
}

static void json_free(struct sink *sink)
{
    free(sink);
}

struct sink *json_sink_new(const struct json_options *options, struct out *out, struct error *err)
{
    struct json_sink *json = calloc(1, sizeof *json);
    if (!json) {
        fail_memory(err, sizeof *json, "output");
        return NULL;
    }
    json->sink = (struct sink){json_document, json_file_end, json_finish, json_free};
    json->options = *options;
    json->out = out;
    return &json->sink;
}
