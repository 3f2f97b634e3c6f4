/*
 * endpoints.c - see endpoints.h. Open addressing; who is forgotten leaves its place behind, which
 * the next newcomer that comes by takes.
 */
#include "board/endpoints.h"

#define GONE UINT64_C(1) /* an id that no endpoint has */

uint64_t endpoints_id(struct span provider, struct span url)
{
    uint64_t id = span_hash(provider) * UINT64_C(31) + span_hash(url);

    return id <= GONE ? GONE + 1 : id;
}

static size_t place(uint64_t id, size_t step)
{
    return (size_t)((id + step) % BOARD_ENDPOINTS);
}

const struct board_endpoint *endpoints_look(const struct board *b, uint64_t id)
{
    for (size_t i = 0; i < BOARD_ENDPOINTS; i++) {
        const struct board_endpoint *p = &b->endpoints[place(id, i)];
        uint64_t there = board_get(&p->id);

        if (there == id)
            return p;
        if (there == 0)
            return NULL;
    }
    return NULL;
}

static void take(struct board_endpoint *p, uint64_t id)
{
    board_set(&p->state, 0);
    board_set(&p->seen_us, 0);
    board_set(&p->rounds, 0);
    for (size_t i = 0; i < ARRAY_LEN(p->signals); i++)
        board_set(&p->signals[i], UINT64_MAX);
    board_set(&p->id, id);
}

struct board_endpoint *endpoints_make(struct board *b, uint64_t id)
{
    struct board_endpoint *place_left = NULL;

    for (size_t i = 0; i < BOARD_ENDPOINTS; i++) {
        struct board_endpoint *p = &b->endpoints[place(id, i)];
        uint64_t there = board_get(&p->id);

        if (there == id)
            return p;
        if (there <= GONE && !place_left)
            place_left = p;
        if (there == 0)
            break;
    }
    if (place_left)
        take(place_left, id);
    return place_left;
}

void endpoints_forget(struct board *b, uint64_t id)
{
    struct board_endpoint *p = (struct board_endpoint *)(uintptr_t)endpoints_look(b, id);

    if (p)
        board_set(&p->id, GONE);
}
