/*
 * h2_out.c - see h2_out.h. Invariant: no piece of a chain is empty.
 */
#include "http/h2_out.h"

#include "base/mem.h"

struct h2_piece {
    struct h2_piece *next;
    size_t from, to, cap; /* the bytes in use; how many fit */
    char p[];
};

/* Small writes share a piece of this size. */
#define PIECE_MIN (MEM_CACHED_MAX - sizeof(struct h2_piece))

static void put(struct h2_piece *c, const char *p, size_t n)
{
    memcpy(c->p + c->to, p, n);
    c->to += n;
}

int h2_out_add(struct h2_out *o, const char *p, size_t n)
{
    size_t room = o->tail ? o->tail->cap - o->tail->to : 0, part = MIN(n, room), rest = n - part;
    struct h2_piece *fresh = NULL;

    if (rest) {
        size_t cap = MAX(rest, PIECE_MIN);

        fresh = mem_alloc(sizeof(*fresh) + cap);
        if (!fresh)
            return -1;
        *fresh = (struct h2_piece){.cap = cap};
    }
    o->n += n;
    if (part)
        put(o->tail, p, part);
    if (!fresh)
        return 0;
    put(fresh, p + part, rest);
    if (o->tail)
        o->tail->next = fresh;
    else
        o->head = fresh;
    o->tail = fresh;
    return 0;
}

/* The first n bytes, all of one piece, have been looked at. */
static void forget(struct h2_out *o, size_t n)
{
    struct h2_piece *c = o->head;

    o->n -= n;
    c->from += n;
    if (c->from < c->to)
        return;
    o->head = c->next;
    if (!o->head)
        o->tail = NULL;
    mem_free(c);
}

size_t h2_out_take(struct h2_out *o, void *to, size_t room)
{
    size_t taken = 0;

    while (o->head && taken < room) {
        const struct h2_piece *c = o->head;
        size_t n = MIN(room - taken, c->to - c->from);

        memcpy((char *)to + taken, c->p + c->from, n);
        taken += n;
        forget(o, n);
    }
    return taken;
}

size_t h2_out_drop(struct h2_out *o)
{
    size_t n = o->n;

    while (o->head)
        forget(o, o->head->to - o->head->from);
    return n;
}
