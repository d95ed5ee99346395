/* trawl help, trawl version: the table of options.h as text for a terminal or as a manual page. */

#include "commands.h"
#include "message.h"
#include "output/out.h"
#include "trawl.h"

#include <string.h>

#define WIDTH       90
#define HELP_INDENT 30

/* Prints words from the current [column] on, broken at WIDTH, following lines indented. */
static void print_wrapped(struct out *out, const char *text, size_t column, size_t indent)
{
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column + n > WIDTH && column > indent) {
            out_format(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        out_bytes(out, text, n);
        column += n;
        text += n;
        if (*text == ' ') {
            text++;
            if (column + 1 + strcspn(text, " ") <= WIDTH) {
                out_char(out, ' ');
                column++;
            } else {
                out_format(out, "\n%*s", (int)indent, "");
                column = indent;
            }
        }
    }
    out_char(out, '\n');
}

/* Each line of a description: a paragraph, or an example, indented by two, which stays as it is. */
static void print_description(struct out *out, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        char line[800];
        size_t kept = n < sizeof line - 1 ? n : sizeof line - 1;
        memcpy(line, text, kept);
        line[kept] = '\0';
        if (line[0] == ' ')
            out_format(out, "%s\n", line);
        else
            print_wrapped(out, line, 0, 0);
        text += n + (text[n] == '\n');
    }
}

/* "-t, --threshold=P" */
static size_t format_option(const struct option_row *row, char *text, size_t n_text)
{
    int n = 0;
    if (row->letter)
        n += snprintf(text, n_text, "-%c%s", row->letter, row->name ? ", " : "");
    else
        n += snprintf(text, n_text, "    ");
    if (row->name)
        n += snprintf(text + n, n_text - (size_t)n, "--%s", row->name);
    if (row->argument && row->argument[0] == '[')
        n += snprintf(text + n, n_text - (size_t)n, "[=%s", row->argument + 1);
    else if (row->argument)
        n += snprintf(text + n, n_text - (size_t)n, "%s%s", row->name ? "=" : " ", row->argument);
    return (size_t)n;
}

static void print_option(struct out *out, const struct option_row *row)
{
    char text[80];
    size_t n = format_option(row, text, sizeof text);
    out_format(out, "  %s", text);
    size_t column = n + 2;
    if (column + 2 > HELP_INDENT) {
        out_char(out, '\n');
        column = 0;
    }
    out_format(out, "%*s", (int)(HELP_INDENT - column), "");
    print_wrapped(out, row->help, HELP_INDENT, HELP_INDENT);
    if (row->names) {
        out_format(out, "%*sone of:", HELP_INDENT, "");
        for (size_t i = 0; row->names(i); i++)
            out_format(out, " %s", row->names(i));
        out_char(out, '\n');
    }
}

static void print_options(struct out *out, enum command command)
{
    for (int group = 0; group < N_GROUPS; group++) {
        bool titled = false;
        for (size_t i = 0; i < N_OPTIONS; i++) {
            const struct option_row *row = &OPTIONS[i];
            if ((int)row->group != group || !row->help || !option_belongs(row, command))
                continue;
            if (!titled)
                out_format(out, "\n%s\n", GROUP_TITLES[group]);
            titled = true;
            print_option(out, row);
        }
    }
}

static void print_command(struct out *out, enum command command)
{
    const struct command_row *row = &COMMANDS[command];
    out_format(out, "usage: trawl %s [options] %s\n\n", row->name, row->operands);
    print_description(out, row->description[0] ? row->description : row->summary);
    print_options(out, command);
}

static void print_overview(struct out *out)
{
    out_text(
        out,
        "usage: trawl COMMAND [options] ...\n\n"
        "Reads many documents with a language model that is larger than memory: the weights are\n"
        "streamed from disk, each piece once for every batch of documents.\n\n");
    for (int c = 0; c < N_COMMANDS; c++)
        out_format(out, "  %-12s %s\n", COMMANDS[c].name, COMMANDS[c].summary);
    out_text(out,
             "\n`trawl COMMAND --help` lists the options of each.\n\n"
             "  trawl grep -m demo -l \"Does the event on this page repeat every year?\" pages/\n");
}

/* Text for troff: backslashes, and dots and quotes that begin a line, mean themselves; dashes are
 * dashes one can copy. */
static void print_troff(struct out *out, const char *text, size_t n_bytes)
{
    if (n_bytes > 0 && (text[0] == '.' || text[0] == '\''))
        out_text(out, "\\&");
    for (size_t i = 0; i < n_bytes; i++) {
        if (text[i] == '\\')
            out_text(out, "\\e");
        else if (text[i] == '-')
            out_text(out, "\\-");
        else
            out_char(out, text[i]);
    }
}

static void print_man_description(struct out *out, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        bool example = *text == ' ';
        out_text(out, example ? ".PP\n.nf\n.RS\n" : ".PP\n");
        print_troff(out, text + (example ? 2 : 0), n - (example ? 2 : 0));
        out_text(out, example ? "\n.RE\n.fi\n" : "\n");
        text += n + (text[n] == '\n');
    }
}

static void print_man_options(struct out *out, enum command command)
{
    for (int group = 0; group < N_GROUPS; group++) {
        for (size_t i = 0; i < N_OPTIONS; i++) {
            const struct option_row *row = &OPTIONS[i];
            if ((int)row->group != group || !row->help || !option_belongs(row, command))
                continue;
            char text[80];
            size_t n = format_option(row, text, sizeof text);
            size_t blank = strspn(text, " ");
            out_text(out, ".TP\n.B ");
            print_troff(out, text + blank, n - blank);
            out_char(out, '\n');
            print_troff(out, row->help, strlen(row->help));
            out_text(out, ".\n");
        }
    }
}

static void print_man(struct out *out)
{
    out_format(out, ".TH TRAWL 1 \"\" \"trawl %s\" \"User Commands\"\n", TRAWL_VERSION);
    out_text(out,
             ".SH NAME\ntrawl \\- read many documents with a language model larger than memory\n"
             ".SH SYNOPSIS\n.B trawl\n.I COMMAND\n[options] ...\n"
             ".SH DESCRIPTION\nThe weights of the model are streamed from disk, each piece once "
             "for every batch of documents, under one memory budget.\n");
    for (int c = 0; c < N_COMMANDS; c++) {
        out_format(out, ".SH \"TRAWL %s\"\n.B trawl %s\n[options] ", COMMANDS[c].name,
                   COMMANDS[c].name);
        print_troff(out, COMMANDS[c].operands, strlen(COMMANDS[c].operands));
        out_text(out, "\n.PP\n");
        print_troff(out, COMMANDS[c].summary, strlen(COMMANDS[c].summary));
        out_text(out, ".\n");
        print_man_description(out, COMMANDS[c].description);
        print_man_options(out, (enum command)c);
    }
    out_text(out,
             ".SH FILES\n.TP\n.I $XDG_CONFIG_HOME/trawl/config\n"
             "`model = PATH|NAME`: the model without \\-m and TRAWL_MODEL.\n"
             ".TP\n.I $XDG_CONFIG_HOME/trawl/models/NAME.conf\n"
             "What \\-m NAME is: `model = PATH`, `lora = PATH[:SCALE]` (may be repeated).\n"
             ".SH ENVIRONMENT\n.TP\n.B TRAWL_MODEL\nThe model without \\-m.\n"
             ".TP\n.B GREP_COLORS\nColours of names (fn), numbers (ln) and separators (se).\n");
}

int cmd_help(const struct arguments *arguments)
{
    struct error err = {0};
    struct out out = {.file = stdout};
    const struct command_row *row = NULL;
    if (arguments->n_operands > 0) {
        row = command_find(arguments->operands[0]);
        if (!row) {
            fail(&err, ERROR_USAGE, "there is no command '%s'", arguments->operands[0]);
            return message_error(&err);
        }
    }
    if (arguments_find(arguments, OPTION_MAN))
        print_man(&out);
    else if (row)
        print_command(&out, (enum command)(row - COMMANDS));
    else
        print_overview(&out);
    return out_flush(&out, &err) < 0 ? message_error(&err) : EXIT_MATCH;
}

int cmd_version(const struct arguments *arguments)
{
    (void)arguments;
    struct error err = {0};
    struct out out = {.file = stdout};
    out_format(&out, "trawl %s\n", TRAWL_VERSION);
    return out_flush(&out, &err) < 0 ? message_error(&err) : EXIT_MATCH;
}
