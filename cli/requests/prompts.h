#ifndef PROMPTS_H
#define PROMPTS_H
/* What a request's body wants answered -> token ids: a conversation through the model's template,
 * or texts and token ids as they are. */

#include "request.h"

/* Fills request->ids and prompts. 1: good; 0: [refusal]; -1. */
int prompts_read(struct request_reader *reader, const struct json *body, struct request *request,
                 struct refusal *refusal, struct error *err) MUST_CHECK;

#endif
