#include "arguments.h"

#include "base/size.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_use(struct arguments *arguments, const struct option_row *row, const char *value,
                   bool by_letter)
{
    arguments->uses[arguments->n_uses++] =
        (struct option_use){.row = row, .value = value, .by_letter = by_letter};
    return 0;
}

static const struct option_row *row_by_letter(enum command command, char letter)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (OPTIONS[i].letter == letter && option_belongs(&OPTIONS[i], command))
            return &OPTIONS[i];
    return NULL;
}

static const struct option_row *row_by_id(enum command command, enum option_id id)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (OPTIONS[i].id == id && option_belongs(&OPTIONS[i], command))
            return &OPTIONS[i];
    return NULL;
}

/* The row of a long name of [n] bytes, given whole or shortened. Two rows of one id (two names of
 * one option) are not ambiguous. */
static const struct option_row *row_by_name(enum command command, const char *name, size_t n,
                                            struct error *err)
{
    const struct option_row *found = NULL;
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option_row *row = &OPTIONS[i];
        if (!row->name || !option_belongs(row, command) || strncmp(row->name, name, n) != 0)
            continue;
        if (row->name[n] == '\0')
            return row;
        if (found && found->id != row->id) {
            fail(err, ERROR_USAGE, "option '--%.*s' may mean '--%s' or '--%s'", (int)n, name,
                 found->name, row->name);
            return NULL;
        }
        found = found ? found : row;
    }
    if (!found)
        fail(err, ERROR_USAGE, "there is no option '--%.*s'", (int)n, name);
    return found;
}

static bool is_optional(const struct option_row *row)
{
    return row->argument && row->argument[0] == '[';
}

static int parse_long(struct arguments *arguments, const char *word, char **argv, int argc, int *i,
                      struct error *err)
{
    size_t n = strcspn(word, "=");
    const char *value = word[n] ? word + n + 1 : NULL;
    const struct option_row *row = row_by_name(arguments->command, word, n, err);
    if (!row)
        return -1;
    if (!row->argument && value)
        return fail(err, ERROR_USAGE, "option '--%s' takes no argument", row->name);
    if (row->argument && !value && !is_optional(row)) {
        if (*i + 1 >= argc)
            return fail(err, ERROR_USAGE, "option '--%s' needs an argument (%s)", row->name,
                        row->argument);
        value = argv[++*i];
    }
    return add_use(arguments, row, value, false);
}

/* One word of letters. grep's -NUM means -C NUM. */
static int parse_letters(struct arguments *arguments, const char *word, char **argv, int argc,
                         int *i, struct error *err)
{
    const struct option_row *context = row_by_id(arguments->command, OPTION_CONTEXT);
    if (context && isdigit((unsigned char)word[0]) && word[strspn(word, "0123456789")] == '\0')
        return add_use(arguments, context, word, true);

    for (; *word; word++) {
        const struct option_row *row = row_by_letter(arguments->command, *word);
        if (!row)
            return fail(err, ERROR_USAGE, "there is no option '-%c'", *word);
        if (!row->argument || is_optional(row)) {
            add_use(arguments, row, NULL, true);
            continue;
        }
        const char *value = word + 1;
        if (*value == '\0') {
            if (*i + 1 >= argc)
                return fail(err, ERROR_USAGE, "option '-%c' needs an argument (%s)", *word,
                            row->argument);
            value = argv[++*i];
        }
        return add_use(arguments, row, value, true);
    }
    return 0;
}

int arguments_parse(struct arguments *arguments, enum command command, int argc, char **argv,
                    struct error *err)
{
    *arguments = (struct arguments){.command = command};
    size_t most = 1; /* every letter may be a use */
    for (int i = 0; i < argc; i++)
        most += strlen(argv[i]) + 1;
    arguments->uses = calloc(most, sizeof *arguments->uses);
    arguments->operands = calloc((size_t)argc + 1, sizeof *arguments->operands);
    if (!arguments->uses || !arguments->operands)
        return fail_memory(err, most * sizeof *arguments->uses, "the command line");

    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        int failed = 0;
        if (only_operands || word[0] != '-' || word[1] == '\0')
            arguments->operands[arguments->n_operands++] = word;
        else if (strcmp(word, "--") == 0)
            only_operands = true;
        else if (word[1] == '-')
            failed = parse_long(arguments, word + 2, argv, argc, &i, err);
        else
            failed = parse_letters(arguments, word + 1, argv, argc, &i, err);
        if (failed)
            return -1;
    }
    return 0;
}

void arguments_deinit(struct arguments *arguments)
{
    free(arguments->uses);
    free(arguments->operands);
    *arguments = (struct arguments){0};
}

const struct option_use *arguments_find(const struct arguments *arguments, enum option_id id)
{
    for (size_t i = arguments->n_uses; i > 0; i--)
        if (arguments->uses[i - 1].row->id == id)
            return &arguments->uses[i - 1];
    return NULL;
}

static int fail_value(const struct option_use *use, struct error *err, const char *wanted)
{
    return fail(err, ERROR_USAGE, "--%s: '%s' is not %s", use->row->name, use->value, wanted);
}

int value_count(const struct option_use *use, uint64_t least, uint64_t most, uint64_t *out,
                struct error *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value =
        isdigit((unsigned char)use->value[0]) ? strtoull(use->value, &end, 10) : 0;
    if (!end || *end != '\0')
        return fail_value(use, err, "a whole number");
    if (errno == ERANGE)
        value = UINT64_MAX;
    if (value < least || value > most)
        return fail(err, ERROR_USAGE, "--%s: %s is not between %llu and %llu", use->row->name,
                    use->value, (unsigned long long)least, (unsigned long long)most);
    *out = value;
    return 0;
}

int value_size(const struct option_use *use, uint64_t *out, struct error *err)
{
    static const char *const wanted = "a size like 4G, 512M or 1.5G";
    char *end = NULL;
    double value = isdigit((unsigned char)use->value[0]) || use->value[0] == '.'
                       ? strtod(use->value, &end)
                       : NAN;
    if (!end || end == use->value || !isfinite(value))
        return fail_value(use, err, wanted);
    static const char letters[] = "KMGTPE";
    const char *letter = *end ? strchr(letters, toupper((unsigned char)*end)) : NULL;
    if (letter) {
        for (const char *l = letters; l <= letter; l++)
            value *= 1024;
        end++;
        if (*end == 'i')
            end++;
    }
    if (*end == 'B' || *end == 'b')
        end++;
    if (*end != '\0' || value < 1 || value >= 9e18)
        return fail_value(use, err, wanted);
    *out = (uint64_t)value;
    return 0;
}

int value_real(const struct option_use *use, double *out, struct error *err)
{
    char *end = NULL;
    double value = strtod(use->value, &end);
    if (end == use->value || *end != '\0' || !isfinite(value))
        return fail_value(use, err, "a number");
    *out = value;
    return 0;
}

int value_choice(const struct option_use *use, int *out, struct error *err)
{
    const char *word = use->row->choices;
    for (int i = 0; *word; i++) {
        size_t n = strcspn(word, " ");
        if (strlen(use->value) == n && strncmp(word, use->value, n) == 0) {
            *out = i;
            return 0;
        }
        word += n + (word[n] == ' ');
    }
    return fail(err, ERROR_USAGE, "--%s: '%s' is not one of: %s", use->row->name, use->value,
                use->row->choices);
}

int value_name(const struct option_use *use, const char **out, struct error *err)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; use->row->names(i); i++) {
        const char *name = use->row->names(i);
        if (strcmp(name, use->value) == 0) {
            *out = name;
            return 0;
        }
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", name);
        used = min_size(used, sizeof names - 1);
    }
    return fail(err, ERROR_USAGE, "--%s: '%s' is not one of:%s", use->row->name, use->value, names);
}
