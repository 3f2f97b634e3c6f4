/*
 * endpoints.c - see endpoints.h. Open addressing; who is forgotten leaves its place behind, which
 * the next newcomer that comes by takes.
 */
#include "board/endpoints.h"

#define GONE UINT64_C(1) /* an id that no endpoint has */
_Static_assert(ENDPOINT_ID_LEAST > GONE, "endpoints.h");

_Static_assert(SIGNALS == ARRAY_LEN(((struct board_endpoint *)0)->signals), "board.h");

const char *endpoints_state_name(enum endpoint_state s)
{
    static const char *const names[ENDPOINT_STATES] = {
        [ENDPOINT_UNKNOWN] = "unknown", [ENDPOINT_READY] = "ready",
        [ENDPOINT_LOADING] = "loading", [ENDPOINT_SLEEPING] = "sleeping",
        [ENDPOINT_RESTING] = "resting", [ENDPOINT_DEAD] = "dead",
        [ENDPOINT_DOWN] = "down",       [ENDPOINT_SILENT] = "silent",
        [ENDPOINT_HUNG] = "hung",
    };

    MUST((size_t)s < ENDPOINT_STATES);
    return names[s];
}

static size_t place(uint64_t id, size_t step)
{
    return (size_t)((id + step) % BOARD_ENDPOINTS);
}

static const struct board_endpoint *find(const struct board *b, uint64_t id)
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

size_t endpoints_place(const struct board *b, uint64_t id)
{
    const struct board_endpoint *p = find(b, id);

    return p ? (size_t)(p - b->endpoints) : BOARD_ENDPOINTS;
}

bool endpoints_view(struct endpoint_view *ret, const struct board *b, uint64_t id, uint64_t now_us)
{
    const struct board_endpoint *p = find(b, id);
    uint64_t state;

    if (!p)
        return false;
    state = board_get(&p->state);
    *ret = (struct endpoint_view){.state = state < ENDPOINT_STATES ? (enum endpoint_state)state
                                                                   : ENDPOINT_UNKNOWN,
                                  .seen_us = board_time(&p->seen_us, now_us)};
    ret->stale = ret->seen_us == 0 || ret->seen_us + board_get(&p->stale_us) < now_us;
    for (size_t i = 0; i < SIGNALS; i++)
        ret->signals[i] = board_get(&p->signals[i]);
    ret->foreign = board_get(&p->foreign);
    ret->place = (size_t)(p - b->endpoints);
    return true;
}

static void take(struct board_endpoint *p, uint64_t id)
{
    board_set(&p->state, 0);
    board_set(&p->seen_us, 0);
    board_set(&p->stale_us, 0);
    board_set(&p->foreign, 0);
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
    struct board_endpoint *p = (struct board_endpoint *)(uintptr_t)find(b, id);

    if (p)
        board_set(&p->id, GONE);
}
