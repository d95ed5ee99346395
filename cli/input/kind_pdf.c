/* PDF by page, read by poppler's pdftotext: it ends every page with a form feed. */

#include "kinds.h"
#include "lines.h"
#include "process.h"
#include "record_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_S 300 /* for a page that takes long on a small machine */

static bool pdf_recognise(const char *head, size_t n_bytes, const char *path)
{
    (void)path;
    for (size_t i = 0; i + 5 <= n_bytes && i < 1024; i++) /* readers accept some bytes before it */
        if (head[i] == '%' && memcmp(head + i, "%PDF-", 5) == 0)
            return i == 0 || !memchr(head, '<', i);
    return false;
}

static struct intake *convert(struct intake *input, struct error *err)
{
    static const char *const argv[] = {"pdftotext", "-enc", "UTF-8", "-", "-", NULL};
    struct process_options options = {.argv = argv,
                                      .what = "pdftotext",
                                      .remedy = "install poppler (Debian: poppler-utils)",
                                      .silence_s = SILENCE_S};
    return process_open(input, &options, err);
}

/* ---- For grep: form feeds are ends of lines ---- */

struct pages_intake {
    struct intake intake;
    struct intake *input;
};

static ssize_t pages_read(struct intake *intake, void *data, size_t n_bytes, struct error *err)
{
    ssize_t n = intake_read(((struct pages_intake *)intake)->input, data, n_bytes, err);
    for (ssize_t i = 0; i < n; i++)
        if (((char *)data)[i] == '\f')
            ((char *)data)[i] = '\n';
    return n;
}

static void pages_close(struct intake *intake)
{
    intake_close(((struct pages_intake *)intake)->input);
    free(intake);
}

static struct intake *pdf_text(struct intake *input, size_t most_bytes, struct error *err)
{
    static const struct intake_class class = {pages_read, pages_close};
    (void)most_bytes;
    struct intake *pages = convert(input, err);
    struct pages_intake *self = pages ? calloc(1, sizeof *self) : NULL;
    if (!self) {
        if (pages)
            fail_memory(err, sizeof *self, "a PDF");
        intake_close(pages);
        return NULL;
    }
    self->intake.class = &class;
    self->input = pages;
    return &self->intake;
}

/* ---- As records ---- */

struct pdf_reader {
    struct lines pages; /* ended by form feeds */
    unsigned long n_pages, n_given;
};

static int pdf_open(struct reader *reader, struct error *err)
{
    struct pdf_reader *self = reader->state = calloc(1, sizeof *self);
    if (!self)
        return fail_memory(err, sizeof *self, "a PDF");
    struct intake *pages = convert(reader->intake, err);
    reader->intake = NULL;
    if (!pages)
        return -1;
    lines_init(&self->pages, pages, '\f', reader->most_bytes);
    return 0;
}

/* The page's number is its name, so that pages without text, which are passed over, count. */
static int add_page(const struct reader *reader, struct record *record, const struct line *page,
                    struct error *err)
{
    const struct pdf_reader *self = reader->state;
    size_t n_id = strlen(reader->input->name) + 24;
    char number[24];
    int n_number = snprintf(number, sizeof number, "%lu", self->n_pages);
    record->id = malloc(n_id);
    if (!record->id)
        return fail_memory(err, n_id, "a record");
    snprintf(record->id, n_id, "%s:%lu", reader->input->name, self->n_pages);
    size_t n_bytes = page->n_bytes;
    while (n_bytes > 0 && page->text[n_bytes - 1] == '\n')
        n_bytes--;
    return record_add(record, "page", number, (size_t)n_number, err) < 0 ||
                   record_set_text(record, page->text, n_bytes, err) < 0
               ? -1
               : 1;
}

static int pdf_next(struct reader *reader, struct record *record, struct error *err)
{
    struct pdf_reader *self = reader->state;
    struct line page;
    int status;
    while ((status = lines_next(&self->pages, &page, err)) > 0) {
        self->n_pages++;
        if (line_is_blank(page.text, page.n_bytes))
            continue;
        self->n_given++;
        return add_page(reader, record, &page, err);
    }
    if (status == 0 && self->n_given == 0)
        return fail(err, ERROR_FORMAT,
                    "no text on any page (a scan? --filter 'COMMAND' can be an OCR program)");
    return status;
}

static void pdf_close(struct reader *reader)
{
    struct pdf_reader *self = reader->state;
    if (self)
        lines_deinit(&self->pages);
    free(self);
}

const struct input_kind KIND_PDF = {.name = "pdf",
                                    .is_binary = true,
                                    .recognise = pdf_recognise,
                                    .text = pdf_text,
                                    .open = pdf_open,
                                    .next = pdf_next,
                                    .close = pdf_close};
