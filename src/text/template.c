#include "text/template_table.h"

#include "base/size.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int rendered_append(struct rendered *rendered, enum span_kind kind, const char *text,
                    size_t n_bytes, struct error *err)
{
    if (n_bytes == 0) {
        return 0;
    }
    size_t from = rendered->text.n_bytes;
    struct span *last = rendered->n_spans > 0 ? &rendered->spans[rendered->n_spans - 1] : NULL;
    bool joins = last != NULL && last->kind == kind;
    if (!joins && rendered->n_spans == rendered->capacity) {
        size_t capacity = max_size(16, 2 * rendered->capacity);
        struct span *spans = realloc(rendered->spans, capacity * sizeof(*spans));
        if (spans == NULL) {
            return fail_memory(err, capacity * sizeof(*spans), "a prompt's spans");
        }
        rendered->spans = spans;
        rendered->capacity = capacity;
        last = rendered->n_spans > 0 ? &spans[rendered->n_spans - 1] : NULL;
    }
    if (bytes_append(&rendered->text, text, n_bytes, err) < 0) {
        return -1;
    }
    if (joins) {
        last->to = from + n_bytes;
    } else {
        rendered->spans[rendered->n_spans++] =
            (struct span){.kind = kind, .from = from, .to = from + n_bytes};
    }
    return 0;
}

void rendered_clear(struct rendered *rendered)
{
    bytes_clear(&rendered->text);
    rendered->n_spans = 0;
    rendered->bos = false;
}

void rendered_deinit(struct rendered *rendered)
{
    bytes_deinit(&rendered->text);
    free(rendered->spans);
    *rendered = (struct rendered){0};
}

const char *template_name(const struct template *template)
{
    return template->name;
}

const struct template *template_at(size_t i)
{
    for (const struct template *row = template_rows; row->name != NULL; row++) {
        bool first = true;
        for (const struct template *before = template_rows; before < row; before++) {
            first &= strcmp(before->name, row->name) != 0;
        }
        if (first && i-- == 0) {
            return row;
        }
    }
    return NULL;
}

/* "plain, chatml, ..." into [to]. */
static void list_names(char *to, size_t capacity)
{
    size_t n = 0;
    for (size_t i = 0; template_at(i) != NULL; i++) {
        const char *name = template_at(i)->name;
        size_t length = strlen(name);
        if (n + length + 3 > capacity) {
            break;
        }
        memcpy(to + n, i > 0 ? ", " : "", i > 0 ? 2 : 0);
        n += i > 0 ? 2 : 0;
        memcpy(to + n, name, length);
        n += length;
    }
    to[n] = '\0';
}

int template_find(const char *name, const struct template **template, struct error *err)
{
    for (size_t i = 0; (*template = template_at(i)) != NULL; i++) {
        if (strcmp((*template)->name, name) == 0) {
            return 0;
        }
    }
    char names[440];
    list_names(names, sizeof(names));
    return fail(err, ERROR_USAGE, "no template \"%.40s\"; there are: %s", name, names);
}

/* Whether the mark stands at the start of text[0, n_bytes). Quotes are written either way, and so
 * are line ends: as themselves or escaped. */
static bool begins_with(const char *text, size_t n_bytes, const char *mark)
{
    for (size_t at = 0; *mark != '\0'; mark++, at++) {
        if (at == n_bytes) {
            return false;
        }
        if (mark[0] == '\\' && mark[1] == 'n') {
            bool escaped = n_bytes - at >= 2 && text[at] == '\\' && text[at + 1] == 'n';
            if (!escaped && text[at] != '\n') {
                return false;
            }
            at += escaped;
            mark++;
        } else if (text[at] != *mark && !(*mark == '\'' && text[at] == '"')) {
            return false;
        }
    }
    return true;
}

static bool contains(const struct template_source *source, const char *mark)
{
    for (size_t at = 0; at < source->n_bytes; at++) {
        if (begins_with(source->jinja + at, source->n_bytes - at, mark)) {
            return true;
        }
    }
    return false;
}

bool template_writes_bos(const struct template_source *source)
{
    return source->jinja != NULL && contains(source, "bos_token");
}

static bool matches(const struct template *template, const struct template_source *source)
{
    if (template->marks[0] == NULL) {
        return false;
    }
    for (size_t i = 0; i < TEMPLATE_MAX_MARKS && template->marks[i] != NULL; i++) {
        if (!contains(source, template->marks[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < TEMPLATE_MAX_MARKS && template->never[i] != NULL; i++) {
        if (contains(source, template->never[i])) {
            return false;
        }
    }
    return true;
}

/* The first special token that an unknown template names ("<|...|>"), else how it begins; on one
 * line, for the message. */
static void describe(const struct template_source *source, char *to, size_t capacity)
{
    const char *text = source->jinja, *end = text + source->n_bytes;
    const char *token = memmem(text, source->n_bytes, "<|", 2);
    const char *close = token ? memmem(token, (size_t)(end - token), "|>", 2) : NULL;
    if (close != NULL && (size_t)(close + 2 - token) < capacity) {
        text = token;
        end = close + 2;
    }
    size_t n = 0;
    for (; text < end && n + 1 < capacity; text++) {
        to[n++] = isprint((unsigned char)*text) ? *text : ' ';
    }
    to[n] = '\0';
}

int template_recognise(const struct template_source *source, const struct template **template,
                       struct error *err)
{
    if (source->jinja == NULL || source->n_bytes == 0) {
        return template_find("plain", template, err);
    }
    for (*template = template_rows; (*template)->name != NULL; (*template)++) {
        if (matches(*template, source)) {
            return 0;
        }
    }
    char beginning[41];
    describe(source, beginning, sizeof(beginning));
    return fail(
        err, ERROR_UNSUPPORTED,
        "tokenizer.chat_template: trawl does not know this template (\"%s\"); if it is of a family "
        "that trawl knows, say so with --template NAME: plain, chatml, llama2, llama3, llama3.1, "
        "mistral-v1, mistral-v3, mistral-v7, gemma, phi3, zephyr, vicuna, qwen3, deepseek-v3 or "
        "another (a wrong NAME gives the list)",
        beginning);
}

/* The state of one rendering. */
struct rendering {
    const struct template *template;
    struct rendered *out;
    struct error *err;
};

/* Text of the template, with the model's own end token where the row has EOS. */
static int put(struct rendering *r, const char *text)
{
    struct rendered *out = r->out;
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, EOS);
        if (rendered_append(out, SPAN_TEMPLATE, text, n, r->err) < 0) {
            return -1;
        }
        text += n;
        if (*text != '\0') {
            const char *eos = out->eos ? out->eos : "</s>";
            if (rendered_append(out, SPAN_TEMPLATE, eos, out->eos ? out->n_eos : 4, r->err) < 0) {
                return -1;
            }
            text++;
        }
    }
    return 0;
}

static int put_data(struct rendering *r, const struct message *message, enum trim trim)
{
    const char *text = message->text;
    size_t n = message->n_bytes;
    if (r->template->trim & trim) {
        while (n > 0 && isspace((unsigned char)text[n - 1])) {
            n--;
        }
        while (n > 0 && isspace((unsigned char)*text)) {
            text++;
            n--;
        }
    }
    return rendered_append(r->out, SPAN_DATA, text, n, r->err);
}

static int put_system(struct rendering *r, const struct message *system)
{
    const struct turn *turn = &r->template->system;
    if (system == NULL && r->template->default_system == NULL) {
        return 0;
    }
    if (put(r, turn->before) < 0 ||
        (system ? put_data(r, system, TRIM_SYSTEM) : put(r, r->template->default_system)) < 0) {
        return -1;
    }
    return put(r, turn->after);
}

static int put_turn(struct rendering *r, const struct turn *turn, const struct message *message,
                    enum trim trim, const struct message *system)
{
    if (put(r, turn->before) < 0 || (system != NULL && put_system(r, system) < 0) ||
        put_data(r, message, trim) < 0) {
        return -1;
    }
    return put(r, turn->after);
}

/* Which message the system text goes into, n_messages when it has a turn of its own. */
static size_t system_index(const struct template *template, const struct message *messages,
                           size_t n_messages)
{
    size_t found = n_messages;
    for (size_t i = 0; i < n_messages && template->system_place != SYSTEM_TURN; i++) {
        if (messages[i].role == MESSAGE_USER &&
            (found == n_messages || template->system_place == SYSTEM_LAST_USER)) {
            found = i;
        }
    }
    return found;
}

static int check_order(const struct template *template, const struct message *messages,
                       size_t n_messages, struct error *err)
{
    for (size_t i = 0; i < n_messages; i++) {
        if (messages[i].role == MESSAGE_SYSTEM && i > 0) {
            return fail(err, ERROR_USAGE, "message %zu: a system message comes first", i + 1);
        }
        if (i > 0 && messages[i].role == messages[i - 1].role && !template->repeats) {
            return fail(err, ERROR_USAGE,
                        "message %zu: user and assistant take turns in the template %s", i + 1,
                        template->name);
        }
    }
    return 0;
}

int template_render(const struct template *template, const struct message *messages,
                    size_t n_messages, bool generation_prompt, struct rendered *out,
                    struct error *err)
{
    struct rendering r = {.template = template, .out = out, .err = err};
    if (check_order(template, messages, n_messages, err) < 0) {
        return -1;
    }
    const struct message *system =
        n_messages > 0 && messages[0].role == MESSAGE_SYSTEM ? &messages[0] : NULL;
    size_t with_system = system_index(template, messages, n_messages);
    out->bos = template->bos;
    if (put(&r, template->begin) < 0 || (with_system == n_messages && put_system(&r, system) < 0)) {
        return -1;
    }
    bool again = false; /* a user turn came before */
    for (size_t i = system != NULL; i < n_messages; i++) {
        bool user = messages[i].role == MESSAGE_USER;
        if ((user && again && put(&r, template->next_user) < 0) ||
            put_turn(&r, user ? &template->user : &template->assistant, &messages[i],
                     user ? TRIM_USER : TRIM_ASSISTANT, i == with_system ? system : NULL) < 0) {
            return -1;
        }
        again |= user;
    }
    return generation_prompt ? put(&r, template->answer) : 0;
}
