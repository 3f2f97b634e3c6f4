/*
 * ev.c - timers and posts, the same for every loop.
 *
 * Timers are kept in a binary heap of pointers to their owners' structs: arming and stopping cost
 * O(log n), a look at the next one nothing. A wheel would be cheaper to re-arm, but fires by
 * ticks, and the virtual loop needs exact times.
 *
 * A stream's clocks are moved to later by each of its events, and nearly never fire. So a timer
 * that is moved to later, or rests, keeps its place; only when it comes to the front is it put
 * where it belongs (freshen), which is once in the whole time that it was set for.
 *
 * Invariants: (1) heap[t->slot - 1] == t for each timer in the heap, slot == 0 for all others;
 *             (2) a parent is never later than its children by (key, key_order);
 *             (3) (key, key_order) is never later than (at, order);
 *             (4) a timer armed in this turn (order >= order_turn) does not fire in it;
 *             (5) a post is on at most one list, which is ev->posts or the batch being run.
 */
#include "ev/ev_impl.h"

#include "base/mem.h"

#define HEAP_FIRST 64

int ev_init(struct ev *ev, const struct ev_ops *ops, struct err *e)
{
    *ev = (struct ev){.ops = ops};
    list_init(&ev->posts);
    ev->heap = (struct ev_timer **)mem_alloc(HEAP_FIRST * sizeof(struct ev_timer *));
    if (!ev->heap)
        return err_set(e, ERR_NOMEM, "ev: no memory");
    ev->heap_cap = HEAP_FIRST;
    return 0;
}

void ev_fini(struct ev *ev)
{
    for (size_t i = 0; i < ev->heap_n; i++)
        ev->heap[i]->slot = 0;
    ev->heap_n = 0;
    LIST_EACH(it, &ev->posts)
    list_del(it);
    mem_free((void *)ev->heap);
    ev->heap = NULL;
}

ev_us ev_now(const struct ev *ev)
{
    return ev->now;
}

uint64_t ev_wall_ms(const struct ev *ev)
{
    return ev->wall_ms;
}

ev_us ev_clock(struct ev *ev)
{
    ev_us clock = ev->ops->clock(ev);

    return MAX(clock, ev->now);
}

static bool before(const struct ev_timer *a, const struct ev_timer *b)
{
    return a->key != b->key ? a->key < b->key : a->key_order < b->key_order;
}

static void place(struct ev *ev, struct ev_timer *t, size_t i)
{
    ev->heap[i] = t;
    t->slot = i + 1;
}

static void sift_up(struct ev *ev, struct ev_timer *t, size_t i)
{
    while (i > 0 && before(t, ev->heap[(i - 1) / 2])) {
        place(ev, ev->heap[(i - 1) / 2], i);
        i = (i - 1) / 2;
    }
    place(ev, t, i);
}

static void sift_down(struct ev *ev, struct ev_timer *t, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= ev->heap_n)
            break;
        if (child + 1 < ev->heap_n && before(ev->heap[child + 1], ev->heap[child]))
            child++;
        if (!before(ev->heap[child], t))
            break;
        place(ev, ev->heap[child], i);
        i = child;
    }
    place(ev, t, i);
}

/* Put t where it belongs, starting from i, whose old content is gone. */
static void settle(struct ev *ev, struct ev_timer *t, size_t i)
{
    if (i > 0 && before(t, ev->heap[(i - 1) / 2]))
        sift_up(ev, t, i);
    else
        sift_down(ev, t, i);
}

static int grow(struct ev *ev, struct err *e)
{
    struct ev_timer **heap;

    if (ev->heap_n < ev->heap_cap)
        return 0;
    heap = (struct ev_timer **)mem_realloc((void *)ev->heap,
                                           2 * ev->heap_cap * sizeof(struct ev_timer *));
    if (!heap)
        return err_set(e, ERR_NOMEM, "timer: no memory");
    ev->heap = heap;
    ev->heap_cap *= 2;
    return 0;
}

void ev_timer_init(struct ev_timer *t, struct ev *ev, void (*fn)(struct ev_timer *t))
{
    *t = (struct ev_timer){.fn = fn, .ev = ev};
}

int ev_timer_set(struct ev_timer *t, ev_us in, struct err *e)
{
    struct ev *ev = t->ev;
    ev_us at = in < EV_NEVER - ev->now ? ev->now + in : EV_NEVER - 1;
    size_t i;

    if (t->slot == 0) {
        if (grow(ev, e) < 0)
            return -1;
        i = ev->heap_n++;
    } else {
        i = t->slot - 1;
    }
    t->at = at;
    t->order = ev->order++;
    if (t->slot != 0 && at >= t->key)
        return 0;
    t->key = at;
    t->key_order = t->order;
    settle(ev, t, i);
    return 0;
}

void ev_timer_rest(struct ev_timer *t)
{
    t->at = EV_NEVER;
}

void ev_timer_stop(struct ev_timer *t)
{
    struct ev *ev = t->ev;
    struct ev_timer *last;
    size_t i;

    if (t->slot == 0)
        return;
    i = t->slot - 1;
    MUST(i < ev->heap_n && ev->heap[i] == t);
    t->slot = 0;
    last = ev->heap[--ev->heap_n];
    if (last != t)
        settle(ev, last, i);
}

bool ev_timer_armed(const struct ev_timer *t)
{
    return t->slot != 0 && t->at != EV_NEVER;
}

void ev_post_init(struct ev_post *p, void (*fn)(struct ev_post *p))
{
    p->fn = fn;
    list_init(&p->link);
}

void ev_post(struct ev *ev, struct ev_post *p)
{
    if (list_empty(&p->link))
        list_push(&ev->posts, &p->link);
}

void ev_post_cancel(struct ev_post *p)
{
    list_del(&p->link);
}

void ev_random(struct ev *ev, void *out, size_t n)
{
    ev->ops->random(ev, out, n);
}

uint64_t ev_random_u64(struct ev *ev)
{
    uint64_t x;

    ev->ops->random(ev, &x, sizeof(x));
    return x;
}

void ev_stop(struct ev *ev)
{
    ev->ops->stop(ev);
}

void ev_turn_begin(struct ev *ev, ev_us now, uint64_t wall_ms)
{
    ev->now = MAX(ev->now, now);
    ev->wall_ms = wall_ms;
    ev->order_turn = ev->order;
}

/* The first timer of the heap, which is where it belongs; NULL: none is armed. */
static struct ev_timer *freshen(struct ev *ev)
{
    while (ev->heap_n > 0) {
        struct ev_timer *t = ev->heap[0];

        if (t->key_order == t->order && t->at != EV_NEVER)
            return t;
        if (t->at == EV_NEVER) {
            ev_timer_stop(t);
            continue;
        }
        t->key = t->at;
        t->key_order = t->order;
        sift_down(ev, t, 0);
    }
    return NULL;
}

static void run_timers(struct ev *ev)
{
    struct ev_timer *t;

    while ((t = freshen(ev)) != NULL) {
        /* A timer armed in this turn is at `now` or later, thus behind all that are older. */
        if (t->at > ev->now || t->order >= ev->order_turn)
            break;
        ev_timer_stop(t);
        t->fn(t);
    }
}

void ev_posts_run(struct ev *ev)
{
    for (int round = 0; round < EV_POST_ROUNDS && !list_empty(&ev->posts); round++) {
        struct list batch = ev->posts;

        batch.next->prev = &batch;
        batch.prev->next = &batch;
        list_init(&ev->posts);
        while (!list_empty(&batch)) {
            struct ev_post *p = LIST_ENTRY(batch.next, struct ev_post, link);

            list_del(&p->link);
            p->fn(p);
        }
    }
}

void ev_turn_end(struct ev *ev)
{
    run_timers(ev);
    ev_posts_run(ev);
}

ev_us ev_next(struct ev *ev)
{
    const struct ev_timer *first;

    if (!list_empty(&ev->posts))
        return ev->now;
    first = freshen(ev);
    return first ? first->at : EV_NEVER;
}
