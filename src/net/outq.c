/*
 * outq.c - see outq.h. Invariant: no chunk of a queue is empty.
 */
#include "net/outq.h"

#include "base/mem.h"
#include "base/secret.h"

struct outq_chunk {
    struct outq_chunk *next;
    uint32_t from, to; /* the bytes that are in use */
    char p[OUTQ_CHUNK_BYTES];
};

static struct outq_chunk *take(struct outq_store *s)
{
    struct outq_chunk *c = s->spare;

    if (c) {
        s->spare = c->next;
        s->spare_n--;
    } else {
        c = mem_alloc(sizeof(*c));
        if (!c)
            return NULL;
    }
    c->next = NULL;
    c->from = c->to = 0;
    return c;
}

static void give(struct outq_store *s, struct outq_chunk *c)
{
    if (s->spare_n >= OUTQ_SPARE_MAX) {
        mem_free(c);
        return;
    }
    c->next = s->spare;
    s->spare = c;
    s->spare_n++;
}

void outq_store_fini(struct outq_store *s)
{
    while (s->spare) {
        struct outq_chunk *c = s->spare;

        s->spare = c->next;
        mem_free(c);
    }
    s->spare_n = 0;
}

int outq_add(struct outq *q, struct outq_store *s, const char *p, size_t n)
{
    struct outq_chunk *fresh = NULL, **end = &fresh, *c;
    size_t room = q->tail ? OUTQ_CHUNK_BYTES - q->tail->to : 0;

    for (size_t have = room; have < n; have += OUTQ_CHUNK_BYTES) {
        c = take(s);
        if (!c)
            goto no_memory;
        *end = c;
        end = &c->next;
    }
    q->n += n;
    c = q->tail;
    if (!q->tail)
        q->head = fresh;
    else
        q->tail->next = fresh;
    if (!c)
        c = fresh;
    while (n > 0) {
        size_t part;

        MUST(c); /* there is room for all */
        part = MIN(n, OUTQ_CHUNK_BYTES - c->to);
        memcpy(c->p + c->to, p, part);
        c->to += (uint32_t)part;
        p += part;
        n -= part;
        q->tail = c;
        c = c->next;
    }
    return 0;
no_memory:
    while (fresh) {
        c = fresh;
        fresh = c->next;
        give(s, c);
    }
    return -1;
}

char *outq_front(const struct outq *q, size_t skip, size_t *ret_n)
{
    struct outq_chunk *c = q->head;

    while (c && skip-- > 0)
        c = c->next;
    if (!c)
        return NULL;
    *ret_n = c->to - c->from;
    return c->p + c->from;
}

void outq_drop(struct outq *q, struct outq_store *s, size_t n)
{
    MUST(n <= q->n);
    q->n -= n;
    while (n > 0) {
        struct outq_chunk *c = q->head;
        size_t part;

        MUST(c);
        part = MIN(n, (size_t)(c->to - c->from));
        if (q->wipes)
            secret_wipe(c->p + c->from, part);
        c->from += (uint32_t)part;
        n -= part;
        if (c->from < c->to)
            break;
        q->head = c->next;
        if (!q->head)
            q->tail = NULL;
        give(s, c);
    }
}
