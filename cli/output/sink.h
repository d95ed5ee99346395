#ifndef SINK_H
#define SINK_H
/* Where answered documents go, in input order: lines as grep prints them, JSON, or the best ones
 * held back until the end. */

#include "../input/document.h"
#include "base/error.h"
#include "out.h"
#include "trawl.h"

struct verdict {
    struct trawl_answer answer;
    double p_raw;  /* p_yes before it was calibrated */
    bool yes;      /* p_yes >= threshold */
    bool selected; /* yes, or no under -v; false after the file's last of -m NUM */
};

struct sink {
    /* Takes [item], also on failure. */
    int (*document)(struct sink *sink, struct item *item, const struct verdict *verdict,
                    struct error *err);
    int (*file_end)(struct sink *sink, const struct input_file *file, struct error *err);
    int (*finish)(struct sink *sink, struct error *err); /* after the last; not after a failure */
    void (*free)(struct sink *sink);
};

enum listing { LIST_DOCUMENTS, LIST_COUNTS, LIST_FILES_WITH, LIST_FILES_WITHOUT, LIST_NOTHING };

struct text_options {
    struct holding *holding; /* of documents kept as context before the next selected one */
    enum listing listing;
    enum unit unit;
    bool show_text; /* under UNIT_FILE the text, not the name */
    bool with_filename, line_numbers, probabilities;
    bool null_after_name, null_data, color, line_buffered;
    bool silent_binary;    /* -I: a binary file is one without a match */
    int64_t before, after; /* context, -1: not asked for */
};
struct sink *text_sink_new(const struct text_options *options, struct out *out,
                           struct error *err) MUST_CHECK;

struct json_options {
    enum unit unit;
    bool no_text;
    bool calibrated; /* show p_raw too */
    bool line_buffered;
    const struct trawl_question *questions; /* borrowed */
    int n_questions;
};
struct sink *json_sink_new(const struct json_options *options, struct out *out,
                           struct error *err) MUST_CHECK;

struct top_options {
    struct holding *holding; /* of the best documents so far */
    uint64_t n_wanted;
    bool lowest; /* p_yes is best when it is low */
};
/* Keeps the best of the selected documents and gives them to [inner], which it owns from now on
 * (also on failure), best first, equal ones in input order. */
struct sink *top_sink_new(const struct top_options *options, struct sink *inner,
                          struct error *err) MUST_CHECK;

#endif
