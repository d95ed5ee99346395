#ifndef MESSAGE_H
#define MESSAGE_H
/* What the user reads on standard error: one line, with the program's name before it. */

#include "base/error.h"

#define EXIT_MATCH   0
#define EXIT_NOTHING 1
#define EXIT_TROUBLE 2
#define EXIT_STOPPED 124 /* --stop-after, as `timeout` has it */

void message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints [err] and returns EXIT_TROUBLE. A closed pipe is not an error to talk about: the program
 * ends as any filter does, by SIGPIPE, and this does not return. */
int message_error(const struct error *err);

/* The same for words that make no sense, with where help is. */
int message_usage(const struct error *err, const char *command);

#endif
