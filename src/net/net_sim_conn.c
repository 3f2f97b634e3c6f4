/*
 * net_sim_conn.c - the two ends of a virtual connection and the segments between them.
 *
 * The states of an end are those of net_uv.c, and so is every rule that an owner can see: what
 * came before a reset is delivered before it is told, a failed write is told at once only when
 * the reader is off, an orderly close lingers. A table of tests runs on both.
 *
 * Sending: at the end of the turn the queue is cut into segments of random size, as far as the
 * window allows; each arrives after the latency and a jitter, never before the one ahead of it.
 * The window is given back when the peer's owner takes the bytes, so a reader that is off stops
 * the writer. Acknowledged means arrived.
 *
 * When memory for a segment is short the connection is cut on the spot: both ends see a reset.
 *
 * Invariants: (1) arrived segments come before those on the way; (2) nothing follows an RST;
 *             (3) a wire is freed by its post, never inside a callback of an owner.
 */
#include "net/net_sim_impl.h"

#include <stdarg.h>

#include "base/mem.h"
#include "net/addr.h"

#define END_MAGIC        0x6e736963u
#define END_MAX          EV_S(5)
#define LINGER_BYTES_MAX ((size_t)16 * 1024 * 1024)

enum kind { DATA, FIN, RST };

struct seg {
    struct list link;
    enum kind kind;
    ev_us at;
    bool arrived;
    size_t n;
    char p[];
};

static void kick(struct end *x)
{
    ev_post(x->w->s->ev, &x->kick);
}

static int side(const struct end *x)
{
    return x == &x->w->ends[1];
}

static struct end *other(struct end *x)
{
    return &x->w->ends[!side(x)];
}

static struct pipe *outgoing(struct end *x)
{
    return &x->w->pipes[side(x)];
}

static struct pipe *incoming(struct end *x)
{
    return &x->w->pipes[!side(x)];
}

static struct end *of(struct net_conn *c)
{
    struct end *x = CONTAINER_OF(c, struct end, base);

    OBJ_CHECK(x, END_MAGIC);
    return x;
}

static const struct end *of_const(const struct net_conn *c)
{
    const struct end *x = (const struct end *)(const void *)c; /* base comes first */

    OBJ_CHECK(x, END_MAGIC);
    return x;
}

void net_sim_trace(struct wire *w, const char *fmt, ...)
{
    char line[160];
    va_list ap;
    int n;

    if (!w->s->conf.trace)
        return;
    n = snprintf(line, sizeof(line), "%llu #%llu ", (unsigned long long)ev_now(w->s->ev),
                 (unsigned long long)w->id);
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
    va_end(ap);
    w->s->conf.trace(w->s->conf.trace_arg, line);
}

/* ---- the wire ---- */

static void drop_seg(struct pipe *p, struct seg *g)
{
    list_del(&g->link);
    if (!g->arrived)
        p->on_way--;
    p->in_window -= g->n;
    mem_free(g);
}

static void drop_segs(struct pipe *p, bool arrived_too)
{
    LIST_EACH(it, &p->segs)
    {
        struct seg *g = LIST_ENTRY(it, struct seg, link);

        if (arrived_too || !g->arrived)
            drop_seg(p, g);
    }
    if (p->on_way == 0)
        ev_timer_stop(&p->arrive);
}

/* Both ends see a reset now. */
static void cut(struct wire *w)
{
    for (int i = 0; i < 2; i++) {
        drop_segs(&w->pipes[i], true);
        w->pipes[i].dead = true;
        w->ends[i].rst = true;
        kick(&w->ends[i]);
    }
}

/* Put a segment on the way from x. -1: no memory, and the wire is cut. */
static int transmit(struct end *x, enum kind kind, const char *bytes, size_t n)
{
    static const char *const names[] = {"data", "fin", "rst"};
    const struct net_sim_conf *conf = &x->w->s->conf;
    struct pipe *p = outgoing(x);
    struct seg *g = mem_alloc(sizeof(*g) + n);
    ev_us now = ev_now(x->w->s->ev), leave;
    struct err e;

    if (!g) {
        cut(x->w);
        return -1;
    }
    leave = MAX(now, p->wire_free_at);
    if (conf->bytes_per_s)
        leave += n * 1000000 / conf->bytes_per_s;
    p->wire_free_at = leave;
    *g = (struct seg){.kind = kind, .n = n};
    g->at = leave + x->w->latency + rng_range(&x->w->rng, 0, conf->jitter_max);
    if (p->sent >= p->stall_at) {
        g->at += p->stall;
        p->stall_at = SIZE_MAX;
        net_sim_trace(x->w, "%d stall %llu", side(x), (unsigned long long)p->stall);
    }
    g->at = MAX(g->at, p->last_at);
    p->last_at = g->at;
    if (n > 0)
        memcpy(g->p, bytes, n);
    list_init(&g->link);
    list_push(&p->segs, &g->link);
    p->in_window += n;
    p->sent += n;
    p->on_way++;
    net_sim_trace(x->w, "%d %s %zu due %llu", side(x), names[kind], n, (unsigned long long)g->at);
    if (!ev_timer_armed(&p->arrive) && ev_timer_set(&p->arrive, g->at - now, &e) < 0) {
        cut(x->w);
        return -1;
    }
    return 0;
}

static void send_rst(struct end *x)
{
    struct pipe *p = outgoing(x);

    if (!p->dead && other(x)->state != END_CLOSED && transmit(x, RST, NULL, 0) == 0)
        p->dead = true;
}

/* Put data on the way, if no fault takes it. -1: the wire was cut. */
static int send_data(struct end *x, const char *bytes, size_t n)
{
    struct pipe *p = outgoing(x);

    if (p->mute || p->dead) {
        p->sent += n;
        return 0;
    }
    if (p->sent + n > p->reset_at) {
        net_sim_trace(x->w, "%d fault reset", side(x));
        send_rst(x);
        send_rst(other(x));
        return 0;
    }
    if (p->sent + n > p->fin_at) {
        net_sim_trace(x->w, "%d fault fin", side(x));
        p->mute = true;
        return transmit(x, FIN, NULL, 0);
    }
    return transmit(x, DATA, bytes, n);
}

void net_sim_end_gone(struct end *x, bool rst)
{
    MUST(x->state != END_CLOSED);
    if (x->state == END_CONNECTING)
        ev_timer_stop(&x->w->handshake);
    if (rst) { /* what is still on the way is lost with it */
        drop_segs(outgoing(x), false);
        outgoing(x)->last_at = outgoing(x)->wire_free_at = 0;
        send_rst(x);
    }
    x->state = END_CLOSED;
    x->host = NULL;
    ev_post_cancel(&x->kick);
    ev_timer_stop(&x->timer);
    outq_drop(&x->out, &x->w->s->store, x->out.n);
    drop_segs(incoming(x), true);
    net_sim_trace(x->w, "%d gone", side(x));
    if (other(x)->state == END_CLOSED)
        ev_post(x->w->s->ev, &x->w->bury);
}

/* ---- telling the owner ---- */

static void fail(struct end *x)
{
    char text[NET_ADDR_TEXT];
    struct err e;

    x->broken = true;
    outq_drop(&x->out, &x->w->s->store, x->out.n);
    err_set(&e, ERR_RESET, "connection to %s: connection reset by peer",
            net_addr_text(&x->peer, text));
    x->base.cb->on_error(x->base.arg, &e);
}

/* The first arrived segment, or NULL. */
static struct seg *arrived(struct pipe *p)
{
    struct seg *g = LIST_ENTRY(p->segs.next, struct seg, link);

    return !list_empty(&p->segs) && g->arrived ? g : NULL;
}

/* The owner's callback may close x; the wire outlives it. */
static void give(struct end *x, struct seg *g)
{
    struct pipe *p = incoming(x);

    list_del(&g->link);
    p->in_window -= g->n;
    if (other(x)->out.n > 0)
        kick(other(x));
    if (g->kind == DATA) {
        x->base.cb->on_read(x->base.arg, g->p, g->n);
    } else {
        x->eof = true;
        x->base.cb->on_eof(x->base.arg);
    }
    mem_free(g);
}

/* Nobody is there to read. */
static void swallow(struct end *x, struct seg *g)
{
    bool data = g->kind == DATA, fin = g->kind == FIN;

    x->lingered += g->n;
    drop_seg(incoming(x), g);
    if (x->state == END_CLOSED && data)
        send_rst(x);
    else if (x->state == END_LINGERING && (fin || x->lingered > LINGER_BYTES_MAX))
        net_sim_end_gone(x, !fin);
    else if (other(x)->out.n > 0)
        kick(other(x));
}

static void deliver(struct end *x)
{
    struct seg *g;

    while ((g = arrived(incoming(x)))) {
        bool owned = x->state == END_OPEN && x->reading && !x->eof && !x->broken;

        if (x->state == END_LINGERING || x->state == END_CLOSED)
            swallow(x, g);
        else if (owned)
            give(x, g);
        else
            return;
    }
    if (x->rst && x->state == END_OPEN && x->reading && !x->eof && !x->broken)
        fail(x);
}

static void check_acked(struct end *x)
{
    if (x->state == END_ACKING && x->out.n == 0 && outgoing(x)->on_way == 0)
        net_sim_end_gone(x, true);
}

static void drained(struct end *x);

/* Send what the window allows. The last act of whoever calls it. */
static void flush(struct end *x)
{
    const struct net_sim_conf *conf = &x->w->s->conf;
    struct pipe *p = outgoing(x);
    size_t sent = 0, n;

    while (x->out.n > 0 && p->in_window < conf->window_bytes) {
        const char *bytes = outq_front(&x->out, 0, &n);
        size_t drawn = (size_t)rng_range(&x->w->rng, 1, conf->mss);

        n = MIN(MIN(n, drawn), conf->window_bytes - p->in_window);
        if (send_data(x, bytes, n) < 0)
            return;
        outq_drop(&x->out, &x->w->s->store, n);
        sent += n;
    }
    if (x->out.n == 0)
        drained(x);
    if (sent > 0 && x->state == END_OPEN)
        x->base.cb->on_sent(x->base.arg, sent);
}

/* The peer's RST has come: whoever writes or waits learns it. */
static void meet_rst(struct end *x)
{
    if (x->state != END_OPEN) {
        net_sim_end_gone(x, false);
        return;
    }
    if (x->out.n == 0)
        return;
    outq_drop(&x->out, &x->w->s->store, x->out.n);
    if (!x->reading || x->eof)
        fail(x);
}

static void work(struct end *x)
{
    if (x->state != END_CLOSED && x->state != END_CONNECTING && !x->broken) {
        if (x->rst)
            meet_rst(x);
        else
            flush(x);
    }
    deliver(x);
}

static void on_kick(struct ev_post *post)
{
    work(CONTAINER_OF(post, struct end, kick));
}

static void on_arrive(struct ev_timer *t)
{
    struct pipe *p = CONTAINER_OF(t, struct pipe, arrive);
    bool first = p == &p->w->pipes[0];
    struct end *from = &p->w->ends[!first], *to = &p->w->ends[first];
    ev_us now = ev_now(t->ev);
    struct err e;

    LIST_EACH(it, &p->segs)
    {
        struct seg *g = LIST_ENTRY(it, struct seg, link);

        if (g->arrived)
            continue;
        if (g->at > now) {
            if (ev_timer_set(t, g->at - now, &e) < 0)
                cut(p->w);
            break;
        }
        g->arrived = true;
        p->on_way--;
        if (g->kind == RST) {
            net_sim_trace(p->w, "%d rst arrived", !first);
            to->rst = true;
            drop_seg(p, g);
        }
    }
    check_acked(from);
    work(to);
}

/* ---- closing ---- */

static void send_fin(struct end *x)
{
    struct pipe *p = outgoing(x);

    if (!x->fin && !p->mute && !p->dead && transmit(x, FIN, NULL, 0) < 0)
        return;
    x->fin = true;
}

static void linger(struct end *x)
{
    send_fin(x);
    x->state = END_LINGERING;
    if (x->eof)
        net_sim_end_gone(x, false);
}

/* The queue is empty. */
static void drained(struct end *x)
{
    if (x->state == END_OPEN && x->fin_wanted)
        send_fin(x);
    else if (x->state == END_FLUSHING)
        linger(x);
    else
        check_acked(x);
}

static void on_timer(struct ev_timer *t)
{
    struct end *x = CONTAINER_OF(t, struct end, timer);

    net_sim_end_gone(x, x->state != END_LINGERING);
}

static void op_close(struct net_conn *c, enum net_end how)
{
    struct end *x = of(c);
    struct err e;

    MUST(x->state == END_OPEN);
    if (how == NET_END_RESET || x->broken || x->rst || ev_timer_set(&x->timer, END_MAX, &e) < 0) {
        net_sim_end_gone(x, !x->rst);
        return;
    }
    x->state = how == NET_END_FLUSH ? END_FLUSHING : END_ACKING;
    kick(x);
}

void net_sim_end_died(struct end *x)
{
    x->host = NULL;
    if (x->state == END_OPEN && !arrived(incoming(x)) && !x->rst) {
        send_fin(x);
        net_sim_end_gone(x, false);
    } else if (x->state == END_OPEN || x->state == END_CONNECTING) {
        net_sim_end_gone(x, !x->rst);
    }
}

/* ---- the calls of an owner ---- */

static void op_read(struct net_conn *c, bool on)
{
    struct end *x = of(c);

    x->reading = on;
    if (on)
        kick(x);
}

static int op_write(struct net_conn *c, const char *p, size_t n, struct err *e)
{
    struct end *x = of(c);

    MUST(x->state == END_OPEN && x->base.cb);
    if (x->broken || !EXPECT(!x->fin_wanted))
        return 0; /* it goes nowhere, and on_error says so */
    if (outq_add(&x->out, &x->w->s->store, p, n) < 0)
        return err_set(e, ERR_NOMEM, "connection: no memory for %zu bytes", n);
    kick(x);
    return 0;
}

static size_t op_queued(const struct net_conn *c)
{
    return of_const(c)->out.n;
}

/* A segment that is due has come, also when the loop has not told it yet: a kernel has it. */
static enum net_peek op_peek(const struct net_conn *c)
{
    const struct end *x = of_const(c);
    const struct pipe *p = &x->w->pipes[!side(x)];
    const struct seg *g = LIST_ENTRY(p->segs.next, struct seg, link);

    if (x->eof || x->broken)
        return NET_PEEK_ENDED;
    if (!list_empty(&p->segs) && g->at <= ev_now(x->w->s->ev))
        return g->kind == DATA ? NET_PEEK_BYTES : NET_PEEK_ENDED;
    return x->rst ? NET_PEEK_ENDED : NET_PEEK_QUIET;
}

static void op_shutdown(struct net_conn *c)
{
    struct end *x = of(c);

    x->fin_wanted = true;
    kick(x);
}

static const struct net_addr *op_peer(const struct net_conn *c)
{
    return &of_const(c)->peer;
}

static void op_dump(const struct net_conn *c, char *out, size_t cap)
{
    static const char *const names[] = {"connecting", "open",   "flushing",
                                        "lingering",  "acking", "closed"};
    const struct end *x = of_const(c);
    char text[NET_ADDR_TEXT];

    snprintf(out, cap, "sim #%llu %s %s queued=%zu reading=%d eof=%d fin=%d rst=%d broken=%d",
             (unsigned long long)x->w->id, net_addr_text(&x->peer, text), names[x->state], x->out.n,
             x->reading, x->eof, x->fin, x->rst, x->broken);
}

static const struct net_conn_ops conn_ops = {
    .name = "sim",
    .read = op_read,
    .write = op_write,
    .queued = op_queued,
    .peek = op_peek,
    .shutdown = op_shutdown,
    .close = op_close,
    .peer = op_peer,
    .dump = op_dump,
};

/* ---- life of a wire ---- */

static void on_bury(struct ev_post *post)
{
    net_sim_wire_free(CONTAINER_OF(post, struct wire, bury));
}

static void draw_faults(struct wire *w)
{
    const struct net_sim_conf *c = &w->s->conf;
    struct rng *r = &w->rng;

    for (int i = 0; i < 2; i++)
        w->pipes[i].reset_at = w->pipes[i].stall_at = w->pipes[i].fin_at = SIZE_MAX;
    /* One draw a statement: the order of two in one is the compiler's choice. */
    if (rng_chance(r, c->reset_p)) {
        struct pipe *p = &w->pipes[rng_below(r, 2)];

        p->reset_at = rng_range(r, 0, c->fault_bytes_max);
    }
    if (rng_chance(r, c->half_close_p)) {
        struct pipe *p = &w->pipes[rng_below(r, 2)];

        p->fin_at = rng_range(r, 0, c->fault_bytes_max);
    }
    if (rng_chance(r, c->stall_p)) {
        struct pipe *p = &w->pipes[rng_below(r, 2)];

        p->stall_at = rng_range(r, 0, c->fault_bytes_max);
        p->stall = rng_range(r, 0, c->stall_max);
    }
}

struct wire *net_sim_wire_new(struct simhost *from, const struct net_addr *to)
{
    struct net_sim *s = from->s;
    struct wire *w = mem_zalloc(1, sizeof(*w));

    if (!w)
        return NULL;
    w->s = s;
    w->id = ++s->next_id;
    w->to = *to;
    rng_init(&w->rng, rng_u64(&s->rng));
    w->latency = rng_range(&w->rng, s->conf.latency_min, s->conf.latency_max);
    draw_faults(w);
    for (int i = 0; i < 2; i++) {
        struct end *x = &w->ends[i];

        x->base.ops = &conn_ops;
        x->magic = END_MAGIC;
        x->w = w;
        x->state = i == 0 ? END_CONNECTING : END_CLOSED; /* until the handshake makes it one */
        ev_post_init(&x->kick, on_kick);
        ev_timer_init(&x->timer, s->ev, on_timer);
        w->pipes[i].w = w;
        list_init(&w->pipes[i].segs);
        ev_timer_init(&w->pipes[i].arrive, s->ev, on_arrive);
    }
    w->ends[0].host = from;
    w->ends[0].peer = *to;
    w->ends[1].peer = from->self;
    net_addr_port_set(&w->ends[1].peer, s->next_port);
    s->next_port = s->next_port == UINT16_MAX ? 32768 : (uint16_t)(s->next_port + 1);
    ev_post_init(&w->bury, on_bury);
    list_init(&w->pending);
    list_init(&w->link);
    list_push(&s->wires, &w->link);
    return w;
}

void net_sim_wire_free(struct wire *w)
{
    for (int i = 0; i < 2; i++) {
        ev_post_cancel(&w->ends[i].kick);
        ev_timer_stop(&w->ends[i].timer);
        outq_drop(&w->ends[i].out, &w->s->store, w->ends[i].out.n);
        drop_segs(&w->pipes[i], true);
        ev_timer_stop(&w->pipes[i].arrive);
        w->ends[i].magic = 0;
    }
    ev_post_cancel(&w->bury);
    ev_timer_stop(&w->handshake);
    list_del(&w->pending);
    list_del(&w->link);
    mem_free(w);
}
