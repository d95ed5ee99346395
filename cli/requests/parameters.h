#ifndef PARAMETERS_H
#define PARAMETERS_H
/* What a request's body asks for beside its prompt. Every parameter of the API is in one table:
 * read, accepted without effect, or refused by its name unless it has the value that changes
 * nothing. */

#include "request.h"

/* Fills request->parameters. 1: good; 0: [refusal]; -1. */
int parameters_read(const struct request_reader *reader, const struct json *body,
                    struct request *request, struct refusal *refusal, struct error *err) MUST_CHECK;

#endif
