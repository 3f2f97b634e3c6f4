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

static int write_system_part(const struct convert_parts *c, const struct chat_part *p, bool *any)
{
    if (p->kind != CHAT_PART_TEXT)
        return json_wrong(c->e, c->at, "a system prompt of other things than text cannot be said");
    if (!*any) {
        json_key(c->w, "system");
        json_begin_array(c->w);
    }
    *any = true;
    return c->write(c->arg, p);
}

int convert_write_system(const struct convert_parts *c, const struct chat_request *q)
{
    static const struct chat_part only_json = {
        .kind = CHAT_PART_TEXT, .text = SPAN_LIT("Answer with one JSON object and nothing else.")};
    bool any = false;
    size_t i = 0;

    for (const struct chat_message *m = q->messages; m; m = m->next, i++)
        for (const struct chat_part *p = chat_is_system(m) ? m->parts : NULL; p; p = p->next) {
            c->at->index = i;
            if (c->fits(c->arg, p) && write_system_part(c, p, &any) < 0)
                return -1;
        }
    if (q->format == CHAT_FORMAT_OBJECT && write_system_part(c, &only_json, &any) < 0)
        return -1;
    if (any)
        json_end_array(c->w);
    return 0;
}

static int write_parts(const struct convert_parts *c, const struct convert_turn *t, bool results,
                       bool *begun)
{
    size_t i = t->index;

    for (const struct chat_message *m = t->first; m != t->end; m = m->next, i++)
        for (const struct chat_part *p = chat_is_system(m) ? NULL : m->parts; p; p = p->next) {
            if ((p->kind == CHAT_PART_TOOL_RESULT) != results || !c->fits(c->arg, p))
                continue;
            if (!*begun) {
                json_begin_object(c->w);
                json_kv_cstring(c->w, "role", t->role == CHAT_ROLE_USER ? "user" : "assistant");
                json_key(c->w, "content");
                json_begin_array(c->w);
                *begun = true;
            }
            c->at->index = i;
            if (c->write(c->arg, p) < 0)
                return -1;
        }
    return 0;
}

int convert_write_messages(const struct convert_parts *c, const struct chat_request *q)
{
    struct convert_turn t = {.end = q->messages};
    bool any = false;

    json_key(c->w, "messages");
    json_begin_array(c->w);
    while (convert_next_turn(&t)) {
        bool begun = false;

        if (write_parts(c, &t, true, &begun) < 0 || write_parts(c, &t, false, &begun) < 0)
            return -1;
        if (begun) {
            json_end_array(c->w);
            json_end_object(c->w);
            any = true;
        }
        for (const struct chat_message *m = t.first; m != t.end; m = m->next)
            t.index++;
    }
    json_end_array(c->w);
    return any ? 0 : json_wrong(c->e, c->at->up, "a message beside the system prompt is wanted");
}
