/*
 * net_uv.c - connections over real sockets.
 *
 *     CONNECTING -- connected ---------------------------> OPEN       its owner has it
 *     OPEN       -- close(RESET), or it is broken -------> CLOSED     RST
 *     OPEN       -- close(FLUSH) ------------------------> FLUSHING   our queue leaves
 *     FLUSHING   -- queue empty: FIN --------------------> LINGERING  what comes is dropped
 *     LINGERING  -- peer's FIN, or 5 s, or 16 MiB -------> CLOSED
 *     OPEN       -- close(RESET_ACKED) ------------------> ACKING     our queue leaves
 *     ACKING     -- all acknowledged, or 5 s ------------> CLOSED     RST
 *     FLUSHING   -- 5 s ---------------------------------> CLOSED     RST
 *
 * Why linger: a socket closed with unread bytes makes the kernel send RST, which can destroy the
 * answer that the peer has not read yet.
 *
 * Writing: one try at the end of the turn, by send(), which takes the kernel less than the write()
 * of uv_try_write(); what the socket does not take goes by uv_write, at most four chunks at a time,
 * because so many fit in the request without an allocation.
 *
 * A write that fails does not end the connection while its reader is on: a server that refuses a
 * large body answers, and then resets; the answer is still in the kernel. Reading delivers it,
 * and then meets the end, which is reported as the write's error.
 *
 * Invariants: (1) a conn is on net->conns until CLOSED, and freed by libuv's close callback;
 *             (2) no owner is called except in OPEN; (3) uv_write is in flight at most once;
 *             (4) the timer is armed only in FLUSHING, LINGERING and ACKING.
 */
#include "net/net_uv_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"

#define CONN_MAGIC       0x6e757663u
#define END_MAX          EV_S(5)
#define LINGER_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define ACK_POLL_FIRST   EV_MS(1)
#define ACK_POLL_MAX     EV_MS(50)
#define WRITE_CHUNKS     4

enum state { CONNECTING, OPEN, FLUSHING, LINGERING, ACKING, CLOSED };

struct uvconn {
    struct net_conn base;
    uint32_t magic;
    enum state state;
    struct uvnet *n;
    struct list link;
    uv_tcp_t tcp;
    union {
        uv_connect_t connect; /* CONNECTING */
        uv_write_t write;     /* later */
    } req;
    struct net_connect attempt;
    void (*on_done)(void *arg, struct net_conn *c, const struct err *e);
    void *done_arg;
    struct net_addr peer;
    struct outq out;
    struct ev_post flush;
    struct ev_timer timer;
    ev_us deadline, ack_poll;
    size_t writing_n; /* bytes that uv_write has */
    size_t lingered;  /* bytes dropped while LINGERING */
    int write_err;    /* why writing ended, or 0 */
    bool writing;     /* uv_write is in flight */
    bool reading;
    bool eof;             /* the peer's FIN was seen */
    bool fin, fin_wanted; /* ours was sent; is to be sent after the queue */
    bool broken;          /* on_error was told, or is due */
};

static void drained(struct uvconn *c);

static struct uvconn *of(struct net_conn *c)
{
    struct uvconn *u = CONTAINER_OF(c, struct uvconn, base);

    OBJ_CHECK(u, CONN_MAGIC);
    return u;
}

static const struct uvconn *of_const(const struct net_conn *c)
{
    const struct uvconn *u = (const struct uvconn *)(const void *)c; /* base comes first */

    OBJ_CHECK(u, CONN_MAGIC);
    return u;
}

static uv_stream_t *stream(struct uvconn *c)
{
    return (uv_stream_t *)&c->tcp;
}

static int descriptor(const struct uvconn *c)
{
    uv_os_fd_t fd;

    return uv_fileno((const uv_handle_t *)&c->tcp, &fd) == 0 ? fd : -1;
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *h)
{
    struct uvconn *c = h->data;
    struct uvnet *n = c->n;

    c->magic = 0;
    mem_free(c);
    if (--n->handles == 0 && n->dying)
        mem_free(n);
}

static void destroy(struct uvconn *c, bool rst)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    MUST(c->state != CLOSED);
    c->state = CLOSED;
    /* Not uv_tcp_close_reset(): it refuses where this does not, and does nothing else. */
    if (rst && descriptor(c) >= 0)
        setsockopt(descriptor(c), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    ev_post_cancel(&c->flush);
    ev_timer_stop(&c->timer);
    list_del(&c->link);
    outq_drop(&c->out, &c->n->store, c->out.n);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* Tell the owner that it is over. The last act of whoever calls it. */
static void fail(struct uvconn *c, int uv_err)
{
    struct err e;
    char text[NET_ADDR_TEXT];

    uv_read_stop(stream(c));
    c->broken = true;
    if (!c->writing) /* else libuv still points into the queue, until the handle is closed */
        outq_drop(&c->out, &c->n->store, c->out.n);
    err_set(&e, ERR_RESET, "connection to %s: %s", net_addr_text(&c->peer, text),
            uv_strerror(uv_err));
    c->base.cb->on_error(c->base.arg, &e);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct uvconn *c = h->data;

    UNUSED(hint);
    buf->base = c->n->read_buf;
    buf->len = sizeof(c->n->read_buf);
}

static void lingering_read(struct uvconn *c, ssize_t n)
{
    if (n > 0)
        c->lingered += (size_t)n;
    if (n < 0 || c->lingered > LINGER_BYTES_MAX)
        destroy(c, n >= 0);
}

/* libuv reports data and a hang-up that come in one poll as data and EOF, also when the hang-up is
 * a reset. The error still waits in the socket. */
static int true_end(const struct uvconn *c, int end)
{
    int err = 0;
    socklen_t len = sizeof(err);

    if (end == UV_EOF && getsockopt(descriptor(c), SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err)
        return uv_translate_sys_error(err);
    return end;
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct uvconn *c = s->data;
    struct ev *ev = c->n->base.ev;
    int end;

    ev_uv_enter(ev);
    if (n == 0)
        return;
    if (c->state == LINGERING) {
        lingering_read(c, n);
        return;
    }
    MUST(c->state == OPEN);
    if (n > 0) {
        c->base.cb->on_read(c->base.arg, buf->base, (size_t)n);
        ev_uv_leave(ev);
        return;
    }
    uv_read_stop(s);
    end = true_end(c, (int)n);
    if (c->write_err || end != UV_EOF) {
        fail(c, c->write_err ? c->write_err : end);
        return;
    }
    c->eof = true;
    c->base.cb->on_eof(c->base.arg);
}

static void op_read(struct net_conn *base, bool on)
{
    struct uvconn *c = of(base);

    if (c->reading == on)
        return;
    c->reading = on;
    if (c->eof || c->broken)
        return;
    if (!on)
        uv_read_stop(stream(c));
    else
        EXPECT(uv_read_start(stream(c), on_alloc, on_read) == 0);
}

/* ---- writing ---- */

/* Writing is over; what the peer sent before may still be read. May tell the owner. */
static void write_failed(struct uvconn *c, int uv_err)
{
    outq_drop(&c->out, &c->n->store, c->out.n);
    if (c->state != OPEN) {
        destroy(c, true);
        return;
    }
    c->write_err = uv_err;
    if (!c->reading || c->eof)
        fail(c, uv_err);
}

static void on_wrote(uv_write_t *req, int status);

static size_t front(const struct uvconn *c, struct iovec bufs[WRITE_CHUNKS], size_t *ret_n)
{
    size_t n = 0;

    *ret_n = 0;
    for (; n < WRITE_CHUNKS; n++) {
        size_t len;
        char *p = outq_front(&c->out, n, &len);

        if (!p)
            break;
        bufs[n] = (struct iovec){p, len};
        *ret_n += len;
    }
    return n;
}

/* As much as the socket takes now; negative: an error of libuv's. */
static ssize_t send_now(const struct uvconn *c, struct iovec *bufs, size_t count)
{
    struct msghdr m = {.msg_iov = bufs, .msg_iovlen = count};
    int fd = descriptor(c);
    ssize_t n;

    if (fd < 0)
        return UV_EBADF;
    do
        n = count == 1 ? send(fd, bufs->iov_base, bufs->iov_len, MSG_NOSIGNAL)
                       : sendmsg(fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? uv_translate_sys_error(errno) : n;
}

/* What is queued, when the socket takes it. 0, or an error of libuv's. */
static int send_later(struct uvconn *c)
{
    struct iovec front_bufs[WRITE_CHUNKS];
    uv_buf_t bufs[WRITE_CHUNKS];
    size_t count = front(c, front_bufs, &c->writing_n);

    for (size_t i = 0; i < count; i++)
        bufs[i] = uv_buf_init(front_bufs[i].iov_base, (unsigned)front_bufs[i].iov_len);
    return uv_write(&c->req.write, stream(c), bufs, (unsigned)count, on_wrote);
}

/* Hand what is queued to the kernel. The last act of whoever calls it; `sent` bytes left before
 * and are told together with these. */
static void flush(struct uvconn *c, size_t sent)
{
    struct iovec bufs[WRITE_CHUNKS];
    ssize_t rc = 0;
    size_t n = 0;

    while (c->out.n > 0) {
        rc = send_now(c, bufs, front(c, bufs, &n));
        if (rc < 0 && rc != UV_EAGAIN) {
            write_failed(c, (int)rc);
            return;
        }
        if (rc > 0) {
            outq_drop(&c->out, &c->n->store, (size_t)rc);
            sent += (size_t)rc;
        }
        if (rc < 0 || (size_t)rc < n)
            break;
    }
    if (c->out.n > 0) {
        rc = send_later(c);
        if (rc < 0) {
            write_failed(c, (int)rc);
            return;
        }
        c->writing = true;
    } else if (c->state != OPEN || c->fin_wanted) {
        drained(c);
    }
    if (sent > 0 && c->state == OPEN)
        c->base.cb->on_sent(c->base.arg, sent);
}

static void on_wrote(uv_write_t *req, int status)
{
    struct uvconn *c = req->handle->data;

    ev_uv_enter(c->n->base.ev);
    c->writing = false;
    if (c->state == CLOSED || c->broken)
        return;
    if (status < 0) {
        write_failed(c, status);
        return;
    }
    outq_drop(&c->out, &c->n->store, c->writing_n);
    flush(c, c->writing_n);
}

static void on_flush(struct ev_post *p)
{
    struct uvconn *c = CONTAINER_OF(p, struct uvconn, flush);

    if (!c->broken && !c->writing && !c->write_err)
        flush(c, 0);
}

static int op_write(struct net_conn *base, const char *p, size_t n, struct err *e)
{
    struct uvconn *c = of(base);

    MUST(c->state == OPEN && c->base.cb);
    if (c->broken || c->write_err || !EXPECT(!c->fin_wanted))
        return 0; /* it goes nowhere, and on_error says so */
    c->out.wipes = base->secret;
    if (outq_add(&c->out, &c->n->store, p, n) < 0)
        return err_set(e, ERR_NOMEM, "connection: no memory for %zu bytes", n);
    ev_post(c->n->base.ev, &c->flush);
    return 0;
}

static size_t op_queued(const struct net_conn *base)
{
    return of_const(base)->out.n;
}

static enum net_peek op_peek(const struct net_conn *base)
{
    const struct uvconn *c = of_const(base);
    int fd = descriptor(c);
    ssize_t n;
    char byte;

    if (fd < 0 || c->eof || c->broken || c->write_err)
        return NET_PEEK_ENDED;
    n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0)
        return NET_PEEK_BYTES;
    return n < 0 && errno == EAGAIN ? NET_PEEK_QUIET : NET_PEEK_ENDED;
}

static void op_shutdown(struct net_conn *base)
{
    struct uvconn *c = of(base);

    c->fin_wanted = true;
    ev_post(c->n->base.ev, &c->flush);
}

/* ---- closing ---- */

static void send_fin(struct uvconn *c)
{
    int fd = descriptor(c);

    if (c->fin || fd < 0)
        return;
    c->fin = true;
    shutdown(fd, SHUT_WR); /* a failure means that it is broken: reading tells */
}

static size_t unacked(const struct uvconn *c)
{
    int n = 0;

    return ioctl(descriptor(c), SIOCOUTQ, &n) == 0 && n > 0 ? (size_t)n : 0;
}

static void check_acked(struct uvconn *c)
{
    ev_us now = ev_now(c->n->base.ev);
    struct err e;

    if (now >= c->deadline || unacked(c) == 0) {
        destroy(c, true);
        return;
    }
    if (ev_timer_set(&c->timer, c->ack_poll, &e) < 0)
        destroy(c, true);
    c->ack_poll = MIN(2 * c->ack_poll, ACK_POLL_MAX);
}

static void linger(struct uvconn *c)
{
    send_fin(c);
    c->state = LINGERING;
    if (c->eof || uv_read_start(stream(c), on_alloc, on_read) < 0)
        destroy(c, false);
}

/* The queue is empty and something waited for that. */
static void drained(struct uvconn *c)
{
    switch (c->state) {
    case OPEN:
        send_fin(c);
        break;
    case FLUSHING:
        linger(c);
        break;
    case ACKING:
        check_acked(c);
        break;
    case CONNECTING:
    case LINGERING:
    case CLOSED:
        break;
    }
}

static void on_timer(struct ev_timer *t)
{
    struct uvconn *c = CONTAINER_OF(t, struct uvconn, timer);

    if (c->state == ACKING && c->out.n == 0)
        check_acked(c);
    else
        destroy(c, c->state != LINGERING);
}

static void op_close(struct net_conn *base, enum net_end how)
{
    struct uvconn *c = of(base);
    struct err e;

    MUST(c->state == OPEN);
    if (how == NET_END_RESET || c->broken || c->write_err ||
        ev_timer_set(&c->timer, END_MAX, &e) < 0) {
        destroy(c, true);
        return;
    }
    uv_read_stop(stream(c));
    c->deadline = ev_now(c->n->base.ev) + END_MAX;
    c->ack_poll = ACK_POLL_FIRST;
    c->state = how == NET_END_FLUSH ? FLUSHING : ACKING;
    if (!c->writing)
        ev_post(c->n->base.ev, &c->flush);
}

static const struct net_addr *op_peer(const struct net_conn *base)
{
    return &of_const(base)->peer;
}

static void op_dump(const struct net_conn *base, char *out, size_t cap)
{
    static const char *const names[] = {"connecting", "open",   "flushing",
                                        "lingering",  "acking", "closed"};
    const struct uvconn *c = of_const(base);
    char text[NET_ADDR_TEXT];

    snprintf(out, cap, "tcp %s %s queued=%zu reading=%d eof=%d fin=%d broken=%d",
             net_addr_text(&c->peer, text), names[c->state], c->out.n, c->reading, c->eof, c->fin,
             c->broken);
}

static const struct net_conn_ops conn_ops = {
    .name = "tcp",
    .read = op_read,
    .write = op_write,
    .queued = op_queued,
    .peek = op_peek,
    .shutdown = op_shutdown,
    .close = op_close,
    .peer = op_peer,
    .dump = op_dump,
};

/* ---- coming to life ---- */

static struct uvconn *conn_new(struct uvnet *n, const struct net_addr *peer)
{
    struct uvconn *c = mem_zalloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->base.ops = &conn_ops;
    c->magic = CONN_MAGIC;
    c->n = n;
    c->peer = *peer;
    list_init(&c->link);
    list_push(&n->conns, &c->link);
    ev_post_init(&c->flush, on_flush);
    ev_timer_init(&c->timer, n->base.ev, on_timer);
    MUST(uv_tcp_init(n->loop, &c->tcp) == 0); /* opens nothing yet */
    c->tcp.data = c;
    n->handles++;
    return c;
}

struct net_conn *net_uv_conn_accepted(struct uvnet *n, int fd, const struct net_addr *peer)
{
    struct uvconn *c = conn_new(n, peer);

    if (!c) {
        close(fd);
        return NULL;
    }
    if (uv_tcp_open(&c->tcp, fd) < 0) {
        close(fd);
        destroy(c, false);
        return NULL;
    }
    c->state = OPEN;
    return &c->base;
}

static int connect_failed(struct err *e, const struct net_addr *to, int uv_err)
{
    char text[NET_ADDR_TEXT];

    return err_set(e, uv_err == UV_ENOMEM ? ERR_NOMEM : ERR_CONNECT, "connect to %s: %s",
                   net_addr_text(to, text), uv_strerror(uv_err));
}

/* A port of our own range with nobody listening can be drawn as our own end of the connection:
 * then the kernel connects the socket to itself. */
static bool met_itself(const struct uvconn *c)
{
    struct net_addr self = {0};
    int len = (int)sizeof(self.u);

    if (!net_addr_loopback(&c->peer) || uv_tcp_getsockname(&c->tcp, &self.u.any, &len) < 0)
        return false;
    if (self.u.any.sa_family == AF_INET)
        return self.u.v4.sin_port == c->peer.u.v4.sin_port &&
               self.u.v4.sin_addr.s_addr == c->peer.u.v4.sin_addr.s_addr;
    return self.u.v6.sin6_port == c->peer.u.v6.sin6_port &&
           IN6_ARE_ADDR_EQUAL(&self.u.v6.sin6_addr, &c->peer.u.v6.sin6_addr);
}

static void on_connect(uv_connect_t *req, int status)
{
    struct uvconn *c = req->handle->data;
    struct err e;

    ev_uv_enter(c->n->base.ev);
    if (c->state == CLOSED)
        return; /* canceled */
    if (status == 0 && met_itself(c))
        status = UV_ECONNREFUSED;
    if (status == 0) {
        c->state = OPEN;
        c->on_done(c->done_arg, &c->base, NULL);
        return;
    }
    connect_failed(&e, &c->peer, status);
    destroy(c, true);
    c->on_done(c->done_arg, NULL, &e);
}

static int connect_to(struct net_connect **ret, struct net *net, const struct net_addr *to,
                      void (*on_done)(void *arg, struct net_conn *c, const struct err *e),
                      void *arg, struct err *e)
{
    struct uvnet *n = CONTAINER_OF(net, struct uvnet, base);
    struct uvconn *c = conn_new(n, to);
    int rc;

    if (!c)
        return err_set(e, ERR_NOMEM, "connect: no memory");
    c->attempt.ops = net->ops;
    c->on_done = on_done;
    c->done_arg = arg;
    uv_tcp_nodelay(&c->tcp, 1); /* noted, and done when the socket is made */
    rc = uv_tcp_connect(&c->req.connect, &c->tcp, &c->peer.u.any, on_connect);
    if (rc < 0) {
        destroy(c, false);
        return connect_failed(e, to, rc);
    }
    uv_tcp_keepalive(&c->tcp, 1, NET_UV_KEEPALIVE_S);
    *ret = &c->attempt;
    return 0;
}

static void connect_cancel(struct net_connect *attempt)
{
    struct uvconn *c = CONTAINER_OF(attempt, struct uvconn, attempt);

    OBJ_CHECK(c, CONN_MAGIC);
    MUST(c->state == CONNECTING);
    destroy(c, true);
}

static const struct net_ops net_ops = {
    .name = "uv",
    .listen = net_uv_listen,
    .listener_addr = net_uv_listener_addr,
    .listener_pause = net_uv_listener_pause,
    .listener_close = net_uv_listener_close,
    .connect = connect_to,
    .connect_cancel = connect_cancel,
};

int net_uv_new(struct net **ret, struct ev *ev, struct err *e)
{
    struct uvnet *n = mem_zalloc(1, sizeof(*n));

    MUST(ret && ev && e);
    if (!n)
        return err_set(e, ERR_NOMEM, "net: no memory");
    n->base.ops = &net_ops;
    n->base.ev = ev;
    n->loop = ev_uv_loop(ev);
    list_init(&n->conns);
    list_init(&n->listeners);
    n->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (n->reserve_fd < 0) {
        mem_free(n);
        return err_set(e, ERR_SYS, "net: /dev/null: %s", strerror(errno));
    }
    *ret = &n->base;
    return 0;
}

void net_uv_free(struct net **net)
{
    struct uvnet *n;

    if (!*net)
        return;
    n = CONTAINER_OF(*net, struct uvnet, base);
    *net = NULL;
    MUST(list_empty(&n->listeners));
    LIST_EACH(it, &n->conns)
    {
        struct uvconn *c = LIST_ENTRY(it, struct uvconn, link);

        EXPECT(c->state != OPEN && c->state != CONNECTING); /* else somebody still has it */
        destroy(c, true);
    }
    outq_store_fini(&n->store);
    if (n->reserve_fd >= 0)
        close(n->reserve_fd);
    n->dying = true;
    if (n->handles == 0)
        mem_free(n);
}

size_t net_uv_conns(const struct net *net)
{
    const struct uvnet *n = (const struct uvnet *)(const void *)net; /* base comes first */
    size_t count = 0;

    for (const struct list *it = n->conns.next; it != &n->conns; it = it->next)
        count++;
    return count;
}
