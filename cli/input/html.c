/* HTML as its visible text: the title, then what a reader would see, block elements on lines of
 * their own, a blank line around paragraphs, headings, lists and tables, cells separated by tabs.
 * Read by libxml2's parser as a stream of events, so neither depth nor size of the page matters
 * beyond its text. Nothing is fetched. */

#include "kinds.h"

#include "../utf8_check.h"

#include <ctype.h>
#include <libxml/HTMLparser.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#define SNIFF_BYTES 1024

/* What must come between the text written so far and the next; the larger wins. */
enum gap { GAP_NONE, GAP_SPACE, GAP_CELL, GAP_LINE, GAP_PARAGRAPH };

struct page {
    struct bytes *text;
    size_t start; /* where this page's text begins in [text] */
    enum gap gap;
    unsigned depth;     /* open elements */
    unsigned skip_from; /* depth of the invisible element that is open; 0: none */
    unsigned pre_depth; /* depth of the outermost open <pre>; 0: none */
    struct error *err;
    bool failed;
};

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static const char *const INVISIBLE[] = {"script",   "style",    "noscript", "template", "svg",
                                        "iframe",   "object",   "canvas",   "audio",    "video",
                                        "datalist", "textarea", "select",   NULL};

static enum gap gap_of(const char *name)
{
    static const char *const paragraphs[] = {
        "p",   "h1",    "h2",   "h3",         "h4",    "h5",      "h6",      "ul",     "ol",
        "dl",  "table", "pre",  "blockquote", "title", "section", "article", "header", "footer",
        "nav", "aside", "main", "form",       "hr",    "figure",  NULL};
    static const char *const lines[] = {"div",     "li",         "tr",       "dt",     "dd",
                                        "br",      "caption",    "address",  "body",   "summary",
                                        "details", "figcaption", "fieldset", "legend", "center",
                                        "thead",   "tbody",      "tfoot",    "head",   "html",
                                        "menu",    "dir",        "frame",    "dialog", NULL};
    if (is_one_of(name, paragraphs))
        return GAP_PARAGRAPH;
    if (is_one_of(name, lines))
        return GAP_LINE;
    return strcmp(name, "td") == 0 || strcmp(name, "th") == 0 ? GAP_CELL : GAP_NONE;
}

static void widen(struct page *page, enum gap gap)
{
    page->gap = gap > page->gap ? gap : page->gap;
}

static void append(struct page *page, const char *data, size_t n_bytes)
{
    if (!page->failed && bytes_append(page->text, data, n_bytes, page->err) < 0)
        page->failed = true;
}

static void close_gap(struct page *page)
{
    static const char *const fillers[] = {"", " ", "\t", "\n", "\n\n"};
    if (page->text->n_bytes > page->start)
        append(page, fillers[page->gap], strlen(fillers[page->gap]));
    page->gap = GAP_NONE;
}

/* style="display: none" and the attribute hidden. */
static bool is_hidden(const xmlChar **attributes)
{
    for (; attributes && attributes[0]; attributes += 2) {
        const char *name = (const char *)attributes[0];
        const char *value = (const char *)attributes[1];
        if (strcasecmp(name, "hidden") == 0)
            return true;
        const char *display =
            value && strcasecmp(name, "style") == 0 ? strcasestr(value, "display") : NULL;
        if (display) {
            display += strlen("display");
            display += strspn(display, " \t:");
            if (strncasecmp(display, "none", 4) == 0)
                return true;
        }
    }
    return false;
}

static void on_start(void *context, const xmlChar *xml_name, const xmlChar **attributes)
{
    struct page *page = context;
    const char *name = (const char *)xml_name;
    page->depth++;
    if (page->skip_from)
        return;
    widen(page, gap_of(name));
    if (is_one_of(name, INVISIBLE) || is_hidden(attributes))
        page->skip_from = page->depth;
    else if (!page->pre_depth && strcmp(name, "pre") == 0)
        page->pre_depth = page->depth;
}

static void on_end(void *context, const xmlChar *name)
{
    struct page *page = context;
    if (!page->skip_from)
        widen(page, gap_of((const char *)name));
    if (page->skip_from >= page->depth)
        page->skip_from = 0;
    if (page->pre_depth >= page->depth)
        page->pre_depth = 0;
    page->depth -= page->depth > 0;
}

/* Length of the white space at the beginning of [text], no-break spaces included. */
static size_t space_length(const char *text, size_t n_bytes)
{
    size_t n = 0;
    while (n < n_bytes) {
        if (isspace((unsigned char)text[n]))
            n++;
        else if (n + 1 < n_bytes && text[n] == '\xc2' && text[n + 1] == '\xa0')
            n += 2;
        else
            break;
    }
    return n;
}

/* White space is one space, except in <pre>, where lines and their indentation stay. */
static void on_text(void *context, const xmlChar *xml_text, int n_text)
{
    struct page *page = context;
    const char *text = (const char *)xml_text;
    size_t n_bytes = n_text > 0 ? (size_t)n_text : 0;
    if (page->skip_from || n_bytes == 0)
        return;
    if (page->pre_depth) {
        close_gap(page);
        append(page, text, n_bytes);
        return;
    }
    while (n_bytes > 0) {
        size_t n = space_length(text, n_bytes);
        if (n > 0) {
            widen(page, GAP_SPACE);
        } else {
            while (n < n_bytes && space_length(text + n, n_bytes - n) == 0)
                n++;
            close_gap(page);
            append(page, text, n);
        }
        text += n;
        n_bytes -= n;
    }
}

bool html_recognise(const char *head, size_t n_bytes, const char *path)
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

int html_read(const char *data, size_t n_bytes, struct bytes *text, struct error *err)
{
    if (n_bytes > INT_MAX)
        return fail(err, ERROR_LIMIT, "an HTML file of more than 2 GB");
    struct page page = {.text = text, .start = text->n_bytes, .err = err};
    htmlSAXHandler events = {.startElement = on_start,
                             .endElement = on_end,
                             .characters = on_text,
                             .ignorableWhitespace = on_text};
    htmlParserCtxtPtr parser = htmlNewParserCtxt();
    if (!parser)
        return fail_memory(err, sizeof *parser, "the HTML parser");
    *parser->sax = events;
    parser->userData = &page;

    /* A page that is valid UTF-8 is UTF-8, whatever it says; others are what they say, else Latin-1
     * (libxml2's default). */
    const char *encoding = utf8_is_valid(data, n_bytes) ? "UTF-8" : NULL;
    int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                  HTML_PARSE_NONET | HTML_PARSE_COMPACT | XML_PARSE_HUGE;
    xmlDocPtr document = htmlCtxtReadMemory(parser, data, (int)n_bytes, NULL, encoding, options);
    if (document)
        xmlFreeDoc(document);
    htmlFreeParserCtxt(parser);
    if (text->n_bytes > page.start && !page.failed)
        append(&page, "\n", 1);
    return page.failed ? -1 : 0;
}
