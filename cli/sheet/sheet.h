#ifndef SHEET_H
#define SHEET_H
/* A list of questions: a file (--sheet), or the words of the command line (-q).
 *
 *     name = "events"                        # optional
 *     system = "You read a web page ..."     # optional: the system text of every prompt
 *
 *     [[question]]
 *     name = "is_event"                      # names the columns: is_event, is_event_p
 *     text = "Is this page about {title}?"   # {field}: of the document
 *     kind = "yes_no"                        # the default
 *     threshold = 0.6                        # yes from this probability on; 0.5
 *
 *     [[question]]
 *     name = "amount"
 *     text = "One event, several, or none?"
 *     kind = "choice"
 *     labels = ["one", "several", "none"]
 *     labels_read = "decided"                # or "whole", "mean"
 *     ask_if = "is_event"                    # or "not is_event", "amount = one"
 *
 *     [[question]]
 *     name = "weird"
 *     text = "How unusual is the event?"
 *     kind = "score"
 *     scale = [1, 5]                                                                         */

#include "base/arena.h"
#include "trawl.h"

struct sheet {
    const char *name;                 /* NULL: none */
    const char *system_text;          /* NULL: the engine's */
    struct trawl_question *questions; /* [n_questions] */
    const char **names;               /* [n_questions] */
    size_t n_questions, capacity;
    bool any_fields; /* some text is a template */
    struct arena arena;
    struct bytes file; /* of --sheet or --questions */
};

void sheet_deinit(struct sheet *sheet); /* legal on a zeroed one */

/* Adds what the file says. */
int sheet_read(struct sheet *sheet, const char *path, struct error *err) MUST_CHECK;
/* Adds a yes/no question. [text] is borrowed; its name is q1, q2, ... */
int sheet_add(struct sheet *sheet, const char *text, struct error *err) MUST_CHECK;
/* Adds each line of a file that is not blank. */
int sheet_read_lines(struct sheet *sheet, const char *path, struct error *err) MUST_CHECK;

#endif
