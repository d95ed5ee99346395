/* trawl completions: scripts for shells, made from the table of options.h. */

#include "commands.h"
#include "message.h"
#include "output/out.h"

#include <string.h>

/* An option's values as words separated by spaces; names of the engine or the row's own. */
static void print_values(struct out *out, const struct option_row *row)
{
    if (row->choices)
        out_text(out, row->choices);
    for (size_t i = 0; row->names && row->names(i); i++)
        out_format(out, "%s%s", i > 0 ? " " : "", row->names(i));
}

static bool has_values(const struct option_row *row)
{
    return row->choices || row->names;
}

static void print_bash_options(struct out *out, enum command command)
{
    out_format(out, "    %s) words='", COMMANDS[command].name);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option_row *row = &OPTIONS[i];
        if (!row->help || !option_belongs(row, command))
            continue;
        if (row->letter)
            out_format(out, "-%c ", row->letter);
        if (row->name)
            out_format(out, "--%s%s ", row->name,
                       row->argument && row->argument[0] != '[' ? "=" : "");
    }
    out_text(out, "' ;;\n");
}

static void print_bash(struct out *out)
{
    out_text(out,
             "# bash completion for trawl\n"
             "_trawl() {\n"
             "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=''\n"
             "  COMPREPLY=()\n"
             "  if [ \"$cur\" = '=' ]; then cur=''\n"
             "  elif [ \"$prev\" = '=' ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
             "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W '");
    for (int c = 0; c < N_COMMANDS; c++)
        out_format(out, "%s ", COMMANDS[c].name);
    out_text(out, "' -- \"$cur\"))\n    return\n  fi\n  case $prev in\n");
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (!has_values(&OPTIONS[i]) || !OPTIONS[i].name)
            continue;
        out_format(out, "    --%s) words='", OPTIONS[i].name);
        print_values(out, &OPTIONS[i]);
        out_text(out, "' ;;\n");
    }
    out_text(out, "  esac\n"
                  "  if [ -n \"$words\" ]; then\n"
                  "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n    return\n  fi\n"
                  "  [ \"${COMP_WORDS[1]}\" = completions ] && words='bash zsh fish'\n"
                  "  case $cur in -*) case ${COMP_WORDS[1]} in\n");
    for (int c = 0; c < N_COMMANDS; c++)
        print_bash_options(out, (enum command)c);
    out_text(out,
             "  esac ;; esac\n"
             "  if [ -n \"$words\" ]; then\n"
             "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
             "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
             "  else\n    COMPREPLY=($(compgen -f -- \"$cur\"))\n    compopt -o filenames\n  fi\n"
             "}\ncomplete -F _trawl trawl\n");
}

/* Help texts inside single quotes; [special]: bytes that mean something to what reads them there,
 * and get a backslash. */
static void print_quoted(struct out *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (strchr(special, *text))
            out_char(out, '\\');
        if (*text == '\'')
            out_text(out, "'\\''");
        else
            out_char(out, *text);
    }
}

static void print_zsh_option(struct out *out, const struct option_row *row)
{
    const char *forms[2] = {NULL, NULL};
    char letter[4] = {'-', row->letter, '\0'}, name[40];
    snprintf(name, sizeof name, "--%s", row->name ? row->name : "");
    forms[0] = row->letter ? letter : NULL;
    forms[1] = row->name ? name : NULL;
    for (int f = 0; f < 2; f++) {
        if (!forms[f])
            continue;
        const char *equals = !row->argument            ? ""
                             : row->argument[0] == '[' ? "=-"
                             : f == 0                  ? "+"
                                                       : "=";
        out_format(out, "        '*%s%s[", forms[f], equals);
        print_quoted(out, row->help, "[]:\\");
        out_char(out, ']');
        if (row->argument) {
            out_text(out, row->argument[0] == '[' ? "::" : ":");
            print_quoted(out, row->argument, "[]:\\");
            out_char(out, ':');
            if (has_values(row)) {
                out_char(out, '(');
                print_values(out, row);
                out_char(out, ')');
            } else {
                out_text(out, "_files");
            }
        }
        out_text(out, "' \\\n");
    }
}

static void print_zsh(struct out *out)
{
    out_text(
        out,
        "#compdef trawl\n_trawl() {\n  if (( CURRENT == 2 )); then\n    local -a commands=(\n");
    for (int c = 0; c < N_COMMANDS; c++) {
        out_format(out, "      '%s:", COMMANDS[c].name);
        print_quoted(out, COMMANDS[c].summary, ":\\");
        out_text(out, "'\n");
    }
    out_text(out,
             "    )\n    _describe command commands\n    return\n  fi\n"
             "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n");
    for (int c = 0; c < N_COMMANDS; c++) {
        out_format(out, "    %s)\n      _arguments -s -S \\\n", COMMANDS[c].name);
        for (size_t i = 0; i < N_OPTIONS; i++)
            if (OPTIONS[i].help && option_belongs(&OPTIONS[i], (enum command)c))
                print_zsh_option(out, &OPTIONS[i]);
        out_text(out, c == COMMAND_COMPLETIONS ? "        '*:shell:(bash zsh fish)' ;;\n"
                                               : "        '*:file:_files' ;;\n");
    }
    out_text(out, "  esac\n}\n_trawl \"$@\"\n");
}

static void print_fish(struct out *out)
{
    out_text(out, "# fish completion for trawl\n");
    for (int c = 0; c < N_COMMANDS; c++) {
        out_format(out, "complete -c trawl -n __fish_use_subcommand -f -a %s -d '",
                   COMMANDS[c].name);
        print_quoted(out, COMMANDS[c].summary, "\\");
        out_text(out, "'\n");
    }
    out_text(
        out,
        "complete -c trawl -n '__fish_seen_subcommand_from completions' -f -a 'bash zsh fish'\n");
    for (int c = 0; c < N_COMMANDS; c++) {
        for (size_t i = 0; i < N_OPTIONS; i++) {
            const struct option_row *row = &OPTIONS[i];
            if (!row->help || !option_belongs(row, (enum command)c))
                continue;
            out_format(out, "complete -c trawl -n '__fish_seen_subcommand_from %s'",
                       COMMANDS[c].name);
            if (row->letter)
                out_format(out, " -s %c", row->letter);
            if (row->name)
                out_format(out, " -l %s", row->name);
            if (row->argument && row->argument[0] != '[')
                out_text(out, " -r");
            if (has_values(row)) {
                out_text(out, " -f -a '");
                print_values(out, row);
                out_char(out, '\'');
            }
            out_text(out, " -d '");
            print_quoted(out, row->help, "\\");
            out_text(out, "'\n");
        }
    }
}

int cmd_completions(const struct arguments *arguments)
{
    struct error err = {0};
    struct out out = {.file = stdout};
    const char *shell = arguments->n_operands == 1 ? arguments->operands[0] : "";
    if (strcmp(shell, "bash") == 0) {
        print_bash(&out);
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh(&out);
    } else if (strcmp(shell, "fish") == 0) {
        print_fish(&out);
    } else {
        fail(&err, ERROR_USAGE, "trawl completions bash, zsh or fish");
        return message_error(&err);
    }
    return out_flush(&out, &err) < 0 ? message_error(&err) : EXIT_MATCH;
}
