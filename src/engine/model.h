#ifndef ENGINE_MODEL_H
#define ENGINE_MODEL_H
/* An open model: its file, its words, its weights by role and the program they make. Read-only once
 * open. */

#include "base/memory.h"
#include "model/program.h"
#include "text/template.h"
#include "text/tokenizer.h"
#include "trawl.h"

struct trawl_model {
    struct memory memory;
    struct gguf *gguf;
    struct tokenizer *tokenizer;
    struct network network; /* layers NULL for a vocabulary by itself */
    struct program program;
};

/* What the model holds in memory, in bytes. */
uint64_t model_resident_bytes(const struct trawl_model *model);

/* The template by name, or recognised when [name] is NULL. */
int model_template(const struct trawl_model *model, const char *name, const struct template **out,
                   struct error *err) MUST_CHECK;

/* Whether the template in the file begins with BOS. */
bool model_template_writes_bos(const struct trawl_model *model);

#endif
