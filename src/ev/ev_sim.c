/*
 * ev_sim.c - turns without a clock.
 *
 * Everything that happens is a timer: injected events are timers of our own, the virtual net's
 * packets are timers of its own. A turn takes the time of the first one and runs all that are
 * due at that time, then the posts. So the order of everything is given by (time, order of
 * arming), which is given by the seed.
 */
#include "ev/ev_sim.h"

#include "base/mem.h"
#include "base/rng.h"
#include "ev/ev_impl.h"

struct ev_sim {
    struct ev ev;
    struct rng rng;
    struct list events; /* of struct event, in no order */
    int64_t wall_shift_ms;
    ev_us busy; /* how long a turn takes */
    bool stop;
};

struct event {
    struct ev_timer timer;
    struct list link;
    void (*fn)(void *arg);
    void *arg;
};

static struct ev_sim *of(struct ev *ev)
{
    return CONTAINER_OF(ev, struct ev_sim, ev);
}

static ev_us clock_now(struct ev *ev)
{
    return ev->now + of(ev)->busy;
}

static void seeded_random(struct ev *ev, void *out, size_t n)
{
    rng_bytes(&of(ev)->rng, out, n);
}

static void stop(struct ev *ev)
{
    of(ev)->stop = true;
}

static const struct ev_ops ops = {
    .name = "sim", .clock = clock_now, .random = seeded_random, .stop = stop};

static void begin(struct ev_sim *s, ev_us now)
{
    ev_turn_begin(&s->ev, now, EV_SIM_WALL_MS + (uint64_t)s->wall_shift_ms + now / 1000);
}

int ev_sim_new(struct ev **ret, uint64_t seed, struct err *e)
{
    struct ev_sim *s = mem_zalloc(1, sizeof(*s));

    if (!s)
        return err_set(e, ERR_NOMEM, "ev: no memory");
    if (ev_init(&s->ev, &ops, e) < 0) {
        mem_free(s);
        return -1;
    }
    rng_init(&s->rng, seed);
    list_init(&s->events);
    begin(s, 0);
    *ret = &s->ev;
    return 0;
}

void ev_sim_free(struct ev **ev)
{
    struct ev_sim *s;

    if (!*ev)
        return;
    s = of(*ev);
    *ev = NULL;
    ev_fini(&s->ev);
    LIST_EACH(it, &s->events)
    mem_free(LIST_ENTRY(it, struct event, link));
    mem_free(s);
}

/* One turn if there is one at or before `limit`. */
static bool turn(struct ev_sim *s, ev_us limit)
{
    ev_us next = ev_next(&s->ev);

    if (next == EV_NEVER || next > limit)
        return false;
    begin(s, MAX(next, s->ev.now));
    ev_turn_end(&s->ev);
    return true;
}

bool ev_sim_turn(struct ev *ev)
{
    bool ran = turn(of(ev), EV_NEVER);

    of(ev)->stop = false; /* it has stopped */
    return ran;
}

void ev_sim_run(struct ev *ev, ev_us until)
{
    struct ev_sim *s = of(ev);

    while (!s->stop && turn(s, until))
        continue;
    if (!s->stop && until > ev->now)
        begin(s, until);
    s->stop = false;
}

bool ev_sim_run_idle(struct ev *ev, ev_us limit)
{
    struct ev_sim *s = of(ev);

    while (!s->stop && turn(s, limit))
        continue;
    s->stop = false;
    return ev_next(ev) == EV_NEVER;
}

static void on_event(struct ev_timer *t)
{
    struct event *v = CONTAINER_OF(t, struct event, timer);
    void (*fn)(void *arg) = v->fn;
    void *arg = v->arg;

    list_del(&v->link);
    mem_free(v);
    fn(arg);
}

int ev_sim_at(struct ev *ev, ev_us at, void (*fn)(void *arg), void *arg, struct err *e)
{
    struct event *v = mem_zalloc(1, sizeof(*v));

    if (!v)
        return err_set(e, ERR_NOMEM, "event: no memory");
    v->fn = fn;
    v->arg = arg;
    list_init(&v->link);
    ev_timer_init(&v->timer, ev, on_event);
    if (ev_timer_set(&v->timer, at > ev->now ? at - ev->now : 0, e) < 0) {
        mem_free(v);
        return -1;
    }
    list_push(&of(ev)->events, &v->link);
    return 0;
}

void ev_sim_busy(struct ev *ev, ev_us busy)
{
    of(ev)->busy = busy;
}

void ev_sim_wall_set(struct ev *ev, uint64_t wall_ms)
{
    of(ev)->wall_shift_ms = (int64_t)(wall_ms - EV_SIM_WALL_MS - ev->now / 1000);
    ev->wall_ms = wall_ms;
}
