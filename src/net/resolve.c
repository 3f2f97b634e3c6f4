/*
 * resolve.c - questions and the memory of answers.
 *
 *     name unknown or old ---- ask ------------> ASKING    all who ask wait together
 *     ASKING -- addresses -------------------> fresh for their TTL
 *     ASKING -- failure, old ones known -----> the old ones again, fresh for 5 s
 *     ASKING -- failure, none known ---------> the failure, fresh for 1 s
 *     ASKING -- 1 s passes, old ones known --> those who wait get the old ones; still ASKING
 *
 * A failure is remembered for a second so that a burst of requests does not become a burst of
 * queries to a DNS that is down.
 *
 * Answers are told from posts with their own copy of the addresses: neither the memory of a name
 * nor another question can be changed under an owner's callback.
 *
 * Invariants: (1) a name with waiters is being asked for, and is never forgotten;
 *             (2) a question is on its name's waiters or on resolver->ready.
 */
#include "net/resolve_impl.h"

#include "base/mem.h"
#include "net/addr.h"

#define TTL_MIN_S  1u
#define TTL_MAX_S  300u
#define RETRY      EV_S(5)
#define FAILURE    EV_S(1)
#define PATIENCE   EV_S(1)
#define NAMES_MAX  256
#define TIMEOUT_MS 2000
#define TRIES      2
#define OPEN_MAX   65536 /* questions at a time */

struct resolve {
    struct list link;
    struct resolver *r;
    struct ev_post post;
    uint16_t port;
    void (*on_done)(void *arg, const struct net_addr *addrs, size_t n, const struct err *e);
    void *arg;
    struct net_addr addrs[RESOLVE_ADDRS_MAX];
    size_t n;
    struct err err;
};

/* ---- telling ---- */

static void on_told(struct ev_post *p)
{
    struct resolve *q = CONTAINER_OF(p, struct resolve, post);

    list_del(&q->link);
    q->r->open--;
    q->on_done(q->arg, q->addrs, q->n, q->n > 0 ? NULL : &q->err);
    mem_free(q);
}

static void tell(struct resolve *q, const struct net_addr *addrs, size_t n, const struct err *e)
{
    q->n = n;
    for (size_t i = 0; i < n; i++) {
        q->addrs[i] = addrs[i];
        net_addr_port_set(&q->addrs[i], q->port);
    }
    if (n == 0)
        q->err = *e;
    list_del(&q->link);
    list_push(&q->r->ready, &q->link);
    ev_post(q->r->ev, &q->post);
}

static void tell_all(struct resolve_name *name)
{
    LIST_EACH(it, &name->waiters)
    tell(LIST_ENTRY(it, struct resolve, link), name->addrs, name->n, &name->failure);
}

static void on_patience(struct ev_timer *t)
{
    tell_all(CONTAINER_OF(t, struct resolve_name, patience));
}

void resolve_answer(struct resolve_name *name, const struct net_addr *addrs, size_t n,
                    uint32_t ttl_s, const struct err *e)
{
    ev_us now = ev_now(name->r->ev);

    name->asking = false;
    ev_timer_stop(&name->patience);
    if (n > 0) {
        name->n = MIN(n, (size_t)RESOLVE_ADDRS_MAX);
        memcpy(name->addrs, addrs, name->n * sizeof(*addrs));
        name->fresh_until = now + EV_S(MIN(MAX(ttl_s, TTL_MIN_S), TTL_MAX_S));
    } else {
        name->failure = *e;
        name->fresh_until = now + (name->n > 0 ? RETRY : FAILURE);
        if (e->code == ERR_NOMEM) /* ours, and no reason to spare DNS */
            name->fresh_until = now;
    }
    tell_all(name);
}

/* ---- names ---- */

/* Copy host in lower case; false when it can be no name. DNS has the last word, this only keeps
 * out what no name has: spaces, control bytes, slashes, bytes over 126. */
static bool normalize(char out[RESOLVE_HOST_MAX + 1], struct span host)
{
    if (host.n == 0 || host.n > RESOLVE_HOST_MAX)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';

        if (!upper && !lower && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
            return false;
        out[i] = upper ? (char)(c - 'A' + 'a') : c;
    }
    out[host.n] = '\0';
    return true;
}

bool resolve_host_ok(struct span host)
{
    char text[RESOLVE_HOST_MAX + 1];
    struct net_addr ip;

    return net_addr_ip_parse(&ip, host, 0) == 0 || normalize(text, host);
}

static void forget(struct resolve_name *name)
{
    ev_timer_stop(&name->patience);
    list_del(&name->link);
    name->r->names_n--;
    mem_free(name);
}

static struct resolve_name *find(struct resolver *r, const char *host)
{
    LIST_EACH(it, &r->names)
    {
        struct resolve_name *name = LIST_ENTRY(it, struct resolve_name, link);

        if (strcmp(name->host, host) == 0) {
            list_del(&name->link);
            list_push(&r->names, &name->link);
            return name;
        }
    }
    return NULL;
}

static int make_room(struct resolver *r, struct err *e)
{
    if (r->names_n < r->conf.names_max)
        return 0;
    LIST_EACH(it, &r->names)
    {
        struct resolve_name *name = LIST_ENTRY(it, struct resolve_name, link);

        if (!name->asking) {
            forget(name);
            return 0;
        }
    }
    return err_set(e, ERR_LIMIT, "resolve: %u names are being asked for", r->conf.names_max);
}

static struct resolve_name *remember(struct resolver *r, const char *host, struct err *e)
{
    struct resolve_name *name;

    if (make_room(r, e) < 0)
        return NULL;
    name = mem_zalloc(1, sizeof(*name));
    if (!name) {
        err_set(e, ERR_NOMEM, "resolve: no memory");
        return NULL;
    }
    name->r = r;
    memcpy(name->host, host, strlen(host) + 1);
    list_init(&name->waiters);
    ev_timer_init(&name->patience, r->ev, on_patience);
    list_init(&name->link);
    list_push(&r->names, &name->link);
    r->names_n++;
    return name;
}

/* ---- asking ---- */

static void wait_for(struct resolve *q, struct resolve_name *name)
{
    struct resolver *r = q->r;
    struct err e;

    list_push(&name->waiters, &q->link);
    /* Without the timer they wait for DNS: slower, not wrong. */
    if (name->n > 0 && !ev_timer_armed(&name->patience) &&
        ev_timer_set(&name->patience, PATIENCE, &e) < 0)
        tell_all(name);
    if (name->asking)
        return;
    name->asking = true;
    r->queries++;
    r->ops->ask(r, name);
}

int resolve_start(struct resolve **ret, struct resolver *r, struct span host, uint16_t port,
                  void (*on_done)(void *arg, const struct net_addr *addrs, size_t n,
                                  const struct err *e),
                  void *arg, struct err *e)
{
    struct resolve *q;
    struct resolve_name *name;
    struct net_addr literal;
    char text[RESOLVE_HOST_MAX + 1];
    int rc = -1;

    if (r->open >= OPEN_MAX)
        return err_set(e, ERR_LIMIT, "resolve: %d questions are open", OPEN_MAX);
    q = mem_zalloc(1, sizeof(*q));
    if (!q)
        return err_set(e, ERR_NOMEM, "resolve: no memory");
    q->r = r;
    q->port = port;
    q->on_done = on_done;
    q->arg = arg;
    list_init(&q->link);
    ev_post_init(&q->post, on_told);
    if (net_addr_ip_parse(&literal, host, port) == 0) {
        tell(q, &literal, 1, NULL);
        goto started;
    }
    if (!normalize(text, host)) {
        err_set(e, ERR_RESOLVE, "'%.*s' is not a host name", (int)MIN(host.n, (size_t)64), host.p);
        goto out;
    }
    name = find(r, text);
    if (!name)
        name = remember(r, text, e);
    if (!name)
        goto out;
    if (ev_now(r->ev) < name->fresh_until && !name->asking)
        tell(q, name->addrs, name->n, &name->failure);
    else
        wait_for(q, name);
started:
    r->open++;
    *ret = q;
    q = NULL;
    rc = 0;
out:
    mem_free(q);
    return rc;
}

void resolve_cancel(struct resolve **q)
{
    if (!*q)
        return;
    ev_post_cancel(&(*q)->post);
    list_del(&(*q)->link);
    (*q)->r->open--;
    mem_free_ptr(q);
}

/* ---- life ---- */

void resolve_init(struct resolver *r, const struct resolver_ops *ops, struct ev *ev,
                  const struct resolver_conf *conf)
{
    r->ops = ops;
    r->ev = ev;
    r->conf = *conf;
    r->conf.timeout_ms = conf->timeout_ms ? conf->timeout_ms : TIMEOUT_MS;
    r->conf.tries = conf->tries ? conf->tries : TRIES;
    r->conf.names_max = conf->names_max ? conf->names_max : NAMES_MAX;
    list_init(&r->names);
    list_init(&r->ready);
}

static void drop(struct list *questions)
{
    LIST_EACH(it, questions)
    {
        struct resolve *q = LIST_ENTRY(it, struct resolve, link);

        resolve_cancel(&q);
    }
}

void resolve_fini(struct resolver *r)
{
    LIST_EACH(it, &r->names)
    {
        struct resolve_name *name = LIST_ENTRY(it, struct resolve_name, link);

        drop(&name->waiters);
        forget(name);
    }
    drop(&r->ready);
}

void resolve_free(struct resolver **r)
{
    struct resolver *old = *r;

    if (!old)
        return;
    *r = NULL;
    old->ops->free(old);
}

size_t resolve_queries(const struct resolver *r)
{
    return r->queries;
}
