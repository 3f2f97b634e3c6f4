/*
 * json_place.c - see json_place.h.
 *
 * All that is fed begins a JSON text, so a bracket or comma outside of strings means one thing.
 */
#include "codec/json_place.h"

#include "codec/json_tree.h"
#include "codec/plain.h"

void json_place_init(struct json_place *p)
{
    memset(p, 0, sizeof(*p));
}

static struct json_place_level *innermost(struct json_place *p)
{
    return p->depth ? &p->level[p->depth - 1] : NULL;
}

static void open_level(struct json_place *p, bool object)
{
    struct json_place_level *l = &p->level[p->depth++];

    MUST(p->depth <= JSON_SCAN_DEPTH);
    l->object = object;
    l->key_due = object;
    l->key_n = 0;
    l->index = 0;
}

/* A byte outside of strings. */
static void read_sign(struct json_place *p, char c)
{
    struct json_place_level *l = innermost(p);

    switch (c) {
    case '{':
    case '[':
        open_level(p, c == '{');
        break;
    case '}':
    case ']':
        MUST(l);
        p->depth--;
        break;
    case ',':
        MUST(l);
        l->key_due = l->object;
        l->index++;
        break;
    case ':':
        MUST(l);
        l->key_due = false;
        break;
    case '"':
        p->text = true;
        p->key = l && l->key_due;
        if (p->key)
            l->key_n = 0;
        break;
    default:
        break;
    }
}

/* The bytes of a string up to a quote or the end. Returns where it stopped. */
static const char *read_text(struct json_place *p, const char *s, const char *end)
{
    const char *from = s;
    struct json_place_level *l = innermost(p);

    for (; s < end; s++) {
        if (p->escape)
            p->escape = false;
        else if (*s == '\\')
            p->escape = true;
        else if (*s == '"')
            break;
        else
            s = (const char *)plain_skip((const unsigned char *)s + 1, (const unsigned char *)end) -
                1;
    }
    if (p->key && l) { /* a key is inside of an object */
        size_t n = MIN((size_t)(s - from), sizeof(l->key) - l->key_n);

        memcpy(l->key + l->key_n, from, n);
        l->key_n = (uint8_t)(l->key_n + n);
    }
    return s;
}

void json_place_feed(struct json_place *p, const char *s, size_t n)
{
    const char *end = n ? s + n : s;

    while (s < end) {
        if (p->text) {
            s = read_text(p, s, end);
            if (s == end)
                return;
            p->text = false;
            s++;
        } else {
            read_sign(p, *s++);
        }
    }
}

void json_place_text(const struct json_place *p, char ret[JSON_PLACE_TEXT])
{
    struct json_at chain[JSON_SCAN_DEPTH];
    const struct json_at *up = NULL;

    for (unsigned i = 0; i < p->depth; i++) {
        const struct json_place_level *l = &p->level[i];

        if (l->key_due)
            break; /* between members, or inside of a key */
        chain[i] = (struct json_at){up, l->object ? l->key : NULL, l->key_n, l->index};
        up = &chain[i];
    }
    ret[0] = '\0';
    if (up)
        json_at_text(up, ret, JSON_PLACE_TEXT);
}
