#include "table.h"

#include <string.h>
#include <strings.h>

const struct table_format *const table_formats[] = {
    &table_jsonl, &table_csv, &table_tsv, &table_markdown, &table_html, &table_sqlite, NULL,
};

const struct table_format *table_format_by_name(const char *name)
{
    for (size_t i = 0; table_formats[i]; i++)
        if (strcmp(table_formats[i]->name, name) == 0)
            return table_formats[i];
    return NULL;
}

static bool has_extension(const struct table_format *format, const char *extension)
{
    for (const char *word = format->extensions; *word;) {
        size_t n = strcspn(word, " ");
        if (strlen(extension) == n && strncasecmp(extension, word, n) == 0)
            return true;
        word += n + (word[n] == ' ');
    }
    return false;
}

const struct table_format *table_format_by_path(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && table_formats[i]; i++)
        if (has_extension(table_formats[i], dot + 1))
            return table_formats[i];
    return NULL;
}

const char *table_format_name(size_t i)
{
    return table_formats[i] ? table_formats[i]->name : NULL;
}
