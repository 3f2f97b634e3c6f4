/*
 * resolve_ares.c - c-ares on our loop: its sockets are watched by ev_fd, its timeouts are one
 * timer.
 *
 * c-ares reads /etc/hosts for every question and /etc/resolv.conf once, when the channel is
 * made. When DNS fails, the channel is made anew (at most once a minute, and only when nobody is
 * being asked): the machine may have moved to another network.
 */
#include <ares.h>

#include "base/mem.h"
#include "ev/ev_uv.h"
#include "net/resolve_impl.h"

#define RENEW EV_S(60)

struct aresolver {
    struct resolver base;
    ares_channel channel;
    struct list sockets; /* of struct sock */
    struct ev_timer timer;
    size_t pending;
    ev_us made_at;
    bool failed, dying, library, made;
};

/* A socket that c-ares opened. */
struct sock {
    struct list link;
    struct aresolver *a;
    ares_socket_t fd;
    struct ev_fd *watch;
};

/* A question that c-ares has. */
struct question {
    struct aresolver *a;
    struct resolve_name *name;
};

static struct aresolver *of(struct resolver *r)
{
    return CONTAINER_OF(r, struct aresolver, base);
}

static void arm(struct aresolver *a)
{
    struct timeval tv, *next = ares_timeout(a->channel, NULL, &tv);
    struct err e;

    if (!next) {
        ev_timer_stop(&a->timer);
        return;
    }
    if (ev_timer_set(&a->timer, EV_S(next->tv_sec) + (ev_us)next->tv_usec, &e) < 0)
        ares_cancel(a->channel); /* nobody would wake us: all questions fail now */
}

static void on_timer(struct ev_timer *t)
{
    struct aresolver *a = CONTAINER_OF(t, struct aresolver, timer);

    ares_process_fd(a->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm(a);
}

static void on_ready(void *arg, unsigned events)
{
    struct sock *s = arg;
    struct aresolver *a = s->a;

    ares_process_fd(a->channel, events & EV_FD_READ ? s->fd : ARES_SOCKET_BAD,
                    events & EV_FD_WRITE ? s->fd : ARES_SOCKET_BAD);
    arm(a);
}

static struct sock *find(struct aresolver *a, ares_socket_t fd)
{
    LIST_EACH(it, &a->sockets)
    {
        struct sock *s = LIST_ENTRY(it, struct sock, link);

        if (s->fd == fd)
            return s;
    }
    return NULL;
}

static struct sock *add(struct aresolver *a, ares_socket_t fd)
{
    struct sock *s = mem_zalloc(1, sizeof(*s));
    struct err e;

    if (!s)
        return NULL;
    s->a = a;
    s->fd = fd;
    if (ev_fd_open(&s->watch, a->base.ev, fd, on_ready, s, &e) < 0) {
        mem_free(s);
        return NULL;
    }
    list_init(&s->link);
    list_push(&a->sockets, &s->link);
    return s;
}

/* c-ares says what it waits for; nothing: it is about to close the socket. */
static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct aresolver *a = arg;
    struct sock *s = find(a, fd);

    if (!readable && !writable) {
        if (!s)
            return;
        ev_fd_close(&s->watch);
        list_del(&s->link);
        mem_free(s);
        return;
    }
    if (!s)
        s = add(a, fd);
    if (s) /* without memory the question runs into its timeout */
        ev_fd_want(s->watch, (readable ? EV_FD_READ : 0) | (writable ? EV_FD_WRITE : 0));
}

static size_t collect(const struct ares_addrinfo *list, struct net_addr *out, uint32_t *ret_ttl_s)
{
    size_t n = 0;

    *ret_ttl_s = UINT32_MAX;
    for (const struct ares_addrinfo_node *it = list->nodes; it && n < RESOLVE_ADDRS_MAX;
         it = it->ai_next) {
        if (it->ai_family != AF_INET && it->ai_family != AF_INET6)
            continue;
        out[n] = (struct net_addr){0};
        memcpy(&out[n++].u, it->ai_addr, MIN((size_t)it->ai_addrlen, sizeof(out->u)));
        *ret_ttl_s = MIN(*ret_ttl_s, (uint32_t)MAX(it->ai_ttl, 0));
    }
    return n;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *list)
{
    struct question *q = arg;
    struct aresolver *a = q->a;
    struct resolve_name *name = q->name;
    struct net_addr addrs[RESOLVE_ADDRS_MAX];
    struct err e;
    uint32_t ttl_s = 0;
    size_t n = 0;

    UNUSED(timeouts);
    mem_free(q);
    a->pending--;
    if (list) {
        n = status == ARES_SUCCESS ? collect(list, addrs, &ttl_s) : 0;
        ares_freeaddrinfo(list);
    }
    if (a->dying)
        return;
    err_set(&e, status == ARES_ENOMEM ? ERR_NOMEM : ERR_RESOLVE, "%s: %s", name->host,
            status == ARES_SUCCESS ? "it has no address" : ares_strerror(status));
    a->failed = n == 0 && status != ARES_ENOTFOUND && status != ARES_ENODATA;
    resolve_answer(name, addrs, n, ttl_s, &e);
}

static int make_channel(struct aresolver *a, struct err *e)
{
    const struct resolver_conf *conf = &a->base.conf;
    char lookups[] = "fb"; /* files, then DNS */
    struct ares_options o = {
        .timeout = (int)MIN(conf->timeout_ms, 60000u),
        .tries = (int)MIN(conf->tries, 10u),
        .lookups = lookups,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = a,
    };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    int status = ares_init_options(&a->channel, &o, mask);

    if (status == ARES_SUCCESS) {
        a->made = true;
        a->made_at = ev_now(a->base.ev);
        a->failed = false;
        if (conf->servers)
            status = ares_set_servers_ports_csv(a->channel, conf->servers);
    }
    if (status != ARES_SUCCESS)
        return err_set(e, status == ARES_ENOMEM ? ERR_NOMEM : ERR_CONFIG, "DNS: %s",
                       ares_strerror(status));
    return 0;
}

static void drop_channel(struct aresolver *a)
{
    if (a->made)
        ares_destroy(a->channel);
    a->made = false;
    ev_timer_stop(&a->timer);
}

static void ask(struct resolver *r, struct resolve_name *name)
{
    static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
                                                     .ai_socktype = SOCK_STREAM};
    struct aresolver *a = of(r);
    struct question *q;
    struct err e;

    if (a->failed && a->pending == 0 && ev_now(r->ev) - a->made_at > RENEW)
        drop_channel(a);
    if (!a->made && make_channel(a, &e) < 0) {
        drop_channel(a);
        resolve_answer(name, NULL, 0, 0, &e);
        return;
    }
    q = mem_alloc(sizeof(*q));
    if (!q) {
        err_set(&e, ERR_NOMEM, "resolve: no memory");
        resolve_answer(name, NULL, 0, 0, &e);
        return;
    }
    *q = (struct question){a, name};
    a->pending++;
    ares_getaddrinfo(a->channel, name->host, NULL, &hints, on_answer, q);
    arm(a);
}

static void free_all(struct resolver *r)
{
    struct aresolver *a = of(r);

    a->dying = true;
    drop_channel(a); /* answers all questions */
    resolve_fini(r);
    if (a->library)
        ares_library_cleanup();
    mem_free(r->servers);
    mem_free(a);
}

static const struct resolver_ops ops = {.name = "c-ares", .ask = ask, .free = free_all};

int resolve_ares_new(struct resolver **ret, struct ev *ev, const struct resolver_conf *conf,
                     struct err *e)
{
    struct aresolver *a = mem_zalloc(1, sizeof(*a));
    struct resolver *r;
    int rc = -1;

    MUST(ret && ev && conf && e);
    if (!a)
        return err_set(e, ERR_NOMEM, "resolve: no memory");
    r = &a->base;
    resolve_init(r, &ops, ev, conf);
    list_init(&a->sockets);
    ev_timer_init(&a->timer, ev, on_timer);
    if (conf->servers) {
        r->servers = mem_strndup(conf->servers, strlen(conf->servers));
        r->conf.servers = r->servers;
        if (!r->servers) {
            err_set(e, ERR_NOMEM, "resolve: no memory");
            goto out;
        }
    }
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        err_set(e, ERR_NOMEM, "resolve: no memory");
        goto out;
    }
    a->library = true;
    if (make_channel(a, e) < 0)
        goto out;
    *ret = r;
    r = NULL;
    rc = 0;
out:
    resolve_free(&r);
    return rc;
}
