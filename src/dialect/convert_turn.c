/*
 * convert_turn.c - see convert_turn.h.
 */
#include "dialect/convert_turn.h"

bool convert_next_turn(struct convert_turn *t)
{
    const struct chat_message *m = t->end;

    for (; m && chat_is_system(m); m = m->next)
        t->index++;
    t->first = m;
    if (!m)
        return false;
    t->role = m->role;
    while (m && (chat_is_system(m) || m->role == t->role))
        m = m->next;
    t->end = m;
    return true;
}
