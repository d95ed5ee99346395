#ifndef TEXT_TEMPLATE_TABLE_H
#define TEXT_TEMPLATE_TABLE_H
/* What a family of chat templates is made of. Private to this folder; constants. */

#include "text/template.h"

#include <stdbool.h>
#include <stddef.h>

#define TEMPLATE_MAX_MARKS 6

/* In the texts of a row: the model's end token, what Jinja texts call eos_token. */
#define EOS "\3"

/* What stands around the text of one role. NULL is nothing. */
struct turn {
    const char *before, *after;
};

/* Where the system text goes. */
enum system_place {
    SYSTEM_TURN,       /* a turn of its own, first */
    SYSTEM_FIRST_USER, /* in the first user's turn, in front of its text */
    SYSTEM_LAST_USER,  /* in the last user's turn */
};

enum trim {
    TRIM_SYSTEM = 1, /* white space at both ends of the role's texts goes */
    TRIM_USER = 2,
    TRIM_ASSISTANT = 4,
    TRIM_ALL = 7,
};

struct template
{
    const char *name;
    const char *marks[TEMPLATE_MAX_MARKS]; /* the Jinja text has all of them, with either kind of
                                              quotes for ', a line end or its escape for \\n ... */
    const char *never[TEMPLATE_MAX_MARKS]; /* ... and none of these; rows without marks are found by
                                              name only */
    const char *begin;                     /* text in front of everything */
    struct turn system, user, assistant;
    const char *next_user; /* in front of every user turn but the first */
    const char *answer;    /* generation prompt, with what keeps the model from thinking aloud */
    const char *default_system;
    enum system_place system_place;
    unsigned trim; /* enum trim */
    bool bos;      /* the text begins with BOS, whatever the tokenizer says */
    bool repeats;  /* several turns of one role may follow each other */
};

/* Ends with a row without a name. A name that comes again is another writing of the same text. */
extern const struct template template_rows[];

#endif
