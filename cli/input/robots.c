#include "robots.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_TEXT_BYTES (512u << 10) /* the RFC asks for 500 KiB at least */
#define MOST_RULES      10000

void robots_deinit(struct robots *robots)
{
    for (size_t i = 0; i < robots->n_rules; i++)
        free(robots->rules[i].pattern);
    free(robots->rules);
    *robots = (struct robots){0};
}

/* A line as key and value, without comment and white space. False: it is none. */
static bool split_line(const char *line, size_t n_bytes, const char **key, size_t *n_key,
                       const char **value, size_t *n_value)
{
    const char *comment = memchr(line, '#', n_bytes);
    const char *end = comment ? comment : line + n_bytes;
    const char *colon = memchr(line, ':', (size_t)(end - line));
    if (!colon)
        return false;
    while (line < colon && isspace((unsigned char)*line))
        line++;
    const char *key_end = colon, *start = colon + 1;
    while (key_end > line && isspace((unsigned char)key_end[-1]))
        key_end--;
    while (start < end && isspace((unsigned char)*start))
        start++;
    while (end > start && isspace((unsigned char)end[-1]))
        end--;
    *key = line;
    *n_key = (size_t)(key_end - line);
    *value = start;
    *n_value = (size_t)(end - start);
    return true;
}

static bool is_word(const char *text, size_t n_bytes, const char *word)
{
    return n_bytes == strlen(word) && strncasecmp(text, word, n_bytes) == 0;
}

static int add_rule(struct robots *robots, const char *pattern, size_t n_bytes, bool allow,
                    struct error *err)
{
    if (n_bytes == 0 || robots->n_rules == MOST_RULES) /* "Disallow:" forbids nothing */
        return 0;
    if (robots->n_rules == robots->capacity) {
        size_t capacity = robots->capacity ? robots->capacity * 2 : 16;
        struct robots_rule *rules = realloc(robots->rules, capacity * sizeof *rules);
        if (!rules)
            return fail_memory(err, capacity * sizeof *rules, "robots.txt");
        robots->rules = rules;
        robots->capacity = capacity;
    }
    char *copy = strndup(pattern, n_bytes);
    if (!copy)
        return fail_memory(err, n_bytes, "robots.txt");
    robots->rules[robots->n_rules++] = (struct robots_rule){.pattern = copy, .allow = allow};
    return 0;
}

/* One pass: the rules of the groups for [agent]. *found: there is such a group. */
static int read_groups(struct robots *robots, const char *text, size_t n_bytes, const char *agent,
                       bool *found, struct error *err)
{
    const char *end = text + n_bytes;
    bool in_group = false, names_go_on = false;
    *found = false;
    for (const char *line = text, *next; line < end; line = next) {
        const char *key, *value;
        size_t n_key, n_value;
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        line_end = line_end ? line_end : end;
        next = line_end + 1;
        if (!split_line(line, (size_t)(line_end - line), &key, &n_key, &value, &n_value))
            continue;
        if (is_word(key, n_key, "user-agent")) {
            in_group = (names_go_on && in_group) || is_word(value, n_value, agent);
            *found = *found || in_group;
            names_go_on = true;
            continue;
        }
        names_go_on = false;
        bool allow = is_word(key, n_key, "allow");
        if (!in_group)
            continue;
        if ((allow || is_word(key, n_key, "disallow")) &&
            add_rule(robots, value, n_value, allow, err) < 0)
            return -1;
        if (is_word(key, n_key, "crawl-delay") && n_value > 0 && n_value < 16) {
            char number[16] = "";
            memcpy(number, value, n_value);
            double delay_s = strtod(number, NULL);
            robots->delay_s = delay_s > 0 && delay_s < 1e6 ? delay_s : 0;
        }
    }
    return 0;
}

int robots_read(struct robots *robots, const char *text, size_t n_bytes, const char *agent,
                struct error *err)
{
    bool found;
    n_bytes = n_bytes < MOST_TEXT_BYTES ? n_bytes : MOST_TEXT_BYTES;
    if (read_groups(robots, text, n_bytes, agent, &found, err) < 0)
        return -1;
    return found ? 0 : read_groups(robots, text, n_bytes, "*", &found, err);
}

/* Whether the pattern matches the beginning of the path. A star that failed is only ever tried
 * again from the last one on: linear in the path for each. */
static bool matches(const char *pattern, const char *path)
{
    const char *star = NULL, *retry = NULL;
    for (;;) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = path;
        } else if (*pattern == '\0' || (strcmp(pattern, "$") == 0 && *path == '\0')) {
            return true;
        } else if (*path != '\0' && *pattern == *path) {
            pattern++;
            path++;
        } else if (star && *retry != '\0') {
            pattern = star;
            path = ++retry;
        } else {
            return false;
        }
    }
}

bool robots_allow(const struct robots *robots, const char *path)
{
    size_t longest = 0;
    bool allow = true;
    for (size_t i = 0; i < robots->n_rules; i++) {
        const struct robots_rule *rule = &robots->rules[i];
        size_t n = strlen(rule->pattern);
        if (n < longest || (n == longest && !rule->allow) || !matches(rule->pattern, path))
            continue;
        longest = n;
        allow = rule->allow;
    }
    return allow;
}
