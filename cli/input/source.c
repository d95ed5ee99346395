#include "source.h"

#include "base/bytes.h"
#include "inputs.h"
#include "intake_cut.h"
#include "kinds.h"
#include "lines.h"

#include <stdlib.h>
#include <string.h>

struct source {
    struct source_options options;
    struct inputs *inputs;
    struct input_file *file; /* the open one, NULL between files */
    struct lines lines;
    struct bytes paragraph;
    uint64_t line;  /* lines of the file read so far */
    uint64_t first; /* line of the document that is being read */
    bool file_ended;
    bool is_cut; /* the open file is longer than what of it is read */
    uint64_t serial;
    bool is_sample;       /* the documents are those of [sample] */
    struct item **sample; /* [n_sample], those from next_sample on owned */
    size_t n_sample, next_sample, sample_capacity;
};

struct source *source_new(const struct source_options *options, struct error *err)
{
    struct source *source = calloc(1, sizeof *source);
    if (!source) {
        fail_memory(err, sizeof *source, "the input");
        return NULL;
    }
    source->options = *options;
    struct inputs_options inputs = {.walk = options->walk,
                                    .raw = options->raw || options->ask_nothing,
                                    .most_bytes = options->most_bytes,
                                    .fetch = options->fetch,
                                    .filter = options->ask_nothing ? NULL : options->filter,
                                    .refuse_output =
                                        options->refuse_output && !options->ask_nothing};
    source->inputs = inputs_open(&inputs, err);
    if (!source->inputs) {
        free(source);
        return NULL;
    }
    return source;
}

void source_free(struct source *source)
{
    if (!source)
        return;
    for (size_t i = source->next_sample; i < source->n_sample; i++)
        item_free(source->sample[i]);
    free(source->sample);
    file_release(source->file);
    lines_deinit(&source->lines);
    bytes_deinit(&source->paragraph);
    inputs_close(source->inputs);
    free(source);
}

/* Records what failed with the open file. Only lack of memory for the words is fatal. */
static int note_trouble(struct source *source, const char *why, struct error *err)
{
    free(source->file->trouble);
    source->file->trouble = strdup(why);
    return source->file->trouble ? 0 : fail_memory(err, strlen(why), "a message");
}

/* The same, and ends the file. */
static int give_up(struct source *source, const char *why, struct error *err)
{
    source->file_ended = true;
    return note_trouble(source, why, err);
}

static int give_up_for(struct source *source, const struct error *trouble, struct error *err)
{
    return give_up(source, trouble->os_errno ? strerror(trouble->os_errno) : trouble->text, err);
}

/* Looks at the beginning of the open file and decides how it is read; takes its intake. -1 with
 * [trouble]. */
static int look(struct source *source, struct input *input, struct error *trouble)
{
    const struct source_options *options = &source->options;
    struct intake *intake = input->intake;
    const char *head;
    size_t n_head;
    if (intake_peek(intake, INTAKE_HEAD_BYTES, &head, &n_head, trouble) < 0)
        return -1;
    const struct input_kind *kind = options->raw ? NULL : kind_find(head, n_head, input->hint);
    bool is_text = !kind || !kind->text || !kind->is_binary;
    if (is_text && !options->binary && !options->null_data && memchr(head, '\0', n_head)) {
        source->file->is_binary = true;
        source->file_ended = true;
        return 0;
    }
    input->intake = NULL;
    source->is_cut = false;
    if (options->cut_long && options->unit == UNIT_FILE)
        intake = intake_cut(intake, options->most_bytes, &source->is_cut, trouble);
    if (!intake)
        return -1;
    if (kind && kind->text)
        intake = kind->text(intake, options->most_bytes, trouble);
    if (!intake)
        return -1;
    lines_init(&source->lines, intake, options->null_data ? '\0' : '\n', options->most_bytes);
    return 0;
}

/* Takes the input's name. */
static int open_file(struct source *source, struct input *input, struct error *err)
{
    struct input_file *file = calloc(1, sizeof *file);
    struct error trouble = {0};
    if (!file)
        return fail_memory(err, sizeof *file, "a file");
    file->n_refs = 1;
    file->is_named = input->is_named;
    file->name = input->name;
    input->name = NULL;
    source->file = file;
    source->line = 0;
    source->file_ended = source->options.ask_nothing;
    if (input->trouble)
        return give_up(source, input->trouble, err);
    if (!source->file_ended && look(source, input, &trouble) < 0)
        return give_up_for(source, &trouble, err);
    return 0;
}

static int make_item(struct source *source, struct item **out, struct error *err)
{
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        return fail_memory(err, sizeof *item, "a document");
    item->file = source->file;
    item->file->n_refs++;
    item->serial = source->serial++;
    *out = item;
    return 1;
}

/* Takes [text], also on failure. */
static int make_document(struct source *source, char *text, size_t n_bytes, uint64_t line,
                         struct item **out, struct error *err)
{
    if (make_item(source, out, err) < 0) {
        free(text);
        return -1;
    }
    (*out)->text = text;
    (*out)->n_bytes = n_bytes;
    (*out)->line = line;
    (*out)->index = ++source->file->n_documents;
    return 1;
}

static int copy_document(struct source *source, const char *text, size_t n_bytes, uint64_t line,
                         struct item **out, struct error *err)
{
    char *copy = malloc(n_bytes + 1);
    if (!copy)
        return fail_memory(err, n_bytes, "a document");
    if (n_bytes > 0)
        memcpy(copy, text, n_bytes);
    copy[n_bytes] = '\0';
    return make_document(source, copy, n_bytes, line, out, err);
}

/* A run of lines that are not blank. */
static int next_paragraph(struct source *source, struct item **item, struct error *err)
{
    struct line line;
    bool begun = false;
    int status;
    bytes_clear(&source->paragraph);
    source->first = source->line + 1;
    while ((status = lines_next(&source->lines, &line, err)) > 0) {
        source->line++;
        if (line_is_blank(line.text, line.n_bytes)) {
            if (begun)
                break;
            source->first = source->line + 1;
            continue;
        }
        if (source->paragraph.n_bytes + line.n_bytes > source->options.most_bytes)
            return fail_too_large(err, source->options.most_bytes, "a paragraph");
        if ((begun && bytes_append(&source->paragraph, &source->lines.end_byte, 1, err) < 0) ||
            bytes_append(&source->paragraph, line.text, line.n_bytes, err) < 0)
            return -1;
        begun = true;
    }
    if (status < 0 || !begun)
        return status < 0 ? -1 : 0;
    return copy_document(source, source->paragraph.data, source->paragraph.n_bytes, source->first,
                         item, err);
}

/* The next document of the open file. 1, 0 at its end, -1. */
static int next_document(struct source *source, struct item **item, struct error *err)
{
    struct line line;
    char *text;
    size_t n_bytes;
    int status;
    switch (source->options.unit) {
    case UNIT_PARAGRAPH:
        return next_paragraph(source, item, err);
    case UNIT_FILE:
        if (source->file->n_documents > 0)
            return 0;
        text = lines_take_rest(&source->lines, &n_bytes, err);
        if (!text)
            return -1;
        if (n_bytes > 0 && text[n_bytes - 1] == source->lines.end_byte)
            n_bytes--;
        if (make_document(source, text, n_bytes, 1, item, err) < 0)
            return -1;
        (*item)->is_cut = source->is_cut;
        return 1;
    default:
        source->first = source->line + 1;
        status = lines_next(&source->lines, &line, err);
        if (status <= 0)
            return status;
        return copy_document(source, line.text, line.n_bytes, ++source->line, item, err);
    }
}

/* Goes past a document that is longer than there is room for. 0, or -1 and the file is at its end.
 */
static int skip_document(struct source *source, struct error *trouble)
{
    struct line line;
    if (source->options.unit == UNIT_LINE) {
        source->line++;
        return lines_skip(&source->lines, trouble);
    }
    for (;;) {
        struct error ignored;
        int status = lines_next(&source->lines, &line, &ignored);
        source->line += status != 0;
        if (status < 0 && lines_skip(&source->lines, trouble) < 0)
            return -1;
        if (status == 0 || (status > 0 && line_is_blank(line.text, line.n_bytes)))
            return 0;
    }
}

/* What failed is told with the file's end; of a file of lines or paragraphs the others are read. */
static int get_over(struct source *source, struct error *trouble, struct error *err)
{
    if (trouble->kind != ERROR_LIMIT || source->options.unit == UNIT_FILE)
        return give_up_for(source, trouble, err);
    fail_context(trouble, "line %llu", (unsigned long long)source->first);
    if (note_trouble(source, trouble->text, err) < 0)
        return -1;
    return skip_document(source, trouble) < 0 ? give_up_for(source, trouble, err) : 0;
}

/* The end of the open file, which is closed. */
static int make_end(struct source *source, struct item **item, struct error *err)
{
    if (make_item(source, item, err) < 0)
        return -1;
    (*item)->is_end = true;
    file_release(source->file);
    source->file = NULL;
    lines_deinit(&source->lines);
    return 1;
}

static int read_next(struct source *source, struct item **item, struct error *err)
{
    if (!source->file) {
        struct input *input;
        int status = inputs_next(source->inputs, &input, err);
        if (status <= 0)
            return status;
        status = open_file(source, input, err);
        input_free(input);
        if (status < 0)
            return -1;
    }
    while (!source->file_ended && !source->file->stop) {
        struct error trouble = {0};
        int status = next_document(source, item, &trouble);
        if (status > 0)
            return 1;
        if (status == 0)
            break;
        if (get_over(source, &trouble, err) < 0)
            return -1;
    }
    return make_end(source, item, err);
}

/* The documents that were drawn, with the ends of the files that they are from. */
static int next_drawn(struct source *source, struct item **item, struct error *err)
{
    struct item *next =
        source->next_sample < source->n_sample ? source->sample[source->next_sample] : NULL;
    if (source->file && (!next || next->file != source->file))
        return make_end(source, item, err);
    if (!next)
        return 0;
    if (!source->file) {
        source->file = next->file;
        source->file->n_refs++;
    }
    source->next_sample++;
    *item = next;
    return 1;
}

int source_next(struct source *source, struct item **item, struct error *err)
{
    return source->is_sample ? next_drawn(source, item, err) : read_next(source, item, err);
}

/* splitmix64 (Steele, Lea, Flood 2014): a full-period generator whose whole state is one word. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static int compare_serials(const void *a, const void *b)
{
    uint64_t x = (*(struct item *const *)a)->serial, y = (*(struct item *const *)b)->serial;
    return x < y ? -1 : x > y;
}

/* Puts [item], which it takes, at [place] of the sample or behind its last one. */
static int keep(struct source *source, struct item *item, uint64_t place, struct holding *holding,
                struct error *err)
{
    if (source->n_sample == source->sample_capacity && place == source->n_sample) {
        size_t capacity = source->sample_capacity ? source->sample_capacity * 2 : 256;
        struct item **grown = realloc(source->sample, capacity * sizeof *grown);
        if (!grown) {
            item_free(item);
            return fail_memory(err, capacity * sizeof *grown, "the sample");
        }
        source->sample = grown;
        source->sample_capacity = capacity;
    }
    if (place < source->n_sample) {
        holding_remove(holding, source->sample[place]);
        item_free(source->sample[place]);
    } else {
        source->n_sample++;
    }
    source->sample[place] = item;
    holding_add(holding, item);
    return holding_check(holding, "--sample", err);
}

int source_sample(struct source *source, const struct sample_options *options, uint64_t *n_seen,
                  struct error *err)
{
    uint64_t seed = options->seed;
    struct item *item;
    int status;
    *n_seen = 0;
    while ((status = read_next(source, &item, err)) > 0) {
        if (item->is_end) {
            options->tell(options->context, item->file);
            free(item->file->trouble); /* told */
            item->file->trouble = NULL;
            item->file->is_binary = false;
            item_free(item);
            continue;
        }
        /* Vitter's algorithm R; the modulo's bias is below 2^-30 for any input that ends. */
        uint64_t place = (*n_seen)++ < options->n_wanted ? source->n_sample : draw(&seed) % *n_seen;
        if (place >= options->n_wanted)
            item_free(item);
        else if (keep(source, item, place, options->holding, err) < 0)
            return -1;
    }
    if (source->n_sample > 0)
        qsort(source->sample, source->n_sample, sizeof *source->sample, compare_serials);
    source->is_sample = true;
    return status;
}
