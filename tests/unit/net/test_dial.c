/* Goal: a dial ends with a connection that is ready, or with one plain reason in bounded time,
 * and never goes where it may not.
 * Method: a server of layers ("P" wants CONNECT, "T" speaks TLS) on both nets; silence, refusal,
 * cancellation and want of memory at every step; tables for addresses and NO_PROXY. */
#include "bed.h"
#include "certs.h"

#include <time.h>

#include "base/mem.h"
#include "net/addr.h"
#include "net/dial.h"

#define LAYERS_MAX 4

struct dbed {
    struct bed *b;
    struct certs certs;
    struct tls_ctx *client, *server;
    struct resolver *r;
};

static int set_up_on(void **state, struct bed *b)
{
    struct dbed *t = mem_zalloc(1, sizeof(*t));
    struct tls_client_conf cc;
    struct tls_server_conf sc;
    struct resolver_conf rc = {.servers = "127.0.0.1:9", .timeout_ms = 200, .tries = 1};
    struct err e;

    assert_non_null(t);
    t->b = b;
    certs_make(&t->certs);
    cc = (struct tls_client_conf){.ca_file = t->certs.ca.cert, .alpn = "h2,http/1.1"};
    sc = (struct tls_server_conf){
        .cert_file = t->certs.good.cert, .key_file = t->certs.good.key, .alpn = "h2"};
    assert_int_equal(tls_client_ctx_new(&t->client, b->ev, &cc, &e), 0);
    assert_int_equal(tls_server_ctx_new(&t->server, b->ev, &sc, &e), 0);
    if (b->sim) {
        ev_sim_wall_set(b->ev, (uint64_t)time(NULL) * 1000);
        assert_int_equal(resolve_sim_new(&t->r, b->ev, &rc, &e), 0);
        assert_int_equal(resolve_sim_set(t->r, "localhost", "127.0.0.1", 60, EV_MS(5), &e), 0);
    } else {
        assert_int_equal(resolve_ares_new(&t->r, b->ev, &rc, &e), 0);
    }
    *state = t;
    return 0;
}

static int dbed_uv(void **state)
{
    return set_up_on(state, bed_new(false, 0, NULL));
}

static int dbed_sim(void **state)
{
    return set_up_on(state, bed_new(true, 1, NULL));
}

static int dbed_crumbs(void **state)
{
    static const struct net_sim_conf conf = {.latency_min = 10, .latency_max = 20, .mss = 1};

    return set_up_on(state, bed_new(true, 1, &conf));
}

static int dbed_end(void **state)
{
    struct dbed *t = *state;

    resolve_free(&t->r);
    tls_ctx_unref(&t->client);
    tls_ctx_unref(&t->server);
    certs_remove(&t->certs);
    bed_free(t->b);
    mem_free(t);
    return 0;
}

/* ---- the server ---- */

struct server {
    struct dbed *t;
    struct door d;
    struct side accepted, side; /* the plain connection; the one under work */
    const char *layers, *at;
    const char *answer; /* of "P"; NULL: none at all */
    char head[4096];    /* what "P" was asked */
    bool hang_up;       /* after the answer */
};

static void next_layer(struct server *s, struct net_conn *c);

static void on_head(struct side *side, char what)
{
    struct server *s = CONTAINER_OF(side, struct server, side);
    struct span head = buf_span(&side->in);
    struct net_conn *c = side->c;

    if (what != 'r' || !span_ends(head, SPAN_LIT("\r\n\r\n")) || !s->answer)
        return;
    snprintf(s->head, sizeof(s->head), "%.*s", SPAN_FMT(head));
    buf_reset(&side->in);
    side_write(side, s->answer, strlen(s->answer));
    side->hook = NULL;
    if (s->hang_up) {
        net_conn_close(&side->c, NET_END_FLUSH);
        return;
    }
    net_conn_read(c, false);
    side->c = NULL;
    next_layer(s, c);
}

static void on_wrapped(void *arg, const struct err *e)
{
    struct server *s = arg;
    struct net_conn *c = s->side.c;

    if (e) {
        net_conn_close(&s->side.c, NET_END_FLUSH);
        return;
    }
    s->side.c = NULL;
    next_layer(s, c);
}

static void next_layer(struct server *s, struct net_conn *c)
{
    char layer = *s->at;
    struct err e;

    s->at += layer != '\0';
    s->side.hook = layer == 'P' ? on_head : NULL;
    if (layer != 'T')
        side_take(&s->side, c);
    else if (tls_wrap(&s->side.c, s->t->server, c, NULL, on_wrapped, s, &e) < 0)
        net_conn_close(&c, NET_END_RESET);
}

static void on_accepted(struct door *d, struct side *side)
{
    struct server *s = CONTAINER_OF(d, struct server, d);
    struct net_conn *c = side->c;

    side->c = NULL;
    net_conn_read(c, false);
    s->at = s->layers;
    d->n = 0; /* the same place for the next one */
    net_conn_close(&s->side.c, NET_END_RESET);
    s->side = (struct side){.b = d->b, .in = s->side.in};
    buf_reset(&s->side.in);
    next_layer(s, c);
}

static void serve(struct server *s, struct dbed *t, const char *layers)
{
    *s = (struct server){.t = t, .layers = layers, .answer = "HTTP/1.1 200 OK\r\nX: y\r\n\r\n"};
    side_init(&s->side, t->b);
    door_open(&s->d, t->b, &s->accepted, 1);
    s->d.hook = on_accepted;
}

static uint16_t port_of(const struct server *s)
{
    return net_addr_port(net_listener_addr(s->d.l));
}

static void serve_end(struct server *s)
{
    side_fini(&s->side);
    side_fini(&s->accepted);
    net_listener_close(&s->d.l);
}

/* ---- the caller ---- */

struct caller {
    struct dial *d;
    struct side side;
    bool done;
    struct err err; /* of a failure */
    ev_us begin, took;
};

static void on_dialled(void *arg, struct net_conn *c, const struct err *e)
{
    struct caller *x = arg;

    assert_false(x->done);
    assert_true((c == NULL) == (e != NULL));
    x->done = true;
    x->d = NULL;
    x->took = ev_now(x->side.b->ev) - x->begin;
    if (e)
        x->err = *e;
    else
        side_take(&x->side, c);
}

static int try_dial(struct caller *x, struct dbed *t, const struct dial_conf *conf, struct err *e)
{
    *x = (struct caller){.begin = ev_now(t->b->ev)};
    side_init(&x->side, t->b);
    return dial_start(&x->d, t->b->net, t->r, conf, on_dialled, x, e);
}

static void start(struct caller *x, struct dbed *t, const struct dial_conf *conf)
{
    struct err e = {0};

    if (try_dial(x, t, conf, &e) < 0)
        fail_msg("%s", e.text);
    assert_false(x->done);
    assert_non_null(dial_doing(x->d));
}

static void call(struct caller *x, struct dbed *t, const struct dial_conf *conf)
{
    start(x, t, conf);
    WAIT(t->b, x->done);
}

/* The configuration that fits a server of these layers. */
struct plan {
    struct dial_conf conf;
    struct dial_proxy proxy;
};

static const struct dial_conf *plan(struct plan *p, struct dbed *t, const struct server *s)
{
    const char *proxy = strchr(s->layers, 'P');

    *p = (struct plan){.conf = {.host = "localhost", .port = port_of(s), .allow_loopback = true}};
    if (proxy) {
        p->proxy = (struct dial_proxy){
            .host = "localhost", .port = port_of(s), .tls = proxy > s->layers ? t->client : NULL};
        p->conf.proxy = &p->proxy;
        p->conf.host = "model.test";
        p->conf.port = 443;
        p->conf.allow_loopback = false;
    }
    if (strchr(proxy ? proxy : s->layers, 'T'))
        p->conf.tls = t->client;
    return &p->conf;
}

static void every_stack_of_layers_is_reached(void **state)
{
    static const char *const stacks[] = {"", "T", "P", "PT", "TP", "TPT"};
    struct dbed *t = *state;

    for (size_t i = 0; i < ARRAY_LEN(stacks); i++) {
        struct server s;
        struct caller x;
        struct plan p;

        serve(&s, t, stacks[i]);
        call(&x, t, plan(&p, t, &s));
        if (!x.side.c)
            fail_msg("'%s': %s", stacks[i], x.err.text);
        assert_int_equal(net_conn_is_tls(x.side.c), strchr(stacks[i], 'T') != NULL);
        assert_string_equal(net_conn_alpn(x.side.c), strchr(stacks[i], 'T') ? "h2" : "");
        side_write(&x.side, "ping", 4);
        WAIT(t->b, s.side.in.n == 4 && s.side.c);
        assert_true(span_is(buf_span(&s.side.in), "ping"));
        side_write(&s.side, "pong", 4);
        WAIT(t->b, span_is(buf_span(&x.side.in), "pong"));
        WAIT(t->b, x.side.sent == 4);
        net_conn_close(&s.side.c, NET_END_FLUSH);
        WAIT(t->b, x.side.eof);
        assert_false(net_conn_truncated(x.side.c));
        side_fini(&x.side);
        serve_end(&s);
    }
}

static void proxy_is_asked_in_plain_http(void **state)
{
    struct dbed *t = *state;
    struct server s;
    struct caller x;
    struct plan p;

    serve(&s, t, "P");
    plan(&p, t, &s);
    p.proxy.auth = SPAN_LIT("Aladdin:open sesame");
    call(&x, t, &p.conf);
    assert_non_null(x.side.c);
    assert_string_equal(s.head, "CONNECT model.test:443 HTTP/1.1\r\nHost: model.test:443\r\n"
                                "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
    side_fini(&x.side);
    p.conf.host = "2606:4700::1111";
    p.proxy.auth = SPAN_LIT("a:b");
    call(&x, t, &p.conf);
    assert_non_null(x.side.c);
    assert_string_equal(s.head, "CONNECT [2606:4700::1111]:443 HTTP/1.1\r\n"
                                "Host: [2606:4700::1111]:443\r\n"
                                "Proxy-Authorization: Basic YTpi\r\n\r\n");
    side_fini(&x.side);
    serve_end(&s);
}

static void proxy_answers_are_judged(void **state)
{
    static char huge[10000];
    const struct {
        const char *answer;
        bool hang_up;
        enum err_code code; /* NONE: a tunnel */
        const char *words;
    } rows[] = {
        {"HTTP/1.0 200 Connection established\r\n\r\n", false, ERR_NONE, NULL},
        {"HTTP/1.1 200\r\n\r\n", false, ERR_NONE, NULL},
        {"HTTP/1.1 299 x\r\n\r\n", false, ERR_NONE, NULL},
        {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", false, ERR_CONNECT, "credentials"},
        {"HTTP/1.1 403 Blocked\x1b by policy\r\n\r\n", false, ERR_CONNECT,
         "403 Blocked? by policy"},
        {"HTTP/1.1 502\r\n\r\n", false, ERR_CONNECT, "502"},
        {"HTTP/1.1 100 Continue\r\n\r\n", false, ERR_CONNECT, "100"},
        {"HTTP/1.1 2000 OK\r\n\r\n", false, ERR_PROTOCOL, "HTTP"},
        {"HTTP/1.1 +20 OK\r\n\r\n", false, ERR_PROTOCOL, "HTTP"},
        {"HTTP/2 200 OK\r\n\r\n", false, ERR_PROTOCOL, "HTTP"},
        {"SSH-2.0-OpenSSH\r\n\r\n", false, ERR_PROTOCOL, "HTTP"},
        {"\r\n\r\n", false, ERR_PROTOCOL, "HTTP"},
        {"HTTP/1.1 200 OK\r\n\r\nhello", false, ERR_PROTOCOL, "more than the head"},
        {huge, false, ERR_LIMIT, "too long"},
        {"HTTP/1.1 200 OK\r\n", true, ERR_CONNECT, "hung up"},
        {"", true, ERR_CONNECT, "hung up"},
    };
    struct dbed *t = *state;

    memset(huge, 'x', sizeof(huge) - 1);
    memcpy(huge, "HTTP/1.1 200 OK\r\nX: ", 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct server s;
        struct caller x;
        struct plan p;

        serve(&s, t, "P");
        s.answer = rows[i].answer;
        s.hang_up = rows[i].hang_up;
        call(&x, t, plan(&p, t, &s));
        if (x.err.code != rows[i].code || (rows[i].words && !strstr(x.err.text, rows[i].words)))
            fail_msg("row %zu: %s", i, x.err.text);
        side_fini(&x.side);
        serve_end(&s);
    }
}

static void wrong_certificate_ends_the_dial(void **state)
{
    struct dbed *t = *state;
    struct server s;
    struct caller x;
    struct plan p;

    serve(&s, t, "PT");
    plan(&p, t, &s);
    p.conf.host = "evil.test";
    call(&x, t, &p.conf);
    assert_null(x.side.c);
    assert_int_equal(x.err.code, ERR_TLS);
    assert_non_null(strstr(x.err.text, "wrong host"));
    side_fini(&x.side);
    serve_end(&s);
}

static void nobody_listens(void **state)
{
    struct dbed *t = *state;
    struct server s;
    struct caller x;
    struct plan p;

    serve(&s, t, "");
    plan(&p, t, &s);
    serve_end(&s);
    call(&x, t, &p.conf);
    assert_int_equal(x.err.code, ERR_CONNECT);
    assert_non_null(strstr(x.err.text, "refused"));
    side_fini(&x.side);
}

/* ---- where it may not go ---- */

static void forbidden_addresses_are_not_dialled(void **state)
{
    static const struct {
        const char *addrs;
        const char *allow; /* p private, l loopback, m metadata */
        const char *words; /* of the refusal; NULL: it is tried */
    } rows[] = {
        {"10.0.0.1", "", "private"},
        {"10.0.0.1", "l", "private"},
        {"10.0.0.1", "p", NULL},
        {"127.0.0.1", "p", "loopback"},
        {"127.0.0.1", "l", NULL},
        {"169.254.169.254", "pl", "metadata"},
        {"169.254.169.254", "m", NULL},
        {"0.0.0.0", "plm", "unspecified"},
        {"224.0.0.1", "plm", "multicast"},
        {"::ffff:10.0.0.1", "", "private"},
        {"64:ff9b::169.254.169.254", "pl", "metadata"},
        {"169.254.7.7", "", "link-local"},
        {"10.0.0.1,10.0.0.2", "", "private"},
        {"10.0.0.1,1.1.1.1", "", NULL}, /* the public one is tried */
        {"1.1.1.1", "", NULL},
    };
    struct dbed *t = *state;
    char host[32];
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dial_conf conf = {.host = host, .port = 80};
        struct caller x;

        snprintf(host, sizeof(host), "row%zu.test", i);
        assert_int_equal(resolve_sim_set(t->r, host, rows[i].addrs, 60, 0, &e), 0);
        conf.allow_private = strchr(rows[i].allow, 'p') != NULL;
        conf.allow_loopback = strchr(rows[i].allow, 'l') != NULL;
        conf.allow_metadata = strchr(rows[i].allow, 'm') != NULL;
        call(&x, t, &conf);
        assert_int_equal(x.err.code, ERR_CONNECT); /* nobody listens in any case */
        if (!strstr(x.err.text, rows[i].words ? rows[i].words : "refused"))
            fail_msg("row %zu: %s", i, x.err.text);
        side_fini(&x.side);
    }
}

static void proxy_is_not_sent_to_forbidden_addresses(void **state)
{
    struct dbed *t = *state;
    struct dial_proxy proxy = {.host = "10.0.0.1", .port = 8080};
    struct dial_conf conf = {.host = "169.254.169.254", .port = 80, .proxy = &proxy};
    struct caller x;
    struct err e;

    assert_int_equal(try_dial(&x, t, &conf, &e), -1);
    assert_int_equal(e.code, ERR_CONNECT);
    assert_non_null(strstr(e.text, "metadata"));
    conf.host = "1.1.1.1";
    call(&x, t, &conf); /* the proxy itself may be private */
    assert_non_null(strstr(x.err.text, "refused"));
    proxy.host = "169.254.169.254";
    call(&x, t, &conf);
    assert_non_null(strstr(x.err.text, "metadata"));
}

static void bad_hosts_are_refused_at_once(void **state)
{
    static const char *const hosts[] = {"", "a b", "a\r\nX: y", "[::1]", "a:80", "user@host"};
    struct dbed *t = *state;
    struct dial_proxy proxy = {.host = "10.0.0.1", .port = 8080};
    struct caller x;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct dial_conf conf = {.host = hosts[i], .port = 80};

        assert_int_equal(try_dial(&x, t, &conf, &e), -1);
        assert_int_equal(e.code, ERR_RESOLVE);
        conf.proxy = &proxy;
        assert_int_equal(try_dial(&x, t, &conf, &e), -1);
        conf.host = "ok.test";
        proxy.host = hosts[i];
        assert_int_equal(try_dial(&x, t, &conf, &e), -1);
        proxy.host = "10.0.0.1";
    }
}

/* ---- time ---- */

static void never_answer(struct dbed *t, bool never)
{
    net_sim_conf(t->b->world)->silent_p = never;
}

static void second_address_is_tried_after_250_ms(void **state)
{
    struct dbed *t = *state;
    struct server s;
    struct caller x;
    struct plan p;
    struct err e;

    serve(&s, t, "");
    plan(&p, t, &s);
    p.conf.host = "two.test";
    p.conf.allow_private = true;
    assert_int_equal(resolve_sim_set(t->r, "two.test", "10.0.0.1,127.0.0.1", 60, 0, &e), 0);
    never_answer(t, true);
    start(&x, t, &p.conf);
    WAIT(t->b, strcmp(dial_doing(x.d), "connect") == 0);
    never_answer(t, false);
    WAIT(t->b, x.done);
    assert_non_null(x.side.c);
    assert_in_range(x.took, EV_MS(250), EV_MS(280));
    side_fini(&x.side);

    call(&x, t, &p.conf); /* the first one refuses: no wait at all */
    assert_non_null(x.side.c);
    assert_in_range(x.took, 0, EV_MS(40));
    side_fini(&x.side);

    assert_int_equal(resolve_sim_set(t->r, "six.test",
                                     "10.0.0.1,::ffff:10.0.0.2,10.0.0.3,"
                                     "10.0.0.4,10.0.0.5,127.0.0.1",
                                     60, 0, &e),
                     0);
    p.conf.host = "six.test";
    never_answer(t, true);
    start(&x, t, &p.conf);
    WAIT(t->b, ev_now(t->b->ev) > x.begin + EV_MS(1100));
    never_answer(t, false);
    WAIT(t->b, x.done);
    assert_non_null(x.side.c);
    assert_in_range(x.took, EV_MS(1250), EV_MS(1300));
    side_fini(&x.side);
    serve_end(&s);
}

/* Each step of a dial takes at most its own time. */
static void every_step_is_bounded(void **state)
{
    static const struct {
        const char *layers, *serves; /* what the caller expects; what there is */
        bool silent_dns, silent_net, silent_proxy;
        uint32_t ms;
        const char *words;
    } rows[] = {
        {"", "", true, false, false, 200, "no answer"}, /* the resolver's own time */
        {"", "", false, true, false, 700, "connect took longer than 700 ms"},
        {"T", "", false, false, false, 800, "TLS took longer than 800 ms"},
        {"P", "P", false, false, true, 900, "CONNECT through the proxy took longer than 900 ms"},
        {"PT", "P", false, false, false, 800, "TLS took longer than 800 ms"},
        {"TP", "", false, false, false, 800, "TLS to the proxy took longer than 800 ms"},
    };
    struct dbed *t = *state;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct server s;
        struct caller x;
        struct plan p;

        serve(&s, t, rows[i].layers);
        plan(&p, t, &s);
        s.layers = rows[i].serves;
        if (rows[i].silent_proxy)
            s.answer = NULL;
        p.conf.connect_ms = 700;
        p.conf.tls_ms = 800;
        p.conf.proxy_ms = 900;
        assert_int_equal(resolve_sim_set(t->r, "silent.test", NULL, 0, 0, &e), 0);
        if (rows[i].silent_dns)
            p.conf.host = "silent.test";
        never_answer(t, rows[i].silent_net);
        call(&x, t, &p.conf);
        never_answer(t, false);
        assert_null(x.side.c);
        if (!strstr(x.err.text, rows[i].words))
            fail_msg("row %zu: %s", i, x.err.text);
        assert_in_range(x.took, EV_MS(rows[i].ms), EV_MS(rows[i].ms + 100));
        side_fini(&x.side);
        serve_end(&s);
    }
}

static void dns_is_bounded_by_the_dial(void **state)
{
    struct dbed *t = *state;
    struct dial_conf conf = {.host = "slow.test", .port = 80, .resolve_ms = 100};
    struct caller x;
    struct err e;

    assert_int_equal(resolve_sim_set(t->r, "slow.test", "1.1.1.1", 60, EV_S(9), &e), 0);
    call(&x, t, &conf);
    assert_int_equal(x.err.code, ERR_TIMEOUT);
    assert_non_null(strstr(x.err.text, "resolve took longer than 100 ms"));
    conf.host = "unknown.test";
    call(&x, t, &conf);
    assert_int_equal(x.err.code, ERR_RESOLVE);
}

/* Given up after any number of turns: silence, and nothing left behind. */
static void cancel_is_silent_at_every_turn(void **state)
{
    struct dbed *t = *state;
    bool done = false;

    for (int turns = 0; !done; turns++) {
        struct server s;
        struct caller x;
        struct plan p;

        serve(&s, t, "TPT");
        start(&x, t, plan(&p, t, &s));
        for (int i = 0; i < turns && !x.done; i++)
            bed_turn(t->b);
        done = x.done;
        dial_cancel(&x.d);
        assert_null(x.d);
        bed_settle(t->b);
        assert_int_equal(x.done, done);
        side_fini(&x.side);
        serve_end(&s);
        assert_true(turns < 10000);
    }
}

static void dial_survives_without_memory(void **state)
{
    struct dbed *t = *state;
    bool hit = true;

    for (size_t at = 1; hit; at++) {
        struct server s;
        struct caller x;
        struct plan p;
        struct err e = {0};

        serve(&s, t, "PT");
        plan(&p, t, &s);
        p.proxy.auth = SPAN_LIT("user:password");
        p.proxy.host = "127.0.0.1"; /* a failed question would be remembered */
        assert_non_null(buf_reserve(&s.side.in, 10000));
        p.conf.tls_ms = p.conf.proxy_ms = p.conf.connect_ms = p.conf.resolve_ms = 1000;
        mem_torture(at, false);
        if (try_dial(&x, t, &p.conf, &e) == 0)
            WAIT(t->b, x.done);
        else
            assert_int_equal(e.code, ERR_NOMEM);
        hit = mem_torture_hit();
        mem_torture(0, false);
        assert_true(hit || x.side.c);
        side_fini(&x.side);
        serve_end(&s);
        assert_true(at < 1000);
    }
}

/* ---- NO_PROXY ---- */

static void no_proxy_lists_are_matched(void **state)
{
    static const struct {
        const char *list, *host;
        uint16_t port;
        bool want;
    } rows[] = {
        {"", "example.com", 443, false},
        {"*", "example.com", 443, true},
        {"a.test, *", "example.com", 443, true},
        {"example.com", "example.com", 443, true},
        {"example.com", "EXAMPLE.com", 443, true},
        {"example.com", "api.example.com", 443, true},
        {"example.com", "badexample.com", 443, false},
        {"example.com", "example.com.evil", 443, false},
        {"example.com", "com", 443, false},
        {".example.com", "example.com", 443, true},
        {".example.com", "api.example.com", 443, true},
        {".example.com", "badexample.com", 443, false},
        {"example.com.", "example.com", 443, true},
        {"example.com", "example.com.", 443, true},
        {"a.test,example.com", "example.com", 443, true},
        {"a.test example.com\tb.test", "example.com", 443, true},
        {",, ,example.com,", "example.com", 443, true},
        {",,", "example.com", 443, false},
        {".", "example.com", 443, false},
        {"example.com:8080", "example.com", 443, false},
        {"example.com:8080", "example.com", 8080, true},
        {"localhost,127.0.0.1", "127.0.0.1", 80, true},
        {"127.0.0.1", "127.0.0.10", 80, false},
        {"10.0.0.0/8", "10.200.0.1", 80, true},
        {"10.0.0.0/8", "11.0.0.1", 80, false},
        {"10.0.0.0/33", "10.0.0.0", 80, false},
        {"10.0.0.0/x", "10.0.0.0", 80, false},
        {"10.0.0.0/8", "ten.example.com", 80, false},
        {"192.168.1.0/31", "192.168.1.1", 80, true},
        {"0.0.0.0/0", "8.8.8.8", 80, true},
        {"0.0.0.0/0", "::1", 80, false},
        {"::1", "::1", 80, true},
        {"[::1]", "::1", 80, true},
        {"::1", "[::1]", 80, true},
        {"[::1]:8080", "::1", 8080, true},
        {"[::1]:8080", "::1", 80, false},
        {"fd00::/8", "fd12::7", 80, true},
        {"fd00::/8", "fe80::7", 80, false},
        {"127.0.0.1:80", "127.0.0.1", 80, true},
        {"127.0.0.1:80", "127.0.0.1", 81, false},
        {"2.3.4", "1.2.3.4", 80, false}, /* an address has no domain */
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool got = dial_no_proxy(span_str(rows[i].list), span_str(rows[i].host), rows[i].port);

        if (got != rows[i].want)
            fail_msg("'%s' for %s:%u: %d", rows[i].list, rows[i].host, rows[i].port, got);
    }
    assert_false(dial_no_proxy((struct span){0}, SPAN_LIT("x"), 1));
}

#define UV(f)     {"uv_" #f, f, dbed_uv, dbed_end, NULL}
#define SIM(f)    {"sim_" #f, f, dbed_sim, dbed_end, NULL}
#define CRUMBS(f) {"crumbs_" #f, f, dbed_crumbs, dbed_end, NULL}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UV(every_stack_of_layers_is_reached),
        SIM(every_stack_of_layers_is_reached),
        CRUMBS(every_stack_of_layers_is_reached),
        UV(proxy_is_asked_in_plain_http),
        SIM(proxy_is_asked_in_plain_http),
        UV(proxy_answers_are_judged),
        SIM(proxy_answers_are_judged),
        UV(wrong_certificate_ends_the_dial),
        SIM(wrong_certificate_ends_the_dial),
        UV(nobody_listens),
        SIM(nobody_listens),
        SIM(forbidden_addresses_are_not_dialled),
        SIM(proxy_is_not_sent_to_forbidden_addresses),
        SIM(bad_hosts_are_refused_at_once),
        SIM(second_address_is_tried_after_250_ms),
        SIM(every_step_is_bounded),
        SIM(dns_is_bounded_by_the_dial),
        UV(cancel_is_silent_at_every_turn),
        SIM(cancel_is_silent_at_every_turn),
        UV(dial_survives_without_memory),
        SIM(dial_survives_without_memory),
        cmocka_unit_test(no_proxy_lists_are_matched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
