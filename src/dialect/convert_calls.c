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

static size_t count(const struct chat_request *q)
{
    size_t n = 0;

    for (const struct chat_message *m = q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p; p = p->next)
            n += p->kind == CHAT_PART_TOOL_CALL;
    return n;
}

static void name_result(const struct convert_calls *c, struct chat_part *p)
{
    const struct chat_part *call = convert_calls_find(c, p->id);

    if (call && p->name.n == 0)
        p->name = call->name;
}

int convert_calls_name_results(struct chat_request *q)
{
    struct convert_calls c;

    if (convert_calls_init(&c, q->arena, count(q)) < 0)
        return -1;
    for (struct chat_message *m = q->messages; m; m = m->next)
        for (struct chat_part *p = m->parts; p; p = p->next) {
            if (p->kind == CHAT_PART_TOOL_CALL)
                convert_calls_add(&c, p);
            else if (p->kind == CHAT_PART_TOOL_RESULT)
                name_result(&c, p);
        }
    return 0;
}
