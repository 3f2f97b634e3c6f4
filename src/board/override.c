/*
 * override.c - see override.h. `until_us` is written last, and cleared first: a reader takes an
 * entry for nobody's while it changes.
 */
#include "board/override.h"

const char *override_word(uint64_t what)
{
    static const char *const words[] = {"none", "drain", "disable"};

    return words[what < ARRAY_LEN(words) ? what : 0];
}

static bool is_on(const struct board_override *o, uint64_t now_us)
{
    return board_get(&o->until_us) > now_us;
}

static uint64_t id_of(struct span name)
{
    uint64_t h = span_hash(name);

    return h ? h : 1;
}

/* The one of that id, or the first that is free; NULL. */
static struct board_override *find(struct board *b, uint64_t id, uint64_t now_us)
{
    struct board_override *free = NULL;

    for (size_t i = 0; i < BOARD_OVERRIDES; i++) {
        struct board_override *o = &b->overrides[i];

        if (is_on(o, now_us) && board_get(&o->id) == id)
            return o;
        if (!free && !is_on(o, now_us))
            free = o;
    }
    return free;
}

bool override_put(struct board *b, const struct override *o, uint64_t now_us)
{
    uint64_t id = id_of(span_str(o->name));
    struct board_override *to = find(b, id, now_us);

    if (o->what == OVERRIDE_NONE) {
        if (to)
            board_set(&to->until_us, 0);
        return true;
    }
    if (!to)
        return false;
    board_set(&to->until_us, 0);
    board_set(&to->id, id);
    board_set(&to->what, o->what);
    board_put_text(to->name, ARRAY_LEN(to->name), o->name);
    board_put_text(to->why, ARRAY_LEN(to->why), o->why);
    board_set(&to->until_us, o->until_us);
    board_set(&b->overridden, 1);
    return true;
}

enum override_what override_of(const struct board *b, struct span target, struct span provider,
                               uint64_t now_us)
{
    uint64_t ids[2], what = OVERRIDE_NONE;

    if (board_get(&b->overridden) == 0) /* there has never been any */
        return OVERRIDE_NONE;
    ids[0] = id_of(target);
    ids[1] = id_of(provider);
    for (size_t i = 0; i < BOARD_OVERRIDES; i++) {
        const struct board_override *o = &b->overrides[i];
        uint64_t id = board_get(&o->id);

        if (is_on(o, now_us) && (id == ids[0] || id == ids[1]))
            what = MAX(what, board_get(&o->what));
    }
    return what < OVERRIDES_N ? (enum override_what)what : OVERRIDE_NONE;
}

bool override_at(const struct board *b, size_t i, uint64_t now_us, struct override *ret)
{
    const struct board_override *o = &b->overrides[i];
    uint64_t what = board_get(&o->what);

    if (!is_on(o, now_us) || what == OVERRIDE_NONE || what >= OVERRIDES_N)
        return false;
    ret->what = (enum override_what)what;
    ret->until_us = board_get(&o->until_us);
    board_get_text(ret->name, o->name, ARRAY_LEN(o->name));
    board_get_text(ret->why, o->why, ARRAY_LEN(o->why));
    return true;
}
