/* Feeds: RSS 0.9x, 1.0 and 2.0, and Atom; a record is an entry. Read by libxml2 entry by entry;
 * nothing is fetched, and entities are not expanded. */

#include "html.h"
#include "kinds.h"
#include "record_build.h"

#include <libxml/xmlreader.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct feed_reader {
    xmlTextReaderPtr xml;
    struct intake *intake;
    struct error trouble;      /* of the intake */
    char *title;               /* of the feed, NULL: not seen yet */
    bool on_entry;             /* the reader stands on an entry that has been given */
    bool is_broken;            /* after this entry comes the damage */
    size_t n_read, most_bytes; /* since the last entry */
};

static bool contains(const char *head, const char *end, const char *word)
{
    size_t n = strlen(word);
    for (; head + n <= end; head++)
        if (memcmp(head, word, n) == 0)
            return true;
    return false;
}

static bool feed_recognise(const char *head, size_t n_bytes, const char *path)
{
    const char *end = head + (n_bytes < 4096 ? n_bytes : 4096);
    const char *start = head;
    (void)path;
    if (n_bytes >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
        start += 3;
    while (start < end && strchr(" \t\r\n", *start) && *start)
        start++;
    if (start == end || *start != '<')
        return false;
    return contains(start, end, "<rss") || contains(start, end, "<rdf:RDF") ||
           (contains(start, end, "<feed") && contains(start, end, "http://www.w3.org/2005/Atom"));
}

static int give_input(void *context, char *buffer, int n_bytes)
{
    struct feed_reader *self = context;
    if (n_bytes <= 0)
        return 0;
    if (self->n_read > self->most_bytes)
        return fail_too_large(&self->trouble, self->most_bytes, "a feed entry");
    ssize_t n = intake_read(self->intake, buffer, (size_t)n_bytes, &self->trouble);
    self->n_read += n > 0 ? (size_t)n : 0;
    return (int)n;
}

static void say_nothing(void *context, xmlErrorPtr error)
{
    (void)context, (void)error;
}

static int feed_open(struct reader *reader, struct error *err)
{
    struct feed_reader *self = reader->state = calloc(1, sizeof *self);
    if (!self)
        return fail_memory(err, sizeof *self, "a feed");
    self->intake = reader->intake;
    self->most_bytes = reader->most_bytes;
    reader->intake = NULL;
    self->xml = xmlReaderForIO(give_input, NULL, self, NULL, NULL,
                               XML_PARSE_RECOVER | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                   XML_PARSE_NONET | XML_PARSE_COMPACT);
    if (!self->xml)
        return fail(err, ERROR_FORMAT, "not XML");
    xmlTextReaderSetStructuredErrorHandler(self->xml, (xmlStructuredErrorFunc)say_nothing, NULL);
    return 0;
}

static bool is_named(xmlNodePtr node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

/* The text of an element; of Atom's type="xhtml" the markup. Freed with xmlFree. */
static xmlChar *content_of(xmlNodePtr node)
{
    xmlChar *type = xmlGetProp(node, (const xmlChar *)"type");
    bool is_markup = type && strcmp((const char *)type, "xhtml") == 0;
    xmlFree(type);
    if (!is_markup)
        return xmlNodeGetContent(node);
    xmlBufferPtr buffer = xmlBufferCreate();
    xmlChar *text = NULL;
    if (buffer && xmlNodeDump(buffer, node->doc, node, 0, 0) >= 0)
        text = xmlBufferDetach(buffer);
    if (buffer)
        xmlBufferFree(buffer);
    return text;
}

static int add(struct record *record, const char *name, const char *value, struct error *err)
{
    size_t n_space = strspn(value, " \t\r\n");
    size_t n_bytes = strlen(value + n_space);
    while (n_bytes > 0 && strchr(" \t\r\n", value[n_space + n_bytes - 1]))
        n_bytes--;
    return n_bytes > 0 ? record_join(record, name, value + n_space, n_bytes, err) : 0;
}

/* What elements of an entry are called as fields. Of each field the first element counts, but of
 * the last ones every one. */
static const struct {
    const char *element, *field;
    bool repeats;
} FIELDS[] = {
    {"title", "title", false},   {"link", "link", false},       {"guid", "guid", false},
    {"id", "guid", false},       {"pubDate", "date", false},    {"published", "date", false},
    {"updated", "date", false},  {"date", "date", false},       {"author", "author", true},
    {"creator", "author", true}, {"category", "category", true}};

static int add_element(xmlNodePtr node, const char *field, bool repeats, struct record *record,
                       struct error *err)
{
    if (!repeats && record_find(record, field))
        return 0;
    const char *attribute = strcmp(field, "link") == 0       ? "href"
                            : strcmp(field, "category") == 0 ? "term"
                                                             : NULL;
    xmlChar *value = attribute ? xmlGetProp(node, (const xmlChar *)attribute) : NULL;
    xmlChar *rel = xmlGetProp(node, (const xmlChar *)"rel");
    xmlNodePtr name = node->children;
    while (name && !is_named(name, "name")) /* <author><name> of Atom */
        name = name->next;
    if (!value)
        value = xmlNodeGetContent(strcmp(field, "author") == 0 && name ? name : node);
    int status = 0;
    if (value && (!rel || strcmp((const char *)rel, "alternate") == 0))
        status = add(record, field, (const char *)value, err);
    xmlFree(rel);
    xmlFree(value);
    return status;
}

/* The longest of what an entry has for its body: some have a summary and the whole. */
static int read_body(xmlNodePtr entry, struct bytes *text, struct error *err)
{
    static const char *const names[] = {"encoded", "content", "description", "summary"};
    xmlChar *best = NULL;
    for (xmlNodePtr node = entry->children; node; node = node->next)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (!is_named(node, names[i]))
                continue;
            xmlChar *value = content_of(node);
            bool longer = value && (!best || xmlStrlen(value) > xmlStrlen(best));
            xmlFree(longer ? best : value);
            best = longer ? value : best;
        }
    int status = best ? html_text((const char *)best, (size_t)xmlStrlen(best), text, err) : 0;
    xmlFree(best);
    while (text->n_bytes > 0 && text->data[text->n_bytes - 1] == '\n')
        text->data[--text->n_bytes] = '\0';
    return status;
}

static int read_entry(const struct feed_reader *self, xmlNodePtr entry, struct record *record,
                      struct error *err)
{
    struct bytes text = {0};
    for (xmlNodePtr node = entry->children; node; node = node->next)
        for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++)
            if (is_named(node, FIELDS[i].element) &&
                add_element(node, FIELDS[i].field, FIELDS[i].repeats, record, err) < 0)
                return -1;
    if (self->title && add(record, "feed", self->title, err) < 0)
        return -1;
    const struct record_field *title = record_find(record, "title");
    int status = 0;
    if (title && (bytes_append(&text, title->value, title->n_bytes, err) < 0 ||
                  bytes_append_text(&text, "\n\n", err) < 0))
        status = -1;
    if (status == 0)
        status = read_body(entry, &text, err);
    if (status == 0)
        status = record_take_text(record, &text, err);
    bytes_deinit(&text);
    return status;
}

static int fail_feed(const struct feed_reader *self, struct error *err)
{
    if (self->trouble.kind)
        *err = self->trouble;
    else
        fail(err, ERROR_FORMAT, "the feed is damaged or cut off");
    return -1;
}

static int feed_next(struct reader *reader, struct record *record, struct error *err)
{
    struct feed_reader *self = reader->state;
    while (!self->is_broken) {
        int status = self->on_entry ? xmlTextReaderNext(self->xml) : xmlTextReaderRead(self->xml);
        self->on_entry = false;
        if (status < 0 || self->trouble.kind)
            return fail_feed(self, err);
        if (status == 0)
            return 0;
        if (xmlTextReaderNodeType(self->xml) != XML_READER_TYPE_ELEMENT)
            continue;
        const char *name = (const char *)xmlTextReaderConstLocalName(self->xml);
        if (!self->title && strcmp(name, "title") == 0) {
            xmlNodePtr node = xmlTextReaderExpand(self->xml);
            xmlChar *title = node ? xmlNodeGetContent(node) : NULL;
            self->title = title ? strdup((const char *)title) : NULL;
            xmlFree(title);
        }
        if (strcmp(name, "item") != 0 && strcmp(name, "entry") != 0)
            continue;
        xmlNodePtr entry = xmlTextReaderExpand(self->xml);
        if (!entry) { /* the parser has seen damage: was it after this entry? */
            entry = xmlTextReaderCurrentNode(self->xml);
            self->is_broken = true;
            if (!entry || !entry->next)
                break;
        }
        self->on_entry = true;
        self->n_read = 0;
        return read_entry(self, entry, record, err) < 0 ? -1 : 1;
    }
    return fail_feed(self, err);
}

static void feed_close(struct reader *reader)
{
    struct feed_reader *self = reader->state;
    if (!self)
        return;
    if (self->xml)
        xmlFreeTextReader(self->xml);
    intake_close(self->intake);
    free(self->title);
    free(self);
}

const struct input_kind KIND_FEED = {.name = "feed",
                                     .recognise = feed_recognise,
                                     .open = feed_open,
                                     .next = feed_next,
                                     .close = feed_close};
