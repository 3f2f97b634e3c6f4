/*
 * chat.c - see chat.h: the table of features, and what builds a request.
 */
#include "chat/chat.h"

#include "base/mem.h"

#define NEED   CHAT_NEED
#define DROP   CHAT_DROP
#define ANSWER CHAT_ANSWER

static const struct chat_feature_row features[CHAT_FEATURES] = {
#define X(id, word, need, sentence) [CHAT_HAS_##id] = {word, sentence, need},
#include "chat/features.def"
#undef X
};

const struct chat_feature_row *chat_feature_row(enum chat_feature f)
{
    MUST(f < CHAT_FEATURES);
    return &features[f];
}

/* ---- building ---- */

struct chat_message *chat_add_message(struct chat_request *q, struct chat_message ***tail,
                                      enum chat_role role)
{
    struct chat_message *m = arena_zalloc(q->arena, sizeof(*m));

    if (!m)
        return NULL;
    m->role = role;
    **tail = m;
    *tail = &m->next;
    return m;
}

struct chat_part *chat_add_part(struct chat_request *q, struct chat_part ***tail,
                                enum chat_kind kind)
{
    struct chat_part *p = arena_zalloc(q->arena, sizeof(*p));

    if (!p)
        return NULL;
    p->kind = kind;
    **tail = p;
    *tail = &p->next;
    return p;
}

struct chat_tool *chat_add_tool(struct chat_request *q, struct chat_tool ***tail,
                                enum chat_tool_kind kind)
{
    struct chat_tool *t = arena_zalloc(q->arena, sizeof(*t));

    if (!t)
        return NULL;
    t->kind = kind;
    **tail = t;
    *tail = &t->next;
    return t;
}

int chat_add_text(struct chat_request *q, struct chat_text **list, struct span s)
{
    struct chat_text *t = arena_zalloc(q->arena, sizeof(*t));

    if (!t)
        return -1;
    t->s = s;
    while (*list)
        list = &(*list)->next;
    *list = t;
    return 0;
}

struct span chat_spaced_name(struct chat_request *q, struct span space, struct span own)
{
    return arena_join(q->arena, (const struct span[]){space, SPAN_LIT("__"), own}, 3);
}
