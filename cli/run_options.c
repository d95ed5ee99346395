#include "run_options.h"

int run_options_read(struct trawl_run_options *run, const struct arguments *arguments,
                     struct error *err)
{
    *run = (struct trawl_run_options){0};
    for (size_t i = 0; i < arguments->n_uses; i++) {
        const struct option_use *use = &arguments->uses[i];
        uint64_t count = 0;
        int status = 0;
        switch (use->row->id) {
        case OPTION_MEMORY:
            status = value_size(use, &run->memory_bytes, err);
            break;
        case OPTION_ROWS:
            status = value_count(use, 1, UINT32_MAX, &count, err);
            run->n_rows = (uint32_t)count;
            break;
        case OPTION_THREADS:
            status = value_count(use, 1, 4096, &count, err);
            run->n_threads = (int)count;
            break;
        case OPTION_READER:
            status = value_name(use, &run->reader, err);
            break;
        case OPTION_CPU:
            status = value_name(use, &run->cpu, err);
            break;
        case OPTION_EXACT:
            run->exact = true;
            break;
        case OPTION_DRY_RUN:
            run->dry_run = true;
            break;
        default:
            break;
        }
        if (status < 0)
            return -1;
    }
    return 0;
}

int prompt_option_read(struct trawl_ask_options *ask, const struct option_use *use,
                       struct error *err)
{
    static const enum trawl_long longs[] = {TRAWL_LONG_WINDOWS, TRAWL_LONG_HEAD, TRAWL_LONG_SKIP};
    uint64_t count = 0;
    int choice = 0;
    switch (use->row->id) {
    case OPTION_TEMPLATE:
        return value_name(use, &ask->template_name, err);
    case OPTION_LAYOUT:
        if (value_choice(use, &choice, err) < 0)
            return -1;
        ask->layout = choice == 0 ? TRAWL_DOCUMENT_FIRST : TRAWL_QUESTION_FIRST;
        return 0;
    case OPTION_WINDOW:
        if (value_count(use, 8, UINT32_MAX, &count, err) < 0)
            return -1;
        ask->window_tokens = (uint32_t)count;
        return 0;
    case OPTION_LONG:
        if (value_choice(use, &choice, err) < 0)
            return -1;
        ask->long_documents = longs[choice];
        return 0;
    default:
        return 0;
    }
}
