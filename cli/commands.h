#ifndef COMMANDS_H
#define COMMANDS_H
/* What each command does, from its parsed arguments to the exit status: 0, 1 (grep: nothing
 * matched) or 2 (an error, which has been printed). */

#include "arguments.h"

int cmd_grep(const struct arguments *arguments);
int cmd_ask(const struct arguments *arguments);
int cmd_batch(const struct arguments *arguments);
int cmd_jobs(const struct arguments *arguments);
int cmd_read(const struct arguments *arguments);
int cmd_tokenize(const struct arguments *arguments);
int cmd_inspect(const struct arguments *arguments);
int cmd_score(const struct arguments *arguments);
int cmd_eval(const struct arguments *arguments);
int cmd_help(const struct arguments *arguments);
int cmd_completions(const struct arguments *arguments);
int cmd_version(const struct arguments *arguments);

#endif
