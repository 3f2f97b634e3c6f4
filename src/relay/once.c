/*
 * once.c - see once.h.
 *
 *     (none) -- once_begin --> running -- once_end, kept --> finished -- its time, or room -->
 * (none)
 *                                 '------ once_end, not kept --> (none)
 */
#include "relay/once.h"

#include "base/mem.h"

struct once_entry {
    struct list bucket, order; /* order: in running or finished */
    uint64_t id[ONCE_ID], print;
    struct tape *tape;
    uint64_t bytes; /* finished */
    ev_us until;
};

static struct list *bucket_of(struct once *o, const uint64_t id[ONCE_ID])
{
    return &o->buckets[id[0] % ARRAY_LEN(o->buckets)];
}

static void forget(struct once *o, struct once_entry *en)
{
    list_del(&en->bucket);
    list_del(&en->order);
    o->n--;
    o->bytes -= en->bytes;
    tape_unref(&en->tape);
    mem_free(en);
}

static struct once_entry *oldest(struct once *o)
{
    return list_empty(&o->finished) ? NULL : LIST_ENTRY(o->finished.next, struct once_entry, order);
}

static void forget_old(struct once *o)
{
    ev_us now = ev_now(o->ev);
    struct err e;

    while (oldest(o) && oldest(o)->until <= now)
        forget(o, oldest(o));
    if (oldest(o) && ev_timer_set(&o->timer, oldest(o)->until - now, &e) < 0)
        UNUSED(e); /* then they go when the next one comes */
}

static void on_timer(struct ev_timer *t)
{
    forget_old(CONTAINER_OF(t, struct once, timer));
}

void once_init(struct once *o, struct ev *ev)
{
    *o = (struct once){.ev = ev};
    for (size_t i = 0; i < ARRAY_LEN(o->buckets); i++)
        list_init(&o->buckets[i]);
    list_init(&o->running);
    list_init(&o->finished);
    ev_timer_init(&o->timer, ev, on_timer);
}

void once_fini(struct once *o)
{
    MUST(list_empty(&o->running));
    ev_timer_stop(&o->timer);
    while (oldest(o))
        forget(o, oldest(o));
}

enum once_is once_find(struct once *o, const uint64_t id[ONCE_ID], uint64_t print,
                       struct tape **tape)
{
    forget_old(o);
    LIST_EACH(it, bucket_of(o, id))
    {
        struct once_entry *en = LIST_ENTRY(it, struct once_entry, bucket);

        if (memcmp(en->id, id, sizeof(en->id)) != 0)
            continue;
        *tape = en->tape;
        return en->print == print ? ONCE_SAME : ONCE_OTHER;
    }
    if (o->n >= ONCE_MOST && oldest(o))
        forget(o, oldest(o));
    return o->n >= ONCE_MOST ? ONCE_UNHELD : ONCE_NEW;
}

struct once_entry *once_begin(struct once *o, const uint64_t id[ONCE_ID], uint64_t print,
                              struct tape *tape)
{
    struct once_entry *en = mem_zalloc(1, sizeof(*en));

    if (!en)
        return NULL;
    memcpy(en->id, id, sizeof(en->id));
    en->print = print;
    en->tape = tape_ref(tape);
    list_init(&en->bucket);
    list_init(&en->order);
    list_push(bucket_of(o, id), &en->bucket);
    list_push(&o->running, &en->order);
    o->n++;
    return en;
}

void once_end(struct once *o, struct once_entry **enp, uint64_t keep_us, uint64_t bytes_max)
{
    struct once_entry *en = *enp;

    *enp = NULL;
    if (!en)
        return;
    if (keep_us == 0 || tape_len(en->tape) > MIN(ONCE_BYTES, bytes_max)) {
        forget(o, en);
        return;
    }
    en->bytes = tape_len(en->tape);
    for (struct once_entry *old; o->bytes + en->bytes > bytes_max && (old = oldest(o));)
        forget(o, old);
    o->bytes += en->bytes;
    en->until = ev_now(o->ev) + keep_us;
    list_del(&en->order);
    list_push(&o->finished, &en->order);
    forget_old(o);
}
