#ifndef RECORD_OPTIONS_H
#define RECORD_OPTIONS_H
/* The options of every command that reads records: what is read, and what of it is the text. */

#include "arguments.h"
#include "input/record.h"

struct record_options {
    struct records_options records; /* for records_open */
    struct glob_rule *globs;        /* owned */
    bool no_messages;
    const char *stand_in; /* the operand when none was given */
};

/* Operands are those of [arguments] from [first] on; without one, standard input. */
int record_options_read(struct record_options *options, const struct arguments *arguments,
                        size_t first, struct error *err) MUST_CHECK;
void record_options_deinit(struct record_options *options);

#endif
