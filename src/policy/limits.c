/*
 * limits.c - see limits.h. Whether there is enough is decided by the same swap that takes it: two
 * workers never hold what is there once.
 */
#include "policy/limits.h"

#include "health/limits.h"
#include "health/ramp.h"

#define RETRY_US UINT64_C(1000000) /* what is only spoken for may be free again at any time */

_Static_assert(ARRAY_LEN(((struct board_standing *)NULL)->limits) == LIMITED, "a word for each");

static struct limits read_limits(const struct board_standing *s, enum provider_limited of)
{
    return (struct limits){.level = board_get(&s->limits[of].level),
                           .full_us = board_get(&s->limits[of].full_us),
                           .said_us = board_get(&s->limits_said_us)};
}

/* What is spoken for; of output nothing is. */
static uint64_t spoken_for(const struct board_standing *s, enum provider_limited of,
                           uint64_t now_us)
{
    uint64_t words[2];

    if (of >= ARRAY_LEN(s->reserved))
        return 0;
    words[0] = board_get(&s->reserved[of][0]);
    words[1] = board_get(&s->reserved[of][1]);
    return limits_reserved(words, now_us);
}

static uint64_t less(uint64_t left, uint64_t held)
{
    if (left == UINT64_MAX)
        return left;
    return left - MIN(held, left);
}

uint64_t limits_of(const struct board_standing *s, enum provider_limited of, uint64_t now_us,
                   uint64_t *ret_most)
{
    struct limits l = read_limits(s, of);

    *ret_most = limits_whole(&l, now_us);
    return less(limits_left(&l, now_us), spoken_for(s, of, now_us));
}

/* Is there as much of it? Else when there may be. */
static bool is_left(const struct board_standing *s, enum provider_limited of, uint64_t want,
                    uint64_t now_us, uint64_t *until_us)
{
    struct limits l = read_limits(s, of);
    uint64_t need = limits_need(&l, want, now_us), held = spoken_for(s, of, now_us);

    if (less(limits_left(&l, now_us), held) >= need)
        return true;
    *until_us = MAX(limits_when(&l, need, now_us), now_us + RETRY_US);
    return false;
}

bool limits_look(const struct board_standing *s, uint64_t tokens, uint64_t now_us, enum reason *why,
                 uint64_t *until_us)
{
    uint64_t ramp = board_get(&s->ramp), until[LIMITED] = {0};
    bool enough;

    if (standing_is_nobodys(s))
        return true;
    *why = REASON_RAMPING;
    if (ramp && !ramp_allows(ramp, board_get(&s->pace), tokens, now_us, until_us))
        return false;
    if (board_get(&s->limits_said_us) == 0)
        return true;
    *why = REASON_RATE_SPENT;
    enough = is_left(s, LIMITED_REQUESTS, 1, now_us, &until[LIMITED_REQUESTS]);
    enough &= is_left(s, LIMITED_TOKENS, tokens, now_us, &until[LIMITED_TOKENS]);
    enough &= is_left(s, LIMITED_OUTPUT, 1, now_us, &until[LIMITED_OUTPUT]);
    *until_us = MAX(until[LIMITED_REQUESTS], MAX(until[LIMITED_TOKENS], until[LIMITED_OUTPUT]));
    return enough;
}

/* One of them, if it is there. What another process takes meanwhile is seen: it changes the word.
 */
static bool take(struct board_standing *s, enum provider_limited of, uint64_t n, uint64_t now_us)
{
    board_word *w = &s->reserved[of][limits_slot(now_us)];
    uint64_t old = board_get(w), until;

    do {
        if (!is_left(s, of, n, now_us, &until))
            return false;
    } while (!board_swap(w, &old, limits_reserve(old, n, now_us)));
    return true;
}

static void release(struct board_standing *s, enum provider_limited of, uint64_t n,
                    uint64_t since_us)
{
    board_word *w = &s->reserved[of][limits_slot(since_us)];
    uint64_t old = board_get(w);

    while (!board_swap(w, &old, limits_release(old, n, since_us)))
        ;
}

bool limits_hold(struct board_standing *s, uint64_t tokens, uint64_t now_us, bool *held,
                 enum reason *why, uint64_t *until_us)
{
    *held = false;
    if (!limits_look(s, tokens, now_us, why, until_us))
        return false;
    if (standing_is_nobodys(s) || board_get(&s->limits_said_us) == 0)
        return true;
    *until_us = now_us + RETRY_US;
    if (!take(s, LIMITED_REQUESTS, 1, now_us))
        return false;
    *held = take(s, LIMITED_TOKENS, tokens, now_us);
    if (!*held)
        release(s, LIMITED_REQUESTS, 1, now_us);
    return *held;
}

static void take_out(struct board_standing *s, enum provider_limited of, uint64_t used)
{
    uint64_t old = board_get(&s->limits[of].level);

    while (old && !board_swap(&s->limits[of].level, &old, limits_take(old, used)))
        ;
}

void limits_used(struct board_standing *s, uint64_t tokens)
{
    take_out(s, LIMITED_REQUESTS, 1);
    take_out(s, LIMITED_TOKENS, tokens);
}

void limits_give_back(struct board_standing *s, uint64_t tokens, uint64_t since_us, bool used)
{
    release(s, LIMITED_REQUESTS, 1, since_us);
    release(s, LIMITED_TOKENS, tokens, since_us);
    if (used)
        limits_used(s, tokens);
}

/* One of them, as it stands behind an answer. Where another answer has come since this one's
 * request was asked, nobody knows which of the two the target has counted last: the less counts, by
 * the time that belongs to it. */
static void note_limit(struct board_standing *s, enum provider_limited of,
                       const struct provider_limit *l, bool refills, uint64_t asked_us,
                       uint64_t now_us)
{
    uint64_t reset = l->resets ? MIN(l->reset_us, LIMITS_FORGET_US) : PROVIDER_RESET_US;
    bool beside = board_get(&s->limits_said_us) > asked_us, keep;
    struct limits old = read_limits(s, of);
    uint64_t left, level;

    do {
        left = limits_left(&old, now_us);
        keep = beside && left < l->left && now_us < old.full_us;
        level = limits_level(l->most, keep ? left : l->left, refills);
        beside = true; /* if not before, then by now */
    } while (!board_swap(&s->limits[of].level, &old.level, level));
    if (!keep)
        board_set(&s->limits[of].full_us, now_us + reset);
}

void limits_said(struct board_standing *s, const struct provider_limits *l, bool refills,
                 uint64_t asked_us, uint64_t now_us)
{
    if (standing_is_nobodys(s) || !provider_limits_said(l))
        return;
    for (size_t i = 0; i < LIMITED; i++)
        if (l->of[i].said)
            note_limit(s, (enum provider_limited)i, &l->of[i], refills, asked_us, now_us);
        else
            board_set(&s->limits[i].level, 0);
    if (board_get(&s->limits_said_us) < now_us)
        board_set(&s->limits_said_us, now_us);
}

static void change_pace(struct board_standing *s,
                        uint64_t (*to)(uint64_t pace, uint64_t tokens, uint64_t now_us),
                        uint64_t tokens, uint64_t now_us)
{
    uint64_t old = board_get(&s->pace);

    if (standing_is_nobodys(s))
        return;
    while (!board_swap(&s->pace, &old, to(old, tokens, now_us)))
        ;
}

void limits_sent(struct board_standing *s, uint64_t tokens, uint64_t now_us)
{
    change_pace(s, ramp_pace_add, tokens, now_us);
}

void limits_unsent(struct board_standing *s, uint64_t tokens, uint64_t since_us)
{
    change_pace(s, ramp_pace_undo, tokens, since_us);
}

void limits_too_fast(struct board_standing *s, uint64_t now_us)
{
    if (!standing_is_nobodys(s))
        board_set(&s->ramp, ramp_begin(board_get(&s->ramp), board_get(&s->pace), now_us));
}

uint64_t limits_rate(const struct board_standing *s, uint64_t now_us)
{
    return ramp_rate(board_get(&s->ramp), now_us);
}
