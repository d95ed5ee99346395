#include "models.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* NULL when out of memory. */
static char *format_text(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return text;
}

/* $XDG_CONFIG_HOME/trawl/RELATIVE; NULL without a home or memory. */
static char *config_path(const char *relative)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    if (config && config[0] == '/') /* the specification says that relative ones are ignored */
        return format_text("%s/trawl/%s", config, relative);
    const char *home = getenv("HOME");
    return home && home[0] ? format_text("%s/.config/trawl/%s", home, relative) : NULL;
}

typedef int (*setting_fn)(void *context, const char *key, const char *value, struct error *err);

/* Calls [each] for the `key = value` lines of a file; # begins a comment line. A missing file is
 * none. Returns 0, 1 when the file is missing, -1. */
static int read_settings(const char *path, setting_fn each, void *context, struct error *err)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        if (errno == ENOENT || errno == ENOTDIR)
            return 1;
        return fail_errno(err, ERROR_IO, errno, "%s", path);
    }
    char *line = NULL;
    size_t capacity = 0;
    int status = 0, number = 0;
    while (status == 0 && getline(&line, &capacity, file) >= 0) {
        number++;
        char *key = line + strspn(line, " \t");
        key[strcspn(key, "\r\n")] = '\0';
        if (*key == '\0' || *key == '#')
            continue;
        char *equals = strchr(key, '=');
        if (!equals) {
            status = fail(err, ERROR_FORMAT, "%s:%d: expected `key = value`", path, number);
            break;
        }
        char *value = equals + 1 + strspn(equals + 1, " \t");
        size_t n = strlen(value);
        while (n > 0 && isspace((unsigned char)value[n - 1]))
            value[--n] = '\0';
        while (equals > key && isspace((unsigned char)equals[-1]))
            equals--;
        *equals = '\0';
        if (each(context, key, value, err) < 0)
            status = fail_context(err, "%s:%d", path, number);
    }
    if (status == 0 && ferror(file))
        status = fail_errno(err, ERROR_IO, errno, "%s", path);
    free(line);
    fclose(file);
    return status;
}

/* "~/" at the beginning of a path in a configuration file is the home directory. */
static char *expand_home(const char *path)
{
    const char *home = getenv("HOME");
    if (strncmp(path, "~/", 2) == 0 && home)
        return format_text("%s%s", home, path + 1);
    return strdup(path);
}

static int add_adapter(struct model_choice *choice, const char *value, struct error *err)
{
    char *path = expand_home(value);
    struct trawl_adapter *adapters =
        realloc(choice->adapters, (size_t)(choice->n_adapters + 1) * sizeof *adapters);
    if (adapters)
        choice->adapters = adapters;
    if (!adapters || !path) {
        free(path);
        return fail_memory(err, sizeof *adapters, "adapters");
    }
    float scale = 1;
    char *colon = strrchr(path, ':');
    if (colon && access(path, F_OK) != 0) { /* a file whose name has a colon is taken whole */
        char *end;
        scale = strtof(colon + 1, &end);
        if (end == colon + 1 || *end != '\0' || !isfinite(scale)) {
            fail(err, ERROR_USAGE, "adapter %s: '%s' is not a scale", path, colon + 1);
            free(path);
            return -1;
        }
        *colon = '\0';
    }
    choice->adapters[choice->n_adapters++] = (struct trawl_adapter){.path = path, .scale = scale};
    return 0;
}

static int take_named_setting(void *context, const char *key, const char *value, struct error *err)
{
    struct model_choice *choice = context;
    if (strcmp(key, "lora") == 0)
        return add_adapter(choice, value, err);
    if (strcmp(key, "model") != 0)
        return fail(err, ERROR_FORMAT, "unknown key '%s' (known: model, lora)", key);
    free(choice->path);
    choice->path = expand_home(value);
    return choice->path ? 0 : fail_memory(err, strlen(value), "a path");
}

static int take_config_setting(void *context, const char *key, const char *value, struct error *err)
{
    char **model = context;
    if (strcmp(key, "model") != 0)
        return fail(err, ERROR_FORMAT, "unknown key '%s' (known: model)", key);
    free(*model);
    *model = expand_home(value);
    return *model ? 0 : fail_memory(err, strlen(value), "a path");
}

static int fail_no_model(struct error *err)
{
    return fail(
        err, ERROR_IO,
        "no model: name one with -m FILE.gguf, TRAWL_MODEL or `model = FILE.gguf` in the file "
        "trawl/config of your configuration folder; `make demo` fetches a small one, afterwards "
        "known as -m demo");
}

static int choose_named(struct model_choice *choice, const char *name, struct error *err)
{
    char *relative = format_text("models/%s.conf", name);
    char *path = relative ? config_path(relative) : NULL;
    free(relative);
    if (!path)
        return fail(err, ERROR_IO, "%s: no such file, and HOME is not set to look for its name",
                    name);
    int status = read_settings(path, take_named_setting, choice, err);
    if (status == 1)
        status = fail(err, ERROR_IO, "%s: no such model: neither a file nor a name (%s)%s", name,
                      path, strcmp(name, "demo") == 0 ? "; `make demo` fetches it" : "");
    else if (status == 0 && !choice->path)
        status = fail(err, ERROR_FORMAT, "%s: has no `model = PATH` line", path);
    free(path);
    return status;
}

int models_choose(struct model_choice *choice, const struct arguments *arguments, const char *given,
                  struct error *err)
{
    *choice = (struct model_choice){0};
    const char *environment = getenv("TRAWL_MODEL");
    char *configured = NULL;
    if (!given && environment && environment[0])
        given = environment;
    if (!given) {
        char *path = config_path("config");
        int status = path ? read_settings(path, take_config_setting, &configured, err) : 1;
        free(path);
        if (status < 0)
            return -1;
        given = configured;
    }

    int status = 0;
    if (!given)
        status = fail_no_model(err);
    else if (!strchr(given, '/') && access(given, F_OK) != 0 && !strstr(given, ".gguf"))
        status = choose_named(choice, given, err);
    else if (!(choice->path = strdup(given)))
        status = fail_memory(err, strlen(given), "a path");
    free(configured);

    for (size_t i = 0; status == 0 && i < arguments->n_uses; i++)
        if (arguments->uses[i].row->id == OPTION_LORA)
            status = add_adapter(choice, arguments->uses[i].value, err);
    if (status < 0)
        models_deinit(choice);
    return status;
}

void models_deinit(struct model_choice *choice)
{
    for (int i = 0; i < choice->n_adapters; i++)
        free((char *)choice->adapters[i].path);
    free(choice->adapters);
    free(choice->path);
    *choice = (struct model_choice){0};
}

struct trawl_model *models_open(const struct arguments *arguments, const char *given,
                                bool vocabulary_only, struct error *err)
{
    struct model_choice choice;
    if (models_choose(&choice, arguments, given, err) < 0)
        return NULL;
    struct trawl_model *model =
        trawl_model_open(&(struct trawl_model_options){.path = choice.path,
                                                       .adapters = choice.adapters,
                                                       .n_adapters = choice.n_adapters,
                                                       .vocabulary_only = vocabulary_only},
                         err);
    models_deinit(&choice);
    return model;
}
