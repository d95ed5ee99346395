#include "batch/batch.h"

#include "base/size.h"
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

/* Open addressing, twice as many slots as rows, so at most half full: a segment has at least one
 * row and one slot. */
struct branch_table {
    uint64_t n_slots; /* power of two */
    struct branch {
        uint32_t parent; /* segment, or ROW_NONE for roots */
        int32_t token;   /* first token of the child */
        uint32_t child;  /* segment + 1; 0: empty */
    } slots[];
};

static struct branch *branch_slot(const struct batch *batch, uint32_t parent, int32_t token)
{
    struct branch_table *table = batch->branches;
    uint64_t hash = ((uint64_t)parent << 32 | (uint32_t)token) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
    for (uint64_t i = hash;; i++) {
        struct branch *slot = &table->slots[i & (table->n_slots - 1)];
        if (slot->child == 0 || (slot->parent == parent && slot->token == token))
            return slot;
    }
}

static uint64_t branch_slots(uint32_t max_rows)
{
    uint64_t n = 16;
    while (n < 2 * (uint64_t)max_rows)
        n *= 2;
    return n;
}

/* The arrays of a batch, in the order they lie in its block. */
static uint64_t lay_out(struct batch *batch, uint32_t n, char *block)
{
    uint64_t at = 0;
    struct batch scratch;
    batch = batch ? batch : &scratch;
#define PLACE(member, count)                                                                       \
    do {                                                                                           \
        batch->member = block ? (void *)(block + at) : NULL;                                       \
        at = round_up(at + (uint64_t)(count) * sizeof *batch->member, 64);                         \
    } while (0)
    PLACE(token, n);
    PLACE(position, n);
    PLACE(parent, n);
    PLACE(readout_index, n);
    PLACE(segments, n);
    PLACE(sequences, n);
    PLACE(draws, n + 1);
    PLACE(all.groups, n);
    PLACE(readouts.rows, n);
    PLACE(readouts.groups, n);
    PLACE(read_out, n);
    batch->branches = block ? (void *)(block + at) : NULL;
    at += sizeof *batch->branches + branch_slots(n) * sizeof(struct branch);
#undef PLACE
    return at;
}

uint32_t batch_bytes_per_row(void)
{
    /* The branch table is rounded up to a power of two: up to four slots a row. */
    return (uint32_t)(4 * sizeof(uint32_t) + sizeof(struct segment) +
                      sizeof(struct batch_sequence) + sizeof(struct batch_draw) +
                      2 * sizeof(struct query_group) + sizeof(uint32_t) + 1 +
                      4 * sizeof(struct branch));
}

int batch_init(struct batch *batch, uint32_t max_rows, struct memory *memory, struct error *err)
{
    memset(batch, 0, sizeof *batch);
    batch->max_rows = max_rows;
    batch->memory = memory;
    batch->share_prefixes = true;
    batch->block_bytes = lay_out(NULL, max_rows, NULL);
    batch->block = memory_alloc(memory, MEMORY_ROWS, batch->block_bytes, err);
    if (!batch->block)
        return -1;
    lay_out(batch, max_rows, batch->block);
    batch->branches->n_slots = branch_slots(max_rows);
    return 0;
}

void batch_deinit(struct batch *batch)
{
    if (batch->block)
        memory_free(batch->memory, MEMORY_ROWS, batch->block, batch->block_bytes);
    memset(batch, 0, sizeof *batch);
}

void batch_clear(struct batch *batch)
{
    batch->n_rows = batch->n_readouts = batch->n_segments = batch->n_sequences = 0;
    batch->n_draws = 0;
    batch->n_tokens = 0;
    memset(batch->branches->slots, 0, batch->branches->n_slots * sizeof(struct branch));
}

static void link_child(struct batch *batch, uint32_t parent, uint32_t child)
{
    int32_t token = batch->token[batch->segments[child].first_row];
    *branch_slot(batch, parent, token) = (struct branch){parent, token, child + 1};
}

/* Cuts a segment behind its first [n] rows, 0 < n < n_rows. The lower part keeps the number, so
 * that its children stay where they are found; the upper part is a new segment, whose number is
 * returned. */
static uint32_t split(struct batch *batch, uint32_t lower, uint32_t n)
{
    uint32_t upper = batch->n_segments++;
    struct segment *segment = &batch->segments[lower];
    batch->segments[upper] =
        (struct segment){segment->first_row, n, segment->position, segment->parent};
    link_child(batch, segment->parent, upper); /* takes over the slot of the lower part */
    segment->first_row += n;
    segment->n_rows -= n;
    segment->position += n;
    segment->parent = upper;
    link_child(batch, upper, lower);
    return upper;
}

/* How far a sequence runs along the tree: [n_shared] tokens, ending inside or at the end of
 * [segment]. */
struct match {
    uint32_t segment; /* ROW_NONE: no token is shared */
    uint32_t n_in_segment;
    uint32_t n_shared;
};

static struct match follow(const struct batch *batch, const int32_t *tokens, uint32_t n_tokens)
{
    struct match match = {ROW_NONE, 0, 0};
    if (!batch->share_prefixes)
        return match;
    while (match.n_shared < n_tokens) {
        const struct branch *slot = branch_slot(batch, match.segment, tokens[match.n_shared]);
        if (slot->child == 0)
            break;
        const struct segment *segment = &batch->segments[slot->child - 1];
        uint32_t n = 0;
        while (n < segment->n_rows && match.n_shared + n < n_tokens &&
               batch->token[segment->first_row + n] == tokens[match.n_shared + n])
            n++;
        match = (struct match){slot->child - 1, n, match.n_shared + n};
        if (n < segment->n_rows)
            break;
    }
    return match;
}

static void mark_readouts(struct batch *batch, uint32_t row, uint32_t first_readout)
{
    for (; row != ROW_NONE && batch->position[row] >= first_readout; row = batch->parent[row])
        if (!batch->read_out[row]) {
            batch->read_out[row] = 1;
            batch->n_readouts++;
        }
}

/* Rows that are read out already may be among them: room for all is the safe side. */
static bool has_room_to_read(const struct batch *batch, uint32_t n_more)
{
    return (uint64_t)batch->n_readouts + batch->n_draws + n_more <= (uint64_t)batch->max_rows + 1;
}

bool batch_has_room_to_draw(const struct batch *batch, uint32_t n_readouts)
{
    return has_room_to_read(batch, n_readouts + 1);
}

void batch_draw(struct batch *batch, const struct draw *draw)
{
    struct batch_sequence *sequence = &batch->sequences[batch->n_sequences - 1];
    sequence->draw = batch->n_draws;
    batch->draws[batch->n_draws++] =
        (struct batch_draw){*draw, sequence->last_row, sequence->n_tokens};
}

bool batch_add(struct batch *batch, uint64_t tag, const int32_t *tokens, uint32_t n_tokens,
               uint32_t first_readout)
{
    struct match match = follow(batch, tokens, n_tokens);
    uint32_t n_new = n_tokens - match.n_shared;
    /* A new segment and a split make two segments at most; segments never outnumber rows, since
     * each has one. */
    if (n_new > batch->max_rows - batch->n_rows || batch->n_sequences == batch->max_rows ||
        (batch->n_draws > 0 && !has_room_to_read(batch, n_tokens - first_readout)))
        return false;

    uint32_t last_row = match.segment == ROW_NONE
                            ? ROW_NONE
                            : batch->segments[match.segment].first_row + match.n_in_segment - 1;
    if (n_new > 0) {
        uint32_t parent_segment = match.segment;
        if (parent_segment != ROW_NONE &&
            match.n_in_segment < batch->segments[parent_segment].n_rows)
            parent_segment = split(batch, parent_segment, match.n_in_segment);
        uint32_t first_row = batch->n_rows;
        for (uint32_t i = 0; i < n_new; i++) {
            uint32_t row = batch->n_rows++;
            batch->token[row] = tokens[match.n_shared + i];
            batch->position[row] = match.n_shared + i;
            batch->parent[row] = last_row;
            batch->read_out[row] = 0;
            last_row = row;
        }
        uint32_t segment = batch->n_segments++;
        batch->segments[segment] =
            (struct segment){first_row, n_new, match.n_shared, parent_segment};
        if (batch->share_prefixes)
            link_child(batch, parent_segment, segment);
    }
    mark_readouts(batch, last_row, first_readout);
    batch->sequences[batch->n_sequences++] =
        (struct batch_sequence){tag, last_row, n_tokens, first_readout, ROW_NONE};
    batch->n_tokens += n_tokens;
    return true;
}

/* Cuts [list] into groups of one segment and one block of positions. Rows of a segment are
 * neighbours and ascend with their positions. */
static void make_groups(const struct batch *batch, struct row_list *list,
                        const uint32_t *segment_of)
{
    list->n_groups = 0;
    for (uint32_t i = 0; i < list->n_rows; i++) {
        uint32_t row = list->rows ? list->rows[i] : i;
        uint32_t block = batch->position[row] / ATTENTION_BLOCK;
        struct query_group *last = list->n_groups ? &list->groups[list->n_groups - 1] : NULL;
        if (last) {
            uint32_t before = list->rows ? list->rows[i - 1] : i - 1;
            if (last->segment == segment_of[row] &&
                batch->position[before] / ATTENTION_BLOCK == block) {
                last->n++;
                continue;
            }
        }
        list->groups[list->n_groups++] = (struct query_group){segment_of[row], i, 1};
    }
}

void batch_close(struct batch *batch)
{
    /* The place among the readouts is filled last, so its array serves as the segment of each row
     * until then. */
    uint32_t *segment_of = batch->readout_index;
    for (uint32_t s = 0; s < batch->n_segments; s++)
        for (uint32_t i = 0; i < batch->segments[s].n_rows; i++)
            segment_of[batch->segments[s].first_row + i] = s;
    batch->readouts.n_rows = 0;
    for (uint32_t row = 0; row < batch->n_rows; row++)
        if (batch->read_out[row])
            batch->readouts.rows[batch->readouts.n_rows++] = row;
    batch->all.rows = NULL;
    batch->all.n_rows = batch->n_rows;
    make_groups(batch, &batch->all, segment_of);
    make_groups(batch, &batch->readouts, segment_of);
    for (uint32_t i = 0; i < batch->readouts.n_rows; i++)
        batch->readout_index[batch->readouts.rows[i]] = i;
}

void batch_path(const struct batch *batch, uint32_t row, uint32_t *rows)
{
    for (; row != ROW_NONE; row = batch->parent[row])
        rows[batch->position[row]] = row;
}
