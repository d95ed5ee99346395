/* HTML pages: for grep their visible text, as records what they are about. */

#include "charset.h"
#include "html.h"
#include "kinds.h"
#include "record_build.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define SNIFF_BYTES 1024

static bool html_recognise(const char *head, size_t n_bytes, const char *path)
{
    if (n_bytes >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0) {
        head += 3;
        n_bytes -= 3;
    }
    char sniff[SNIFF_BYTES + 1];
    size_t n = n_bytes < SNIFF_BYTES ? n_bytes : SNIFF_BYTES;
    memcpy(sniff, head, n);
    sniff[n] = '\0';
    const char *start = sniff + strspn(sniff, " \t\r\n\f");
    while (strncmp(start, "<!--", 4) == 0 ||
           strncmp(start, "<?xml", 5) == 0) { /* may come before the page */
        const char *end = strchr(start, '>');
        if (!end)
            return false;
        start = end + 1 + strspn(end + 1, " \t\r\n\f");
    }
    if (strncasecmp(start, "<!doctype html", 14) == 0 || strncasecmp(start, "<html", 5) == 0)
        return true;

    /* A fragment says less: it also wants the extension. */
    const char *dot = path ? strrchr(path, '.') : NULL;
    bool named = dot && (strcasecmp(dot, ".html") == 0 || strcasecmp(dot, ".htm") == 0 ||
                         strcasecmp(dot, ".xhtml") == 0);
    return named && *start == '<' && (isalpha((unsigned char)start[1]) || start[1] == '!');
}

/* All of a page, as UTF-8. */
static int read_page(struct intake *intake, size_t most_bytes, struct bytes *page,
                     struct error *err)
{
    char declared[CHARSET_NAME_BYTES];
    if (intake_read_all(intake, most_bytes, page, err) < 0)
        return -1;
    bool declares = page->data && charset_of_page(page->data, page->n_bytes, declared);
    return charset_to_utf8(page, declares ? declared : NULL, err);
}

static struct intake *html_as_text(struct intake *input, size_t most_bytes, struct error *err)
{
    struct bytes page = {0}, text = {0};
    struct intake *intake = NULL;
    if (read_page(input, most_bytes, &page, err) == 0 &&
        html_text(page.data ? page.data : "", page.n_bytes, &text, err) == 0)
        intake = intake_open_bytes(&text, err);
    intake_close(input);
    bytes_deinit(&page);
    bytes_deinit(&text);
    return intake;
}

static int add(struct record *record, const char *name, const struct bytes *value,
               struct error *err)
{
    return value->n_bytes > 0 ? record_add(record, name, value->data, value->n_bytes, err) : 0;
}

static int html_next(struct reader *reader, struct record *record, struct error *err)
{
    struct bytes data = {0};
    struct html_page page = {0};
    const char *name = reader->input->name;
    if (reader->state)
        return 0;
    reader->state = reader; /* read */
    int status = read_page(reader->intake, reader->most_bytes, &data, err);
    if (status == 0)
        status = html_page_read(&page, data.data ? data.data : "", data.n_bytes,
                                fetch_is_address(name) ? name : NULL, err);
    if (status == 0 && (add(record, "title", &page.title, err) < 0 ||
                        add(record, "canonical", &page.canonical, err) < 0 ||
                        add(record, "description", &page.description, err) < 0 ||
                        add(record, "language", &page.language, err) < 0 ||
                        add(record, "links", &page.links, err) < 0 ||
                        record_take_text(record, &page.text, err) < 0))
        status = -1;
    html_page_deinit(&page);
    bytes_deinit(&data);
    return status < 0 ? -1 : 1;
}

const struct input_kind KIND_HTML = {.name = "html",
                                     .is_single = true,
                                     .recognise = html_recognise,
                                     .text = html_as_text,
                                     .next = html_next};
