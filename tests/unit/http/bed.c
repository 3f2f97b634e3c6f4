/*
 * bed.c - see bed.h.
 */
#include "bed.h"

unsigned char pattern(unsigned n, bool up, uint64_t at)
{
    return (unsigned char)(n * 31 + (up ? 17 : 5) + at * 7 + (at >> 8) * 3 + (at >> 16));
}

struct net_addr addr_of(const char *text)
{
    struct net_addr a;
    struct err e;

    assert_int_equal(net_addr_parse(&a, span_str(text), &e), 0);
    return a;
}

/* ---- one side ---- */

void end_side(struct side *d, enum http_close how)
{
    ev_timer_stop(&d->eat);
    ev_timer_stop(&d->think);
    d->sending = false;
    http_stream_close(&d->s, how);
}

/* Does this side leave here? */
static bool leaves(struct side *d, enum at at)
{
    enum at mine = d->server ? d->x->plan.server_closes : d->x->plan.client_closes;

    if (mine != at || !d->s)
        return false;
    end_side(d, d->x->plan.how);
    return true;
}

static void maybe_done(struct side *d)
{
    bool no_more = d->ends || d->how == HTTP_FAIL_REQUEST;
    bool whole = no_more && d->send_end && d->left == d->sent;

    if (d->s && whole)
        end_side(d, HTTP_CLOSE_DONE);
}

static void pump(struct side *d)
{
    const struct plan *p = &d->x->plan;
    size_t piece = p->piece ? p->piece : 16384;
    char bytes[16384];
    struct err e;

    while (d->s && d->sending && d->sent < d->to_send && d->sent - d->left < HTTP_WINDOW) {
        size_t n = MIN(piece, d->to_send - d->sent);

        n = MIN(n, HTTP_WINDOW - (d->sent - d->left));
        if (d->server && p->down_stop && d->sent + n > p->down_stop) {
            end_side(d, HTTP_CLOSE_BROKEN);
            return;
        }
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)pattern(d->x->n, !d->server, d->sent + i);
        if (http_send_body(d->s, bytes, n, &e) < 0) {
            d->refused = true;
            end_side(d, HTTP_CLOSE_BROKEN);
            return;
        }
        d->sent += n;
    }
    if (d->s && d->sending && !d->send_end && d->sent == d->to_send) {
        if (http_send_end(d->s, &e) < 0) {
            end_side(d, HTTP_CLOSE_BROKEN);
            return;
        }
        d->send_end = true;
    }
    maybe_done(d);
}

static void send_answer(struct side *d)
{
    const struct plan *p = &d->x->plan;
    struct http_field fields[] = {{SPAN_LIT("x-answer"), SPAN_LIT("yes")}};
    struct http_head h = {.status = p->status ? p->status : 200, .fields = fields, .fields_n = 1};
    struct err e;

    if (!d->s || d->sending || p->never)
        return;
    d->to_send = p->down;
    h.body_len = p->down_chunked ? HTTP_LEN_UNKNOWN : p->down;
    if (http_send_head(d->s, &h, &e) < 0) {
        end_side(d, HTTP_CLOSE_BROKEN);
        return;
    }
    d->sending = true;
    pump(d);
}

static void on_think(struct ev_timer *t)
{
    send_answer(CONTAINER_OF(t, struct side, think));
}

static void on_eat(struct ev_timer *t)
{
    struct side *d = CONTAINER_OF(t, struct side, eat);
    uint64_t n = d->got - d->eaten;

    d->eaten = d->got;
    if (d->s)
        http_consumed(d->s, n);
}

static void side_head(void *arg, const struct http_head *h)
{
    struct side *d = arg;

    assert_false(d->server);
    assert_true(d->s && d->heads == 0 && d->ends == 0 && d->fails == 0);
    d->heads++;
    d->h = h;
    d->status = h->status;
    if (d->x->plan.widens)
        http_widen(d->s);
    leaves(d, AT_HEAD);
}

bool as_planned(const struct side *d)
{
    const struct plan *p = &d->x->plan;

    return d->server || d->status == (p->status ? p->status : 200);
}

static void side_body(void *arg, const char *p, size_t n)
{
    struct side *d = arg;
    enum eat eat = d->server ? d->x->plan.server_eats : d->x->plan.client_eats;
    struct err e;

    assert_true(d->s && d->heads == 1 && d->ends == 0 && d->fails == 0 && n > 0);
    for (size_t i = 0; i < n && !d->x->plan.any_body && as_planned(d); i++)
        assert_int_equal((unsigned char)p[i], pattern(d->x->n, d->server, d->got + i));
    d->got += n;
    assert_true(d->got - d->eaten <=
                (d->server || d->x->plan.widens ? HTTP_WINDOW : HTTP_ANSWER_WINDOW));
    if (leaves(d, AT_BODY))
        return;
    if (eat == EAT_AT_ONCE) {
        d->eaten = d->got;
        http_consumed(d->s, n);
    } else if (eat == EAT_LATER && !ev_timer_armed(&d->eat)) {
        assert_int_equal(ev_timer_set(&d->eat, EV_MS(1), &e), 0);
    }
}

static void side_end(void *arg)
{
    struct side *d = arg;
    struct err e;

    assert_true(d->s && d->heads == 1 && d->ends == 0 && d->fails == 0);
    d->ends++;
    d->ended_at = ev_now(d->x->b->ev);
    if (leaves(d, AT_END))
        return;
    if (!d->server)
        maybe_done(d);
    else if (!d->x->plan.think)
        send_answer(d);
    else
        assert_int_equal(ev_timer_set(&d->think, d->x->plan.think, &e), 0);
    if (d->server)
        maybe_done(d);
}

static void side_sent(void *arg, size_t n)
{
    struct side *d = arg;

    assert_true(d->s && n > 0);
    d->left += n;
    assert_true(d->left <= d->sent);
    if (!leaves(d, AT_SENT))
        pump(d);
}

static void side_fail(void *arg, enum http_fail how, const struct err *e)
{
    struct side *d = arg;

    assert_true(d->s != NULL);
    if (how != HTTP_FAIL_GONE || d->how != HTTP_FAIL_REQUEST)
        assert_int_equal(d->fails, 0);
    d->fails++;
    d->how = how;
    d->why = *e;
    d->failed_at = ev_now(d->x->b->ev);
    assert_int_equal(d->server, how == HTTP_FAIL_GONE || how == HTTP_FAIL_REQUEST);
    if (leaves(d, AT_FAIL))
        return;
    if (how == HTTP_FAIL_REQUEST && d->sending)
        maybe_done(d);
    else if (how == HTTP_FAIL_REQUEST)
        send_answer(d);
    else if (!d->x->plan.keeps)
        end_side(d, HTTP_CLOSE_BROKEN);
}

static const struct http_stream_cb side_cb = {
    .on_head = side_head,
    .on_body = side_body,
    .on_end = side_end,
    .on_sent = side_sent,
    .on_fail = side_fail,
};

/* The handler of the server. */
static void on_request(void *arg, struct http_stream *s, const struct http_head *h,
                       const struct net_addr *peer)
{
    struct bed *b = arg;
    uint64_t n = 0;
    struct side *d;

    assert_non_null(peer);
    assert_int_equal(span_u64(span_of(h->path.p + 1, h->path.n - 1), &n), 0);
    assert_true(n < b->xs);
    d = &b->x[n].v;
    if (d->heads) { /* the pool never sends anything twice; raw ends use numbers once */
        assert_true(b->lenient);
        http_stream_close(&s, HTTP_CLOSE_BROKEN);
        return;
    }
    d->heads++;
    d->s = s;
    d->h = h;
    http_stream_bind(s, &side_cb, d);
    if (!leaves(d, AT_REQUEST) && d->x->plan.early)
        send_answer(d);
}

static void init_side(struct side *d, struct xchg *x, bool server)
{
    d->x = x;
    d->server = server;
    ev_timer_init(&d->eat, x->b->ev, on_eat);
    ev_timer_init(&d->think, x->b->ev, on_think);
}

struct xchg *expect_request(struct bed *b, struct plan plan)
{
    struct xchg *x = &b->x[b->xs];

    assert_true(b->xs < XCHGS_MAX);
    x->b = b;
    x->n = b->xs++;
    x->plan = plan;
    init_side(&x->c, x, false);
    init_side(&x->v, x, true);
    return x;
}

static void on_connected(void *arg, bool pooled)
{
    struct side *d = arg;

    d->connects++;
    d->pooled = pooled;
    leaves(d, AT_CONNECTED);
}

void bind_client(struct xchg *x)
{
    http_stream_bind(x->c.s, &side_cb, &x->c);
}

struct xchg *request(struct bed *b, struct plan plan)
{
    struct xchg *x = expect_request(b, plan);
    struct http_field fields[] = {{SPAN_LIT("x-request"), SPAN_LIT("a b")}};
    struct http_head h = {.fields = fields, .fields_n = 1, .authority = SPAN_LIT("host:80")};
    char path[16];
    struct err e;
    struct side *d = &x->c;

    snprintf(path, sizeof(path), "/%u", x->n);
    h.method = span_str(plan.method ? plan.method : "POST");
    h.path = span_str(path);
    h.body_len = plan.up_chunked ? HTTP_LEN_UNKNOWN : plan.up;
    if (http_pool_request(b->pool, &d->s, HTTP_POOL_ANY, on_connected, d, &e) < 0) {
        d->fails++;
        d->why = e;
        return NULL;
    }
    bind_client(x);
    if (http_send_head(d->s, &h, &e) < 0) {
        end_side(d, HTTP_CLOSE_BROKEN);
        return x;
    }
    d->to_send = plan.up;
    d->sending = true;
    pump(d);
    return x;
}

/* ---- the bed ---- */

static void trace_line(void *arg, const char *line)
{
    struct bed *b = arg;

    buf_add_str(&b->trace, line);
    buf_add_char(&b->trace, '\n');
}

struct bed *bed_new(void)
{
    struct bed *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    b->sc = (struct http_server_conf){
        .limits = {.head_bytes = 8192, .fields = 20, .path_bytes = 256, .body_bytes = 128 << 20},
        .head_ms = 10000,
        .body_stall_ms = 20000,
        .idle_ms = 30000,
        .write_stall_ms = 40000,
        .conns = 1000,
        .requests_per_conn = 10000,
        .streams_per_conn = 100,
    };
    b->pc = (struct http_pool_conf){
        .dial = {.host = "10.0.0.1", .port = 8080, .allow_private = true, .connect_ms = 60000},
        .limits = {.head_bytes = 8192, .fields = 20, .path_bytes = 256, .body_bytes = UINT64_MAX},
        .idle_ms = 60000,
        .age_ms = 300000,
        .idle_most = 8,
        .conns_most = 32,
    };
    b->nc = (struct net_sim_conf){.latency_min = 100, .latency_max = 100};
    buf_init(&b->trace, (size_t)64 << 20);
    return b;
}

int bed_try_start(struct bed *b, uint64_t seed)
{
    struct net_addr server = addr_of("10.0.0.1:8080"), client = addr_of("10.0.0.2:0");
    struct net_listen_conf lc = {.addr = server, .fd = -1};
    struct resolver_conf names = {0};
    struct err e;

    if (b->tracing) {
        b->nc.trace = trace_line;
        b->nc.trace_arg = b;
    }
    if (ev_sim_new(&b->ev, seed, &e) < 0 || net_sim_new(&b->sim, b->ev, &b->nc, &e) < 0 ||
        net_sim_host(&b->server_net, b->sim, &server, &e) < 0 ||
        net_sim_host(&b->client_net, b->sim, &client, &e) < 0)
        return -1;
    if (http_server_new(&b->server, b->server_net, &b->sc, on_request, b, &e) < 0 ||
        http_server_listen(b->server, &lc, &e) < 0)
        return -1;
    if (resolve_sim_new(&b->resolver, b->ev, &names, &e) < 0)
        return -1;
    b->pc.resolver = b->resolver;
    return http_pool_new(&b->pool, b->client_net, &b->pc, &e);
}

struct bed *bed_start(struct bed *b)
{
    assert_int_equal(bed_try_start(b, 7), 0);
    return b;
}

void run_ms(struct bed *b, uint64_t ms)
{
    ev_sim_run(b->ev, ev_now(b->ev) + EV_MS(ms));
}

void bed_free(struct bed *b)
{
    for (unsigned i = 0; i < b->xs; i++) {
        struct side *sides[] = {&b->x[i].c, &b->x[i].v};

        for (size_t j = 0; j < 2; j++) {
            ev_timer_stop(&sides[j]->eat);
            ev_timer_stop(&sides[j]->think);
            if (!sides[j]->server)
                http_stream_close(&sides[j]->s, HTTP_CLOSE_BROKEN);
        }
    }
    http_pool_free(&b->pool);
    http_server_free(&b->server);
    for (unsigned i = 0; i < b->xs; i++) /* those that on_fail did not end */
        end_side(&b->x[i].v, HTTP_CLOSE_BROKEN);
    for (unsigned i = 0; i < b->raws; i++) {
        net_connect_cancel(&b->raw[i].dial);
        net_conn_close(&b->raw[i].conn, NET_END_RESET);
        buf_fini(&b->raw[i].in);
    }
    if (b->raw_listener)
        net_listener_close(&b->raw_listener);
    if (b->ev && b->sim)
        ev_sim_run(b->ev, ev_now(b->ev) + EV_S(1));
    net_sim_host_free(&b->server_net);
    net_sim_host_free(&b->client_net);
    resolve_free(&b->resolver);
    net_sim_free(&b->sim);
    ev_sim_free(&b->ev);
    buf_fini(&b->trace);
    free(b);
}

/* ---- raw ends ---- */

void raw_send_n(struct raw *r, const char *p, size_t n)
{
    struct err e;

    if (r->conn)
        assert_int_equal(net_conn_write(r->conn, p, n, &e), 0);
}

void raw_send(struct raw *r, const char *text)
{
    raw_send_n(r, text, strlen(text));
}

void raw_close(struct raw *r, enum net_end how)
{
    net_conn_close(&r->conn, how);
}

bool raw_has(const struct raw *r, const char *text)
{
    return span_contains(buf_span(&r->in), span_str(text));
}

unsigned raw_count(const struct raw *r, const char *text)
{
    struct span s = buf_span(&r->in), what = span_str(text);
    unsigned n = 0;

    for (; s.n >= what.n && s.n > 0; s = span_of(s.p + 1, s.n - 1))
        n += span_starts(s, what);
    return n;
}

static void raw_on_read(void *arg, const char *p, size_t n)
{
    struct raw *r = arg;

    buf_add(&r->in, p, n);
    assert_true(buf_ok(&r->in));
    if (!r->until || !raw_has(r, r->until) || r->answers)
        return;
    r->answers++;
    if (r->answer)
        raw_send_n(r, r->answer, r->answer_n ? r->answer_n : strlen(r->answer));
    if (r->then == RAW_FIN)
        net_conn_close(&r->conn, NET_END_FLUSH);
    else if (r->then == RAW_RST)
        net_conn_close(&r->conn, NET_END_RESET);
    else if (r->then == RAW_ACKED)
        net_conn_close(&r->conn, NET_END_RESET_ACKED);
}

static void raw_on_eof(void *arg)
{
    struct raw *r = arg;

    r->eof = true;
    r->eof_at = ev_now(r->b->ev);
}

static void raw_on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void raw_on_error(void *arg, const struct err *e)
{
    struct raw *r = arg;

    UNUSED(e);
    r->broken = true;
    r->broken_at = ev_now(r->b->ev);
    net_conn_close(&r->conn, NET_END_RESET);
}

static const struct net_conn_cb raw_cb = {raw_on_read, raw_on_eof, raw_on_sent, raw_on_error};

static struct raw *raw_new(struct bed *b)
{
    struct raw *r = &b->raw[b->raws];

    assert_true(b->raws++ < RAWS_MAX);
    r->b = b;
    buf_init(&r->in, RAW_MAX);
    return r;
}

static void raw_on_dialed(void *arg, struct net_conn *c, const struct err *e)
{
    struct raw *r = arg;

    UNUSED(e);
    r->dial = NULL;
    r->conn = c;
    if (!c) {
        r->broken = true;
        return;
    }
    net_conn_listen(c, &raw_cb, r);
    net_conn_read(c, true);
}

struct raw *raw_connect(struct bed *b)
{
    struct net_addr to = addr_of("10.0.0.1:8080");
    struct raw *r = raw_new(b);
    struct err e;

    assert_int_equal(net_connect(&r->dial, b->client_net, &to, raw_on_dialed, r, &e), 0);
    run_ms(b, 1);
    return r;
}

static void raw_on_accept(void *arg, struct net_conn *c)
{
    struct bed *b = arg;
    struct raw *r = raw_new(b);

    r->conn = c;
    r->answer = b->script.answer;
    r->answer_n = b->script.answer_n;
    r->until = b->script.until;
    r->then = b->script.then;
    net_conn_listen(c, &raw_cb, r);
    net_conn_read(c, true);
    if (b->script.greeting_n)
        raw_send_n(r, b->script.greeting, b->script.greeting_n);
}

void raw_serve(struct bed *b, const char *until, const char *answer, enum then then)
{
    b->pc.dial.port = 9090;
    b->script.until = until;
    b->script.answer = answer;
    b->script.then = then;
}

void raw_listen(struct bed *b)
{
    struct net_listen_conf lc = {.addr = addr_of("10.0.0.1:9090"), .fd = -1};
    struct err e;

    assert_int_equal(net_listen(&b->raw_listener, b->server_net, &lc, raw_on_accept, b, &e), 0);
}
