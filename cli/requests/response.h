#ifndef RESPONSE_H
#define RESPONSE_H
/* The lines of the output and the error file:
 *
 *     {"id": ..., "custom_id": ..., "response": {"status_code": 200, "request_id": ..., "body":
 *      {a chat.completion or text_completion}}, "error": null}
 *
 * A request that cannot be served has status 400 and {"error": {message, type, param, code}} as its
 * body; a line that is no request has no response, and {code, message} as its error. */

#include "../output/out.h"
#include "request.h"

/* What all responses have in common. */
struct response_maker {
    const struct trawl_model *model;
    const struct trawl_model_info *info;
    int32_t turn_end; /* -1: none but end of sequence */
    int64_t created;  /* seconds since 1970 */
    const char *numerics;
    struct bytes text, token; /* work space */
};
void response_maker_deinit(struct response_maker *maker);

int response_put(struct response_maker *maker, const struct request *request, struct out *out,
                 struct error *err) MUST_CHECK;
void response_refuse(const struct request *request, const struct refusal *refusal, struct out *out);

#endif
