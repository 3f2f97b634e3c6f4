/*
 * convert_calls.c - see convert_calls.h.
 */
#include "dialect/convert_calls.h"

int convert_calls_init(struct convert_calls *c, struct arena *a, size_t n)
{
    size_t slots = 2;

    while (slots < 2 * n)
        slots *= 2;
    c->mask = slots - 1;
    c->slots = arena_zalloc(a, slots * sizeof(*c->slots));
    return c->slots ? 0 : -1;
}

/* Where the id is, or would be. */
static const struct chat_part **slot(const struct convert_calls *c, struct span id)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    size_t i;

    for (size_t k = 0; k < id.n; k++)
        h = (h ^ (unsigned char)id.p[k]) * UINT64_C(0x100000001b3);
    for (i = (size_t)(h ^ h >> 32) & c->mask; c->slots[i] && !span_eq(c->slots[i]->id, id);)
        i = (i + 1) & c->mask;
    return &c->slots[i];
}

void convert_calls_add(struct convert_calls *c, const struct chat_part *call)
{
    const struct chat_part **at = slot(c, call->id);

    if (!*at)
        *at = call;
}

const struct chat_part *convert_calls_find(const struct convert_calls *c, struct span id)
{
    return *slot(c, id);
}
