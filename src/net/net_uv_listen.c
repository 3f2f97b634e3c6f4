/*
 * net_uv_listen.c - accepting.
 *
 * Not libuv's own listener: it cannot pause without taking one connection off the kernel's
 * queue, where after a crash or a hand-over nobody would find it again.
 *
 * When descriptors run out, a waiting caller would wake us again and again: the reserve
 * descriptor is given up, the caller accepted and closed, the reserve taken back. He learns at
 * once that he must go elsewhere. If even that fails, the listener rests for a moment.
 *
 * The kernel queues no more than UNSENT_BYTES that it cannot send yet (what is on the way to the
 * client is not counted): by itself it takes 2.7 MiB for a client on loopback that reads nothing,
 * and tells us that they have left. What waits shall wait here, where it is bounded and its
 * progress is judged. 32 KiB: the kernel asks for more when half of it has gone, so a client that
 * takes 1 KiB a second is seen to take something every 16 s; and whole answers of 8 MiB go over
 * loopback as fast as without a bound, which 16 to 64 KiB did alike.
 */
#include "net/net_uv_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/mem.h"

#define LISTENER_MAGIC   0x6e75766cu
#define ACCEPTS_TURN_MAX 32
#define REST             EV_MS(50)
#define BACKLOG_DEFAULT  1024
#define UNSENT_BYTES     (32 * 1024)

struct uvlistener {
    struct net_listener base;
    uint32_t magic;
    struct uvnet *n;
    struct list link;
    struct ev_fd *watch;
    int fd;
    struct net_addr addr;
    void (*on_accept)(void *arg, struct net_conn *c);
    void *arg;
    struct ev_timer rest;
    bool paused;
    bool busy, closed; /* closed from within on_accept: freed when that is over */
};

static struct uvlistener *of(struct net_listener *l)
{
    struct uvlistener *u = CONTAINER_OF(l, struct uvlistener, base);

    OBJ_CHECK(u, LISTENER_MAGIC);
    return u;
}

static void watch(struct uvlistener *l)
{
    ev_fd_want(l->watch, l->paused || ev_timer_armed(&l->rest) ? 0 : EV_FD_READ);
}

static void on_rest_over(struct ev_timer *t)
{
    watch(CONTAINER_OF(t, struct uvlistener, rest));
}

static void refuse_one(struct uvlistener *l)
{
    struct uvnet *n = l->n;
    struct err e;
    int fd = -1;

    if (n->reserve_fd >= 0) {
        close(n->reserve_fd);
        fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    }
    if (fd >= 0)
        close(fd);
    n->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && ev_timer_set(&l->rest, REST, &e) == 0)
        watch(l);
}

/* False when there is no more to accept for now. */
static bool accept_one(struct uvlistener *l)
{
    struct net_addr peer = {0};
    socklen_t len = sizeof(peer.u);
    int fd = accept4(l->fd, &peer.u.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct net_conn *c;

    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
        return true;
    if (fd < 0) {
        if (errno != EAGAIN)
            refuse_one(l);
        return false;
    }
    c = net_uv_conn_accepted(l->n, fd, &peer);
    if (c)
        l->on_accept(l->arg, c);
    return true;
}

static void on_readable(void *arg, unsigned events)
{
    struct uvlistener *l = arg;

    UNUSED(events);
    l->busy = true;
    for (int i = 0; i < ACCEPTS_TURN_MAX && !l->closed && !l->paused; i++)
        if (!accept_one(l))
            break;
    l->busy = false;
    if (l->closed)
        mem_free(l);
}

static int bind_and_listen(int fd, const struct net_listen_conf *conf)
{
    const struct net_addr *a = &conf->addr;
    const int yes = 1;
    bool v6 = a->u.any.sa_family == AF_INET6;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
        return -1;
    if (conf->reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) < 0)
        return -1;
    if (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0)
        return -1;
    if (bind(fd, &a->u.any, v6 ? sizeof(a->u.v6) : sizeof(a->u.v4)) < 0)
        return -1;
    return listen(fd, conf->backlog ? (int)MIN(conf->backlog, 65535u) : BACKLOG_DEFAULT);
}

/* What is set here is inherited by every socket that is accepted, at no cost. */
static void set_inherited(int fd)
{
    const int yes = 1, silence = NET_UV_KEEPALIVE_S, unsent = UNSENT_BYTES;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &silence, sizeof(silence));
}

static int open_socket(struct uvlistener *l, const struct net_listen_conf *conf, struct err *e)
{
    char text[NET_ADDR_TEXT];
    socklen_t len = sizeof(int);
    int listening = 0;

    if (conf->fd >= 0) {
        if (getsockopt(conf->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
            return err_set(e, ERR_CONFIG, "listen: descriptor %d is not a listening socket",
                           conf->fd);
        l->fd = conf->fd;
    } else {
        net_addr_text(&conf->addr, text);
        l->fd = socket(conf->addr.u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (l->fd < 0 || bind_and_listen(l->fd, conf) < 0)
            return err_set(e, ERR_SYS, "listen on %s: %s", text, strerror(errno));
    }
    set_inherited(l->fd);
    len = sizeof(l->addr.u);
    if (getsockname(l->fd, &l->addr.u.any, &len) < 0)
        return err_set(e, ERR_SYS, "listen: %s", strerror(errno));
    return 0;
}

int net_uv_listen(struct net_listener **ret, struct net *net, const struct net_listen_conf *conf,
                  void (*on_accept)(void *arg, struct net_conn *c), void *arg, struct err *e)
{
    struct uvlistener *l = mem_zalloc(1, sizeof(*l));
    int rc = -1;

    if (!l)
        return err_set(e, ERR_NOMEM, "listen: no memory");
    l->base.ops = net->ops;
    l->magic = LISTENER_MAGIC;
    l->n = CONTAINER_OF(net, struct uvnet, base);
    l->fd = -1;
    l->on_accept = on_accept;
    l->arg = arg;
    list_init(&l->link);
    ev_timer_init(&l->rest, net->ev, on_rest_over);
    if (open_socket(l, conf, e) < 0)
        goto out;
    if (ev_fd_open(&l->watch, net->ev, l->fd, on_readable, l, e) < 0)
        goto out;
    list_push(&l->n->listeners, &l->link);
    watch(l);
    *ret = &l->base;
    l = NULL;
    rc = 0;
out:
    if (l && l->fd == conf->fd)
        l->fd = -1; /* what was not taken stays the caller's */
    if (l)
        net_uv_listener_close(&l->base);
    return rc;
}

const struct net_addr *net_uv_listener_addr(const struct net_listener *l)
{
    return &((const struct uvlistener *)(const void *)l)->addr; /* base comes first */
}

void net_uv_listener_pause(struct net_listener *base, bool pause)
{
    struct uvlistener *l = of(base);

    l->paused = pause;
    watch(l);
}

void net_uv_listener_close(struct net_listener *base)
{
    struct uvlistener *l = of(base);

    ev_timer_stop(&l->rest);
    ev_fd_close(&l->watch);
    if (l->fd >= 0)
        close(l->fd);
    list_del(&l->link);
    l->magic = 0;
    l->closed = true;
    if (!l->busy)
        mem_free(l);
}
