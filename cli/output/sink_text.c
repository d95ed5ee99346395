/* Documents as grep prints lines. What grep does with its context options is kept to the byte,
 * group separators included. */

#include "sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define P_WIDTH 6 /* "0.930 " */

struct palette {
    char name[24], number[24], separator[24]; /* what stands between ESC [ and m */
};

struct text_sink {
    struct sink sink;
    struct text_options options;
    struct out *out;
    struct palette palette;
    struct item *before, **before_end; /* the last documents that were not printed, oldest first */
    int64_t n_before;
    int64_t n_pending;             /* context still to be printed after the last selected one */
    const struct input_file *file; /* of the last document seen */
    uint64_t last_printed;         /* its index in [file], 0: none */
    bool printed;                  /* anything at all */
};

/* GREP_COLORS may change the colours: "fn=35:ln=32:se=36". */
static void read_palette(struct palette *palette)
{
    *palette = (struct palette){.name = "35", .number = "32", .separator = "36"};
    const char *colors = getenv("GREP_COLORS");
    while (colors && *colors) {
        size_t n = strcspn(colors, ":");
        char *to = strncmp(colors, "fn=", 3) == 0   ? palette->name
                   : strncmp(colors, "ln=", 3) == 0 ? palette->number
                   : strncmp(colors, "se=", 3) == 0 ? palette->separator
                                                    : NULL;
        if (to && n - 3 < sizeof palette->name && strspn(colors + 3, "0123456789;") >= n - 3) {
            memcpy(to, colors + 3, n - 3);
            to[n - 3] = '\0';
        }
        colors += n + (colors[n] == ':');
    }
}

static void print_colored(struct text_sink *text, const char *color, const char *what)
{
    bool colored = text->options.color && color[0];
    if (colored)
        out_format(text->out, "\33[%sm\33[K", color);
    out_text(text->out, what);
    if (colored)
        out_text(text->out, "\33[m\33[K");
}

static void print_separator(struct text_sink *text, char separator)
{
    print_colored(text, text->palette.separator, (char[]){separator, '\0'});
}

static void print_name(struct text_sink *text, const struct input_file *file)
{
    print_colored(text, text->palette.name, file->name);
}

static void print_end(struct text_sink *text, char end)
{
    struct error ignored; /* the next check tells */
    out_char(text->out, end);
    if (text->options.line_buffered && out_flush(text->out, &ignored) < 0)
        return;
}

static void print_probability(struct text_sink *text, double p_yes, bool selected)
{
    if (text->options.probabilities && selected)
        out_format(text->out, "%.3f ", p_yes);
    else if (text->options.probabilities)
        out_format(text->out, "%*s", P_WIDTH, "");
}

/* All lines of a document. [separator]: ':' for selected ones, '-' for context. */
static void print_lines(struct text_sink *text, const struct item *item, double p_yes,
                        char separator)
{
    char end_byte = text->options.null_data ? '\0' : '\n';
    const char *at = item->text, *end = item->text + item->n_bytes;
    for (uint64_t number = item->line;; number++) {
        const char *line_end = memchr(at, end_byte, (size_t)(end - at));
        line_end = line_end ? line_end : end;
        print_probability(text, p_yes, separator == ':');
        if (text->options.with_filename) {
            print_name(text, item->file);
            if (text->options.null_after_name)
                out_char(text->out, '\0');
            else
                print_separator(text, separator);
        }
        if (text->options.line_numbers) {
            char digits[24];
            snprintf(digits, sizeof digits, "%" PRIu64, number);
            print_colored(text, text->palette.number, digits);
            print_separator(text, separator);
        }
        out_bytes(text->out, at, (size_t)(line_end - at));
        print_end(text, end_byte);
        if (line_end == end)
            break;
        at = line_end + 1;
    }
}

static bool has_context(const struct text_sink *text)
{
    return text->options.before >= 0 || text->options.after >= 0;
}

static void drop_before(struct text_sink *text)
{
    while (text->before) {
        struct item *next = text->before->next;
        holding_remove(text->options.holding, text->before);
        item_free(text->before);
        text->before = next;
    }
    text->before_end = &text->before;
    text->n_before = 0;
}

/* What stands between two printed documents. */
static void print_gap(struct text_sink *text, uint64_t first_index)
{
    if (!text->printed)
        return;
    bool adjacent = text->last_printed > 0 && first_index == text->last_printed + 1;
    if (has_context(text) && !adjacent) {
        print_colored(text, text->palette.separator, "--");
        print_end(text, '\n');
    } else if (text->options.unit == UNIT_PARAGRAPH) {
        print_end(text, '\n');
    }
}

static void print_document(struct text_sink *text, const struct item *item, double p_yes,
                           char separator)
{
    print_lines(text, item, p_yes, separator);
    text->last_printed = item->index;
    text->printed = true;
}

static void print_selected(struct text_sink *text, const struct item *item, double p_yes)
{
    print_gap(text, text->before ? text->before->index : item->index);
    for (const struct item *before = text->before; before; before = before->next) {
        print_document(text, before, 0, '-');
        if (text->options.unit == UNIT_PARAGRAPH)
            print_end(text, '\n');
    }
    drop_before(text);
    print_document(text, item, p_yes, ':');
    text->n_pending = text->options.after > 0 ? text->options.after : 0;
}

/* Takes [item]. */
static int keep_before(struct text_sink *text, struct item *item, struct error *err)
{
    if (text->options.before <= 0) {
        item_free(item);
        return 0;
    }
    holding_add(text->options.holding, item);
    item->next = NULL;
    *text->before_end = item;
    text->before_end = &item->next;
    if (++text->n_before > text->options.before) {
        struct item *oldest = text->before;
        text->before = oldest->next;
        holding_remove(text->options.holding, oldest);
        item_free(oldest);
        text->n_before--;
    }
    return holding_check(text->options.holding, "-B", err);
}

static void print_file_name(struct text_sink *text, const struct input_file *file, double p_yes)
{
    print_probability(text, p_yes, true);
    print_name(text, file);
    print_end(text, text->options.null_after_name ? '\0' : '\n');
}

static int text_document(struct sink *sink, struct item *item, const struct verdict *verdict,
                         struct error *err)
{
    struct text_sink *text = (struct text_sink *)sink;
    if (item->file != text->file) {
        drop_before(text);
        text->n_pending = 0;
        text->last_printed = 0;
        text->file = item->file;
    }
    if (text->options.listing == LIST_DOCUMENTS) {
        if (verdict->selected && text->options.unit == UNIT_FILE && !text->options.show_text) {
            print_file_name(text, item->file, verdict->answer.p_yes);
        } else if (verdict->selected) {
            print_selected(text, item, verdict->answer.p_yes);
        } else if (text->n_pending > 0) {
            print_gap(text, item->index);
            print_document(text, item, 0, '-');
            text->n_pending--;
        } else {
            int status = keep_before(text, item, err);
            return status < 0 ? -1 : out_check(text->out, err);
        }
    }
    item_free(item);
    return out_check(text->out, err);
}

static int text_file_end(struct sink *sink, const struct input_file *file, struct error *err)
{
    struct text_sink *text = (struct text_sink *)sink;
    bool unread = file->trouble && file->n_documents == 0;
    text->file = NULL; /* another one may come to lie at its address */
    if (unread || (file->is_binary && !text->options.silent_binary))
        return 0;
    if (text->options.listing == LIST_COUNTS) {
        if (text->options.with_filename) {
            print_name(text, file);
            if (text->options.null_after_name)
                out_char(text->out, '\0');
            else
                print_separator(text, ':');
        }
        out_format(text->out, "%" PRIu64, file->n_selected);
        print_end(text, '\n');
    }
    if ((text->options.listing == LIST_FILES_WITH && file->n_selected > 0) ||
        (text->options.listing == LIST_FILES_WITHOUT && file->n_selected == 0))
        print_file_name(text, file, file->p_yes);
    return out_check(text->out, err);
}

static int text_finish(struct sink *sink, struct error *err)
{
    return out_flush(((struct text_sink *)sink)->out, err);
}

static void text_free(struct sink *sink)
{
    drop_before((struct text_sink *)sink);
    free(sink);
}

struct sink *text_sink_new(const struct text_options *options, struct out *out, struct error *err)
{
    struct text_sink *text = calloc(1, sizeof *text);
    if (!text) {
        fail_memory(err, sizeof *text, "output");
        return NULL;
    }
    text->sink = (struct sink){text_document, text_file_end, text_finish, text_free};
    text->options = *options;
    text->out = out;
    text->before_end = &text->before;
    if (options->unit == UNIT_FILE)
        text->options.before = text->options.after = -1;
    read_palette(&text->palette);
    return &text->sink;
}
