/* Mail: one per file (eml, Maildir), or an mbox, where each begins with a line "From sender date".
 */

#include "kinds.h"
#include "lines.h"
#include "mail.h"
#include "record_build.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct mail_reader {
    struct lines lines;
    struct mail *mail;
    bool is_mbox;
    bool has_begun; /* a "From " line was read: a mail follows */
    bool at_end;
};

/* A "From " line has a year in it, which sentences that begin with this word rarely have. */
static bool is_from_line(const char *line, size_t n_bytes)
{
    if (n_bytes < 10 || memcmp(line, "From ", 5) != 0)
        return false;
    for (size_t i = 5; i + 5 <= n_bytes; i++)
        if (line[i] == ' ' &&
            (memcmp(line + i + 1, "19", 2) == 0 || memcmp(line + i + 1, "20", 2) == 0) &&
            isdigit((unsigned char)line[i + 3]) && isdigit((unsigned char)line[i + 4]))
            return true;
    return false;
}

/* Length of the header name at [line], 0: it is no header. */
static size_t header_length(const char *line, const char *end)
{
    size_t n = 0;
    while (line + n < end && line[n] > ' ' && line[n] < 127 && line[n] != ':')
        n++;
    return line + n < end && line[n] == ':' ? n : 0;
}

static bool mbox_recognise(const char *head, size_t n_bytes, const char *path)
{
    const char *end = memchr(head, '\n', n_bytes);
    (void)path;
    return end && is_from_line(head, (size_t)(end - head)) &&
           header_length(end + 1, head + n_bytes) > 0;
}

/* By its headers: From, and one of those that only mail has. */
static bool mail_recognise(const char *head, size_t n_bytes, const char *path)
{
    static const char *const marks[] = {"Message-ID", "Received",     "MIME-Version",
                                        "Date",       "Delivered-To", NULL};
    const char *end = head + n_bytes;
    bool has_from = false, has_mark = false;
    for (const char *line = head; line < end && *line != '\n' && *line != '\r';) {
        size_t n = header_length(line, end);
        if (n == 0 && (line == head || (*line != ' ' && *line != '\t')))
            return false;
        has_from = has_from || (n == 4 && strncasecmp(line, "From", 4) == 0);
        for (size_t i = 0; marks[i]; i++)
            has_mark = has_mark || (n == strlen(marks[i]) && strncasecmp(line, marks[i], n) == 0);
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        line = line_end ? line_end + 1 : end;
    }
    return (has_from && has_mark) ||
           (path_has_extension(path, "eml") && n_bytes > 0 && header_length(head, end) > 0);
}

static int open_mail(struct reader *reader, bool is_mbox, struct error *err)
{
    struct mail_reader *self = reader->state = calloc(1, sizeof *self);
    if (!self)
        return fail_memory(err, sizeof *self, "mail");
    lines_init(&self->lines, reader->intake, '\n', reader->most_bytes);
    reader->intake = NULL;
    self->is_mbox = is_mbox;
    self->mail = mail_new(reader->most_bytes, err);
    return self->mail ? 0 : -1;
}

static int mbox_open(struct reader *reader, struct error *err)
{
    return open_mail(reader, true, err);
}

static int mail_open(struct reader *reader, struct error *err)
{
    return open_mail(reader, false, err);
}

/* A line of a mail: 1; 0: the input has ended; -1. Too long ones are skipped. */
static int next_line(struct mail_reader *self, struct line *line, struct error *err)
{
    int status;
    while ((status = lines_next(&self->lines, line, err)) < 0 && err->kind == ERROR_LIMIT) {
        mail_skip_line(self->mail);
        if (lines_skip(&self->lines, err) < 0)
            return -1;
    }
    if (status > 0 && line->n_bytes > 0 && line->text[line->n_bytes - 1] == '\r')
        line->n_bytes--;
    return status;
}

/* mboxrd: a ">" was put before lines of the text that begin with "From ", or with ">From "... */
static void unquote(struct line *line)
{
    size_t n = 0;
    while (n < line->n_bytes && line->text[n] == '>')
        n++;
    if (n > 0 && line->n_bytes - n >= 5 && memcmp(line->text + n, "From ", 5) == 0) {
        line->text++;
        line->n_bytes--;
    }
}

static int mail_next(struct reader *reader, struct record *record, struct error *err)
{
    struct mail_reader *self = reader->state;
    struct line line;
    bool after_blank = true, has_lines = false;
    int status = 0;
    if (self->at_end)
        return 0;
    mail_begin(self->mail, record);
    while ((status = next_line(self, &line, err)) > 0) {
        if (self->is_mbox && after_blank && is_from_line(line.text, line.n_bytes)) {
            bool is_first = !self->has_begun;
            self->has_begun = true;
            if (!is_first || has_lines)
                break;
            continue;
        }
        after_blank = line.n_bytes == 0;
        if (self->is_mbox && !self->has_begun) {
            if (after_blank)
                continue;
            return fail(err, ERROR_FORMAT, "no mbox: it does not begin with a \"From \" line");
        }
        has_lines = true;
        if (self->is_mbox)
            unquote(&line);
        if (mail_line(self->mail, line.text, line.n_bytes, err) < 0)
            return -1;
    }
    if (status < 0)
        return -1;
    self->at_end = status == 0;
    if (self->is_mbox && !self->has_begun)
        return 0;
    return mail_end(self->mail, err) < 0 ? -1 : 1;
}

static void mail_close(struct reader *reader)
{
    struct mail_reader *self = reader->state;
    if (!self)
        return;
    lines_deinit(&self->lines);
    mail_free(self->mail);
    free(self);
}

const struct input_kind KIND_MBOX = {.name = "mbox",
                                     .recognise = mbox_recognise,
                                     .open = mbox_open,
                                     .next = mail_next,
                                     .close = mail_close};

const struct input_kind KIND_MAIL = {.name = "eml",
                                     .is_single = true,
                                     .recognise = mail_recognise,
                                     .open = mail_open,
                                     .next = mail_next,
                                     .close = mail_close};
