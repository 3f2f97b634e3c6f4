/*
 * lengths.c - see lengths.h. Who takes a place clears its counts behind the swap of the id: who
 * reads between the two knows another kind's lengths for a moment.
 */
#include "board/lengths.h"

#define WAYS 8

static size_t place(uint64_t id, size_t way)
{
    return (size_t)((id + way) % BOARD_LENGTHS);
}

const struct board_lengths *lengths_look(const struct board *b, uint64_t id)
{
    for (size_t way = 0; way < WAYS; way++)
        if (board_get(&b->lengths[place(id, way)].id) == id)
            return &b->lengths[place(id, way)];
    return NULL;
}

struct board_lengths *lengths_make(struct board *b, uint64_t id, uint64_t now_us)
{
    struct board_lengths *oldest = &b->lengths[place(id, 0)];
    uint64_t old;

    for (size_t way = 0; way < WAYS; way++) {
        struct board_lengths *p = &b->lengths[place(id, way)];

        if (board_get(&p->id) == id) {
            board_set(&p->used_us, now_us);
            return p;
        }
        if (board_get(&p->used_us) < board_get(&oldest->used_us))
            oldest = p;
    }
    old = board_get(&oldest->id);
    if (!board_swap(&oldest->id, &old, id))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(oldest->counts); i++)
        board_set(&oldest->counts[i], 0);
    board_set(&oldest->used_us, now_us);
    return oldest;
}
