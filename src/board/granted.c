/*
 * granted.c - see granted.h.
 */
#include "board/granted.h"

#include <stdio.h>

/* Never 0, which is the id of a place that was never taken. */
static uint64_t id_of(struct span provider)
{
    uint64_t h = span_hash(provider);

    return h ? h : 1;
}

void granted_leave(struct board_cred *place)
{
    board_set(&place->until_ms, 0);
    board_set(&place->failed_ms, 0);
    board_set(&place->taken, 0);
}

void granted_clear(struct board_cred row[BOARD_CREDS])
{
    for (size_t i = 0; i < BOARD_CREDS; i++)
        granted_leave(&row[i]);
}

struct board_cred *granted_take(struct board_cred row[BOARD_CREDS], struct span provider)
{
    struct board_cred *never = NULL, *left = NULL, *place;
    uint64_t id = id_of(provider);

    for (size_t i = BOARD_CREDS; i > 0; i--) {
        place = &row[i - 1];
        if (board_get(&place->id) == id) {
            board_set(&place->taken, 1);
            return place;
        }
        if (board_get(&place->id) == 0)
            never = place;
        else if (!board_get(&place->taken))
            left = place;
    }
    place = never ? never : left;
    if (!place)
        return NULL;
    board_set(&place->fetched, 0);
    board_set(&place->failed, 0);
    board_set(&place->id, id);
    board_set(&place->taken, 1);
    return place;
}

void granted_failed(struct board_cred *place, uint64_t wall_ms, const char *why)
{
    char text[GRANTED_WHY] = {0};

    _Static_assert(sizeof(place->why) == sizeof(text), "the text has these words");
    UNUSED(snprintf(text, sizeof(text), "%s", why));
    board_put_text(place->why, ARRAY_LEN(place->why), text);
    board_add(&place->failed, 1);
    board_set(&place->failed_ms, wall_ms);
}

const char *granted_state_name(enum granted_state s)
{
    static const char *const names[GRANTED_STATES] = {
        [GRANTED_NONE] = "none",
        [GRANTED_GOOD] = "good",
        [GRANTED_STALE] = "stale",
        [GRANTED_FAILED] = "failed",
    };

    MUST((size_t)s < GRANTED_STATES);
    return names[s];
}

static enum granted_state state_of(const struct board_cred *place, uint64_t wall_ms)
{
    bool has = board_get(&place->until_ms) > wall_ms;
    uint64_t failed = board_get(&place->failed_ms);

    if (failed && failed + GRANTED_FORGET_MS > wall_ms)
        return has ? GRANTED_STALE : GRANTED_FAILED;
    return has ? GRANTED_GOOD : GRANTED_NONE;
}

static void add_place(struct granted *g, const struct board_cred *place, uint64_t wall_ms,
                      uint64_t *newest)
{
    enum granted_state state = state_of(place, wall_ms);
    uint64_t until = board_get(&place->until_ms), failed = board_get(&place->failed_ms);

    g->fetched += board_get(&place->fetched);
    g->failed += board_get(&place->failed);
    g->state = MAX(g->state, state);
    if (until > wall_ms && (g->until_ms == 0 || until < g->until_ms))
        g->until_ms = until;
    if (state >= GRANTED_STALE && failed >= *newest) {
        *newest = failed;
        board_get_text(g->why, place->why, ARRAY_LEN(place->why));
    }
}

void granted_read(const struct board *b, uint32_t workers, struct span provider, uint64_t wall_ms,
                  struct granted *ret)
{
    uint64_t id = id_of(provider), newest = 0;

    *ret = (struct granted){.state = GRANTED_NONE};
    for (uint32_t w = 0; w < workers; w++)
        for (size_t i = 0; i < BOARD_CREDS; i++)
            if (board_get(&b->creds[w][i].id) == id)
                add_place(ret, &b->creds[w][i], wall_ms, &newest);
}
