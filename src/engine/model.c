#include "engine/model.h"

#include <stdlib.h>
#include <string.h>

static int open_all(struct trawl_model *model, const struct trawl_model_options *options,
                    struct error *err)
{
    model->gguf = gguf_open(options->path, err);
    if (!model->gguf)
        return -1;
    struct gguf_text type = {"", 0};
    if (gguf_get_text(model->gguf, "general.type", &type, err) < 0)
        return -1;
    if (strcmp(type.data, "adapter") == 0)
        return fail(err, ERROR_USAGE,
                    "%s is an adapter, not a model: give it with --lora beside its model",
                    options->path);
    model->tokenizer = tokenizer_open(model->gguf, &model->memory, err);
    if (!model->tokenizer)
        return -1;
    if (options->vocabulary_only)
        return 0;
    if (gguf_n_tensors(model->gguf) == 0)
        return fail(err, ERROR_FORMAT,
                    "%s has no tensors: it is a vocabulary, good for `trawl tokenize` only",
                    options->path);
    if (network_open(&model->network, model->gguf, &model->memory, err) < 0)
        return -1;
    for (int i = 0; i < options->n_adapters; i++)
        if (adapter_apply(&model->network, options->adapters[i].path, options->adapters[i].scale,
                          err) < 0)
            return -1;
    return program_make(&model->program, &model->network, err);
}

struct trawl_model *trawl_model_open(const struct trawl_model_options *options, struct error *err)
{
    struct trawl_model *model = calloc(1, sizeof *model);
    if (!model) {
        fail_memory(err, sizeof *model, "the model");
        return NULL;
    }
    if (open_all(model, options, err) < 0) {
        trawl_model_close(model);
        return NULL;
    }
    return model;
}

void trawl_model_close(struct trawl_model *model)
{
    if (!model)
        return;
    program_free(&model->program);
    if (model->network.layers)
        network_close(&model->network);
    tokenizer_close(model->tokenizer);
    gguf_close(model->gguf);
    free(model);
}

uint64_t model_resident_bytes(const struct trawl_model *model)
{
    return gguf_resident_bytes(model->gguf) + tokenizer_resident_bytes(model->tokenizer) +
           model->network.resident_bytes;
}

static int read_template(const struct trawl_model *model, struct template_source *source,
                         struct error *err)
{
    struct gguf_text jinja = {NULL, 0};
    if (gguf_get_text(model->gguf, "tokenizer.chat_template", &jinja, err) < 0)
        return -1;
    *source = (struct template_source){.jinja = jinja.data, .n_bytes = jinja.n_bytes};
    return 0;
}

int model_template(const struct trawl_model *model, const char *name, const struct template **out,
                   struct error *err)
{
    struct template_source source;
    if (name)
        return template_find(name, out, err);
    if (read_template(model, &source, err) < 0)
        return -1;
    if (template_recognise(&source, out, err) < 0)
        return fail_context(err, "%s", gguf_path(model->gguf));
    return 0;
}

bool model_template_writes_bos(const struct trawl_model *model)
{
    struct template_source source;
    struct error ignored;
    return read_template(model, &source, &ignored) == 0 && template_writes_bos(&source);
}

static void count_type(struct trawl_model_info *info, const struct tensor *tensor)
{
    const char *name = tensor_type_info(tensor->type)->name;
    int i = 0;
    while (i < info->n_types && strcmp(info->types[i].type, name) != 0)
        i++;
    if (i == (int)(sizeof info->types / sizeof *info->types))
        return;
    if (i == info->n_types)
        info->types[info->n_types++].type = name;
    info->types[i].n_tensors++;
    info->types[i].n_bytes += tensor->n_bytes;
}

int trawl_model_info(const struct trawl_model *model, struct trawl_model_info *info,
                     struct error *err)
{
    const struct hparams *h = &model->network.hparams;
    memset(info, 0, sizeof *info);
    info->path = gguf_path(model->gguf);
    info->architecture = h->arch;
    struct gguf_text name;
    int found = gguf_get_text(model->gguf, "general.name", &name, err);
    if (found < 0)
        return -1;
    info->name = found ? name.data : NULL;
    const struct template *template = NULL;
    struct error unrecognised;
    if (model_template(model, NULL, &template, &unrecognised) == 0)
        info->template_name = template_name(template);
    info->tokenizer = tokenizer_model(model->tokenizer);
    info->pre_tokenizer = tokenizer_pre(model->tokenizer);
    if (info->pre_tokenizer && !*info->pre_tokenizer)
        info->pre_tokenizer = NULL;
    info->eos = tokenizer_role(model->tokenizer, TOKEN_EOS);
    info->gguf_version = gguf_version(model->gguf);
    info->n_files = (uint32_t)gguf_n_files(model->gguf);
    info->n_layers = h->n_layers;
    info->n_embd = h->n_embd;
    info->n_ff = h->n_ff;
    info->n_heads = h->n_heads;
    info->n_kv_heads = h->n_kv_heads;
    info->head_dim = h->head_dim;
    info->n_vocab = h->n_vocab;
    info->n_context = h->n_context;
    info->sliding_window = h->sliding_window;
    info->tied_head = model->network.tied_head;
    for (int i = 0; i < gguf_n_files(model->gguf); i++)
        info->file_bytes += gguf_file(model->gguf, i)->size_bytes;
    for (uint64_t i = 0; i < gguf_n_tensors(model->gguf); i++) {
        const struct tensor *tensor = gguf_tensor(model->gguf, i);
        info->n_params += tensor->dims[0] * tensor->dims[1] * tensor->dims[2] * tensor->dims[3];
        count_type(info, tensor);
    }
    return 0;
}
