#ifndef ID_LIST_H
#define ID_LIST_H
/* Token ids written as numbers. */

#include "trawl.h"

/* Appends the ids in [text, end), separated by white space. A word that is no id fails, saying
 * which. */
int id_list_read(const char *text, const char *end, struct trawl_tokens *out,
                 struct error *err) MUST_CHECK;

#endif
