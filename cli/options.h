#ifndef OPTIONS_H
#define OPTIONS_H
/* The one table of commands and options. The parser (arguments.c), --help and the man page
 * (cmd_help.c) and the shell completions (cmd_completions.c) are all made from it. Everything here
 * is constant. */

#include <stdbool.h>
#include <stddef.h>

struct arguments;

enum command {
    COMMAND_GREP,
    COMMAND_ASK,
    COMMAND_BATCH,
    COMMAND_JOBS,
    COMMAND_READ,
    COMMAND_TOKENIZE,
    COMMAND_INSPECT,
    COMMAND_SCORE,
    COMMAND_EVAL,
    COMMAND_HELP,
    COMMAND_COMPLETIONS,
    COMMAND_VERSION,
    N_COMMANDS,
};

struct command_row {
    const char *name;
    const char *operands;    /* as the usage line shows them */
    const char *summary;     /* one line, no full stop */
    const char *description; /* paragraphs; a line that starts with two spaces is an example */
    int (*run)(const struct arguments *arguments); /* the exit status */
};

enum option_group {
    GROUP_MODEL,
    GROUP_INPUT,
    GROUP_ASK,
    GROUP_SELECT,
    GROUP_OUTPUT,
    GROUP_COMMAND, /* what only one small command has */
    GROUP_RUN,
    GROUP_POWER,
    GROUP_OTHER,
    N_GROUPS,
};

enum option_id {
    OPTION_MODEL,
    OPTION_LORA,
    OPTION_RECURSIVE,
    OPTION_INCLUDE,
    OPTION_EXCLUDE,
    OPTION_UNIT,
    OPTION_NULL_DATA,
    OPTION_TEXT,
    OPTION_SKIP_BINARY,
    OPTION_RAW,
    OPTION_FROM,
    OPTION_TEXT_FIELD,
    OPTION_INPUT,
    OPTION_ID_FIELD,
    OPTION_DOCUMENT,
    OPTION_QUERY,
    OPTION_FILES_FROM,
    OPTION_FILTER,
    OPTION_FETCH,
    OPTION_FETCH_DELAY,
    OPTION_MAX_SIZE,
    OPTION_NO_MESSAGES,
    OPTION_QUESTION,
    OPTION_SHEET,
    OPTION_QUESTIONS,
    OPTION_TEMPLATE,
    OPTION_LAYOUT,
    OPTION_WINDOW,
    OPTION_LONG,
    OPTION_SAMPLE,
    OPTION_SEED,
    OPTION_DRY_RUN,
    OPTION_SHOW_PROMPT,
    OPTION_THRESHOLD,
    OPTION_INVERT,
    OPTION_MAX_COUNT,
    OPTION_TOP,
    OPTION_LIST,
    OPTION_LIST_OTHERS,
    OPTION_COUNT,
    OPTION_QUIET,
    OPTION_LINE_NUMBER,
    OPTION_WITH_FILENAME,
    OPTION_NO_FILENAME,
    OPTION_NULL,
    OPTION_AFTER,
    OPTION_BEFORE,
    OPTION_CONTEXT,
    OPTION_COLOR,
    OPTION_LINE_BUFFERED,
    OPTION_SHOW_TEXT,
    OPTION_PROBABILITIES,
    OPTION_JSON,
    OPTION_FORMAT,
    OPTION_FIELDS,
    OPTION_UNORDERED,
    OPTION_SHARD,
    OPTION_JOB,
    OPTION_NO_JOB,
    OPTION_RETRY_ERRORS,
    OPTION_CHECKPOINT,
    OPTION_NO_TEXT,
    OPTION_NO_BOS,
    OPTION_SPECIAL,
    OPTION_PIECES,
    OPTION_DECODE,
    OPTION_IDS,
    OPTION_SCORE_TOP,
    OPTION_SCORE_CONTEXT,
    OPTION_LABELS,
    OPTION_REVIEW,
    OPTION_WHERE,
    OPTION_CALIBRATION,
    OPTION_RECALL,
    OPTION_PRECISION,
    OPTION_BRIEF,
    OPTION_SVG,
    OPTION_FIT,
    OPTION_OUTPUT,
    OPTION_ERRORS,
    OPTION_MEMORY,
    OPTION_ROWS,
    OPTION_THREADS,
    OPTION_READER,
    OPTION_CPU,
    OPTION_EXACT,
    OPTION_NICE,
    OPTION_WHILE_ON_AC,
    OPTION_BETWEEN,
    OPTION_STOP_AFTER,
    OPTION_KEEP_AWAKE,
    OPTION_NOTIFY,
    OPTION_STATS,
    OPTION_PROGRESS,
    OPTION_NO_PROGRESS,
    OPTION_MAN,
    OPTION_HELP,
    OPTION_VERSION,
};

struct option_row {
    enum option_id id;
    unsigned commands; /* bits 1 << enum command */
    enum option_group group;
    char letter;          /* '\0': none */
    const char *name;     /* long name, without the dashes */
    const char *argument; /* NULL: takes none; "[X]": optional, only after '=' */
    const char *choices;  /* space-separated values, NULL: anything */
    const char *(*names)(
        size_t i);    /* values that are listed elsewhere, NULL after the last; NULL: none */
    const char *help; /* NULL: another name of an option above, not shown */
};

extern const struct command_row COMMANDS[N_COMMANDS];
extern const struct option_row OPTIONS[];
extern const size_t N_OPTIONS;
extern const char *const GROUP_TITLES[N_GROUPS];

/* NULL when there is none of this name. */
const struct command_row *command_find(const char *name);

static inline bool option_belongs(const struct option_row *row, enum command command)
{
    return row->commands >> command & 1;
}

#endif
