/*
 * bed.c - see bed.h. Virtual time has 10 minutes for a condition, real time 20 seconds.
 */
#include "bed.h"

#include <arpa/inet.h>

#include "base/mem.h"

#define SIM_MAX  EV_S(600)
#define REAL_MAX EV_S(20)

static void on_tick(struct ev_timer *t)
{
    ev_stop(t->ev);
}

struct bed *bed_new(bool sim, uint64_t seed, const struct net_sim_conf *conf)
{
    static const struct net_sim_conf mild = {
        .latency_min = 50, .latency_max = 2000, .jitter_max = 300};
    struct bed *b = mem_zalloc(1, sizeof(*b));
    struct err e;

    assert_non_null(b);
    b->sim = sim;
    if (sim) {
        assert_int_equal(ev_sim_new(&b->ev, seed, &e), 0);
        assert_int_equal(net_sim_new(&b->world, b->ev, conf ? conf : &mild, &e), 0);
        assert_int_equal(net_sim_host(&b->net, b->world, NULL, &e), 0);
    } else {
        assert_int_equal(ev_uv_new(&b->ev, &e), 0);
        assert_int_equal(net_uv_new(&b->net, b->ev, &e), 0);
    }
    ev_timer_init(&b->tick, b->ev, on_tick);
    return b;
}

void bed_free(struct bed *b)
{
    ev_timer_stop(&b->tick);
    if (b->sim) {
        net_sim_host_free(&b->net);
        net_sim_free(&b->world);
        ev_sim_free(&b->ev);
    } else {
        net_uv_free(&b->net);
        ev_uv_free(&b->ev);
    }
    mem_free(b);
}

int bed_uv(void **state)
{
    *state = bed_new(false, 0, NULL);
    return 0;
}

int bed_sim(void **state)
{
    *state = bed_new(true, 1, NULL);
    return 0;
}

int bed_end(void **state)
{
    bed_free(*state);
    return 0;
}

void bed_turn(struct bed *b)
{
    struct err e;

    if (b->sim && !ev_timer_armed(&b->tick)) /* time must pass even when nothing is due */
        assert_int_equal(ev_timer_set(&b->tick, EV_MS(10), &e), 0);
    if (b->sim) {
        ev_sim_turn(b->ev);
        return;
    }
    assert_int_equal(ev_timer_set(&b->tick, EV_MS(1), &e), 0);
    ev_uv_run(b->ev);
}

bool bed_in_time(struct bed *b)
{
    return ev_now(b->ev) < b->begin + (b->sim ? SIM_MAX : REAL_MAX);
}

void bed_run(struct bed *b, ev_us until)
{
    ev_timer_stop(&b->tick);
    ev_sim_run(b->ev, until);
}

void bed_settle(struct bed *b)
{
    struct err e;

    if (b->sim) {
        bed_run(b, ev_now(b->ev) + EV_S(30));
        return;
    }
    assert_int_equal(ev_timer_set(&b->tick, EV_MS(30), &e), 0);
    ev_uv_run(b->ev);
}

/* ---- an end ---- */

static void on_read(void *arg, const char *p, size_t n)
{
    struct side *s = arg;

    assert_true(n > 0 && n <= NET_READ_MAX);
    s->calls++;
    buf_add(&s->in, p, n);
    assert_true(buf_ok(&s->in));
    if (s->hook)
        s->hook(s, 'r');
}

static void on_eof(void *arg)
{
    struct side *s = arg;

    assert_false(s->eof);
    s->calls++;
    s->eof = true;
    if (s->hook)
        s->hook(s, 'e');
}

static void on_sent(void *arg, size_t n)
{
    struct side *s = arg;

    assert_true(n > 0);
    s->calls++;
    s->sent += n;
    if (s->hook)
        s->hook(s, 's');
}

static void on_error(void *arg, const struct err *e)
{
    struct side *s = arg;

    assert_false(s->broken);
    s->calls++;
    s->broken = true;
    s->err = *e;
    if (s->hook)
        s->hook(s, '!');
}

static const struct net_conn_cb cb = {
    .on_read = on_read, .on_eof = on_eof, .on_sent = on_sent, .on_error = on_error};

void side_init(struct side *s, struct bed *b)
{
    *s = (struct side){.b = b};
    buf_init(&s->in, IN_MAX);
}

void side_take(struct side *s, struct net_conn *c)
{
    s->c = c;
    net_conn_listen(c, &cb, s);
    net_conn_read(c, true);
}

void side_write(struct side *s, const void *p, size_t n)
{
    int calls = s->calls;
    struct err e;

    assert_int_equal(net_conn_write(s->c, p, n, &e), 0);
    assert_int_equal(s->calls, calls); /* nothing is told inside the call */
}

void side_fini(struct side *s)
{
    net_conn_close(&s->c, NET_END_RESET);
    buf_fini(&s->in);
}

/* ---- a listener ---- */

static void on_accept(void *arg, struct net_conn *c)
{
    struct door *d = arg;
    struct side *s;

    assert_true(d->n < d->max);
    s = &d->sides[d->n++];
    if (!d->ready)
        side_init(s, d->b);
    side_take(s, c);
    if (d->hook)
        d->hook(d, s);
}

void door_open(struct door *d, struct bed *b, struct side *sides, size_t max)
{
    struct net_listen_conf conf = {.fd = -1, .backlog = 64};
    struct err e;

    *d = (struct door){.b = b, .sides = sides, .max = max};
    assert_int_equal(net_addr_parse(&conf.addr, SPAN_LIT("127.0.0.1:0"), &e), 0);
    assert_int_equal(net_listen(&d->l, b->net, &conf, on_accept, d, &e), 0);
}

/* ---- an attempt ---- */

static void on_done(void *arg, struct net_conn *c, const struct err *e)
{
    struct call *call = arg;

    assert_false(call->done);
    assert_true((c == NULL) == (e != NULL));
    call->done = true;
    call->attempt = NULL;
    if (c) {
        side_take(call->s, c);
        return;
    }
    call->failed = true;
    call->err = *e;
}

int call_try(struct call *c, struct side *s, const struct net_addr *to, struct err *e)
{
    *c = (struct call){.s = s};
    return net_connect(&c->attempt, s->b->net, to, on_done, c, e);
}

void call_start(struct call *c, struct side *s, const struct net_addr *to)
{
    struct err e;

    assert_int_equal(call_try(c, s, to, &e), 0);
    assert_false(c->done);
}

void bed_pair(struct bed *b, struct door *d, struct side *client, struct side *server)
{
    struct call call;

    side_init(client, b);
    door_open(d, b, server, 1);
    call_start(&call, client, net_listener_addr(d->l));
    WAIT(b, call.done && d->n == 1);
    assert_false(call.failed);
}
