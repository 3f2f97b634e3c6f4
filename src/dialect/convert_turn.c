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

static int write_prompt(const struct convert_parts *c, const struct chat_part *p)
{
    if (p->kind != CHAT_PART_TEXT)
        return json_wrong(c->e, c->at, "a system prompt of other things than text cannot be said");
    return c->write(c->arg, p);
}

static int write_system_part(const struct convert_parts *c, const struct chat_part *p, size_t *n)
{
    if ((*n)++ == 0) {
        json_key(c->w, "system");
        json_begin_array(c->w);
    }
    return write_prompt(c, p);
}

static bool turn_fits(const struct convert_parts *c, const struct convert_turn *t)
{
    for (const struct chat_message *m = t->first; m != t->end; m = m->next)
        for (const struct chat_part *p = chat_is_system(m) ? NULL : m->parts; p; p = p->next)
            if (c->fits(c->arg, p))
                return true;
    return false;
}

/* The first of the system messages at the end of the turn, if these stay where they are: behind
 * what a user said, and in front of an answer or of nothing. */
static const struct chat_message *stays(const struct convert_parts *c, const struct convert_turn *t)
{
    const struct chat_message *from = NULL;
    struct convert_turn next = *t;

    if (!c->later || t->role != CHAT_ROLE_USER)
        return NULL;
    for (const struct chat_message *m = t->first; m != t->end; m = m->next)
        if (!chat_is_system(m))
            from = NULL;
        else if (!from)
            from = m;
    if (!from || !turn_fits(c, t) || (convert_next_turn(&next) && !turn_fits(c, &next)))
        return NULL;
    return from;
}

/* The system messages from m to end; i: the place of m; *n: how many texts there are. */
static int write_prompts(const struct convert_parts *c, const struct chat_message *m,
                         const struct chat_message *end, size_t i, size_t *n)
{
    for (; m != end; m = m->next, i++)
        for (const struct chat_part *p = chat_is_system(m) ? m->parts : NULL; p; p = p->next) {
            c->at->index = i;
            if (c->fits(c->arg, p) && write_system_part(c, p, n) < 0)
                return -1;
        }
    return 0;
}

/* Those in front of all others, and then those that do not stay. */
static int move_prompts(const struct convert_parts *c, const struct chat_request *q, size_t *n)
{
    struct convert_turn t = {.end = q->messages};
    bool any = convert_next_turn(&t);
    size_t first;

    if (write_prompts(c, q->messages, t.first, 0, n) < 0)
        return -1;
    first = *n;
    for (; any; any = convert_next_turn(&t)) {
        const struct chat_message *stay = stays(c, &t);

        if (write_prompts(c, t.first, stay ? stay : t.end, t.index, n) < 0)
            return -1;
        for (const struct chat_message *m = t.first; m != t.end; m = m->next)
            t.index++;
    }
    if (c->moved)
        *c->moved = *n != first;
    return 0;
}

int convert_write_system(const struct convert_parts *c, const struct chat_request *q)
{
    static const struct chat_part only_json = {
        .kind = CHAT_PART_TEXT, .text = SPAN_LIT("Answer with one JSON object and nothing else.")};
    size_t n = 0;

    if (move_prompts(c, q, &n) < 0 ||
        (q->format == CHAT_FORMAT_OBJECT && write_system_part(c, &only_json, &n) < 0))
        return -1;
    if (n)
        json_end_array(c->w);
    return 0;
}

static void begin_message(const struct convert_parts *c, const char *role)
{
    json_begin_object(c->w);
    json_kv_cstring(c->w, "role", role);
    json_key(c->w, "content");
    json_begin_array(c->w);
}

static void end_message(const struct convert_parts *c)
{
    json_end_array(c->w);
    json_end_object(c->w);
}

/* The system messages that stay, as one; m is the first, i its place. */
static int write_stay(const struct convert_parts *c, const struct chat_message *m,
                      const struct chat_message *end, size_t i)
{
    bool begun = false;

    for (; m != end; m = m->next, i++)
        for (const struct chat_part *p = m->parts; p; p = p->next) {
            c->at->index = i;
            if (!c->fits(c->arg, p))
                continue;
            if (!begun)
                begin_message(c, "system");
            begun = true;
            if (write_prompt(c, p) < 0)
                return -1;
        }
    if (begun)
        end_message(c);
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
                begin_message(c, t->role == CHAT_ROLE_USER ? "user" : "assistant");
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
        const struct chat_message *stay;
        bool begun = false;

        if (write_parts(c, &t, true, &begun) < 0 || write_parts(c, &t, false, &begun) < 0)
            return -1;
        if (begun) {
            end_message(c);
            any = true;
        }
        stay = stays(c, &t);
        for (const struct chat_message *m = t.first; m && m != t.end; m = m->next, t.index++)
            if (m == stay && write_stay(c, m, t.end, t.index) < 0)
                return -1;
    }
    json_end_array(c->w);
    return any ? 0 : json_wrong(c->e, c->at->up, "a message beside the system prompt is wanted");
}
