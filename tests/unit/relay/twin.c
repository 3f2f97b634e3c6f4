/*
 * twin.c - see twin.h.
 */
#include "twin.h"

#include <stdlib.h>

#include "base/mem.h"
#include "board/endpoints.h"

#define MEGA    ((size_t)1024 * 1024)
#define UP_ROOM ((size_t)4096) /* the requests of tests without memory fit */

/* ---- the upstream ---- */

struct up_conn {
    struct list link;
    struct twin *t;
    struct twin_up *up;
    struct net_conn *c;
    struct ev_timer timer;
    struct buf in;
    size_t sent;
    bool answering, head_seen;
    bool broken; /* a write found no memory */
};

static void up_free(struct up_conn *u)
{
    ev_timer_stop(&u->timer);
    net_conn_close(&u->c, NET_END_FLUSH);
    list_del(&u->link);
    buf_fini(&u->in);
    free(u);
}

/* A step of a peer: false if there was no memory for it. */
static bool could(const struct twin *t, int rc)
{
    assert_true(rc == 0 || t->lenient);
    return rc == 0;
}

static void up_write(struct up_conn *u, const char *p, size_t n)
{
    struct err e;

    if (!u->broken && !could(u->t, net_conn_write(u->c, p, n, &e)))
        u->broken = true;
}

static void up_wait(struct up_conn *u, ev_us for_us)
{
    struct err e;

    if (u->broken || !could(u->t, ev_timer_set(&u->timer, for_us, &e)))
        up_free(u);
}

static bool drips(const struct up_conn *u)
{
    return u->up->script.drip_us && u->sent >= u->up->script.rest_at;
}

static void up_piece(struct ev_timer *t)
{
    struct up_conn *u = CONTAINER_OF(t, struct up_conn, timer);
    const struct twin_script *s = &u->up->script;
    size_t stop = MIN(s->cut_at, s->body.n), n;
    char size[32];

    if (u->sent < s->rest_at)
        stop = MIN(stop, s->rest_at);
    if (u->sent < stop) {
        n = 1 + rng_below(&u->t->rng, s->piece_max); /* MIN() would draw twice */
        n = drips(u) ? 1 : MIN(n, stop - u->sent);
        if (s->chunked)
            up_write(u, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", n));
        up_write(u, s->body.p + u->sent, n);
        if (s->chunked)
            up_write(u, "\r\n", 2);
        u->sent += n;
        up_wait(u, rng_below(&u->t->rng, s->gap_max + 1) +
                       (u->sent == s->rest_at ? s->rest_us : 0) + (drips(u) ? s->drip_us : 0));
        return;
    }
    switch (s->end) {
    case TWIN_WHOLE:
        if (s->chunked)
            up_write(u, "0\r\n\r\n", 5);
        u->answering = false;
        if (u->broken)
            up_free(u);
        break;
    case TWIN_FIN:
        up_free(u);
        break;
    case TWIN_RESET:
        net_conn_close(&u->c, NET_END_RESET);
        up_free(u);
        break;
    case TWIN_SILENT:
        break;
    }
}

static void note_model(struct up_conn *u)
{
    const char *at = strstr(u->in.p, "\"model\":\"");
    size_t room = sizeof(u->up->model), n = at ? strcspn(at + 9, "\"") : 0;

    UNUSED(snprintf(u->up->model, room, "%.*s", (int)n, at ? at + 9 : ""));
}

static void up_read(void *arg, const char *p, size_t n)
{
    struct up_conn *u = arg;
    const char *end, *length;
    size_t body;

    buf_add(&u->in, p, n);
    buf_add_char(&u->in, '\0');
    u->in.n--;
    end = strstr(u->in.p, "\r\n\r\n");
    length = strstr(u->in.p, "content-length: ");
    if (!end || u->answering)
        return;
    u->t->up_heads += !u->head_seen;
    u->head_seen = true;
    assert_non_null(length);
    body = 0;
    for (length += 16; *length >= '0' && *length <= '9'; length++)
        body = body * 10 + (size_t)(*length - '0');
    if (u->in.n < (size_t)(end + 4 - u->in.p) + body)
        return;
    assert_int_equal(u->in.n, (size_t)(end + 4 - u->in.p) + body);
    note_model(u);
    UNUSED(snprintf(u->up->body, sizeof(u->up->body), "%s", end + 4));
    if (u->up->on_request)
        u->up->on_request(u->up->arg, u->up, span_of(u->in.p, (size_t)(end - u->in.p)),
                          span_of(end + 4, body));
    buf_reset(&u->in);
    u->t->up_requests++;
    u->up->requests++;
    u->answering = true;
    u->head_seen = false;
    u->sent = 0;
    up_write(u, u->up->script.head.p, u->up->script.head.n);
    up_wait(u, 0);
}

static void up_eof(void *arg)
{
    struct up_conn *u = arg;

    if (u->answering || u->head_seen) {
        u->t->up_aborted++;
        u->up->aborted++;
        u->t->up_aborted_at = ev_now(u->t->ev);
    }
    up_free(u);
}

static void up_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void up_error(void *arg, const struct err *e)
{
    UNUSED(e);
    up_eof(arg);
}

static const struct net_conn_cb up_cb = {up_read, up_eof, up_sent, up_error};

static void up_accept(void *arg, struct net_conn *c)
{
    struct twin_up *up = arg;
    struct twin *t = up->t;
    struct up_conn *u = calloc(1, sizeof(*u));

    assert_non_null(u);
    up->accepted++;
    u->t = t;
    u->up = up;
    u->c = c;
    list_init(&u->link);
    list_push(&t->up_conns, &u->link);
    buf_init(&u->in, MEGA);
    ev_timer_init(&u->timer, t->ev, up_piece);
    if (!could(t, buf_reserve(&u->in, UP_ROOM) ? 0 : -1)) {
        up_free(u);
        return;
    }
    net_conn_listen(c, &up_cb, u);
    net_conn_read(c, true);
}

void twin_end_first(struct twin *t, enum net_end how)
{
    struct up_conn *u = LIST_ENTRY(t->up_conns.next, struct up_conn, link);

    if (list_empty(&t->up_conns) || u->answering)
        return;
    net_conn_close(&u->c, how);
    up_free(u);
}

/* ---- the client ---- */

void twin_leave(struct twin_client *c, enum net_end how)
{
    c->closed = true;
    c->closed_at = ev_now(c->t->ev);
    net_conn_close(&c->conn, how);
}

static void cl_close(struct twin_client *c)
{
    twin_leave(c, NET_END_RESET);
}

static void cl_read(void *arg, const char *p, size_t n)
{
    struct twin_client *c = arg;

    buf_add(&c->in, p, n);
    if (c->in.n >= c->leave_after)
        cl_close(c);
}

static void cl_eof(void *arg)
{
    struct twin_client *c = arg;

    c->eof = true;
    cl_close(c);
}

static void cl_error(void *arg, const struct err *e)
{
    struct twin_client *c = arg;

    UNUSED(e);
    c->error = true;
    cl_close(c);
}

static const struct net_conn_cb cl_cb = {cl_read, cl_eof, up_sent, cl_error};

static void cl_connected(void *arg, struct net_conn *conn, const struct err *e)
{
    struct twin_client *c = arg;
    struct err why;

    c->connecting = NULL;
    if (!conn) {
        c->error = c->closed = true;
        print_message("client: %s\n", e->text);
        return;
    }
    c->conn = conn;
    net_conn_listen(conn, &cl_cb, c);
    net_conn_read(conn, !c->deaf);
    if (!could(c->t, net_conn_write(conn, c->request.p, c->request.n, &why)))
        twin_leave(c, NET_END_RESET);
}

void twin_ask(struct twin *t, struct twin_client *c, struct span request, ev_us limit)
{
    size_t leave = c->leave_after;
    bool deaf = c->deaf;
    struct err e;

    *c = (struct twin_client){.t = t, .deaf = deaf, .leave_after = leave ? leave : SIZE_MAX};
    buf_init(&c->request, 64 * MEGA);
    buf_init(&c->in, 64 * MEGA);
    buf_add_span(&c->request, request);
    assert_int_equal(net_connect(&c->connecting, t->cl_net, http_server_addr(t->gateway.server, 0),
                                 cl_connected, c, &e),
                     0);
    ev_sim_run(t->ev, ev_now(t->ev) + limit);
}

void twin_client_fini(struct twin_client *c)
{
    net_connect_cancel(&c->connecting);
    net_conn_close(&c->conn, NET_END_RESET);
    buf_fini(&c->request);
    buf_fini(&c->in);
}

/* ---- the world ---- */

static void on_record(void *arg, const struct record *r)
{
    struct twin *t = arg;

    if (r->more) {
        t->more++;
        return;
    }
    t->record = *r;
    t->records++;
    if (t->gateway.relay.sink.row)
        t->working = board_get(&t->gateway.relay.sink.row->working);
}

/* What is built in takes longer to read than most tests take. */
static const char no_prices[] = "version: 1\nprices: {}\n";

static void load(struct twin *t, const char *config, const char *const *env, const char *prices)
{
    struct buf printed;
    struct err e;

    assert_int_equal(env_new_table(&t->env, env, &e), 0);
    conf_report_init(&t->report);
    conf_report_source(&t->report, SPAN_LIT("twin.yaml"), span_str(config));
    if (settings_load_with(&t->settings, span_str(config), SPAN_LIT("twin.yaml"), span_str(prices),
                           t->env, &t->report, &e) < 0) {
        buf_init(&printed, MEGA);
        conf_report_text(&t->report, &printed, false);
        print_message("%.*s\n", SPAN_FMT(buf_span(&printed)));
        fail();
    }
}

void twin_refuse(struct twin *t, size_t up)
{
    if (t->ups[up].listener)
        net_listener_close(&t->ups[up].listener);
}

void twin_listen(struct twin *t, size_t up)
{
    struct net_listen_conf lc = {.fd = -1};
    char addr[32];
    struct err e;

    if (t->ups[up].listener)
        return;
    t->ups[up].t = t;
    UNUSED(snprintf(addr, sizeof(addr), "127.0.0.1:%zu", 9000 + 100 * up));
    assert_int_equal(net_addr_parse(&lc.addr, span_str(addr), &e), 0);
    assert_int_equal(net_listen(&t->ups[up].listener, t->up_net, &lc, up_accept, &t->ups[up], &e),
                     0);
}

/* Engines of the configuration have a place, as if they had been asked how they are. */
static void open_ledger(struct twin *t)
{
    struct err e;

    assert_int_equal(board_new(&t->board, &e), 0);
    assert_int_equal(policy_ledger_init(&t->ledger, t->board, 0, &e), 0);
    for (size_t i = 0; i < t->settings->providers_n; i++)
        for (size_t k = 0; k < t->settings->providers[i].pool.n; k++)
            assert_non_null(endpoints_make(t->board, t->settings->providers[i].pool.ids[k]));
}

/* Nothing is left of any session, however its attempt has ended. */
static void close_ledger(struct twin *t)
{
    for (size_t place = 0; place < BOARD_ENDPOINTS; place++) {
        struct loads l;

        loads_sum(&l, t->board, 1, place);
        assert_int_equal(l.sessions, 0);
        assert_int_equal(l.tokens, 0);
        assert_int_equal(l.now, 0);
        assert_int_equal(l.largest, 0);
    }
    policy_ledger_fini(&t->ledger);
    board_free(&t->board);
}

static void open_with(struct twin *t, uint64_t seed, const char *config, const char *const *env,
                      const char *prices)
{
    struct net_sim_conf net = {.latency_min = 100, .latency_max = 2000, .jitter_max = 200};
    struct relay_sink sink = {
        .record = on_record, .arg = t, .targets = t->targets, .ledger = &t->ledger};
    struct net_listen_conf lc = {.fd = -1};
    struct resolver_conf names = {0};
    struct err e;

    memset(t, 0, sizeof(*t));
    rng_init(&t->rng, seed);
    list_init(&t->up_conns);
    load(t, config, env, prices);
    open_ledger(t);
    assert_int_equal(ev_sim_new(&t->ev, seed, &e), 0);
    assert_int_equal(resolve_sim_new(&t->resolver, t->ev, &names, &e), 0);
    assert_int_equal(net_sim_new(&t->sim, t->ev, &net, &e), 0);
    assert_int_equal(net_sim_host(&t->up_net, t->sim, NULL, &e), 0);
    assert_int_equal(net_sim_host(&t->gw_net, t->sim, NULL, &e), 0);
    assert_int_equal(net_sim_host(&t->cl_net, t->sim, NULL, &e), 0);
    for (size_t i = 0; i < TWIN_UPS; i++)
        twin_listen(t, i);
    assert_int_equal(gateway_init(&t->gateway, t->gw_net, t->resolver, t->settings, sink, NULL, &e),
                     0);
    assert_int_equal(net_addr_parse(&lc.addr, SPAN_LIT("127.0.0.1:8080"), &e), 0);
    assert_int_equal(http_server_listen(t->gateway.server, &lc, &e), 0);
}

void twin_open(struct twin *t, uint64_t seed, const char *config)
{
    open_with(t, seed, config, (const char *[]){NULL}, no_prices);
}

void twin_open_env(struct twin *t, uint64_t seed, const char *config, const char *const *env)
{
    open_with(t, seed, config, env, no_prices);
}

void twin_open_priced(struct twin *t, uint64_t seed, const char *config, const char *prices)
{
    open_with(t, seed, config, (const char *[]){NULL}, prices);
}

void twin_close(struct twin *t)
{
    LIST_EACH(it, &t->up_conns)
    {
        up_free(LIST_ENTRY(it, struct up_conn, link));
    }
    for (size_t i = 0; i < TWIN_UPS; i++)
        twin_refuse(t, i);
    ev_sim_run(t->ev, ev_now(t->ev) + EV_S(30));
    assert_int_equal(t->gateway.relay.stats.live, 0);
    assert_int_equal(t->gateway.relay.blobs.bytes, 0);
    for (size_t i = 0; i <= BOARD_TARGETS; i++)
        assert_int_equal(board_get(&t->targets[i].live), 0);
    gateway_fini(&t->gateway);
    ev_sim_run(t->ev, ev_now(t->ev) + EV_S(30)); /* what was posted to be freed */
    close_ledger(t);
    net_sim_host_free(&t->up_net);
    net_sim_host_free(&t->gw_net);
    net_sim_host_free(&t->cl_net);
    resolve_free(&t->resolver);
    net_sim_free(&t->sim);
    ev_sim_free(&t->ev);
    settings_unref(&t->settings);
    conf_report_fini(&t->report);
    env_free(&t->env);
}

bool twin_parse(struct span in, unsigned *status, struct buf *body)
{
    const char *head_end = in.n ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;
    struct span rest;
    size_t n;

    *status = 0;
    if (!head_end || in.n < 12)
        return false;
    *status = (unsigned)((in.p[9] - '0') * 100 + (in.p[10] - '0') * 10 + (in.p[11] - '0'));
    rest = span_of(head_end + 4, in.n - (size_t)(head_end + 4 - in.p));
    if (!memmem(in.p, in.n - rest.n, "transfer-encoding: chunked", 26)) {
        buf_add_span(body, rest);
        return true; /* whole answers are looked at by their length elsewhere */
    }
    for (;;) {
        struct span line = span_of(rest.p, span_find(rest, '\n'));

        if (line.n == SIZE_MAX)
            return false;
        n = 0;
        for (size_t i = 0; i + 1 < line.n; i++)
            n = n * 16 + (size_t)(line.p[i] <= '9' ? line.p[i] - '0' : line.p[i] - 'a' + 10);
        rest = span_of(line.p + line.n + 1, rest.n - line.n - 1);
        if (n == 0)
            return rest.n == 2;
        if (rest.n < n + 2) {
            buf_add(body, rest.p, MIN(n, rest.n));
            return false;
        }
        buf_add(body, rest.p, n);
        rest = span_of(rest.p + n + 2, rest.n - n - 2);
    }
}
