#ifndef REQUEST_SOURCE_H
#define REQUEST_SOURCE_H
/* The lines of a batch file, one after the other, as requests or refusals; with what only the whole
 * file knows: whose custom_id is taken, and how much of a prompt was there before. */

#include "../input/lines.h"
#include "request.h"
#include "seen.h"

struct request_source {
    struct request_reader reader;
    struct lines lines;
    struct seen *seen; /* custom_ids and beginnings of prompts of the lines so far */
    const char *name;  /* of the input */
    uint64_t line, n_served;
};

/* What is known before the run is planned: how requests are read. [window_tokens]: most tokens of a
 * prompt, 0: the usual window. Zeroed or opened, a source may be closed. */
int request_source_open(struct request_source *source, const struct trawl_model *model,
                        const char *template_name, uint32_t window_tokens,
                        struct error *err) MUST_CHECK;
/* Opens [path], NULL: standard input; [input_bytes] is the plan's share for all input. */
int request_source_begin(struct request_source *source, const char *path, uint64_t input_bytes,
                         struct error *err) MUST_CHECK;
void request_source_close(struct request_source *source);

/* What may wait to be answered, beside the last request that was given. */
uint64_t request_source_most_waiting(uint64_t input_bytes);

/* 1: *request can be served; 2: [refusal] says why it cannot; 0: no more; -1. *request is the
 * caller's to free. */
int request_source_next(struct request_source *source, struct request **request,
                        struct refusal *refusal, struct error *err) MUST_CHECK;

#endif
