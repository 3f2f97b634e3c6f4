/*
 * resolve_sim.c - a table instead of DNS, on virtual time.
 */
#include "base/mem.h"
#include "net/addr.h"
#include "net/resolve_impl.h"

#define ROWS_MAX 4096

struct row {
    struct list link;
    char host[RESOLVE_HOST_MAX + 1];
    struct net_addr addrs[RESOLVE_ADDRS_MAX];
    size_t n;
    uint32_t ttl_s;
    ev_us delay;
    bool silent;
};

/* An answer on its way. */
struct answer {
    struct list link;
    struct ev_timer timer;
    struct resolve_name *name;
    struct row row; /* what the table said when it was asked */
    bool known;
};

struct simresolver {
    struct resolver base;
    struct list rows, answers;
    size_t rows_n;
};

static struct simresolver *of(struct resolver *r)
{
    return CONTAINER_OF(r, struct simresolver, base);
}

static struct row *find(struct simresolver *s, const char *host)
{
    LIST_EACH(it, &s->rows)
    {
        struct row *row = LIST_ENTRY(it, struct row, link);

        if (strcmp(row->host, host) == 0)
            return row;
    }
    return NULL;
}

static void on_answer(struct ev_timer *t)
{
    struct answer *a = CONTAINER_OF(t, struct answer, timer);
    struct err e;

    err_set(&e, ERR_RESOLVE, "%s: %s", a->name->host,
            !a->known       ? "no such name"
            : a->row.silent ? "no answer"
                            : "it has no address");
    list_del(&a->link);
    resolve_answer(a->name, a->row.addrs, a->row.n, a->row.ttl_s, &e);
    mem_free(a);
}

static void ask(struct resolver *r, struct resolve_name *name)
{
    struct simresolver *s = of(r);
    const struct row *row = find(s, name->host);
    struct answer *a = mem_zalloc(1, sizeof(*a));
    ev_us in = EV_MS(1);
    struct err e;

    if (!a) {
        err_set(&e, ERR_NOMEM, "resolve: no memory");
        resolve_answer(name, NULL, 0, 0, &e);
        return;
    }
    a->name = name;
    a->known = row != NULL;
    if (row) {
        a->row = *row;
        in = row->silent ? EV_MS(r->conf.timeout_ms) * r->conf.tries : row->delay;
    }
    list_init(&a->link);
    list_push(&s->answers, &a->link);
    ev_timer_init(&a->timer, r->ev, on_answer);
    if (ev_timer_set(&a->timer, in, &e) < 0) {
        list_del(&a->link);
        mem_free(a);
        resolve_answer(name, NULL, 0, 0, &e);
    }
}

static void free_all(struct resolver *r)
{
    struct simresolver *s = of(r);

    LIST_EACH(it, &s->answers)
    {
        struct answer *a = LIST_ENTRY(it, struct answer, link);

        ev_timer_stop(&a->timer);
        mem_free(a);
    }
    LIST_EACH(it, &s->rows)
    mem_free(LIST_ENTRY(it, struct row, link));
    resolve_fini(r);
    mem_free(s);
}

static const struct resolver_ops ops = {.name = "sim", .ask = ask, .free = free_all};

int resolve_sim_new(struct resolver **ret, struct ev *ev, const struct resolver_conf *conf,
                    struct err *e)
{
    struct simresolver *s = mem_zalloc(1, sizeof(*s));

    MUST(ret && ev && conf && e);
    if (!s)
        return err_set(e, ERR_NOMEM, "resolve: no memory");
    resolve_init(&s->base, &ops, ev, conf);
    list_init(&s->rows);
    list_init(&s->answers);
    *ret = &s->base;
    return 0;
}

int resolve_sim_set(struct resolver *r, const char *host, const char *addrs, uint32_t ttl_s,
                    ev_us delay, struct err *e)
{
    struct simresolver *s = of(r);
    struct row fresh = {.ttl_s = ttl_s, .delay = delay, .silent = !addrs}, *row;
    struct span rest = span_str(addrs);

    MUST(r->ops == &ops && strlen(host) <= RESOLVE_HOST_MAX);
    while (rest.n > 0) {
        struct span one = span_cut(&rest, ',');

        if (fresh.n == RESOLVE_ADDRS_MAX || net_addr_ip_parse(&fresh.addrs[fresh.n], one, 0) < 0)
            return err_set(e, ERR_PARSE, "'%s' is not a list of addresses", addrs);
        fresh.n++;
    }
    row = find(s, host);
    if (!row) {
        if (s->rows_n == ROWS_MAX)
            return err_set(e, ERR_LIMIT, "resolve: more than %d names", ROWS_MAX);
        row = mem_alloc(sizeof(*row));
        if (!row)
            return err_set(e, ERR_NOMEM, "resolve: no memory");
        s->rows_n++;
        list_init(&row->link);
        list_push(&s->rows, &row->link);
    }
    fresh.link = row->link;
    memcpy(fresh.host, host, strlen(host) + 1);
    *row = fresh;
    return 0;
}
