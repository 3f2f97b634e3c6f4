/*
 * extra.c - see extra.h.
 */
#include "policy/extra.h"

#include "health/spend.h"

uint64_t extra_id(uint64_t model)
{
    uint64_t id = model * 31 + 0x6578747261; /* no target's */

    return id ? id : 1;
}

uint64_t extra_spent(const struct board_standing *s, uint64_t now_us)
{
    uint64_t words[2];

    if (!s || standing_is_nobodys(s))
        return 0;
    words[0] = board_get(&s->extra[0]);
    words[1] = board_get(&s->extra[1]);
    return spend_sum(words, now_us);
}

bool extra_hold(struct board_standing *s, uint64_t pico, uint64_t most, uint64_t now_us)
{
    board_word *w = &s->extra[spend_slot(now_us)];
    uint64_t old = board_get(w), sum;

    if (standing_is_nobodys(s))
        return true;
    do {
        if (__builtin_add_overflow(extra_spent(s, now_us), pico, &sum) || sum > most)
            return false;
    } while (!board_swap(w, &old, spend_add(old, pico, now_us)));
    return true;
}

void extra_settle(struct board_standing *s, uint64_t held, uint64_t since_us, uint64_t pico,
                  uint64_t now_us)
{
    board_word *then = &s->extra[spend_slot(since_us)], *now = &s->extra[spend_slot(now_us)];
    uint64_t old = board_get(then);

    if (standing_is_nobodys(s))
        return;
    while (!board_swap(then, &old, spend_undo(old, held, since_us)))
        ;
    old = board_get(now);
    while (!board_swap(now, &old, spend_add(old, pico, now_us)))
        ;
}
