#ifndef ARGUMENTS_H
#define ARGUMENTS_H
/* The command line of one command, taken apart by the table of options.h in the GNU way: options
 * and operands may be mixed, `--name=value` and `--name value`, letters bundled (-nH), arguments
 * attached (-A3), `--` ends the options, long names may be shortened while they stay unique. */

#include "base/error.h"
#include "options.h"

#include <stdint.h>

struct option_use {
    const struct option_row *row;
    const char *value; /* NULL: none given */
    bool by_letter;
};

struct arguments {
    enum command command;
    struct option_use *uses; /* in the order given */
    size_t n_uses;
    const char **operands;
    size_t n_operands;
};

/* Texts are borrowed from [argv] (the words after the command). Unknown options and missing values
 * fail with a hint. */
int arguments_parse(struct arguments *arguments, enum command command, int argc, char **argv,
                    struct error *err) MUST_CHECK;
void arguments_deinit(struct arguments *arguments);

/* The last use of an option, NULL when it was not given. */
const struct option_use *arguments_find(const struct arguments *arguments, enum option_id id);

/* Values. [use] has one; failures name the option as it was given. */
int value_count(const struct option_use *use, uint64_t least, uint64_t most, uint64_t *out,
                struct error *err) MUST_CHECK;
/* "4G", "512M", "1.5G", "65536": bytes; letters are powers of 1024, a trailing "B" or "iB" is
 * legal. */
int value_size(const struct option_use *use, uint64_t *out, struct error *err) MUST_CHECK;
int value_real(const struct option_use *use, double *out, struct error *err) MUST_CHECK;
/* Position of the value in the row's choices. */
int value_choice(const struct option_use *use, int *out, struct error *err) MUST_CHECK;
/* Fails unless the value is one of the names the engine knows. */
int value_name(const struct option_use *use, const char **out, struct error *err) MUST_CHECK;

#endif
