/* HTML as its visible text: the title, then what a reader would see, block elements on lines of
 * their own, a blank line around paragraphs, headings, lists and tables, cells separated by tabs.
 * Read by libxml2's parser as a stream of events, so neither depth nor size of the page matters
 * beyond its text. Nothing is fetched. */

#include "html.h"

#include <ctype.h>
#include <libxml/HTMLparser.h>
#include <libxml/uri.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LEAST_MAIN_BYTES 200 /* of a page whose rest is taken for decoration */
#define MOST_LEAD_BYTES  500 /* from the headline to the main text: more is no lead */

/* What must come between the text written so far and the next; the larger wins. */
enum gap { GAP_NONE, GAP_SPACE, GAP_CELL, GAP_LINE, GAP_PARAGRAPH };

/* A stretch of the text that the page's author marked as what it is about. */
struct stretch {
    unsigned depth;    /* of the outermost open element of its kind; 0: none */
    size_t start;      /* of its text */
    struct bytes text; /* all such stretches that have ended */
};

struct page {
    struct bytes *text;
    size_t start; /* where this page's text begins in [text] */
    enum gap gap;
    unsigned depth;     /* open elements */
    unsigned skip_from; /* depth of the invisible element that is open; 0: none */
    unsigned pre_depth; /* depth of the outermost open <pre>; 0: none */
    struct error *err;
    bool failed;
    /* Only for main text: */
    struct html_page *fields; /* NULL: all visible text is wanted */
    size_t most_links_bytes;
    const char *address;
    struct bytes base;        /* what addresses are relative to */
    bool in_title, title_gap; /* white space came after the last word of the title */
    unsigned header_depth;    /* of the open <header> around no main text; 0: none */
    size_t header_start;
    bool has_headline;
    size_t headline; /* where the last <h1> begins */
    struct stretch main, article;
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

static const char *attribute(const xmlChar **attributes, const char *name)
{
    for (; attributes && attributes[0]; attributes += 2)
        if (strcasecmp((const char *)attributes[0], name) == 0)
            return attributes[1] ? (const char *)attributes[1] : "";
    return "";
}

/* What surrounds the text of a page: menus, banners, what is at its foot and side. */
static bool is_decoration(const char *name, const xmlChar **attributes)
{
    static const char *const elements[] = {"nav", "footer", "aside", "button", "dialog", NULL};
    static const char *const roles[] = {"navigation", "banner",        "contentinfo",
                                        "search",     "complementary", NULL};
    return is_one_of(name, elements) || is_one_of(attribute(attributes, "role"), roles) ||
           strcasecmp(attribute(attributes, "aria-hidden"), "true") == 0;
}

static void set_once(struct page *page, struct bytes *field, const char *value)
{
    if (!page->failed && field->n_bytes == 0 && bytes_append_text(field, value, page->err) < 0)
        page->failed = true;
}

static void add_link(struct page *page, const char *address)
{
    struct bytes *links = &page->fields->links;
    const char *base = page->base.data                ? page->base.data
                       : page->fields->canonical.data ? page->fields->canonical.data
                                                      : page->address;
    while (isspace((unsigned char)*address))
        address++;
    if (*address == '\0' || *address == '#' || strncasecmp(address, "javascript:", 11) == 0 ||
        strncasecmp(address, "data:", 5) == 0 || links->n_bytes > page->most_links_bytes)
        return;
    xmlChar *full = base ? xmlBuildURI((const xmlChar *)address, (const xmlChar *)base) : NULL;
    const char *link = full ? (const char *)full : address;
    size_t n_link = strcspn(link, "\r\n");
    const char *last = links->n_bytes > n_link ? links->data + links->n_bytes - n_link : NULL;
    bool is_repeated = last && last[-1] == '\n' && memcmp(last, link, n_link) == 0;
    if (!page->failed && !is_repeated &&
        (bytes_append(links, "\n", 1, page->err) < 0 ||
         bytes_append(links, link, n_link, page->err) < 0))
        page->failed = true;
    xmlFree(full);
}

/* What the page says about itself, wherever it is. */
static void read_fields(struct page *page, const char *name, const xmlChar **attributes)
{
    const char *address = attribute(attributes, "href");
    if (strcmp(name, "html") == 0)
        set_once(page, &page->fields->language, attribute(attributes, "lang"));
    else if (strcmp(name, "base") == 0 && *address)
        set_once(page, &page->base, address);
    else if (strcmp(name, "link") == 0 &&
             strcasecmp(attribute(attributes, "rel"), "canonical") == 0)
        set_once(page, &page->fields->canonical, address);
    else if (strcmp(name, "meta") == 0 &&
             strcasecmp(attribute(attributes, "name"), "description") == 0)
        set_once(page, &page->fields->description, attribute(attributes, "content"));
    else if (strcmp(name, "a") == 0 && !page->skip_from)
        add_link(page, address);
}

/* Headline, date and place often stand before the element that holds the rest: what lies between
 * the headline and the first stretch belongs to it. */
static void begin_stretch(struct page *page, struct stretch *stretch)
{
    if (stretch->depth)
        return;
    stretch->depth = page->depth;
    stretch->start = page->text->n_bytes;
    size_t n_bytes = page->has_headline ? stretch->start - page->headline : 0;
    if (n_bytes == 0 || n_bytes > MOST_LEAD_BYTES || stretch->text.n_bytes > 0 || page->failed)
        return;
    const char *lead = page->text->data + page->headline;
    size_t n_space = strspn(lead, "\n\t ");
    if (n_bytes > n_space &&
        bytes_append(&stretch->text, lead + n_space, n_bytes - n_space, page->err) < 0)
        page->failed = true;
}

/* A <header> is a headline and what comes after it, where it has one; else the site's banner, which
 * goes. */
static void end_header(struct page *page)
{
    struct bytes *text = page->text;
    bool has_headline = page->has_headline && page->headline >= page->header_start &&
                        text->n_bytes - page->headline <= MOST_LEAD_BYTES;
    size_t to = page->header_start, from = has_headline ? page->headline : text->n_bytes;
    page->header_depth = 0;
    if (from == to)
        return;
    if (to == page->start) /* a gap is between what is before and after */
        while (from < text->n_bytes && isspace((unsigned char)text->data[from]))
            from++;
    memmove(text->data + to, text->data + from, text->n_bytes - from);
    text->n_bytes -= from - to;
    text->data[text->n_bytes] = '\0';
    page->has_headline = has_headline;
    page->headline = to;
}

static void end_stretch(struct page *page, struct stretch *stretch)
{
    if (!stretch->depth || stretch->depth < page->depth)
        return;
    stretch->depth = 0;
    const char *text = page->text->data ? page->text->data + stretch->start : "";
    size_t n_bytes = page->text->n_bytes - stretch->start;
    size_t n_space = strspn(text, "\n\t ");
    if (n_bytes > n_space && !page->failed &&
        ((stretch->text.n_bytes > 0 && bytes_append(&stretch->text, "\n\n", 2, page->err) < 0) ||
         bytes_append(&stretch->text, text + n_space, n_bytes - n_space, page->err) < 0))
        page->failed = true;
}

static void on_start(void *context, const xmlChar *xml_name, const xmlChar **attributes)
{
    struct page *page = context;
    const char *name = (const char *)xml_name;
    page->depth++;
    if (page->fields)
        read_fields(page, name, attributes);
    if (page->skip_from)
        return;
    if (page->fields && strcmp(name, "title") == 0) {
        page->in_title = true;
        return;
    }
    widen(page, gap_of(name));
    if (page->fields &&
        (strcmp(name, "main") == 0 || strcasecmp(attribute(attributes, "role"), "main") == 0))
        begin_stretch(page, &page->main);
    else if (page->fields && strcmp(name, "article") == 0)
        begin_stretch(page, &page->article);
    else if (page->fields && strcmp(name, "header") == 0 && !page->header_depth &&
             !page->main.depth && !page->article.depth) {
        page->header_depth = page->depth;
        page->header_start = page->text->n_bytes;
    } else if (page->fields && strcmp(name, "h1") == 0) {
        page->has_headline = true;
        page->headline = page->text->n_bytes;
    }
    if (is_one_of(name, INVISIBLE) || is_hidden(attributes) ||
        (page->fields && is_decoration(name, attributes)))
        page->skip_from = page->depth;
    else if (!page->pre_depth && strcmp(name, "pre") == 0)
        page->pre_depth = page->depth;
}

static void on_end(void *context, const xmlChar *name)
{
    struct page *page = context;
    if (!page->skip_from && !page->in_title)
        widen(page, gap_of((const char *)name));
    if (page->in_title && strcmp((const char *)name, "title") == 0)
        page->in_title = false;
    end_stretch(page, &page->main);
    end_stretch(page, &page->article);
    if (page->header_depth == page->depth)
        end_header(page);
    else if (strcmp((const char *)name, "h1") == 0 && page->headline == page->text->n_bytes)
        page->has_headline = false; /* a picture */
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

static void add_to_title(struct page *page, const char *text, size_t n_bytes)
{
    struct bytes *title = &page->fields->title;
    while (n_bytes > 0 && !page->failed) {
        size_t n = space_length(text, n_bytes);
        page->title_gap |= n > 0;
        size_t n_word = n;
        while (n_word < n_bytes && space_length(text + n_word, n_bytes - n_word) == 0)
            n_word++;
        if (n_word > n) {
            if ((page->title_gap && title->n_bytes > 0 &&
                 bytes_append(title, " ", 1, page->err) < 0) ||
                bytes_append(title, text + n, n_word - n, page->err) < 0)
                page->failed = true;
            page->title_gap = false;
        }
        text += n_word;
        n_bytes -= n_word;
    }
}

/* White space is one space, except in <pre>, where lines and their indentation stay. */
static void on_text(void *context, const xmlChar *xml_text, int n_text)
{
    struct page *page = context;
    const char *text = (const char *)xml_text;
    size_t n_bytes = n_text > 0 ? (size_t)n_text : 0;
    if (page->skip_from || n_bytes == 0)
        return;
    if (page->in_title) {
        add_to_title(page, text, n_bytes);
        return;
    }
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

static int parse(struct page *page, const char *data, size_t n_bytes)
{
    if (n_bytes > INT_MAX)
        return fail(page->err, ERROR_LIMIT, "an HTML file of more than 2 GB");
    htmlSAXHandler events = {.startElement = on_start,
                             .endElement = on_end,
                             .characters = on_text,
                             .ignorableWhitespace = on_text};
    htmlParserCtxtPtr parser = htmlNewParserCtxt();
    if (!parser)
        return fail_memory(page->err, sizeof *parser, "the HTML parser");
    *parser->sax = events;
    parser->userData = page;
    int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                  HTML_PARSE_NONET | HTML_PARSE_COMPACT | XML_PARSE_HUGE;
    xmlDocPtr document = htmlCtxtReadMemory(parser, data, (int)n_bytes, NULL, "UTF-8", options);
    if (document)
        xmlFreeDoc(document);
    htmlFreeParserCtxt(parser);
    return page->failed ? -1 : 0;
}

int html_text(const char *data, size_t n_bytes, struct bytes *text, struct error *err)
{
    struct page page = {.text = text, .start = text->n_bytes, .err = err};
    if (parse(&page, data, n_bytes) < 0)
        return -1;
    return text->n_bytes > page.start ? bytes_append(text, "\n", 1, err) : 0;
}

/* The stretch that the page's author marked, where there is enough of it, else what is left without
 * decoration. */
static const struct bytes *choose(const struct page *page, const struct bytes *rest)
{
    if (page->main.text.n_bytes >= LEAST_MAIN_BYTES / 2)
        return &page->main.text;
    if (page->article.text.n_bytes >= LEAST_MAIN_BYTES &&
        page->article.text.n_bytes >= rest->n_bytes / 4)
        return &page->article.text;
    return rest;
}

int html_page_read(struct html_page *fields, const char *data, size_t n_bytes, const char *address,
                   struct error *err)
{
    struct bytes rest = {0}, all = {0};
    struct page page = {.text = &rest,
                        .err = err,
                        .fields = fields,
                        .most_links_bytes = n_bytes + 4096,
                        .address = address};
    int status = parse(&page, data, n_bytes);
    struct bytes *links = &fields->links; /* each begins with a newline until now */
    if (links->n_bytes > 0)
        memmove(links->data, links->data + 1, links->n_bytes--);
    const struct bytes *body = choose(&page, &rest);
    if (status == 0 && body->n_bytes < LEAST_MAIN_BYTES) {
        status = html_text(data, n_bytes, &all, err);
        if (all.n_bytes > 4 * body->n_bytes) /* all of it seems to be decoration */
            body = &all;
    }
    const struct bytes *title = &fields->title;
    bool says_title = body == &all || (title->n_bytes > 0 && body->n_bytes >= title->n_bytes &&
                                       memcmp(body->data, title->data, title->n_bytes) == 0);
    if (status == 0 && title->n_bytes > 0 && !says_title &&
        (bytes_append(&fields->text, title->data, title->n_bytes, err) < 0 ||
         (body->n_bytes > 0 && bytes_append(&fields->text, "\n\n", 2, err) < 0)))
        status = -1;
    if (status == 0)
        status = bytes_append(&fields->text, body->data, body->n_bytes, err);
    bytes_deinit(&page.main.text);
    bytes_deinit(&page.article.text);
    bytes_deinit(&page.base);
    bytes_deinit(&rest);
    bytes_deinit(&all);
    return status;
}

void html_page_deinit(struct html_page *page)
{
    bytes_deinit(&page->text);
    bytes_deinit(&page->title);
    bytes_deinit(&page->canonical);
    bytes_deinit(&page->description);
    bytes_deinit(&page->language);
    bytes_deinit(&page->links);
}
