#include "options.h"

#include "commands.h"
#include "output/table.h"
#include "input/kinds.h"
#include "trawl.h"

#include <string.h>

#define GREP     (1u << COMMAND_GREP)
#define ASK      (1u << COMMAND_ASK)
#define BATCH    (1u << COMMAND_BATCH)
#define JOBS     (1u << COMMAND_JOBS)
#define READ     (1u << COMMAND_READ)
#define TOKENIZE (1u << COMMAND_TOKENIZE)
#define INSPECT  (1u << COMMAND_INSPECT)
#define SCORE    (1u << COMMAND_SCORE)
#define EVAL     (1u << COMMAND_EVAL)
#define HELP     (1u << COMMAND_HELP)
#define SWEEPS   (GREP | ASK | BATCH)
#define ENGINE   (GREP | ASK | BATCH | INSPECT | SCORE)
#define MODELS   (GREP | ASK | BATCH | TOKENIZE | INSPECT | SCORE)
#define RECORDS  (READ | ASK)
#define ALL      ((1u << N_COMMANDS) - 1)

const struct command_row COMMANDS[N_COMMANDS] = {
    [COMMAND_GREP] =
        {"grep", "QUESTION [FILE|DIR...]", "ask every document a yes/no question",
         "Reads documents (lines, paragraphs or whole files), asks each one QUESTION, and prints "
         "those that the model answers with yes, as grep prints lines. Without FILE, or where FILE "
         "is -, standard input is read; a directory is read with all that is below it, files in "
         "name order. HTML files are read as their visible text.\n"
         "A document is a line; it is a whole file under -l or -L or when a directory is named; "
         "--unit chooses. Matching files print their name.\n"
         "The model's weights are read from disk once for every batch of documents, so many "
         "documents at a time cost little more than one; answers appear after every sweep.\n"
         "  trawl grep -m demo -l \"Does it repeat every year?\" pages/\n"
         "  trawl grep -m model.gguf --memory 4G --json \"Is this about water?\" notes.txt\n"
         "Exit status: 0 some document matched, 1 none did, 2 an error (with -q: 0 whenever one "
         "matched), 124 stopped by --stop-after.",
         cmd_grep},
    [COMMAND_ASK] =
        {"ask", "[FILE|DIR...]", "ask every document a sheet of questions and write a table",
         "Reads documents (files; a directory is read with all that is below it), asks each one "
         "all "
         "questions of -q or of a sheet, and writes a row per document: its id, the fields that "
         "came with it, and the answer and its probability for each question. The document is "
         "computed once for all its questions.\n"
         "With -o or --job the run is recorded: killed at any point, the same command goes on "
         "where "
         "it was and computes nothing twice; a changed question asks only its own column again.\n"
         "Without FILE each line of --questions is a prompt of its own; else standard input is one "
         "document.\n"
         "  trawl ask -m demo --sheet events.toml pages/ -o events.csv\n"
         "  trawl ask -m demo -q \"Is it free?\" -q \"Does it repeat every year?\" pages/ -o "
         "a.jsonl\n"
         "A document without text has empty cells; what is binary is told and left out. What could "
         "not be read is an error, which later runs do not try again while it has not changed.\n"
         "Exit status: 0 all documents are in the table, 2 an error, or some could not be read, "
         "124 stopped by --stop-after.",
         cmd_ask},
    [COMMAND_BATCH] =
        {"batch", "", "serve a file of requests in the format of OpenAI's Batch API",
         "Reads requests for /v1/chat/completions and /v1/completions, a line each, and writes "
         "the responses in input order; lines that cannot be served go to an error file with the "
         "API's codes. Answers are one token with its log-probabilities (max_tokens 1), which is "
         "what classifying and scoring needs; every request shares the reading of the weights "
         "with all others, and its beginning with those that begin alike.\n"
         "With -o or --job the run is recorded: killed at any point, the same command goes on "
         "where it was, computes nothing twice, and writes the same bytes.\n"
         "  trawl batch -m model.gguf -i requests.jsonl -o responses.jsonl\n"
         "Exit status: 0 requests were served (the summary says how many were not), 1 none was, 2 "
         "an error of the run, 124 stopped by --stop-after.",
         cmd_batch},
    [COMMAND_JOBS] =
        {"jobs", "list [DIR] | show JOB | export JOB | merge JOB FROM... | rm JOB...",
         "look into, export, join and remove what runs have recorded",
         "list names the jobs of a directory and says what they hold; show tells of each run that "
         "was "
         "recorded in one; export writes every answer with its document and question, and what "
         "could not be read, without needing the documents; merge copies the answers of others "
         "into JOB, so that a run that "
         "records there has them; rm removes jobs, with a suspended sweep beside them.\n"
         "  trawl jobs show events.csv.trawl\n"
         "  trawl jobs export events.csv.trawl -o all.csv\n"
         "  trawl jobs merge all.trawl part1.trawl part2.trawl",
         cmd_jobs},
    [COMMAND_READ] =
        {"read", "INPUT...", "print inputs of any kind as records: what a model would read",
         "Reads files, directories and archives, each by what it is: text, Markdown, HTML, PDF, "
         "mail, JSON lines, CSV, TSV, feeds, SQLite databases, and any of them in gzip, bzip2, "
         "zstd, tar, cpio or zip. Every document, row, page or mail is printed as one JSON object: "
         "id, text, fields. Without INPUT, or where it is -, standard input is read.\n"
         "What cannot be read (cut off, damaged, refused by its filter) is told on standard error "
         "and left out; all else is still read. What is binary is told and left out too, but is no "
         "error; what has no text is a record without text.\n"
         "  trawl read pages/ mail.mbox report.pdf | jq -r .text\n"
         "  trawl read --document '{title}\\n{body}' --id url posts.csv.gz\n"
         "  trawl read --query 'SELECT id, note FROM tickets' --text note tickets.db\n"
         "Exit status: 0 something was read, 1 nothing was there, 2 an error.",
         cmd_read},
    [COMMAND_TOKENIZE] = {"tokenize", "[FILE]", "print the token ids of a text",
                          "Prints the ids of the whole input, separated by spaces. FILE may be - "
                          "for standard input. The model may be a file that holds a vocabulary "
                          "only.\n"
                          "  printf 'Hello world' | trawl tokenize -m model.gguf --pieces",
                          cmd_tokenize},
    [COMMAND_INSPECT] = {"inspect", "[MODEL]", "say what a model is and what a run of it needs",
                         "Prints architecture, shapes, tensor types, bytes read per sweep, and the "
                         "memory that a run takes: the smallest budget and what it consists of.\n"
                         "  trawl inspect model.gguf --memory 4G",
                         cmd_inspect},
    [COMMAND_SCORE] =
        {"score", "FILE", "print the log-probability of every token of a text, and perplexity",
         "Cuts the text into chunks of --context tokens that do not overlap (the last, shorter one "
         "is dropped; a chunk's first token becomes begin-of-sequence where the model wants one) "
         "and scores the second half of each: position, id, text and log-probability of each token "
         "given what is before it, then perplexity.\n"
         "With --ids each line of FILE is one sequence of token ids, taken as they are, and all "
         "positions are scored; blank lines are skipped.\n"
         "  trawl score -m model.gguf --ids --json --top 5 ids.txt",
         cmd_score},
    [COMMAND_EVAL] =
        {"eval", "--labels FILE ANSWERS...", "say how good answers are, beside labels",
         "Reads what is true of documents (--labels: CSV, TSV or JSON lines with `id` or `file` "
         "and "
         "a column per question, or the verdicts that the HTML report saves) and answers: what "
         "`trawl grep --json` printed, or a table of `trawl ask -o`. NAME=FILE says which question "
         "FILE answers. Prints accuracy, precision, recall and F1 at the threshold, ROC AUC, "
         "average precision, Brier score, and how often p_yes is right, beside the majority "
         "class.\n"
         "  trawl grep --json --no-text \"Is this an event?\" pages/ > event.jsonl\n"
         "  trawl eval --labels labels.csv --recall 0.95 --svg curves.svg event.jsonl\n"
         "  trawl eval --labels labels.csv event.jsonl --fit platt -o event.json\n"
         "  trawl grep --calibration event.json -t 0.8 \"Is this an event?\" more/",
         cmd_eval},
    [COMMAND_HELP] = {"help", "[COMMAND]", "say what a command does",
                      "The same as `trawl COMMAND --help`.", cmd_help},
    [COMMAND_COMPLETIONS] = {"completions", "bash|zsh|fish",
                             "print a completion script for a shell",
                             "  source <(trawl completions bash)\n"
                             "  trawl completions zsh > ~/.zfunc/_trawl\n"
                             "  trawl completions fish > ~/.config/fish/completions/trawl.fish",
                             cmd_completions},
    [COMMAND_VERSION] = {"version", "", "print the version", "", cmd_version},
};

const char *const GROUP_TITLES[N_GROUPS] = {
    [GROUP_MODEL] = "Model",
    [GROUP_INPUT] = "What is read",
    [GROUP_ASK] = "What is asked",
    [GROUP_SELECT] = "What matches",
    [GROUP_OUTPUT] = "What is printed",
    [GROUP_COMMAND] = "Options of this command",
    [GROUP_RUN] = "Memory and speed",
    [GROUP_POWER] = "Power and time",
    [GROUP_OTHER] = "Other",
};

const struct option_row OPTIONS[] = {
    {OPTION_MODEL, GREP, GROUP_MODEL, 'm', "model", "PATH|NAME", NULL, NULL,
     "GGUF file (any part of a split one), or a name such as demo; default: TRAWL_MODEL, then "
     "`model = ...` in trawl/config. After -m a word that is only a number is --max-count instead"},
    {OPTION_MODEL, MODELS & ~GREP, GROUP_MODEL, 'm', "model", "PATH|NAME", NULL, NULL,
     "GGUF file (any part of a split one), or a name such as demo; default: TRAWL_MODEL, then "
     "`model = ...` in trawl/config"},
    {OPTION_LORA, ENGINE, GROUP_MODEL, 0, "lora", "FILE[:SCALE]", NULL, NULL,
     "GGUF low-rank adapter to add to the weights; may be repeated"},

    {OPTION_UNIT, GREP, GROUP_INPUT, 'u', "unit", "UNIT", "line paragraph file", NULL,
     "what a document is: line (default), paragraph (lines between blank lines), or file (default "
     "with -l, -L or a directory)"},
    {OPTION_RECURSIVE, GREP, GROUP_INPUT, 'r', "recursive", NULL, NULL, NULL,
     "read directories (a directory implies it); without FILE, the current one"},
    {OPTION_INCLUDE, GREP | RECORDS, GROUP_INPUT, 0, "include", "GLOB", NULL, NULL,
     "read only files whose base name matches GLOB"},
    {OPTION_EXCLUDE, GREP | RECORDS, GROUP_INPUT, 0, "exclude", "GLOB", NULL, NULL,
     "skip files whose base name matches GLOB; of contradicting ones the last wins"},
    {OPTION_NULL_DATA, GREP, GROUP_INPUT, 'z', "null-data", NULL, NULL, NULL,
     "lines end in a NUL byte, in input and output, and so do the names of --files-from"},
    {OPTION_NULL_DATA, RECORDS, GROUP_INPUT, 'z', "null", NULL, NULL, NULL,
     "the names of --files-from end in a NUL byte, as find -print0 writes them"},
    {OPTION_FILES_FROM, GREP | RECORDS, GROUP_INPUT, 0, "files-from", "FILE", NULL, NULL,
     "read also what FILE (-: standard input) names, a line each"},
    {OPTION_FILTER, GREP | RECORDS, GROUP_INPUT, 0, "filter", "COMMAND", NULL, NULL,
     "read what COMMAND prints when it is given a file on its standard input, for each file; the "
     "shell runs it, the name is in TRAWL_FILE, and a non-zero exit status is an error of that "
     "file"},
    {OPTION_FETCH, GREP | RECORDS, GROUP_INPUT, 0, "fetch", NULL, NULL, NULL,
     "read http:// and https:// addresses: what robots.txt allows, one at a time, kept in a cache "
     "for a day"},
    {OPTION_FETCH_DELAY, GREP | RECORDS, GROUP_INPUT, 0, "fetch-delay", "SECONDS", NULL, NULL,
     "pause between two requests to one host (default 1; robots.txt may ask for more)"},
    {OPTION_FROM, RECORDS, GROUP_INPUT, 0, "from", "KIND", NULL, kind_name,
     "what every input is, instead of what it looks like"},
    {OPTION_TEXT_FIELD, RECORDS, GROUP_INPUT, 0, "text", "FIELD", NULL, NULL,
     "the field that is the text (default of rows: a field called text, else all, a line each)"},
    {OPTION_DOCUMENT, RECORDS, GROUP_INPUT, 0, "document", "TEMPLATE", NULL, NULL,
     "the text, made of fields: '{title}\\n{body}'; {text} is what it would be without this"},
    {OPTION_ID_FIELD, RECORDS, GROUP_INPUT, 0, "id", "FIELD", NULL, NULL,
     "the field that names a record (default: FILE, or FILE:N where there are several)"},
    {OPTION_QUERY, RECORDS, GROUP_INPUT, 0, "query", "SQL", NULL, NULL,
     "the rows of SQLite databases; needed where there is more than one table"},
    {OPTION_MAX_SIZE, RECORDS, GROUP_INPUT, 0, "max-size", "SIZE", NULL, NULL,
     "the largest document or row that is read into memory (default 32M); a larger one is an "
     "error"},
    {OPTION_INPUT, BATCH, GROUP_INPUT, 'i', "input", "FILE", NULL, NULL,
     "the requests, a JSON object a line (default and -: standard input)"},
    {OPTION_TEXT, GREP, GROUP_INPUT, 'a', NULL, NULL, NULL, NULL,
     "read files with NUL bytes as text; otherwise one with a NUL in its first 96 KiB is skipped "
     "and counted"},
    {OPTION_SKIP_BINARY, GREP, GROUP_INPUT, 'I', NULL, NULL, NULL, NULL,
     "a file with NUL bytes is one that does not match, silently"},
    {OPTION_RAW, GREP, GROUP_INPUT, 0, "raw", NULL, NULL, NULL,
     "read HTML, PDF and packed files as they are instead of as their text"},
    {OPTION_NO_MESSAGES, GREP | RECORDS, GROUP_INPUT, 's', "no-messages", NULL, NULL, NULL,
     "say nothing about files that are missing or cannot be read"},

    {OPTION_QUESTION, GREP, GROUP_ASK, 'e', "question", "QUESTION", NULL, NULL,
     "a question; repeated, a document matches where any answer is yes. No QUESTION operand then"},
    {OPTION_QUESTION, GREP, GROUP_ASK, 0, "regexp", "QUESTION", NULL, NULL, NULL},
    {OPTION_QUESTION, ASK, GROUP_ASK, 'q', "question", "QUESTION", NULL, NULL,
     "a yes/no question; may be repeated. {NAME} in it is a field of the document"},
    {OPTION_SHEET, ASK, GROUP_ASK, 0, "sheet", "FILE", NULL, NULL,
     "questions, their kinds and conditions, as TOML"},
    {OPTION_QUESTIONS, ASK, GROUP_ASK, 0, "questions", "FILE", NULL, NULL,
     "a yes/no question on each line; without FILE operands each is a prompt of its own"},
    {OPTION_TEMPLATE, GREP | ASK | BATCH, GROUP_ASK, 0, "template", "NAME", NULL,
     trawl_template_name, "chat template, where the model's own is not recognised"},
    {OPTION_LAYOUT, GREP | ASK, GROUP_ASK, 0, "layout", "LAYOUT", "document-first question-first",
     NULL, "order of document and question in the prompt"},
    {OPTION_WINDOW, GREP | ASK | INSPECT, GROUP_ASK, 0, "window", "N", NULL, NULL,
     "most tokens of a document sent at once (default: the model's context or 4096, whichever is "
     "less)"},
    {OPTION_WINDOW, BATCH, GROUP_ASK, 0, "window", "N", NULL, NULL,
     "most tokens of a prompt; a longer one is an error of its line (default: the model's context "
     "or 4096, whichever is less)"},
    {OPTION_LONG, GREP | ASK, GROUP_ASK, 0, "long", "HOW", "window head skip", NULL,
     "longer documents: window (cut into overlapping windows, the largest p_yes counts), head "
     "(only the beginning is read) or skip"},
    {OPTION_SAMPLE, GREP, GROUP_ASK, 0, "sample", "N", NULL, NULL,
     "a first look: ask only N documents, drawn at random from all of the input; the summary says "
     "what they tell of all"},
    {OPTION_SEED, GREP, GROUP_ASK, 0, "seed", "N", NULL, NULL,
     "the choice of --sample (default 0: the same every time)"},
    {OPTION_SHARD, ASK, GROUP_ASK, 0, "shard", "I/N", NULL, NULL,
     "ask only the I-th of N parts of the documents, dealt out by their content: one part a "
     "machine"},
    {OPTION_DRY_RUN, GREP | ASK | BATCH, GROUP_ASK, 0, "dry-run", NULL, NULL, NULL,
     "read the input, say rows, sweeps, bytes, memory, how long it would take and what would make "
     "it faster, and run nothing"},
    {OPTION_SHOW_PROMPT, GREP | ASK, GROUP_ASK, 0, "show-prompt", NULL, NULL, NULL,
     "print what would be sent for the first document, and stop"},

    {OPTION_LABELS, EVAL, GROUP_INPUT, 0, "labels", "FILE", NULL, NULL,
     "what is true: `id` or `file`, and yes or no per question; may be repeated, the last counts"},
    {OPTION_REVIEW, EVAL, GROUP_INPUT, 0, "review", "FILE", NULL, NULL,
     "verdicts saved by the HTML report, as labels: accept is yes, reject is no"},
    {OPTION_REVIEW, ASK, GROUP_OUTPUT, 0, "review", "FILE", NULL, NULL,
     "verdicts saved by the HTML report (or other labels), in a column NAME_label beside each "
     "answer"},
    {OPTION_WHERE, EVAL, GROUP_INPUT, 0, "where", "NAME", NULL, NULL,
     "judge other questions only on documents labelled yes for NAME"},

    {OPTION_CALIBRATION, GREP | ASK | EVAL, GROUP_SELECT, 0, "calibration", "FILE", NULL, NULL,
     "turn p_yes into the probability that FILE, made by `trawl eval --fit`, says it means"},
    {OPTION_THRESHOLD, EVAL, GROUP_SELECT, 't', "threshold", "P", NULL, NULL,
     "an answer is yes when p_yes is at least P (default 0.5)"},
    {OPTION_RECALL, EVAL, GROUP_SELECT, 0, "recall", "R", NULL, NULL,
     "say which threshold finds this share of all yes, with exact 95 % intervals"},
    {OPTION_PRECISION, EVAL, GROUP_SELECT, 0, "precision", "P", NULL, NULL,
     "say which threshold makes this share of those selected right"},
    {OPTION_THRESHOLD, GREP, GROUP_SELECT, 't', "threshold", "P", NULL, NULL,
     "a document matches when p_yes, the probability of yes against no, is at least P (default "
     "0.5)"},
    {OPTION_INVERT, GREP, GROUP_SELECT, 'v', "invert-match", NULL, NULL, NULL,
     "select the documents that do not match"},
    {OPTION_MAX_COUNT, GREP, GROUP_SELECT, 0, "max-count", "NUM", NULL, NULL,
     "stop reading a file after NUM selected documents; also -m NUM"},
    {OPTION_TOP, GREP, GROUP_SELECT, 0, "top", "N", NULL, NULL,
     "print only the N documents with the highest p_yes (lowest with -v), best first; --threshold, "
     "when given, still applies"},

    {OPTION_LIST, GREP, GROUP_OUTPUT, 'l', "files-with-matches", NULL, NULL, NULL,
     "print only the names of files with a selected document"},
    {OPTION_LIST_OTHERS, GREP, GROUP_OUTPUT, 'L', "files-without-match", NULL, NULL, NULL,
     "print only the names of files without one"},
    {OPTION_COUNT, GREP, GROUP_OUTPUT, 'c', "count", NULL, NULL, NULL,
     "print only the number of selected documents per file"},
    {OPTION_QUIET, GREP, GROUP_OUTPUT, 'q', "quiet", NULL, NULL, NULL,
     "print nothing, stop at the first selected document"},
    {OPTION_QUIET, GREP, GROUP_OUTPUT, 0, "silent", NULL, NULL, NULL, NULL},
    {OPTION_LINE_NUMBER, GREP, GROUP_OUTPUT, 'n', "line-number", NULL, NULL, NULL,
     "print the number of each line before it"},
    {OPTION_WITH_FILENAME, GREP, GROUP_OUTPUT, 'H', "with-filename", NULL, NULL, NULL,
     "print the file's name before each line (default with several files)"},
    {OPTION_NO_FILENAME, GREP, GROUP_OUTPUT, 'h', "no-filename", NULL, NULL, NULL,
     "print no names before lines"},
    {OPTION_NULL, GREP, GROUP_OUTPUT, 'Z', "null", NULL, NULL, NULL,
     "print a NUL byte after a file's name"},
    {OPTION_AFTER, GREP, GROUP_OUTPUT, 'A', "after-context", "NUM", NULL, NULL,
     "print NUM lines (paragraphs) after each selected one"},
    {OPTION_BEFORE, GREP, GROUP_OUTPUT, 'B', "before-context", "NUM", NULL, NULL,
     "print NUM lines (paragraphs) before each selected one"},
    {OPTION_CONTEXT, GREP, GROUP_OUTPUT, 'C', "context", "NUM", NULL, NULL, "both; also -NUM"},
    {OPTION_COLOR, GREP, GROUP_OUTPUT, 0, "color", "[WHEN]", "auto always never", NULL,
     "colour names, numbers and separators: always, never, or auto (on a terminal)"},
    {OPTION_COLOR, GREP, GROUP_OUTPUT, 0, "colour", "[WHEN]", "auto always never", NULL, NULL},
    {OPTION_OUTPUT, ASK, GROUP_OUTPUT, 'o', "output", "FILE", NULL, NULL,
     "where the table goes; its extension is its format (default: standard output, JSON lines). "
     "What FILE held before is replaced. May be repeated: the same rows, such as a table and a "
     "report"},
    {OPTION_OUTPUT, JOBS, GROUP_OUTPUT, 'o', "output", "FILE", NULL, NULL,
     "where export writes; its extension is its format (default: standard output, JSON lines)"},
    {OPTION_OUTPUT, BATCH, GROUP_OUTPUT, 'o', "output", "FILE", NULL, NULL,
     "where the responses go (default: standard output). What FILE held before is replaced"},
    {OPTION_ERRORS, BATCH, GROUP_OUTPUT, 0, "errors", "FILE", NULL, NULL,
     "where lines go that were not served (default: OUT.errors.jsonl beside -o OUT.jsonl, without "
     "-o standard error)"},
    {OPTION_FORMAT, ASK | JOBS, GROUP_OUTPUT, 0, "format", "FORMAT", NULL, table_format_name,
     "the table's format, whatever the name says"},
    {OPTION_FIELDS, ASK, GROUP_OUTPUT, 0, "fields", "NAME,...", NULL, NULL,
     "the input's columns to keep (default: those of the first document)"},
    {OPTION_UNORDERED, ASK, GROUP_OUTPUT, 0, "unordered", NULL, NULL, NULL,
     "rows as they are done, not in input order"},
    {OPTION_JOB, ASK | BATCH, GROUP_OUTPUT, 0, "job", "FILE", NULL, NULL,
     "where the run is recorded, to go on after any end (default: the first output's name and "
     ".trawl)"},
    {OPTION_CHECKPOINT, ASK | BATCH, GROUP_OUTPUT, 0, "checkpoint", "MINUTES", NULL, NULL,
     "how often a sweep that takes long is written to the job (default 10)"},
    {OPTION_NO_JOB, ASK | BATCH, GROUP_OUTPUT, 0, "no-job", NULL, NULL, NULL,
     "do not record the run"},
    {OPTION_RETRY_ERRORS, ASK, GROUP_INPUT, 0, "retry-errors", NULL, NULL, NULL,
     "try again what an earlier run of the job could not read (fetches, filters, converters), "
     "though it has not changed"},
    {OPTION_LINE_BUFFERED, GREP | ASK, GROUP_OUTPUT, 0, "line-buffered", NULL, NULL, NULL,
     "write every line at once"},
    {OPTION_SHOW_TEXT, GREP, GROUP_OUTPUT, 0, "text", NULL, NULL, NULL,
     "print the text of matching files instead of their names; with other units the same as -a"},
    {OPTION_PROBABILITIES, GREP, GROUP_OUTPUT, 'p', "probabilities", NULL, NULL, NULL,
     "print p_yes before each match, at the beginning of the line"},
    {OPTION_JSON, GREP, GROUP_OUTPUT, 0, "json", NULL, NULL, NULL,
     "print one JSON object per document read, matching or not, in input order: file, line, "
     "answer, p_yes, p_other, unsure, tokens, text"},
    {OPTION_NO_TEXT, GREP, GROUP_OUTPUT, 0, "no-text", NULL, NULL, NULL,
     "leave the text out of --json"},

    {OPTION_BRIEF, EVAL, GROUP_OUTPUT, 0, "brief", NULL, NULL, NULL,
     "a line per question, without the tables of how often p_yes is right"},
    {OPTION_JSON, EVAL, GROUP_OUTPUT, 0, "json", NULL, NULL, NULL, "print one JSON object"},
    {OPTION_SVG, EVAL, GROUP_OUTPUT, 0, "svg", "FILE", NULL, NULL,
     "draw precision-recall and calibration curves to FILE"},
    {OPTION_FIT, EVAL, GROUP_OUTPUT, 0, "fit", "METHOD", "platt isotonic", NULL,
     "fit a calibration on the labels, to -o FILE: platt (two numbers, for few labels) or isotonic "
     "(for a thousand and more)"},
    {OPTION_OUTPUT, EVAL, GROUP_OUTPUT, 'o', "output", "FILE", NULL, NULL,
     "where --fit writes what --calibration reads"},

    {OPTION_NO_BOS, TOKENIZE, GROUP_COMMAND, 0, "no-bos", NULL, NULL, NULL,
     "no begin-of-sequence token, even where the model wants one"},
    {OPTION_SPECIAL, TOKENIZE, GROUP_COMMAND, 0, "special", NULL, NULL, NULL,
     "names of control tokens in the text become these tokens"},
    {OPTION_PIECES, TOKENIZE, GROUP_COMMAND, 0, "pieces", NULL, NULL, NULL,
     "one token per line: its id and its text as a JSON string"},
    {OPTION_DECODE, TOKENIZE, GROUP_COMMAND, 0, "decode", NULL, NULL, NULL,
     "the input is ids; print their text, exactly"},
    {OPTION_IDS, SCORE, GROUP_COMMAND, 0, "ids", NULL, NULL, NULL,
     "each line of FILE is one sequence of token ids"},
    {OPTION_SCORE_TOP, SCORE, GROUP_COMMAND, 0, "top", "K", NULL, NULL,
     "also the K most probable tokens at each position"},
    {OPTION_SCORE_CONTEXT, SCORE, GROUP_COMMAND, 0, "context", "N", NULL, NULL,
     "tokens of a chunk (default 512, or the model's context where that is less)"},
    {OPTION_JSON, JOBS, GROUP_COMMAND, 0, "json", NULL, NULL, NULL,
     "one JSON object for each line"},
    {OPTION_JSON, SCORE, GROUP_COMMAND, 0, "json", NULL, NULL, NULL,
     "one object per sequence: ids, logprobs, top; after a text also one with its perplexity"},
    {OPTION_JSON, INSPECT, GROUP_COMMAND, 0, "json", NULL, NULL, NULL, "one JSON object"},
    {OPTION_MAN, HELP, GROUP_COMMAND, 0, "man", NULL, NULL, NULL, "print the manual page (troff)"},

    {OPTION_MEMORY, ENGINE, GROUP_RUN, 0, "memory", "SIZE", NULL, NULL,
     "budget for everything, such as 4G or 512M (default: half of what is available)"},
    {OPTION_ROWS, ENGINE, GROUP_RUN, 0, "rows", "N", NULL, NULL,
     "rows (token positions) of a batch, instead of the plan's choice"},
    {OPTION_THREADS, ENGINE, GROUP_RUN, 'j', "threads", "N", NULL, NULL,
     "compute threads (default: all cores this process may use, fewer where the memory is too "
     "small for what each takes)"},
    {OPTION_READER, ENGINE, GROUP_RUN, 0, "reader", "NAME", NULL, trawl_reader_name,
     "how weights are read (null: not at all, for measuring)"},
    {OPTION_CPU, ENGINE, GROUP_RUN, 0, "cpu", "LEVEL", NULL, trawl_cpu_name,
     "instruction set to compute with (default: the best there is)"},
    {OPTION_EXACT, ENGINE, GROUP_RUN, 0, "exact", NULL, NULL, NULL,
     "compute in 32-bit floating point instead of 8-bit integers"},
    {OPTION_STATS, GREP | ASK | BATCH | SCORE, GROUP_RUN, 0, "stats", "FILE", NULL, NULL,
     "write what the run did to FILE as one JSON object (-: after the results)"},
    {OPTION_PROGRESS, GREP | ASK | BATCH | SCORE, GROUP_RUN, 0, "progress", NULL, NULL, NULL,
     "show progress and the summary even where standard error is not a terminal"},
    {OPTION_NO_PROGRESS, GREP | ASK | BATCH | SCORE, GROUP_RUN, 0, "no-progress", NULL, NULL, NULL,
     "never show them"},

    {OPTION_NICE, SWEEPS, GROUP_POWER, 0, "nice", NULL, NULL, NULL,
     "take cores and disk only when nobody else wants them"},
    {OPTION_WHILE_ON_AC, SWEEPS, GROUP_POWER, 0, "while-on-ac", NULL, NULL, NULL,
     "pause while the machine runs on its battery"},
    {OPTION_BETWEEN, SWEEPS, GROUP_POWER, 0, "between", "FROM-TO", NULL, NULL,
     "compute only in this part of the day, by the local clock (23:00-07:00), and pause outside "
     "it"},
    {OPTION_STOP_AFTER, SWEEPS, GROUP_POWER, 0, "stop-after", "TIME", NULL, NULL,
     "stop as by SIGTERM when so much time has passed, pauses counted: 6h, 1h30m (units s, m, h, "
     "d). The exit status is 124"},
    {OPTION_KEEP_AWAKE, SWEEPS, GROUP_POWER, 0, "keep-awake", NULL, NULL, NULL,
     "keep the machine from falling asleep while the run goes on (by systemd-inhibit or "
     "caffeinate)"},
    {OPTION_NOTIFY, SWEEPS, GROUP_POWER, 0, "notify", "COMMAND", NULL, NULL,
     "run COMMAND by the shell at the end, however it ends; TRAWL_STATUS (done, stopped, failed) "
     "and TRAWL_SUMMARY say how it went"},

    {OPTION_HELP, ALL, GROUP_OTHER, 0, "help", NULL, NULL, NULL, "this text"},
    {OPTION_HELP, ALL & ~GREP, GROUP_OTHER, 'h', NULL, NULL, NULL, NULL, NULL},
    {OPTION_VERSION, ALL, GROUP_OTHER, 'V', "version", NULL, NULL, NULL, "the version"},
};
const size_t N_OPTIONS = sizeof OPTIONS / sizeof OPTIONS[0];

const struct command_row *command_find(const char *name)
{
    for (int c = 0; c < N_COMMANDS; c++)
        if (strcmp(COMMANDS[c].name, name) == 0)
            return &COMMANDS[c];
    return NULL;
}
