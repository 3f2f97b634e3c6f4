/*
 * net_sim.c - the virtual world: hosts, listeners, attempts to connect.
 *
 * A handshake is two steps of one latency each:
 *
 *     SYN      -- a listener with room ----> ACCEPTED   it has its end, we hear one latency later
 *     SYN      -- no listener, or a fault -> REFUSED
 *     SYN      -- its queue is full -------> SILENT     as after a SYN that is dropped
 *     SILENT   -- 127 s -------------------> the attempt fails, as on Linux
 */
#include "net/net_sim.h"

#include <arpa/inet.h>

#include "base/mem.h"
#include "net/addr.h"
#include "net/net_sim_impl.h"

#define LISTENER_MAGIC  0x6e73696cu
#define CONNECT_MAX     EV_S(127)
#define BACKLOG_DEFAULT 1024
#define MSS_DEFAULT     1460
#define WINDOW_DEFAULT  ((uint32_t)64 * 1024)
#define STALL_DEFAULT   EV_S(60)
#define FIRST_PORT_FREE 20000

struct simlistener {
    struct net_listener base;
    uint32_t magic;
    struct simhost *host;
    struct list link;
    struct net_addr addr;
    struct list pending; /* of struct wire */
    size_t pending_n, backlog;
    void (*on_accept)(void *arg, struct net_conn *c);
    void *arg;
    struct ev_post resume;
    bool paused;
    bool busy, closed; /* closed from within on_accept: freed when that is over */
};

static struct simlistener *of(struct net_listener *l)
{
    struct simlistener *s = CONTAINER_OF(l, struct simlistener, base);

    OBJ_CHECK(s, LISTENER_MAGIC);
    return s;
}

static struct simhost *host_of(struct net *net)
{
    return CONTAINER_OF(net, struct simhost, base);
}

/* ---- listening ---- */

static bool unspecified(const struct net_addr *a)
{
    return a->u.any.sa_family == AF_INET ? a->u.v4.sin_addr.s_addr == 0
                                         : IN6_IS_ADDR_UNSPECIFIED(&a->u.v6.sin6_addr);
}

static struct simlistener *find(struct net_sim *s, const struct net_addr *to)
{
    LIST_EACH(it, &s->listeners)
    {
        struct simlistener *l = LIST_ENTRY(it, struct simlistener, link);

        if (net_addr_port(&l->addr) != net_addr_port(to))
            continue;
        if (net_addr_ip_eq(unspecified(&l->addr) ? &l->host->self : &l->addr, to))
            return l;
    }
    return NULL;
}

static void accept_pending(struct simlistener *l)
{
    l->busy = true;
    while (!l->paused && !l->closed && !list_empty(&l->pending)) {
        struct wire *w = LIST_ENTRY(l->pending.next, struct wire, pending);

        list_del(&w->pending);
        l->pending_n--;
        l->on_accept(l->arg, &w->ends[1].base);
    }
    l->busy = false;
    if (l->closed)
        mem_free(l);
}

static void on_resume(struct ev_post *p)
{
    accept_pending(CONTAINER_OF(p, struct simlistener, resume));
}

static void free_port(struct net_sim *s, struct net_addr *a)
{
    uint16_t port = FIRST_PORT_FREE;

    for (net_addr_port_set(a, port); find(s, a); net_addr_port_set(a, port))
        port++;
}

static int listen_on(struct net_listener **ret, struct net *net, const struct net_listen_conf *conf,
                     void (*on_accept)(void *arg, struct net_conn *c), void *arg, struct err *e)
{
    struct simhost *h = host_of(net);
    struct simlistener *l;
    char text[NET_ADDR_TEXT];

    if (conf->fd >= 0)
        return err_set(e, ERR_CONFIG, "listen: no descriptors in the virtual net");
    l = mem_zalloc(1, sizeof(*l));
    if (!l)
        return err_set(e, ERR_NOMEM, "listen: no memory");
    l->base.ops = net->ops;
    l->magic = LISTENER_MAGIC;
    l->host = h;
    l->addr = conf->addr;
    if (net_addr_port(&l->addr) == 0)
        free_port(h->s, &l->addr);
    if (find(h->s, &l->addr) && !conf->reuse_port) {
        mem_free(l);
        return err_set(e, ERR_SYS, "listen on %s: address in use",
                       net_addr_text(&conf->addr, text));
    }
    l->backlog = conf->backlog ? conf->backlog : BACKLOG_DEFAULT;
    l->on_accept = on_accept;
    l->arg = arg;
    list_init(&l->pending);
    ev_post_init(&l->resume, on_resume);
    list_init(&l->link);
    list_push(&h->s->listeners, &l->link);
    *ret = &l->base;
    return 0;
}

static const struct net_addr *listener_addr(const struct net_listener *l)
{
    return &((const struct simlistener *)(const void *)l)->addr; /* base comes first */
}

static void listener_pause(struct net_listener *base, bool pause)
{
    struct simlistener *l = of(base);

    l->paused = pause;
    if (!pause)
        ev_post(l->host->base.ev, &l->resume);
}

static void listener_close(struct net_listener *base)
{
    struct simlistener *l = of(base);

    LIST_EACH(it, &l->pending)
    {
        struct wire *w = LIST_ENTRY(it, struct wire, pending);

        list_del(&w->pending);
        net_sim_end_gone(&w->ends[1], true);
    }
    ev_post_cancel(&l->resume);
    list_del(&l->link);
    l->magic = 0;
    l->closed = true;
    if (!l->busy)
        mem_free(l);
}

/* ---- connecting ---- */

static void attempt_failed(struct wire *w, const char *why)
{
    char text[NET_ADDR_TEXT];
    struct err e;

    err_set(&e, ERR_CONNECT, "connect to %s: %s", net_addr_text(&w->to, text), why);
    net_sim_end_gone(&w->ends[0], false);
    w->on_done(w->done_arg, NULL, &e);
}

static void on_syn(struct wire *w)
{
    struct simlistener *l = find(w->s, &w->to);
    ev_us in = w->latency;
    struct err e;

    if (!l) {
        w->hs = HS_REFUSED;
    } else if (l->pending_n >= l->backlog) {
        w->hs = HS_SILENT;
        in = CONNECT_MAX;
    } else {
        w->hs = HS_ACCEPTED;
    }
    if (ev_timer_set(&w->handshake, in, &e) < 0) {
        attempt_failed(w, "no memory");
        return;
    }
    net_sim_trace(w, "syn %d", (int)w->hs);
    if (!l || w->hs != HS_ACCEPTED)
        return;
    w->ends[1].state = END_OPEN;
    w->ends[1].host = l->host;
    list_push(&l->pending, &w->pending);
    l->pending_n++;
    accept_pending(l);
}

static void on_handshake(struct ev_timer *t)
{
    struct wire *w = CONTAINER_OF(t, struct wire, handshake);

    switch (w->hs) {
    case HS_SYN:
        on_syn(w);
        break;
    case HS_REFUSED:
        attempt_failed(w, "connection refused");
        break;
    case HS_SILENT:
        attempt_failed(w, "connection timed out");
        break;
    case HS_ACCEPTED:
        w->ends[0].state = END_OPEN;
        w->on_done(w->done_arg, &w->ends[0].base, NULL);
        break;
    }
}

static int connect_to(struct net_connect **ret, struct net *net, const struct net_addr *to,
                      void (*on_done)(void *arg, struct net_conn *c, const struct err *e),
                      void *arg, struct err *e)
{
    struct simhost *h = host_of(net);
    struct wire *w = net_sim_wire_new(h, to);
    bool refuse, silent;

    if (!w)
        return err_set(e, ERR_NOMEM, "connect: no memory");
    w->attempt.ops = net->ops;
    w->on_done = on_done;
    w->done_arg = arg;
    ev_timer_init(&w->handshake, net->ev, on_handshake);
    refuse = rng_chance(&w->rng, h->s->conf.refuse_p);
    silent = rng_chance(&w->rng, h->s->conf.silent_p);
    w->hs = silent ? HS_SILENT : refuse ? HS_REFUSED : HS_SYN;
    net_sim_trace(w, "connect latency %llu", (unsigned long long)w->latency);
    if (ev_timer_set(&w->handshake, silent ? CONNECT_MAX : (refuse ? 2 : 1) * w->latency, e) < 0) {
        net_sim_wire_free(w);
        return -1;
    }
    *ret = &w->attempt;
    return 0;
}

static void connect_cancel(struct net_connect *attempt)
{
    struct wire *w = CONTAINER_OF(attempt, struct wire, attempt);

    MUST(w->ends[0].state == END_CONNECTING);
    net_sim_end_gone(&w->ends[0], true);
}

static const struct net_ops net_ops = {
    .name = "sim",
    .listen = listen_on,
    .listener_addr = listener_addr,
    .listener_pause = listener_pause,
    .listener_close = listener_close,
    .connect = connect_to,
    .connect_cancel = connect_cancel,
};

/* ---- the world ---- */

static void fill_in(struct net_sim_conf *c)
{
    c->mss = c->mss ? c->mss : MSS_DEFAULT;
    c->window_bytes = c->window_bytes ? c->window_bytes : WINDOW_DEFAULT;
    c->fault_bytes_max = c->fault_bytes_max ? c->fault_bytes_max : WINDOW_DEFAULT;
    c->stall_max = c->stall_max ? c->stall_max : STALL_DEFAULT;
    c->latency_max = MAX(c->latency_min, c->latency_max);
}

int net_sim_new(struct net_sim **ret, struct ev *ev, const struct net_sim_conf *conf, struct err *e)
{
    struct net_sim *s = mem_zalloc(1, sizeof(*s));

    MUST(ret && ev && conf && e);
    if (!s)
        return err_set(e, ERR_NOMEM, "net: no memory");
    s->ev = ev;
    s->conf = *conf;
    fill_in(&s->conf);
    rng_init(&s->rng, ev_random_u64(ev));
    list_init(&s->hosts);
    list_init(&s->listeners);
    list_init(&s->wires);
    s->next_port = 32768;
    *ret = s;
    return 0;
}

void net_sim_free(struct net_sim **s)
{
    struct net_sim *old = *s;

    if (!old)
        return;
    *s = NULL;
    MUST(list_empty(&old->hosts));
    LIST_EACH(it, &old->wires)
    net_sim_wire_free(LIST_ENTRY(it, struct wire, link));
    outq_store_fini(&old->store);
    mem_free(old);
}

struct net_sim_conf *net_sim_conf(struct net_sim *s)
{
    return &s->conf;
}

int net_sim_host(struct net **ret, struct net_sim *s, const struct net_addr *self, struct err *e)
{
    struct simhost *h = mem_zalloc(1, sizeof(*h));

    if (!h)
        return err_set(e, ERR_NOMEM, "net: no memory");
    h->base.ops = &net_ops;
    h->base.ev = s->ev;
    h->s = s;
    if (self) {
        h->self = *self;
    } else {
        h->self.u.v4.sin_family = AF_INET;
        h->self.u.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    list_init(&h->link);
    list_push(&s->hosts, &h->link);
    *ret = &h->base;
    return 0;
}

void net_sim_host_free(struct net **net)
{
    struct simhost *h;

    if (!*net)
        return;
    h = host_of(*net);
    *net = NULL;
    LIST_EACH(it, &h->s->listeners)
    {
        struct simlistener *l = LIST_ENTRY(it, struct simlistener, link);

        if (l->host == h)
            listener_close(&l->base);
    }
    LIST_EACH(it, &h->s->wires)
    {
        struct wire *w = LIST_ENTRY(it, struct wire, link);

        for (int i = 0; i < 2; i++)
            if (w->ends[i].host == h)
                net_sim_end_died(&w->ends[i]);
    }
    list_del(&h->link);
    mem_free(h);
}
