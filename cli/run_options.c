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
        default:
            break;
        }
        if (status < 0)
            return -1;
    }
    return 0;
}
