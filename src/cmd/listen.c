/*
 * listen.c - see listen.h.
 */
#include "cmd/listen.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

static socklen_t addr_len(const struct net_addr *a)
{
    return a->u.any.sa_family == AF_INET6 ? sizeof(a->u.v6) : sizeof(a->u.v4);
}

static int open_one(const struct net_addr *addr, bool share, struct err *e)
{
    char text[NET_ADDR_TEXT];
    int one = 1, fd;

    fd = socket(addr->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, ERR_SYS, "no socket: %s", strerror(errno));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) ||
        (addr->u.any.sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
        bind(fd, &addr->u.any, addr_len(addr)) != 0 || listen(fd, BACKLOG) != 0) {
        err_set(e, ERR_SYS, "cannot listen on %s: %s%s", net_addr_text(addr, text), strerror(errno),
                errno == EADDRINUSE ? " (server.listen and server.admin choose the addresses)"
                                    : "");
        (void)close(fd);
        return -1;
    }
    return fd;
}

void listen_addr(int fd, struct net_addr *ret)
{
    socklen_t n = sizeof(*ret);

    *ret = (struct net_addr){0};
    MUST(getsockname(fd, &ret->u.any, &n) == 0);
}

/* Another program on the same address must be an error, also one that shares its port: so the
 * address is tried alone first. */
static int check_free(const struct net_addr *addr, struct err *e)
{
    int fd = open_one(addr, false, e);

    if (fd < 0)
        return -1;
    (void)close(fd);
    return 0;
}

static int open_slots(struct run *run, size_t i, const struct net_addr *addr, struct err *e)
{
    for (uint32_t slot = 0; slot < run->workers; slot++) {
        int fd = open_one(addr, true, e);

        if (fd < 0)
            return -1;
        run->listen_fds[slot][i] = fd;
    }
    return 0;
}

/* A port that the kernel has chosen is chosen for a socket that nobody keeps: the one that it was
 * chosen for would lose it in listen_give_way(). */
static int open_address(struct run *run, size_t i, struct net_addr addr, struct err *e)
{
    int first, rc;

    if (check_free(&addr, e) < 0)
        return -1;
    first = open_one(&addr, true, e);
    if (first < 0)
        return -1;
    listen_addr(first, &addr);
    rc = open_slots(run, i, &addr, e);
    (void)close(first);
    return rc;
}

/* Where workers reach each other: a port of loopback each. Where there is no loopback, each worker
 * goes by what it knows itself. */
static void open_peers(struct run *run)
{
    struct net_addr any = {
        .u.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    struct net_addr addr;
    struct err e;

    for (uint32_t slot = 0; run->workers > 1 && slot < run->workers; slot++) {
        run->peer_fds[slot] = open_one(&any, false, &e);
        if (run->peer_fds[slot] < 0) {
            run_say("lamplighter: warning: workers cannot reach each other, and an Idempotency-Key "
                    "holds within one of them only: %s",
                    e.text);
            while (slot-- > 0)
                (void)close(run->peer_fds[slot]);
            return;
        }
        listen_addr(run->peer_fds[slot], &addr);
        run->peer_ports[slot] = ntohs(addr.u.v4.sin_port);
    }
    run->peers = run->workers > 1;
}

int listen_open(struct run *run, const struct settings *s, struct err *e)
{
    if (s->server.listen_n > RUN_LISTENS)
        return err_set(e, ERR_CONFIG, "server.listen: more than %d addresses", RUN_LISTENS);
    run->listens = s->server.listen_n;
    for (size_t i = 0; i < run->listens; i++)
        if (open_address(run, i, s->server.listen[i], e) < 0)
            return -1;
    run->admin_fd = open_one(&s->server.admin, false, e);
    if (run->admin_fd < 0)
        return -1;
    open_peers(run);
    return 0;
}

/* Of a socket that does not listen, it would be said for all that it ever accepts. */
static void stop_listening(int fd)
{
    int listening = 0;
    socklen_t n = sizeof(listening);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening)
        UNUSED(shutdown(fd, SHUT_RD)); /* if it cannot be, who waits there waits on */
}

void listen_give_way(const struct run *run, uint32_t slot)
{
    for (size_t i = 0; i < run->listens; i++)
        stop_listening(run->listen_fds[slot][i]);
}

int listen_anew(const struct run *run, uint32_t slot, struct err *e)
{
    for (size_t i = 0; i < run->listens; i++)
        if (listen(run->listen_fds[slot][i], BACKLOG) != 0)
            return err_set(e, ERR_SYS, "cannot listen any more: %s", strerror(errno));
    return 0;
}

void listen_close_others(const struct run *run, uint32_t keep, bool keep_admin)
{
    for (uint32_t slot = 0; slot < run->workers; slot++)
        for (size_t i = 0; i < run->listens && slot != keep; i++)
            (void)close(run->listen_fds[slot][i]);
    for (uint32_t slot = 0; run->peers && slot < run->workers; slot++)
        if (slot != keep)
            (void)close(run->peer_fds[slot]);
    if (!keep_admin)
        (void)close(run->admin_fd);
}

int listen_free_port(uint16_t *ret, struct err *e)
{
    struct net_addr a = {
        .u.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = open_one(&a, false, e);

    if (fd < 0)
        return -1;
    listen_addr(fd, &a);
    *ret = ntohs(a.u.v4.sin_port);
    (void)close(fd);
    return 0;
}
