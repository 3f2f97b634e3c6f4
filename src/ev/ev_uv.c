/*
 * ev_uv.c - turns on libuv.
 *
 * One iteration of libuv is: its timers, deferred I/O, prepare, poll with I/O, check. A turn of
 * ours is opened by whatever comes first after the last one ended, and is ended in prepare (what
 * came before the poll) or in check (what the poll brought):
 *
 *     CLOSED -- any libuv callback: ev_uv_enter() --> OPEN    the clocks are read
 *     OPEN   -- prepare or check --------------------> CLOSED  due timers, then posts
 *
 * All our timers share one libuv timer, `wake`, which only opens a turn. It is armed in prepare,
 * right before the poll, for the absolute time of the next timer; when that moved to later it is
 * left alone, for one empty turn is cheaper than re-arming on every event of a stream.
 *
 * Prepare and check keep the loop alive: it ends by ev_stop() and nothing else.
 */
#include "ev/ev_uv.h"

#include <errno.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "ev/ev_impl.h"

#define RANDOM_POOL_BYTES 512
#define FREE_ROUNDS_MAX   64 /* of the loop, to let closing handles go */

struct ev_uv {
    struct ev ev;
    uv_loop_t loop;
    uv_timer_t wake;
    uv_prepare_t prepare;
    uv_check_t check;
    ev_us wake_at; /* what wake is armed for, or EV_NEVER */
    bool loop_up;  /* loop is initialised, the handles too */
    bool open;     /* a turn is under way */
    bool stop;
    size_t random_left;
    unsigned char random[RANDOM_POOL_BYTES];
};

static struct ev_uv *of(struct ev *ev)
{
    return CONTAINER_OF(ev, struct ev_uv, ev);
}

static uint64_t clock_us(clockid_t id)
{
    struct timespec t;

    MUST(clock_gettime(id, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void ev_uv_enter(struct ev *ev)
{
    struct ev_uv *u = of(ev);

    if (u->open)
        return;
    u->open = true;
    ev_turn_begin(ev, clock_us(CLOCK_MONOTONIC), clock_us(CLOCK_REALTIME) / 1000);
}

void ev_uv_leave(struct ev *ev)
{
    ev_posts_run(ev);
}

static void end_turn(struct ev_uv *u)
{
    ev_turn_end(&u->ev);
    u->open = false;
}

static void on_wake(uv_timer_t *h)
{
    struct ev_uv *u = h->data;

    u->wake_at = EV_NEVER;
    ev_uv_enter(&u->ev);
}

static void arm_wake(struct ev_uv *u)
{
    ev_us next = ev_next(&u->ev);
    uint64_t next_ms, uv_ms;

    if (next >= u->wake_at)
        return;
    u->wake_at = next;
    next_ms = next / 1000 + (next % 1000 != 0);
    uv_ms = uv_now(&u->loop); /* milliseconds of the same clock */
    MUST(uv_timer_start(&u->wake, on_wake, next_ms > uv_ms ? next_ms - uv_ms : 0, 0) == 0);
}

static void on_prepare(uv_prepare_t *h)
{
    struct ev_uv *u = h->data;

    if (u->open || !list_empty(&u->ev.posts)) {
        ev_uv_enter(&u->ev);
        end_turn(u);
    }
    arm_wake(u);
}

static void on_check(uv_check_t *h)
{
    struct ev_uv *u = h->data;

    ev_uv_enter(&u->ev);
    end_turn(u);
}

static ev_us clock_now(struct ev *ev)
{
    UNUSED(ev);
    return clock_us(CLOCK_MONOTONIC);
}

static void pool_random(struct ev *ev, void *out, size_t n)
{
    struct ev_uv *u = of(ev);
    char *to = out;

    while (n > 0) {
        size_t take;
        unsigned char *from;

        if (u->random_left == 0) {
            ssize_t got = getrandom(u->random, sizeof(u->random), 0);

            MUST(got > 0 || errno == EINTR);
            if (got <= 0)
                continue;
            memmove(u->random + sizeof(u->random) - (size_t)got, u->random, (size_t)got);
            u->random_left = (size_t)got;
        }
        take = MIN(n, u->random_left);
        from = u->random + sizeof(u->random) - u->random_left;
        memcpy(to, from, take);
        explicit_bzero(from, take); /* what was handed out may have become a key */
        u->random_left -= take;
        to += take;
        n -= take;
    }
}

static void stop(struct ev *ev)
{
    of(ev)->stop = true;
    uv_stop(&of(ev)->loop);
}

static const struct ev_ops ops = {
    .name = "uv", .clock = clock_now, .random = pool_random, .stop = stop};

int ev_uv_new(struct ev **ret, struct err *e)
{
    struct ev *ev = NULL;
    struct ev_uv *u;
    int rc = -1, err;

    MUST(ret && e);
    /* libuv writes without MSG_NOSIGNAL: a peer that hung up would end the process. */
    MUST(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    u = mem_zalloc(1, sizeof(*u));
    if (!u)
        return err_set(e, ERR_NOMEM, "ev: no memory");
    ev = &u->ev;
    if (ev_init(ev, &ops, e) < 0)
        goto out;
    err = uv_loop_init(&u->loop);
    if (err < 0) {
        err_set(e, err == UV_ENOMEM ? ERR_NOMEM : ERR_SYS, "ev: no loop: %s", uv_strerror(err));
        goto out;
    }
    u->loop_up = true;
    u->wake_at = EV_NEVER;
    MUST(uv_timer_init(&u->loop, &u->wake) == 0);
    MUST(uv_prepare_init(&u->loop, &u->prepare) == 0);
    MUST(uv_check_init(&u->loop, &u->check) == 0);
    u->wake.data = u->prepare.data = u->check.data = u;
    MUST(uv_prepare_start(&u->prepare, on_prepare) == 0);
    MUST(uv_check_start(&u->check, on_check) == 0);
    ev_uv_enter(ev); /* the time of what is set up before the first turn, which this opens */
    *ret = ev;
    ev = NULL;
    rc = 0;
out:
    ev_uv_free(&ev);
    return rc;
}

void ev_uv_free(struct ev **ev)
{
    struct ev_uv *u;
    int rc = UV_EBUSY;

    if (!*ev)
        return;
    u = of(*ev);
    *ev = NULL;
    if (u->loop_up) {
        uv_close((uv_handle_t *)&u->wake, NULL);
        uv_close((uv_handle_t *)&u->prepare, NULL);
        uv_close((uv_handle_t *)&u->check, NULL);
        for (int i = 0; i < FREE_ROUNDS_MAX && rc == UV_EBUSY; i++) {
            uv_run(&u->loop, UV_RUN_NOWAIT);
            rc = uv_loop_close(&u->loop);
        }
        MUST(rc == 0); /* else something that was not closed still points here */
    }
    ev_fini(&u->ev);
    explicit_bzero(u->random, sizeof(u->random));
    mem_free(u);
}

void ev_uv_run(struct ev *ev)
{
    struct ev_uv *u = of(ev);

    while (!u->stop)
        uv_run(&u->loop, UV_RUN_DEFAULT);
    u->stop = false;
}

uv_loop_t *ev_uv_loop(struct ev *ev)
{
    return &of(ev)->loop;
}

/* ---- descriptors ---- */

struct ev_fd {
    uv_poll_t poll;
    struct ev *ev;
    void (*fn)(void *arg, unsigned events);
    void *arg;
    unsigned want;
};

static void free_fd(uv_handle_t *h)
{
    mem_free(h->data);
}

int ev_fd_open(struct ev_fd **ret, struct ev *ev, int fd, void (*fn)(void *arg, unsigned events),
               void *arg, struct err *e)
{
    struct ev_fd *f = mem_zalloc(1, sizeof(*f));
    int err;

    if (!f)
        return err_set(e, ERR_NOMEM, "ev: no memory");
    err = uv_poll_init(ev_uv_loop(ev), &f->poll, fd);
    if (err < 0) { /* the handle never became one: nothing to close */
        mem_free(f);
        return err_set(e, ERR_SYS, "ev: cannot watch a descriptor: %s", uv_strerror(err));
    }
    f->poll.data = f;
    f->ev = ev;
    f->fn = fn;
    f->arg = arg;
    *ret = f;
    return 0;
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct ev_fd *f = h->data;
    unsigned bits = 0;

    ev_uv_enter(f->ev);
    if (status < 0) { /* libuv has stopped the watch: say so by readiness, and go on watching */
        bits = f->want;
        ev_fd_want(f, f->want);
    }
    bits |= events & UV_READABLE ? EV_FD_READ : 0;
    bits |= events & UV_WRITABLE ? EV_FD_WRITE : 0;
    f->fn(f->arg, bits);
}

void ev_fd_want(struct ev_fd *f, unsigned events)
{
    int bits = (events & EV_FD_READ ? UV_READABLE : 0) | (events & EV_FD_WRITE ? UV_WRITABLE : 0);

    f->want = events;
    if (bits)
        EXPECT(uv_poll_start(&f->poll, bits, on_poll) == 0);
    else
        EXPECT(uv_poll_stop(&f->poll) == 0);
}

void ev_fd_close(struct ev_fd **f)
{
    if (!*f)
        return;
    uv_close((uv_handle_t *)&(*f)->poll, free_fd);
    *f = NULL;
}

/* ---- signals ---- */

struct ev_signals {
    int fd;
    struct ev_fd *watch;
    void (*fn)(void *arg, int signal);
    void *arg;
};

/* One a turn: fn may close us, and what waits shows again as readable. */
static void on_signals(void *arg, unsigned events)
{
    struct ev_signals *s = arg;
    struct signalfd_siginfo info;

    UNUSED(events);
    if (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        s->fn(s->arg, (int)info.ssi_signo);
}

int ev_signals_open(struct ev_signals **ret, struct ev *ev, const int *signals, size_t n,
                    void (*fn)(void *arg, int signal), void *arg, struct err *e)
{
    struct ev_signals *s = mem_zalloc(1, sizeof(*s));
    sigset_t set;
    int rc = -1;

    if (!s)
        return err_set(e, ERR_NOMEM, "signals: no memory");
    s->fn = fn;
    s->arg = arg;
    sigemptyset(&set);
    for (size_t i = 0; i < n; i++)
        MUST(sigaddset(&set, signals[i]) == 0);
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0) {
        err_set(e, ERR_SYS, "signals: %s", strerror(errno));
        goto out;
    }
    if (ev_fd_open(&s->watch, ev, s->fd, on_signals, s, e) < 0)
        goto out;
    MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    ev_fd_want(s->watch, EV_FD_READ);
    *ret = s;
    s = NULL;
    rc = 0;
out:
    ev_signals_close(&s);
    return rc;
}

void ev_signals_close(struct ev_signals **s)
{
    if (!*s)
        return;
    ev_fd_close(&(*s)->watch);
    if ((*s)->fd >= 0)
        close((*s)->fd);
    mem_free_ptr(s);
}
