/*
 * world.c - see world.h.
 */
#include "call/world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "conf/report.h"

void world_open(struct world *w, const char *const *env)
{
    static const struct net_sim_conf quick = {.latency_min = 100, .latency_max = 2000};
    struct resolver_conf names = {0};
    struct err e;

    *w = (struct world){0};
    assert_int_equal(env_new_table(&w->env, env, &e), 0);
    assert_int_equal(ev_sim_new(&w->ev, 1, &e), 0);
    assert_int_equal(resolve_sim_new(&w->resolver, w->ev, &names, &e), 0);
    assert_int_equal(net_sim_new(&w->sim, w->ev, &quick, &e), 0);
    assert_int_equal(net_sim_host(&w->net, w->sim, NULL, &e), 0);
    assert_int_equal(net_sim_host(&w->origin, w->sim, NULL, &e), 0);
}

void world_close(struct world *w)
{
    world_run(w, EV_S(30)); /* what was posted to be freed */
    net_sim_host_free(&w->net);
    net_sim_host_free(&w->origin);
    resolve_free(&w->resolver);
    net_sim_free(&w->sim);
    ev_sim_free(&w->ev);
    env_free(&w->env);
}

void world_run(struct world *w, ev_us us)
{
    ev_sim_run(w->ev, ev_now(w->ev) + us);
}

struct settings *world_settings(struct world *w, const char *text)
{
    /* What is built in takes longer to read than most tests take. */
    static const struct span prices = SPAN_LIT("version: 1\nprices: {}\n");
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct err e;

    assert_non_null(r);
    conf_report_init(r);
    if (settings_load_with(&s, span_str(text), SPAN_LIT("test.yaml"), prices, w->env, r, &e) < 0)
        fail_msg("%s: %s: %.*s", text, e.text, r->n ? (int)r->diags[0].text.n : 0,
                 r->n ? r->diags[0].text.p : "");
    conf_report_fini(r);
    mem_free(r);
    return s;
}

/* ---- origins ---- */

struct origin_conn {
    struct list link;
    struct origin *o;
    struct net_conn *conn;
    char asked[ORIGIN_ASKED];
    size_t n;
    bool over; /* that was a whole request */
};

static void conn_free(struct origin_conn *c)
{
    net_conn_close(&c->conn, NET_END_RESET);
    list_del(&c->link);
    c->o->open--;
    free(c);
}

static const char *page_of(const struct origin *o)
{
    struct span rest = span_str(o->asked);

    UNUSED(span_cut(&rest, ' '));
    rest = span_cut(&rest, ' ');
    for (const struct origin_page *p = o->pages; p && p->path; p++)
        if (span_is(rest, p->path))
            return p->answer;
    return NULL;
}

/* Has a whole request come, body and all? */
static bool is_whole(const char *text, size_t n)
{
    const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "content-length: ");
    size_t body = 0;

    for (const char *p = length && length < end ? length + strlen("content-length: ") : "";
         *p >= '0' && *p <= '9'; p++)
        body = 10 * body + (size_t)(*p - '0');
    return end && n >= (size_t)(end - text) + 4 + body;
}

/* It may come in pieces. */
static void on_read(void *arg, const char *p, size_t n)
{
    struct origin_conn *c = arg;
    const char *page;
    char answer[64];
    struct err e;
    int len;

    if (c->over)
        c->n = 0;
    assert_true(c->n + n < sizeof(c->o->asked));
    memcpy(c->asked + c->n, p, n);
    c->n += n;
    c->asked[c->n] = '\0';
    c->over = is_whole(c->asked, c->n);
    if (!c->over)
        return;
    c->o->requests++;
    memcpy(c->o->asked, c->asked, c->n + 1);
    page = page_of(c->o);
    if (page) {
        assert_int_equal(net_conn_write(c->conn, page, strlen(page), &e), 0);
        return;
    }
    if (c->o->status == 0)
        return;
    len = snprintf(answer, sizeof(answer), "HTTP/1.1 %u X\r\ncontent-length: 0\r\n\r\n",
                   c->o->status);
    assert_int_equal(net_conn_write(c->conn, answer, (size_t)len, &e), 0);
}

static void on_eof(void *arg)
{
    conn_free(arg);
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void on_error(void *arg, const struct err *e)
{
    UNUSED(e);
    conn_free(arg);
}

static const struct net_conn_cb conn_cb = {on_read, on_eof, on_sent, on_error};

static void on_accept(void *arg, struct net_conn *conn)
{
    struct origin_conn *c = calloc(1, sizeof(*c));

    assert_non_null(c);
    c->o = arg;
    c->conn = conn;
    list_init(&c->link);
    list_push(&c->o->conns, &c->link);
    c->o->accepted++;
    c->o->open++;
    net_conn_listen(conn, &conn_cb, c);
    net_conn_read(conn, true);
}

void origin_open(struct origin *o, struct world *w, const char *addr, unsigned status)
{
    struct net_listen_conf conf = {.fd = -1};
    struct err e;

    *o = (struct origin){.status = status};
    list_init(&o->conns);
    assert_int_equal(net_addr_parse(&conf.addr, span_str(addr), &e), 0);
    assert_int_equal(net_listen(&o->listener, w->origin, &conf, on_accept, o, &e), 0);
}

void origin_close(struct origin *o)
{
    LIST_EACH(it, &o->conns)
    {
        conn_free(LIST_ENTRY(it, struct origin_conn, link));
    }
    net_listener_close(&o->listener);
}
