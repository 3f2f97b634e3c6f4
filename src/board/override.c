/*
 * override.c - see override.h. `until_us` is written last, and cleared first: a reader takes an
 * entry for nobody's while it changes.
 */
#include "board/override.h"

static const struct {
    const char *word;
    enum override_kind kind;
} rows[OVERRIDES_N] = {
    [OVERRIDE_NONE] = {"none", 0},
    [OVERRIDE_DRAIN] = {"drain", OVERRIDE_SERVICE},
    [OVERRIDE_DISABLE] = {"disable", OVERRIDE_SERVICE},
    [OVERRIDE_WEIGHT] = {"weight", OVERRIDE_SHARE},
    [OVERRIDE_STOP_SPILL] = {"stop-spill", OVERRIDE_SPILL},
};

const char *override_word(uint64_t what)
{
    return rows[what < OVERRIDES_N ? what : OVERRIDE_NONE].word;
}

enum override_kind override_kind_of(enum override_what what)
{
    return rows[(size_t)what < OVERRIDES_N ? what : OVERRIDE_NONE].kind;
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

/* Is it about this name, and of one of these kinds? */
static bool is_about(const struct board_override *o, uint64_t id, unsigned kinds, uint64_t now_us)
{
    return is_on(o, now_us) && board_get(&o->id) == id &&
           (override_kind_of((enum override_what)board_get(&o->what)) & kinds);
}

/* The one of that name and kind, or the first that is free; NULL. */
static struct board_override *place_for(struct board *b, uint64_t id, unsigned kind,
                                        uint64_t now_us)
{
    struct board_override *free = NULL;

    for (size_t i = 0; i < BOARD_OVERRIDES; i++) {
        struct board_override *o = &b->overrides[i];

        if (is_about(o, id, kind, now_us))
            return o;
        if (!free && !is_on(o, now_us))
            free = o;
    }
    return free;
}

bool override_put(struct board *b, const struct override *o, uint64_t now_us)
{
    uint64_t id = id_of(span_str(o->name));
    struct board_override *to = place_for(b, id, override_kind_of(o->what), now_us);

    if (!to)
        return false;
    board_set(&to->until_us, 0);
    board_set(&to->id, id);
    board_set(&to->what, o->what);
    board_set(&to->value, o->value);
    board_put_text(to->name, ARRAY_LEN(to->name), o->name);
    board_put_text(to->who, ARRAY_LEN(to->who), o->who);
    board_put_text(to->why, ARRAY_LEN(to->why), o->why);
    board_set(&to->until_us, o->until_us);
    board_set(&b->overridden, 1);
    return true;
}

void override_end(struct board *b, struct span name, unsigned kinds, uint64_t now_us)
{
    uint64_t id = id_of(name);

    for (size_t i = 0; i < BOARD_OVERRIDES; i++)
        if (is_about(&b->overrides[i], id, kinds, now_us))
            board_set(&b->overrides[i].until_us, 0);
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

        if (is_about(o, ids[0], OVERRIDE_SERVICE, now_us) ||
            is_about(o, ids[1], OVERRIDE_SERVICE, now_us))
            what = MAX(what, board_get(&o->what));
    }
    return what <= OVERRIDE_DISABLE ? (enum override_what)what : OVERRIDE_NONE;
}

bool override_said(const struct board *b, struct span name, enum override_kind kind,
                   uint64_t now_us, struct override *ret)
{
    uint64_t id = id_of(name);

    if (board_get(&b->overridden) == 0)
        return false;
    for (size_t i = 0; i < BOARD_OVERRIDES; i++)
        if (is_about(&b->overrides[i], id, kind, now_us))
            return override_at(b, i, now_us, ret) && override_kind_of(ret->what) == kind;
    return false;
}

bool override_at(const struct board *b, size_t i, uint64_t now_us, struct override *ret)
{
    const struct board_override *o = &b->overrides[i];
    uint64_t what = board_get(&o->what);

    if (!is_on(o, now_us) || what == OVERRIDE_NONE || what >= OVERRIDES_N)
        return false;
    ret->what = (enum override_what)what;
    ret->value = board_get(&o->value);
    ret->until_us = board_get(&o->until_us);
    board_get_text(ret->name, o->name, ARRAY_LEN(o->name));
    board_get_text(ret->who, o->who, ARRAY_LEN(o->who));
    board_get_text(ret->why, o->why, ARRAY_LEN(o->why));
    return true;
}
