/*
 * size.c - see size.h.
 */
#include "policy/size.h"

#include "health/density.h"

static uint64_t density_of(const struct board_standing *table, const struct policy_candidate *c)
{
    const struct board_standing *s = c ? standing_look(table, c->target) : NULL;

    return s ? board_get(&s->density) : 0;
}

uint64_t policy_tokens(const struct board_standing *table, const struct policy_candidate *c,
                       uint64_t text)
{
    return density_tokens(density_of(table, c), text);
}

bool size_is_over(const struct board_standing *table, const struct policy_candidate *c,
                  uint64_t text)
{
    return c->context && density_tokens_least(density_of(table, c), text) > c->context;
}

void size_note(struct board_standing *s, uint64_t text, uint64_t tokens)
{
    uint64_t old = board_get(&s->density);

    if (standing_is_nobodys(s))
        return;
    while (!board_swap(&s->density, &old, density_note(old, text, tokens)))
        ;
}
