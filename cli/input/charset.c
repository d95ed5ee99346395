#include "charset.h"

#include "../utf8_check.h"
#include "base/size.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define STEP_BYTES  16384

struct mark {
    const char *bytes;
    size_t n_bytes;
    const char *charset; /* NULL: UTF-8 */
};

/* UTF-32's before UTF-16's, which it begins with. */
static const struct mark *mark_of(const char *text, size_t n_bytes)
{
    static const struct mark marks[] = {{"\xef\xbb\xbf", 3, NULL},
                                        {"\xff\xfe\0\0", 4, "UTF-32LE"},
                                        {"\0\0\xfe\xff", 4, "UTF-32BE"},
                                        {"\xff\xfe", 2, "UTF-16LE"},
                                        {"\xfe\xff", 2, "UTF-16BE"}};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (n_bytes >= marks[i].n_bytes && memcmp(text, marks[i].bytes, marks[i].n_bytes) == 0)
            return &marks[i];
    return NULL;
}

bool charset_is_wide(const char *head, size_t n_bytes)
{
    const struct mark *mark = mark_of(head, n_bytes);
    return mark && mark->charset;
}

/* Names that mean another set than they say, as browsers read them: a larger one that has the same
 * characters at the same places, and some that iconv does not know. */
static const char *real_name(const char *name)
{
    static const char *const others[][2] = {{"us-ascii", "CP1252"},
                                            {"ascii", "CP1252"},
                                            {"iso-8859-1", "CP1252"},
                                            {"latin1", "CP1252"},
                                            {"iso8859-1", "CP1252"},
                                            {"windows-1252", "CP1252"},
                                            {"iso-8859-9", "CP1254"},
                                            {"gb2312", "GB18030"},
                                            {"gbk", "GB18030"},
                                            {"x-gbk", "GB18030"},
                                            {"ks_c_5601-1987", "CP949"},
                                            {"euc-kr", "CP949"},
                                            {"shift_jis", "CP932"},
                                            {"shift-jis", "CP932"},
                                            {"x-sjis", "CP932"},
                                            {"sjis", "CP932"},
                                            {"iso-8859-8-i", "ISO-8859-8"},
                                            {"tis-620", "CP874"},
                                            {"unicode-1-1-utf-8", "UTF-8"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcasecmp(name, others[i][0]) == 0)
            return others[i][1];
    return name;
}

/* Converts as much of [*from] as is whole; a sequence that the set does not have is one byte less
 * and U+FFFD. At the end of the input what is left is such a sequence too. */
static int convert(iconv_t way, const char **from, size_t *n_from, bool at_end, struct bytes *out,
                   struct error *err)
{
    while (*n_from > 0) {
        if (bytes_reserve(out, STEP_BYTES, err) < 0)
            return -1;
        char *to = out->data + out->n_bytes;
        size_t room = STEP_BYTES;
        char *in = (char *)(uintptr_t)*from; /* iconv does not write there */
        size_t status = iconv(way, &in, n_from, &to, &room);
        int why = status == (size_t)-1 ? errno : 0;
        *from = in;
        out->n_bytes = (size_t)(to - out->data);
        if (why == EINVAL && !at_end)
            break;
        if (why != EILSEQ && why != EINVAL)
            continue; /* all is done, or there was no more room */
        if (bytes_append(out, REPLACEMENT, 3, err) < 0)
            return -1;
        ++*from;
        --*n_from;
    }
    if (out->data)
        out->data[out->n_bytes] = '\0';
    return 0;
}

/* Replaces [text], from [skip] on, by its conversion. 0: done; 1: there is no such set; -1. */
static int convert_all(struct bytes *text, size_t skip, const char *charset, struct error *err)
{
    iconv_t way = iconv_open("UTF-8", real_name(charset));
    if (way == (iconv_t)-1)
        return 1;
    struct bytes out = {0};
    const char *from = text->data + skip;
    size_t n_from = text->n_bytes - skip;
    int status = convert(way, &from, &n_from, true, &out, err);
    iconv_close(way);
    if (status == 0)
        status = bytes_reserve(&out, 0, err);
    if (status < 0) {
        bytes_deinit(&out);
        return -1;
    }
    bytes_deinit(text);
    *text = out;
    return 0;
}

static int repair(struct bytes *text, const char *declared, struct error *err)
{
    if (text->n_bytes == 0 || utf8_is_valid(text->data, text->n_bytes))
        return 0;
    int status = declared ? convert_all(text, 0, declared, err) : 1;
    if (status > 0)
        status = convert_all(text, 0, "CP1252", err);
    return status > 0 ? fail(err, ERROR_UNSUPPORTED, "this system's iconv has no windows-1252")
                      : status;
}

int charset_repair(struct bytes *text, struct error *err)
{
    return repair(text, NULL, err);
}

int charset_to_utf8(struct bytes *text, const char *declared, struct error *err)
{
    const struct mark *mark = text->n_bytes > 0 ? mark_of(text->data, text->n_bytes) : NULL;
    if (mark && mark->charset)
        return convert_all(text, mark->n_bytes, mark->charset, err) < 0 ? -1 : 0;
    if (mark) {
        text->n_bytes -= mark->n_bytes;
        memmove(text->data, text->data + mark->n_bytes, text->n_bytes + 1);
    }
    bool by_escapes =
        declared && (strncasecmp(declared, "iso-2022-", 9) == 0 ||
                     strcasecmp(declared, "utf-7") == 0 || strcasecmp(declared, "hz-gb-2312") == 0);
    if (by_escapes && text->n_bytes > 0) {
        int status = convert_all(text, 0, declared, err);
        if (status <= 0)
            return status;
    }
    return repair(text, declared, err);
}

/* ---- What a page says ---- */

static const char *find(const char *from, const char *end, const char *word)
{
    size_t n = strlen(word);
    for (; from + n <= end; from++)
        if (strncasecmp(from, word, n) == 0)
            return from;
    return NULL;
}

bool charset_of_page(const char *page, size_t n_bytes, char name[CHARSET_NAME_BYTES])
{
    const char *end = page + min_size(n_bytes, 4096);
    for (const char *at = page; (at = find(at, end, "<meta")); at += 5) {
        const char *tag_end = memchr(at, '>', (size_t)(end - at));
        const char *value = find(at, tag_end ? tag_end : end, "charset");
        if (!value)
            continue;
        value += strlen("charset");
        while (value < end && strchr(" \t\r\n=\"'", *value) && *value)
            value++;
        size_t n = 0;
        while (value + n < end && n + 1 < CHARSET_NAME_BYTES &&
               (isalnum((unsigned char)value[n]) || (value[n] && strchr("-_:.", value[n]))))
            n++;
        memcpy(name, value, n);
        name[n] = '\0';
        if (strncasecmp(name, "utf-16", 6) == 0) /* it was read as ASCII just now */
            return false;
        return n > 0;
    }
    return false;
}

/* ---- An intake ---- */

struct charset_intake {
    struct intake intake;
    struct intake *input;
    iconv_t way;
    char raw[STEP_BYTES]; /* [n_raw] not converted yet */
    size_t n_raw;
    struct bytes out; /* what lies from [next] on has not been given */
    size_t next;
    bool at_end;
};

static ssize_t convert_read(struct intake *intake, void *data, size_t n_bytes, struct error *err)
{
    struct charset_intake *self = (struct charset_intake *)intake;
    while (self->next == self->out.n_bytes) {
        if (self->at_end)
            return 0;
        ssize_t n =
            intake_read(self->input, self->raw + self->n_raw, sizeof self->raw - self->n_raw, err);
        if (n < 0)
            return -1;
        self->at_end = n == 0;
        self->n_raw += (size_t)n;
        bytes_clear(&self->out);
        self->next = 0;
        const char *from = self->raw;
        if (convert(self->way, &from, &self->n_raw, self->at_end, &self->out, err) < 0)
            return -1;
        memmove(self->raw, from, self->n_raw); /* the beginning of a character */
    }
    size_t n = min_size(n_bytes, self->out.n_bytes - self->next);
    memcpy(data, self->out.data + self->next, n);
    self->next += n;
    return (ssize_t)n;
}

static void convert_close(struct intake *intake)
{
    struct charset_intake *self = (struct charset_intake *)intake;
    iconv_close(self->way);
    intake_close(self->input);
    bytes_deinit(&self->out);
    free(self);
}

struct intake *charset_open(struct intake *input, struct error *err)
{
    static const struct intake_class class = {convert_read, convert_close};
    const char *head;
    char skipped[4];
    size_t n_head;
    const struct mark *mark = NULL;
    struct charset_intake *self = NULL;
    if (intake_peek(input, 4, &head, &n_head, err) < 0)
        goto failed;
    mark = mark_of(head, n_head);
    if (mark && intake_read(input, skipped, mark->n_bytes, err) < 0)
        goto failed;
    if (!mark || !mark->charset)
        return input;
    self = calloc(1, sizeof *self);
    if (!self) {
        fail_memory(err, sizeof *self, "a text");
        goto failed;
    }
    self->way = iconv_open("UTF-8", mark->charset);
    if (self->way == (iconv_t)-1) {
        fail(err, ERROR_UNSUPPORTED, "this system's iconv does not know %s", mark->charset);
        goto failed;
    }
    self->intake.class = &class;
    self->input = input;
    return &self->intake;

failed:
    free(self);
    intake_close(input);
    return NULL;
}
