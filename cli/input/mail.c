#include "mail.h"

#include "charset.h"
#include "html.h"
#include "lines.h"
#include "mime_words.h"
#include "record_build.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_LEVELS       32          /* parts in parts */
#define MOST_HEADERS      1000        /* that become fields, */
#define MOST_FIELD_BYTES  (1 << 20)   /* and of all their values */
#define MOST_HEADER_BYTES (64 * 1024) /* of one header; the rest of it is passed over */

enum content { PLAIN, HTML, CONTAINER, MESSAGE, ATTACHMENT };

/* What the headers of a part say. */
struct part {
    enum content content;
    bool is_base64, is_quoted, is_attachment;
    struct bytes type, charset, boundary, name;
};

struct mail {
    struct record *record; /* borrowed */
    size_t most_bytes;
    bool in_headers, of_mail; /* the mail's own headers */
    size_t n_headers, n_header_bytes;
    struct bytes header; /* the one being read, with the lines that go on */
    struct bytes boundaries[MOST_LEVELS];
    size_t n_levels;
    struct part part;
    struct bytes body; /* of the part, as sent */
    struct bytes plain, html, attachments;
    bool too_large;
};

struct mail *mail_new(size_t most_bytes, struct error *err)
{
    struct mail *mail = calloc(1, sizeof *mail);
    if (mail)
        mail->most_bytes = most_bytes;
    else
        fail_memory(err, sizeof *mail, "a mail");
    return mail;
}

static void clear_part(struct mail *mail)
{
    struct part *part = &mail->part;
    bytes_deinit(&part->type);
    bytes_deinit(&part->charset);
    bytes_deinit(&part->boundary);
    bytes_deinit(&part->name);
    *part = (struct part){0};
    bytes_clear(&mail->body);
}

void mail_free(struct mail *mail)
{
    if (!mail)
        return;
    clear_part(mail);
    for (size_t i = 0; i < MOST_LEVELS; i++)
        bytes_deinit(&mail->boundaries[i]);
    bytes_deinit(&mail->header);
    bytes_deinit(&mail->body);
    bytes_deinit(&mail->plain);
    bytes_deinit(&mail->html);
    bytes_deinit(&mail->attachments);
    free(mail);
}

void mail_begin(struct mail *mail, struct record *record)
{
    clear_part(mail);
    bytes_clear(&mail->header);
    bytes_clear(&mail->plain);
    bytes_clear(&mail->html);
    bytes_clear(&mail->attachments);
    mail->record = record;
    mail->in_headers = mail->of_mail = true;
    mail->n_headers = mail->n_header_bytes = mail->n_levels = 0;
    mail->too_large = false;
}

/* ---- Headers ---- */

/* Those of the mail's way and wrapping say nothing about what it is. */
static bool is_field(const char *name)
{
    static const char *const others[] = {"received", "dkim-signature", "domainkey-signature",
                                         "mime-version", NULL};
    for (size_t i = 0; others[i]; i++)
        if (strcmp(name, others[i]) == 0)
            return false;
    return strncmp(name, "arc-", 4) != 0 && strncmp(name, "content-", 8) != 0;
}

static int add_field(struct mail *mail, const char *name, const char *value, struct error *err)
{
    struct bytes text = {0};
    if (!is_field(name) || mail->n_headers >= MOST_HEADERS)
        return 0;
    mail->n_headers++;
    mail->n_header_bytes += strlen(value);
    if (mail->n_header_bytes > MOST_FIELD_BYTES)
        return 0;
    int status = mime_decode_header(value, strlen(value), &text, err);
    if (status == 0)
        status = record_join(mail->record, name, text.data ? text.data : "", text.n_bytes, err);
    bytes_deinit(&text);
    return status;
}

static int read_type(struct part *part, const char *value, struct error *err)
{
    struct bytes name = {0};
    bytes_clear(&part->type);
    int status = bytes_append(&part->type, value, strcspn(value, "; \t"), err);
    if (status == 0)
        status = mime_parameter(value, "charset", &part->charset, err);
    if (status == 0)
        status = mime_parameter(value, "boundary", &part->boundary, err);
    if (status == 0)
        status = mime_parameter(value, "name", &name, err);
    if (status == 0 && part->name.n_bytes == 0)
        status = mime_decode_header(name.data ? name.data : "", name.n_bytes, &part->name, err);
    bytes_deinit(&name);
    return status;
}

static int read_disposition(struct part *part, const char *value, struct error *err)
{
    struct bytes name = {0};
    part->is_attachment = strncasecmp(value, "attachment", 10) == 0;
    int status = mime_parameter(value, "filename", &name, err);
    if (status == 0 && name.n_bytes > 0) {
        bytes_clear(&part->name);
        status = mime_decode_header(name.data, name.n_bytes, &part->name, err);
    }
    bytes_deinit(&name);
    return status;
}

/* The header that has been gathered. */
static int end_header(struct mail *mail, struct error *err)
{
    char *name = mail->header.data;
    char *colon = mail->header.n_bytes > 0 ? strchr(name, ':') : NULL;
    int status = 0;
    if (colon) {
        char *end = colon;
        while (end > name && strchr(" \t", end[-1]))
            end--;
        *end = '\0';
        bool is_name = end > name;
        for (char *c = name; c < end; c++) {
            is_name = is_name && *c > ' ' && *c < 127;
            *c = (char)tolower((unsigned char)*c);
        }
        const char *value = colon + 1 + strspn(colon + 1, " \t");
        struct part *part = &mail->part;
        if (strcmp(name, "content-type") == 0)
            status = read_type(part, value, err);
        else if (strcmp(name, "content-disposition") == 0)
            status = read_disposition(part, value, err);
        else if (strcmp(name, "content-transfer-encoding") == 0) {
            part->is_base64 = strncasecmp(value, "base64", 6) == 0;
            part->is_quoted = strncasecmp(value, "quoted-printable", 16) == 0;
        } else if (mail->of_mail && is_name)
            status = add_field(mail, name, value, err);
    }
    bytes_clear(&mail->header);
    return status;
}

static enum content content_of(const struct part *part, bool can_nest)
{
    const char *type = part->type.n_bytes > 0 ? part->type.data : "text/plain";
    if (strncasecmp(type, "multipart/", 10) == 0)
        return part->boundary.n_bytes > 0 && can_nest ? CONTAINER : ATTACHMENT;
    if (strcasecmp(type, "message/rfc822") == 0 && !part->is_base64 && !part->is_quoted)
        return MESSAGE;
    if (part->is_attachment)
        return ATTACHMENT;
    if (strcasecmp(type, "text/html") == 0)
        return HTML;
    return strcasecmp(type, "text/plain") == 0 || strcasecmp(type, "text/markdown") == 0 ||
                   strcasecmp(type, "text") == 0
               ? PLAIN
               : ATTACHMENT;
}

static int end_headers(struct mail *mail, struct error *err)
{
    if (end_header(mail, err) < 0)
        return -1;
    struct part *part = &mail->part;
    mail->in_headers = mail->of_mail = false;
    part->content = content_of(part, mail->n_levels < MOST_LEVELS);
    if (part->content == CONTAINER) {
        struct bytes *boundary = &mail->boundaries[mail->n_levels++];
        bytes_clear(boundary);
        return bytes_append(boundary, part->boundary.data, part->boundary.n_bytes, err);
    }
    if (part->content == MESSAGE) { /* a forwarded one: its text counts, its headers do not */
        clear_part(mail);
        mail->in_headers = true;
    } else if (part->content == ATTACHMENT) {
        const struct bytes *name = part->name.n_bytes > 0 ? &part->name : &part->type;
        if ((mail->attachments.n_bytes > 0 && bytes_append(&mail->attachments, "\n", 1, err) < 0) ||
            bytes_append(&mail->attachments, name->data ? name->data : "", name->n_bytes, err) < 0)
            return -1;
    }
    return 0;
}

static int header_line(struct mail *mail, const char *line, size_t n_bytes, struct error *err)
{
    bool goes_on = mail->header.n_bytes > 0 && n_bytes > 0 && (line[0] == ' ' || line[0] == '\t');
    if (n_bytes == 0)
        return end_headers(mail, err);
    if (!goes_on && end_header(mail, err) < 0)
        return -1;
    const char *colon = memchr(line, ':', n_bytes);
    if (!goes_on && !colon) { /* no header: the text has begun, without the blank line */
        if (end_headers(mail, err) < 0)
            return -1;
        return mail->in_headers ? 0 : mail_line(mail, line, n_bytes, err);
    }
    if (mail->header.n_bytes + n_bytes > MOST_HEADER_BYTES)
        n_bytes = 0;
    return bytes_append(&mail->header, line, n_bytes, err);
}

/* ---- Bodies ---- */

static bool is_kept(const struct part *part)
{
    return part->content == PLAIN || part->content == HTML;
}

/* Decodes the body in place. */
static int decode_body(struct mail *mail, struct error *err)
{
    const struct part *part = &mail->part;
    struct bytes *body = &mail->body, text = {0};
    if (part->is_base64 || part->is_quoted) {
        int status = part->is_base64
                         ? mime_decode_base64(body->data, body->n_bytes, &text, err)
                         : mime_decode_quoted(body->data, body->n_bytes, false, &text, err);
        if (status < 0) {
            bytes_deinit(&text);
            return -1;
        }
        bytes_deinit(body);
        *body = text;
    }
    char declared[CHARSET_NAME_BYTES];
    bool declares = part->charset.n_bytes > 0 && part->charset.n_bytes < sizeof declared;
    if (declares)
        memcpy(declared, part->charset.data, part->charset.n_bytes + 1);
    else if (part->content == HTML)
        declares = charset_of_page(body->data, body->n_bytes, declared);
    return charset_to_utf8(body, declares ? declared : NULL, err);
}

/* Lines that were encoded end as mail's do. */
static void drop_returns(struct bytes *text)
{
    size_t n = 0;
    for (size_t i = 0; i < text->n_bytes; i++)
        if (text->data[i] != '\r' || i + 1 == text->n_bytes || text->data[i + 1] != '\n')
            text->data[n++] = text->data[i];
    text->n_bytes = n;
    if (text->data)
        text->data[n] = '\0';
}

static void strip_lines(struct bytes *text)
{
    while (text->n_bytes > 0 && strchr("\r\n", text->data[text->n_bytes - 1]))
        text->data[--text->n_bytes] = '\0';
}

static int end_part(struct mail *mail, struct error *err)
{
    if (mail->in_headers && end_headers(mail, err) < 0)
        return -1;
    if (is_kept(&mail->part) && mail->body.n_bytes > 0) {
        bool is_html = mail->part.content == HTML;
        struct bytes *text = is_html ? &mail->html : &mail->plain;
        if (decode_body(mail, err) < 0 ||
            (text->n_bytes > 0 && bytes_append_text(text, "\n\n", err) < 0))
            return -1;
        struct bytes *body = &mail->body;
        drop_returns(body);
        const char *data = body->data ? body->data : "";
        if ((is_html ? html_text(data, body->n_bytes, text, err)
                     : bytes_append(text, data, body->n_bytes, err)) < 0)
            return -1;
        strip_lines(text);
    }
    clear_part(mail);
    return 0;
}

/* Whether the line is a boundary of a container that is open: its level, or -1. */
static int find_boundary(const struct mail *mail, const char *line, size_t n_bytes, bool *is_last)
{
    if (n_bytes < 3 || line[0] != '-' || line[1] != '-')
        return -1;
    for (size_t level = mail->n_levels; level > 0; level--) {
        const struct bytes *boundary = &mail->boundaries[level - 1];
        if (n_bytes - 2 < boundary->n_bytes ||
            memcmp(line + 2, boundary->data, boundary->n_bytes) != 0)
            continue;
        const char *rest = line + 2 + boundary->n_bytes;
        size_t n_rest = n_bytes - 2 - boundary->n_bytes;
        *is_last = n_rest >= 2 && rest[0] == '-' && rest[1] == '-';
        size_t skip = *is_last ? 2 : 0;
        if (line_is_blank(rest + skip, n_rest - skip))
            return (int)level - 1;
    }
    return -1;
}

int mail_line(struct mail *mail, const char *line, size_t n_bytes, struct error *err)
{
    bool is_last = false;
    int level = mail->n_levels > 0 ? find_boundary(mail, line, n_bytes, &is_last) : -1;
    if (level >= 0) {
        if (end_part(mail, err) < 0)
            return -1;
        mail->n_levels = (size_t)level + !is_last;
        mail->in_headers = !is_last;
        mail->part.content = CONTAINER; /* after the last part: nothing is kept */
        return 0;
    }
    if (mail->in_headers)
        return header_line(mail, line, n_bytes, err);
    if (!is_kept(&mail->part))
        return 0;
    size_t n_held = mail->body.n_bytes + mail->plain.n_bytes + mail->html.n_bytes;
    mail->too_large = mail->too_large || n_held + n_bytes > mail->most_bytes;
    if (mail->too_large)
        return 0;
    return bytes_append(&mail->body, line, n_bytes, err) < 0 ||
                   bytes_append(&mail->body, "\n", 1, err) < 0
               ? -1
               : 0;
}

void mail_skip_line(struct mail *mail)
{
    mail->too_large = mail->too_large || mail->in_headers || is_kept(&mail->part);
}

/* ---- The record ---- */

/* What the model reads: the headers that people read, then the text. */
static int compose(const struct mail *mail, const struct bytes *body, struct error *err)
{
    static const char *const shown[][2] = {
        {"subject", "Subject: "}, {"from", "From: "}, {"to", "To: "}, {"date", "Date: "}};
    struct bytes text = {0};
    int status = 0;
    for (size_t i = 0; i < sizeof shown / sizeof shown[0] && status == 0; i++) {
        const struct record_field *field = record_find(mail->record, shown[i][0]);
        if (field && field->n_bytes > 0 &&
            (bytes_append_text(&text, shown[i][1], err) < 0 ||
             bytes_append(&text, field->value, field->n_bytes, err) < 0 ||
             bytes_append_text(&text, "\n", err) < 0))
            status = -1;
    }
    if (status == 0 && text.n_bytes > 0)
        status = bytes_append_text(&text, "\n", err);
    if (status == 0)
        status = bytes_append(&text, body->data ? body->data : "", body->n_bytes, err);
    if (status == 0)
        status = record_take_text(mail->record, &text, err);
    bytes_deinit(&text);
    return status;
}

int mail_end(struct mail *mail, struct error *err)
{
    if (end_part(mail, err) < 0)
        return -1;
    struct record *record = mail->record;
    if (mail->too_large) {
        struct error trouble;
        fail_too_large(&trouble, mail->most_bytes, "a mail");
        return record_set_trouble(record, trouble.text, err);
    }
    const struct bytes *body =
        line_is_blank(mail->plain.data, mail->plain.n_bytes) ? &mail->html : &mail->plain;
    if ((mail->attachments.n_bytes > 0 && record_add(record, "attachments", mail->attachments.data,
                                                     mail->attachments.n_bytes, err) < 0) ||
        record_add(record, "body", body->data ? body->data : "", body->n_bytes, err) < 0)
        return -1;
    return compose(mail, body, err);
}
