/*
 * dial.c - the steps of a dial.
 *
 *     RESOLVE -- addresses, some allowed ---> CONNECT
 *     CONNECT -- the first one answers -----> PROXY_TLS, TUNNEL, TLS or done: see next_step()
 *     PROXY_TLS -- ready -------------------> TUNNEL   CONNECT host:port is sent
 *     TUNNEL  -- 2xx -----------------------> TLS or done
 *     TLS     -- ready ---------------------> done
 *
 * Each step has its own time; an error or the end of the time is the end of the dial.
 *
 * Addresses are tried in order, the next one when one fails or after 250 ms without an answer;
 * the first connection wins and the others are given up. Most names have one address, and a
 * second one in flight costs a server little.
 *
 * The proxy's answer has no body that we read: what follows its head would be the target
 * speaking first, which neither TLS nor HTTP does, so it is refused.
 *
 * Invariants: (1) owner's on_done is called once, by finish(), as its last act, from the loop;
 *             (2) conn is set in PROXY_TLS, TUNNEL and TLS, tries are alive only in CONNECT.
 */
#include "net/dial.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "net/addr.h"

#define DIAL_MAGIC       0x6469616cu
#define STAGGER          EV_MS(250)
#define ANSWER_BYTES_MAX 8192
#define HEAD_BYTES_MAX   2048 /* of our CONNECT */

enum step { RESOLVE, CONNECT, PROXY_TLS, TUNNEL, TLS };

struct
try {
    struct dial *d;
    struct net_connect *attempt;
};

struct dial {
    uint32_t magic;
    enum step step;
    struct net *net;
    struct resolver *resolver;
    void (*on_done)(void *arg, struct net_conn *c, const struct err *e);
    void *arg;

    char host[RESOLVE_HOST_MAX + 1], proxy_host[RESOLVE_HOST_MAX + 1];
    uint16_t port, proxy_port;
    bool proxy;
    struct tls_ctx *tls, *proxy_tls;
    char *auth; /* NULL: none */
    bool allowed[NET_ADDR_MULTICAST + 1];
    uint32_t ms[TLS + 1]; /* how long each step may take */

    struct resolve *question;
    struct net_addr addrs[RESOLVE_ADDRS_MAX];
    struct try tries[RESOLVE_ADDRS_MAX];
    size_t addrs_n, tried, alive;
    struct err last; /* why the latest address failed */
    struct net_conn *conn;
    struct buf answer;
    struct ev_timer time_up, stagger;
};

static const struct {
    const char *doing;
    uint32_t ms;
} steps[] = {
    [RESOLVE] = {"resolve", 5000},
    [CONNECT] = {"connect", 3000},
    [PROXY_TLS] = {"TLS to the proxy", 5000},
    [TUNNEL] = {"CONNECT through the proxy", 5000},
    [TLS] = {"TLS", 5000},
};

static void next_step(struct dial *d);

/* ---- the end ---- */

static void drop_tries(struct dial *d)
{
    for (size_t i = 0; i < d->tried; i++)
        net_connect_cancel(&d->tries[i].attempt);
    d->alive = 0;
}

static void free_dial(struct dial *d, enum net_end how)
{
    d->magic = 0;
    resolve_cancel(&d->question);
    drop_tries(d);
    net_conn_close(&d->conn, how);
    ev_timer_stop(&d->time_up);
    ev_timer_stop(&d->stagger);
    tls_ctx_unref(&d->tls);
    tls_ctx_unref(&d->proxy_tls);
    if (d->auth)
        explicit_bzero(d->auth, strlen(d->auth));
    mem_free(d->auth);
    buf_fini(&d->answer);
    mem_free(d);
}

/* The last act of whoever calls it: the connection on e == NULL, else why there is none. */
static void finish(struct dial *d, const struct err *e)
{
    void (*on_done)(void *arg, struct net_conn *c, const struct err *e);
    void *arg;
    struct net_conn *c = NULL;
    struct err why;

    OBJ_CHECK(d, DIAL_MAGIC);
    on_done = d->on_done;
    arg = d->arg;
    if (e) {
        why = *e;
    } else {
        c = d->conn;
        d->conn = NULL;
    }
    free_dial(d, NET_END_FLUSH); /* an alert may have to get out */
    on_done(arg, c, e ? &why : NULL);
}

static void on_time_up(struct ev_timer *t)
{
    struct dial *d = CONTAINER_OF(t, struct dial, time_up);
    struct err e;

    err_set(&e, ERR_TIMEOUT, "%s:%u: %s took longer than %u ms", d->host, d->port,
            steps[d->step].doing, d->ms[d->step]);
    finish(d, &e);
}

/* Begin a step: its time runs. -1: no memory, *e says so. */
static int enter(struct dial *d, enum step step, struct err *e)
{
    d->step = step;
    return ev_timer_set(&d->time_up, EV_MS(d->ms[step]), e);
}

/* ---- connecting ---- */

static void try_next(struct dial *d);

static void on_connected(void *arg, struct net_conn *c, const struct err *e)
{
    struct try *try = arg;
    struct dial *d = try->d;

    OBJ_CHECK(d, DIAL_MAGIC);
    try->attempt = NULL;
    d->alive--;
    if (!c) {
        d->last = *e;
        try_next(d);
        return;
    }
    drop_tries(d);
    ev_timer_stop(&d->stagger);
    d->conn = c;
    next_step(d);
}

static void on_stagger(struct ev_timer *t)
{
    try_next(CONTAINER_OF(t, struct dial, stagger));
}

/* Start the next address that can be started. May end the dial. */
static void try_next(struct dial *d)
{
    struct err e;

    while (d->tried < d->addrs_n) {
        struct try *try = &d->tries[d->tried];

        try->d = d;
        if (net_connect(&try->attempt, d->net, &d->addrs[d->tried++], on_connected, try,
                        &d->last) == 0) {
            d->alive++;
            break;
        }
    }
    if (d->alive == 0)
        finish(d, &d->last);
    else if (d->tried < d->addrs_n && ev_timer_set(&d->stagger, STAGGER, &e) < 0)
        finish(d, &e);
}

/* Keep the addresses that may be dialled; *e names one that may not. */
static void sift(struct dial *d, const struct net_addr *addrs, size_t n, struct err *e)
{
    char text[NET_ADDR_TEXT];

    d->addrs_n = 0;
    for (size_t i = 0; i < n; i++) {
        enum net_addr_class class = net_addr_class(&addrs[i]);

        if (d->allowed[class])
            d->addrs[d->addrs_n++] = addrs[i];
        else
            err_set(e, ERR_CONNECT, "%s:%u: %s is a %s address, which is not allowed here", d->host,
                    d->port, net_addr_text(&addrs[i], text), net_addr_class_name(class));
    }
}

static void on_resolved(void *arg, const struct net_addr *addrs, size_t n, const struct err *why)
{
    struct dial *d = arg;
    struct err e = {0}; /* for gcc's analyzer, which does not see that n is not 0 any more */

    OBJ_CHECK(d, DIAL_MAGIC);
    d->question = NULL;
    if (n == 0) {
        finish(d, why);
        return;
    }
    sift(d, addrs, n, &e);
    if (d->addrs_n == 0 || enter(d, CONNECT, &e) < 0)
        finish(d, &e);
    else
        try_next(d);
}

/* ---- the proxy ---- */

static int proxy_failed(const struct dial *d, struct err *e, enum err_code code, const char *why)
{
    return err_set(e, code, "%s:%u: the proxy %s:%u %s", d->host, d->port, d->proxy_host,
                   d->proxy_port, why);
}

/* The head has come whole: 0, or -1 and why the tunnel is not there. */
static int judge(const struct dial *d, struct span head, struct err *e)
{
    struct span line = head, reason;
    uint64_t status;
    char why[96];

    line.n = MIN(span_find(head, '\r'), head.n);
    if (!span_starts(line, SPAN_LIT("HTTP/1.")) || line.n < 12 || line.p[8] != ' ' ||
        span_u64(span_of(line.p + 9, 3), &status) < 0 || (line.n > 12 && line.p[12] != ' '))
        return proxy_failed(d, e, ERR_PROTOCOL, "did not answer in HTTP");
    if (status >= 200 && status <= 299)
        return 0;
    if (status == 407)
        return proxy_failed(d, e, ERR_CONNECT,
                            d->auth ? "refused our credentials (407)" : "wants credentials (407)");
    reason = span_of(line.p + 12, MIN(line.n - 12, (size_t)48));
    snprintf(why, sizeof(why), "refused: %u%.*s", (unsigned)status, SPAN_FMT(reason));
    for (char *c = why; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return proxy_failed(d, e, ERR_CONNECT, why);
}

static void on_answer(void *arg, const char *p, size_t n)
{
    struct dial *d = arg;
    struct span seen;
    const char *end;
    struct err e;

    buf_add(&d->answer, p, n);
    if (!buf_ok(&d->answer)) {
        proxy_failed(d, &e, d->answer.err, "sent too long an answer");
        finish(d, &e);
        return;
    }
    seen = buf_span(&d->answer);
    end = memmem(seen.p, seen.n, "\r\n\r\n", 4);
    if (!end)
        return;
    if (judge(d, span_of(seen.p, (size_t)(end - seen.p)), &e) < 0) {
        finish(d, &e);
    } else if (end + 4 != seen.p + seen.n) {
        proxy_failed(d, &e, ERR_PROTOCOL, "sent more than the head of its answer");
        finish(d, &e);
    } else {
        net_conn_read(d->conn, false);
        next_step(d);
    }
}

static void on_hung_up(void *arg)
{
    struct dial *d = arg;
    struct err e;

    proxy_failed(d, &e, ERR_CONNECT, "hung up");
    finish(d, &e);
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void on_broken(void *arg, const struct err *why)
{
    struct dial *d = arg;
    struct err e = *why;

    e.code = ERR_CONNECT; /* the tunnel was never there */
    err_prefix(&e, "%s:%u: the proxy", d->host, d->port);
    finish(d, &e);
}

static const struct net_conn_cb tunnel_cb = {
    .on_read = on_answer,
    .on_eof = on_hung_up,
    .on_sent = on_sent,
    .on_error = on_broken,
};

static int ask_proxy(struct dial *d, struct err *e)
{
    const char *open = strchr(d->host, ':') ? "[" : "", *close = *open ? "]" : "";
    struct buf head;
    int rc = -1;

    buf_init(&head, HEAD_BYTES_MAX);
    buf_printf(&head, "CONNECT %s%s%s:%u HTTP/1.1\r\nHost: %s%s%s:%u\r\n", open, d->host, close,
               d->port, open, d->host, close, d->port);
    if (d->auth) {
        buf_add_str(&head, "Proxy-Authorization: Basic ");
        base64_encode(&head, span_str(d->auth));
        buf_add_str(&head, "\r\n");
    }
    buf_add_str(&head, "\r\n");
    if (buf_finish(&head, "CONNECT", e) < 0)
        goto out;
    net_conn_listen(d->conn, &tunnel_cb, d);
    net_conn_read(d->conn, true);
    net_conn_keep_secret(d->conn);
    rc = net_conn_write(d->conn, head.p, head.n, e);
out:
    if (head.p)
        explicit_bzero(head.p, head.n);
    buf_fini(&head);
    return rc;
}

/* ---- from step to step ---- */

static void on_secure(void *arg, const struct err *e)
{
    struct dial *d = arg;

    OBJ_CHECK(d, DIAL_MAGIC);
    if (e)
        finish(d, e);
    else
        next_step(d);
}

static int start_tls(struct dial *d, struct tls_ctx *ctx, const char *host, struct err *e)
{
    struct net_conn *over;

    if (tls_wrap(&over, ctx, d->conn, host, on_secure, d, e) < 0)
        return -1;
    d->conn = over;
    return 0;
}

/* What the dial needs next, after the step it has done. */
static void next_step(struct dial *d)
{
    struct err e;
    int rc;

    if (d->step == CONNECT && d->proxy && d->proxy_tls) {
        rc = enter(d, PROXY_TLS, &e) < 0 ? -1 : start_tls(d, d->proxy_tls, d->proxy_host, &e);
    } else if (d->step <= PROXY_TLS && d->proxy) {
        rc = enter(d, TUNNEL, &e) < 0 ? -1 : ask_proxy(d, &e);
    } else if (d->step <= TUNNEL && d->tls) {
        rc = enter(d, TLS, &e) < 0 ? -1 : start_tls(d, d->tls, d->host, &e);
    } else {
        finish(d, NULL);
        return;
    }
    if (rc < 0)
        finish(d, &e);
}

/* ---- starting ---- */

static int take_host(char out[RESOLVE_HOST_MAX + 1], const char *host, struct err *e)
{
    struct span s = span_str(host);

    if (!resolve_host_ok(s))
        return err_set(e, ERR_RESOLVE, "'%.*s' is not a host name", (int)MIN(s.n, (size_t)64),
                       s.p ? s.p : "");
    memcpy(out, host, s.n + 1);
    return 0;
}

static int take_proxy(struct dial *d, const struct dial_proxy *p, struct err *e)
{
    struct net_addr ip;

    if (take_host(d->proxy_host, p->host, e) < 0)
        return -1;
    if (p->auth.n > DIAL_AUTH_MAX)
        return err_set(e, ERR_CONFIG, "the proxy's credentials are longer than %d bytes",
                       DIAL_AUTH_MAX);
    d->proxy_port = p->port;
    d->proxy_tls = p->tls ? tls_ctx_ref(p->tls) : NULL;
    if (span_has(p->auth)) {
        d->auth = mem_strndup(p->auth.p, p->auth.n);
        if (!d->auth)
            return err_set(e, ERR_NOMEM, "dial: no memory");
    }
    /* The proxy would go wherever we say: judge what can be judged before it is asked. */
    if (net_addr_ip_parse(&ip, span_str(d->host), d->port) == 0) {
        sift(d, &ip, 1, e);
        if (d->addrs_n == 0)
            return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(d->allowed); i++)
        d->allowed[i] = i == NET_ADDR_PUBLIC || i == NET_ADDR_PRIVATE || i == NET_ADDR_LOOPBACK ||
                        i == NET_ADDR_LINK_LOCAL; /* where the proxy itself may be */
    d->proxy = true;
    return 0;
}

static void take_bounds(struct dial *d, const struct dial_conf *conf)
{
    const uint32_t ms[] = {
        [RESOLVE] = conf->resolve_ms, [CONNECT] = conf->connect_ms, [PROXY_TLS] = conf->tls_ms,
        [TUNNEL] = conf->proxy_ms,    [TLS] = conf->tls_ms,
    };

    for (size_t i = 0; i < ARRAY_LEN(ms); i++)
        d->ms[i] = ms[i] ? ms[i] : steps[i].ms;
    d->allowed[NET_ADDR_PUBLIC] = true;
    d->allowed[NET_ADDR_PRIVATE] = d->allowed[NET_ADDR_LINK_LOCAL] = conf->allow_private;
    d->allowed[NET_ADDR_LOOPBACK] = conf->allow_loopback;
    d->allowed[NET_ADDR_METADATA] = conf->allow_metadata;
}

int dial_start(struct dial **ret, struct net *net, struct resolver *r, const struct dial_conf *conf,
               void (*on_done)(void *arg, struct net_conn *c, const struct err *e), void *arg,
               struct err *e)
{
    struct dial *d;
    int rc = -1;

    MUST(ret && net && r && conf && on_done && e);
    d = mem_zalloc(1, sizeof(*d));
    if (!d)
        return err_set(e, ERR_NOMEM, "dial: no memory");
    d->magic = DIAL_MAGIC;
    d->net = net;
    d->resolver = r;
    d->on_done = on_done;
    d->arg = arg;
    d->port = conf->port;
    ev_timer_init(&d->time_up, net_ev(net), on_time_up);
    ev_timer_init(&d->stagger, net_ev(net), on_stagger);
    buf_init(&d->answer, ANSWER_BYTES_MAX);
    d->tls = conf->tls ? tls_ctx_ref(conf->tls) : NULL;
    take_bounds(d, conf);
    if (take_host(d->host, conf->host, e) < 0)
        goto out;
    if (conf->proxy && take_proxy(d, conf->proxy, e) < 0)
        goto out;
    if (enter(d, RESOLVE, e) < 0)
        goto out;
    if (resolve_start(&d->question, r, span_str(d->proxy ? d->proxy_host : d->host),
                      d->proxy ? d->proxy_port : d->port, on_resolved, d, e) < 0)
        goto out;
    *ret = d;
    d = NULL;
    rc = 0;
out:
    if (d)
        free_dial(d, NET_END_RESET);
    return rc;
}

void dial_cancel(struct dial **d)
{
    if (!*d)
        return;
    OBJ_CHECK(*d, DIAL_MAGIC);
    free_dial(*d, NET_END_RESET);
    *d = NULL;
}

const char *dial_doing(const struct dial *d)
{
    return steps[d->step].doing;
}
