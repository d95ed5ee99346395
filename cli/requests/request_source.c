#include "request_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Parts of input_bytes (trawl.h): a line, whose buffer is up to twice as long; its values as a
 * tree; a request and its answer; what waits, beside the last one read. */
#define LINE_SHARE    16
#define JSON_SHARE    4
#define REQUEST_SHARE 4
#define WAITING_SHARE 4

#define USUAL_WINDOW_TOKENS 4096

/* Tokens by which a prompt's beginning is known (usage.prompt_tokens_details). */
#define CACHED_TOKENS 16

int request_source_open(struct request_source *source, const struct trawl_model *model,
                        const char *template_name, uint32_t window_tokens, struct error *err)
{
    struct request_reader *reader = &source->reader;
    reader->model = model;
    if (trawl_model_info(model, &reader->info, err) < 0)
        return -1;
    uint32_t n_context = reader->info.n_context;
    if (window_tokens > n_context)
        return fail(err, ERROR_LIMIT, "--window %u is more than the model's context of %u tokens",
                    window_tokens, n_context);
    if (!window_tokens)
        window_tokens = n_context < USUAL_WINDOW_TOKENS ? n_context : USUAL_WINDOW_TOKENS;
    reader->max_tokens = window_tokens;
    reader->chat = trawl_chat_open(model, template_name, &reader->no_chat);
    if (reader->chat || reader->no_chat.kind != ERROR_MEMORY)
        return 0;
    *err = reader->no_chat;
    return -1;
}

int request_source_begin(struct request_source *source, const char *path, uint64_t input_bytes,
                         struct error *err)
{
    source->name = path ? path : "standard input";
    source->reader.most_json_bytes = input_bytes / JSON_SHARE;
    source->reader.most_bytes = input_bytes / REQUEST_SHARE;
    if (!(source->seen = seen_open(err)))
        return -1;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
    if (fd < 0)
        return fail_errno(err, ERROR_IO, errno, "%s", source->name);
    struct intake *intake = intake_open_fd(fd, err);
    if (!intake)
        return -1;
    lines_init(&source->lines, intake, '\n', input_bytes / LINE_SHARE);
    return 0;
}

void request_source_close(struct request_source *source)
{
    lines_deinit(&source->lines);
    trawl_chat_close(source->reader.chat);
    seen_close(source->seen);
    *source = (struct request_source){0};
}

uint64_t request_source_most_waiting(uint64_t input_bytes)
{
    return input_bytes / WAITING_SHARE;
}

/* How many tokens, in whole runs of CACHED_TOKENS, some earlier prompt of the file begins with
 * too. */
static int count_cached(struct request_source *source, const int32_t *ids, uint32_t n_ids,
                        uint64_t *n_cached, struct error *err)
{
    struct sha256 path;
    bool shared = true;
    sha256_init(&path);
    sha256_add(&path, "prompt", 6);
    for (uint32_t i = 0; i + CACHED_TOKENS <= n_ids; i += CACHED_TOKENS) {
        uint8_t hash[SHA256_BYTES];
        sha256_add(&path, ids + i, CACHED_TOKENS * sizeof *ids);
        struct sha256 so_far = path;
        sha256_finish(&so_far, hash);
        int is_new = seen_add(source->seen, hash, err);
        if (is_new < 0)
            return -1;
        shared &= !is_new;
        *n_cached += shared ? CACHED_TOKENS : 0;
    }
    return 0;
}

/* 1: no line before has this custom_id; 0: [refusal]; -1. */
static int check_unique(struct request_source *source, const struct request *request,
                        struct refusal *refusal, struct error *err)
{
    uint8_t hash[SHA256_BYTES];
    struct sha256 sha;
    sha256_init(&sha);
    sha256_add(&sha, "custom_id", 9);
    sha256_add(&sha, request->custom_id, request->n_custom_id);
    sha256_finish(&sha, hash);
    int rc = seen_add(source->seen, hash, err);
    if (rc == 0) {
        refusal->of_line = true;
        refuse(refusal, "duplicate_custom_id", "custom_id",
               "an earlier line has the same custom_id");
    }
    return rc;
}

static int read_request(struct request_source *source, const struct line *line,
                        struct request *request, struct refusal *refusal, struct error *err)
{
    int rc = request_read(&source->reader, line->text, line->n_bytes, request, refusal, err);
    int unique = rc >= 0 && request->custom_id ? check_unique(source, request, refusal, err) : 1;
    if (rc < 0 || unique < 0)
        return -1;
    if (rc == 0 || unique == 0)
        return 0;
    for (uint32_t p = 0; p < request->n_prompts; p++) {
        const struct request_prompt *prompt = &request->prompts[p];
        if (count_cached(source, request->ids.ids + prompt->first, prompt->n_ids,
                         &request->n_cached, err) < 0)
            return -1;
    }
    return 1;
}

/* The line that lines_next refused for its length: it goes by its number. */
static int skip_long_line(struct request_source *source, struct refusal *refusal, struct error *err)
{
    *err = (struct error){0};
    *refusal = (struct refusal){.of_line = true};
    if (lines_skip(&source->lines, err) < 0)
        return -1;
    return refuse(refusal, "request_too_large", NULL,
                  "a line of more than %zu bytes: give more --memory, or cut it",
                  source->lines.most_bytes);
}

/* The next line that is not blank; [is_long]: one too long to be read. 1, 0 no more, -1. */
static int next_line(struct request_source *source, struct line *line, bool *is_long,
                     struct error *err)
{
    int status;
    do {
        status = lines_next(&source->lines, line, err);
        *is_long = status < 0 && err->kind == ERROR_LIMIT;
        if (status < 0 && !*is_long)
            return fail_context(err, "%s", source->name);
        source->line++;
    } while (status == 1 && line_is_blank(line->text, line->n_bytes));
    return status != 0;
}

int request_source_next(struct request_source *source, struct request **request,
                        struct refusal *refusal, struct error *err)
{
    struct line line;
    bool is_long;
    int status = next_line(source, &line, &is_long, err);
    if (status <= 0)
        return status;
    struct request *made = calloc(1, sizeof *made);
    if (!made)
        return fail_memory(err, sizeof *made, "a request");
    made->line = source->line;
    status = is_long ? skip_long_line(source, refusal, err)
                     : read_request(source, &line, made, refusal, err);
    if (status < 0) {
        request_free(made);
        return -1;
    }
    if (status == 1)
        made->serial = source->n_served++;
    *request = made;
    return status == 1 ? 1 : 2;
}
