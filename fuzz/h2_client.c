/*
 * h2_client.c - requests over HTTP/2 to a target that sends what it likes, in a virtual network.
 *
 * The first byte says how the caller behaves, how the bytes are cut and how the target ends; with
 * its top bit the rest is frames: a byte each for type, flags, stream and length, then the payload,
 * or with a bit in the type a bulky one. Without it the bytes go out as they are, behind SETTINGS.
 * Must hold: an exchange is told its head, its body, its end or its failure, each in its turn and
 * once; no more than a window is delivered unasked; an end comes only of END_STREAM, and of as many
 * bytes as were announced; that the target has gone is told; and in the end nothing is left.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "ev/ev_sim.h"
#include "http/client.h"
#include "http/h2.h"
#include "net/net_sim.h"

#define EXCHANGES 4
#define CONNS     16
#define UP        100000
#define LEN_MAX   4096
#define BULK      16000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum how {
    EATS_HALF = 1,
    LEAVES = 2,
    HANGS_UP = 4,
    RESETS = 8,
    AGAIN = 16,
    PIECES = 32,
    EARLY = 64,
    FRAMES = 128
};

struct exchange {
    struct world *w;
    struct http_stream *s;
    bool head, ended, failed, is_head;
    uint64_t body_len, got;
    size_t window, sent, left, to_send;
};

struct world {
    struct ev *ev;
    struct net_sim *sim;
    struct net *target_net, *client_net;
    struct resolver *resolver;
    struct net_listener *listener;
    struct http_pool *pool;
    struct net_conn *conns[CONNS];
    size_t conns_n;
    struct buf bytes;
    uint8_t how;
    size_t ends,
        ends_sent; /* exchanges that ended; END_STREAM of what was sent on each connection */
    struct exchange x[EXCHANGES];
    size_t n;
    bool asked; /* all have */
};

static void ask(struct world *w);

/* ---- the caller ---- */

static void leave(struct exchange *x, enum http_close how)
{
    http_stream_close(&x->s, how);
}

static void pump(struct exchange *x)
{
    static const char zeros[8192];
    struct err e;

    while (x->s && x->sent < x->to_send && x->sent - x->left < HTTP_WINDOW) {
        size_t n = MIN(sizeof(zeros), x->to_send - x->sent);

        if (http_send_body(x->s, zeros, n, &e) < 0) {
            MUST(e.code != ERR_BUG);
            leave(x, HTTP_CLOSE_BROKEN);
            return;
        }
        x->sent += n;
        if (x->sent == x->to_send && http_send_end(x->s, &e) < 0)
            leave(x, HTTP_CLOSE_BROKEN);
    }
}

static void on_head(void *arg, const struct http_head *h)
{
    struct exchange *x = arg;

    MUST(x->s && !x->head && !x->failed && h->status >= 200 && h->status <= 599);
    for (size_t i = 0; i < h->fields_n; i++)
        MUST(h->fields[i].name.n && !memchr(h->fields[i].value.p, '\n', h->fields[i].value.n));
    x->head = true;
    x->body_len = h->body_len;
}

static void on_body(void *arg, const char *p, size_t n)
{
    struct exchange *x = arg;

    UNUSED(p);
    MUST(x->s && x->head && !x->ended && !x->failed && n > 0);
    x->got += n;
    x->window += n;
    MUST(x->window <= HTTP_WINDOW);
    if (x->w->how & LEAVES) {
        leave(x, HTTP_CLOSE_BROKEN);
    } else {
        n -= x->w->how & EATS_HALF ? n / 2 : 0;
        x->window -= n;
        http_consumed(x->s, n);
    }
}

static void on_end(void *arg)
{
    struct exchange *x = arg;

    MUST(x->s && x->head && !x->ended && !x->failed);
    MUST(x->body_len == HTTP_LEN_UNKNOWN || x->got == x->body_len);
    x->ended = true;
    x->w->ends++;
    if (x->sent == x->to_send && x->left == x->to_send)
        leave(x, HTTP_CLOSE_DONE);
}

static void on_sent(void *arg, size_t n)
{
    struct exchange *x = arg;

    MUST(x->s && n > 0);
    x->left += n;
    MUST(x->left <= x->sent);
    if (x->ended && x->left == x->to_send)
        leave(x, HTTP_CLOSE_DONE);
    else
        pump(x);
}

static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    struct exchange *x = arg;

    MUST(x->s && !x->failed && e->code != ERR_BUG && e->code != ERR_NONE);
    MUST(how == HTTP_FAIL_NOT_SENT || how == HTTP_FAIL_UNANSWERED || how == HTTP_FAIL_SENT);
    MUST(how == HTTP_FAIL_SENT || !x->head);
    x->failed = true;
    leave(x, HTTP_CLOSE_BROKEN);
    if ((x->w->how & AGAIN) && x->w->n < EXCHANGES)
        ask(x->w);
}

static const struct http_stream_cb stream_cb = {on_head, on_body, on_end, on_sent, on_fail};

/* The first and the third have no body to send, the third is a HEAD. */
static void ask(struct world *w)
{
    struct exchange *x = &w->x[w->n];
    struct http_field fields[] = {{SPAN_LIT("x-request"), SPAN_LIT("a b")}};
    struct http_head h = {
        .path = SPAN_LIT("/v1"), .authority = SPAN_LIT("host:80"), .fields = fields, .fields_n = 1};
    struct err e;

    x->w = w;
    x->is_head = w->n == 2;
    x->to_send = w->n % 2 ? UP : 0;
    h.method = x->is_head ? SPAN_LIT("HEAD") : x->to_send ? SPAN_LIT("POST") : SPAN_LIT("GET");
    h.body_len = x->to_send;
    w->n++;
    MUST(http_pool_request(w->pool, &x->s, HTTP_POOL_ANY, NULL, NULL, &e) == 0);
    http_stream_bind(x->s, &stream_cb, x);
    MUST(http_send_head(x->s, &h, &e) == 0);
    if (x->to_send == 0)
        MUST(http_send_end(x->s, &e) == 0);
    pump(x);
}

/* ---- the target ---- */

static void target_read(void *arg, const char *p, size_t n)
{
    UNUSED(arg);
    UNUSED(p);
    UNUSED(n);
}

static void target_eof(void *arg)
{
    net_conn_close(arg, NET_END_FLUSH);
}

static void target_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void target_error(void *arg, const struct err *e)
{
    UNUSED(e);
    net_conn_close(arg, NET_END_RESET);
}

static const struct net_conn_cb target_cb = {target_read, target_eof, target_sent, target_error};

/* All of the input, to one connection. */
static void send_input(struct world *w, struct net_conn **c)
{
    size_t piece = w->how & PIECES ? 7 : w->bytes.n;
    struct err e;

    for (size_t at = 0; *c && at < w->bytes.n; at += piece)
        MUST(net_conn_write(*c, w->bytes.p + at, MIN(piece, w->bytes.n - at), &e) == 0);
    if (w->how & (HANGS_UP | RESETS))
        net_conn_close(c, w->how & RESETS ? NET_END_RESET_ACKED : NET_END_FLUSH);
}

/* The input waits until all have asked, or goes at once: before the first head has come. */
static void on_accept(void *arg, struct net_conn *c)
{
    static const char settings[] = "\0\0\0\x04\0\0\0\0";
    struct world *w = arg;
    struct net_conn **place = &w->conns[w->conns_n];
    struct err e;

    if (w->conns_n == CONNS) {
        net_conn_close(&c, NET_END_RESET);
        return;
    }
    w->conns_n++;
    *place = c;
    net_conn_listen(c, &target_cb, place);
    net_conn_read(c, true);
    if (w->how & EARLY || w->asked)
        send_input(w, place);
    else
        MUST(net_conn_write(c, settings, sizeof(settings), &e) == 0);
}

static void add_frame(struct buf *b, uint8_t type, uint8_t flags, uint8_t stream, const void *p,
                      size_t n)
{
    const uint8_t head[9] = {0, (uint8_t)(n >> 8), (uint8_t)n, type, flags, 0, 0, 0, stream};

    buf_add(b, head, sizeof(head));
    buf_add(b, p, n);
}

static void write_input(struct world *w, const uint8_t *p, size_t n)
{
    static const char zeros[BULK];

    if (w->how & EARLY)
        add_frame(&w->bytes, NGHTTP2_SETTINGS, 0, 0, "", 0);
    if (!(w->how & FRAMES)) {
        buf_add(&w->bytes, p, n);
        w->ends_sent = SIZE_MAX; /* nobody has counted */
        return;
    }
    while (n >= 4) {
        size_t payload = MIN((size_t)p[3], n - 4);
        uint8_t type = p[0] & 0xBF;
        bool bulky = p[0] & 0x40;

        w->ends_sent += (type == NGHTTP2_DATA || type == NGHTTP2_HEADERS) && (p[1] & 1);
        add_frame(&w->bytes, type, p[1], p[2], bulky ? zeros : (const char *)p + 4,
                  bulky ? sizeof(zeros) : payload);
        p += 4 + payload;
        n -= 4 + payload;
    }
}

/* ---- the world ---- */

static struct world *begin(uint8_t how, const uint8_t *p, size_t n)
{
    struct http_pool_conf conf = {
        .dial = {.host = "127.0.0.1", .port = 80, .allow_loopback = true},
        .limits = {.head_bytes = 2000, .fields = 20, .path_bytes = 200, .body_bytes = UINT64_MAX},
        .idle_ms = 3000,
        .age_ms = 10000,
        .idle_most = 2,
        .conns_most = 4,
        .h2_only = true,
    };
    struct net_sim_conf net = {.latency_min = 10, .latency_max = 10};
    struct net_listen_conf lc = {.fd = -1};
    struct resolver_conf names = {0};
    struct world *w = mem_zalloc(1, sizeof(*w));
    struct err e;

    MUST(w);
    w->how = how;
    buf_init(&w->bytes, (LEN_MAX / 4 + 2) * (BULK + 16));
    write_input(w, p, n);
    MUST(buf_ok(&w->bytes));
    MUST(net_addr_parse(&lc.addr, SPAN_LIT("127.0.0.1:80"), &e) == 0);
    MUST(ev_sim_new(&w->ev, 1, &e) == 0 && net_sim_new(&w->sim, w->ev, &net, &e) == 0);
    MUST(net_sim_host(&w->target_net, w->sim, NULL, &e) == 0);
    MUST(net_sim_host(&w->client_net, w->sim, NULL, &e) == 0);
    MUST(resolve_sim_new(&w->resolver, w->ev, &names, &e) == 0);
    MUST(net_listen(&w->listener, w->target_net, &lc, on_accept, w, &e) == 0);
    conf.resolver = w->resolver;
    MUST(http_pool_new(&w->pool, w->client_net, &conf, &e) == 0);
    return w;
}

static void end(struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        leave(&w->x[i], HTTP_CLOSE_BROKEN);
    ev_sim_run(w->ev, ev_now(w->ev) + EV_S(20));
    MUST(http_pool_stats(w->pool)->conns_now == 0 && http_pool_unused(w->pool));
    http_pool_free(&w->pool);
    for (size_t i = 0; i < w->conns_n; i++)
        net_conn_close(&w->conns[i], NET_END_RESET);
    net_listener_close(&w->listener);
    ev_sim_run(w->ev, ev_now(w->ev) + EV_S(10));
    resolve_free(&w->resolver);
    net_sim_host_free(&w->target_net);
    net_sim_host_free(&w->client_net);
    net_sim_free(&w->sim);
    ev_sim_free(&w->ev);
    buf_fini(&w->bytes);
    mem_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct world *w;

    if (len < 1 || len > LEN_MAX)
        return 0;
    w = begin(data[0], data + 1, len - 1);
    ask(w);
    ev_sim_run(w->ev, EV_MS(1)); /* it is known that the connection can be shared */
    while (w->n < EXCHANGES - 1)
        ask(w);
    ev_sim_run(w->ev, EV_MS(2));
    w->asked = true;
    for (size_t i = 0; i < w->conns_n && !(w->how & EARLY); i++)
        send_input(w, &w->conns[i]);
    ev_sim_run(w->ev, EV_S(5));
    for (size_t i = 0; i < w->n; i++) /* where the target has gone, everybody knows */
        MUST(!w->x[i].s || w->x[i].ended || !(data[0] & (HANGS_UP | RESETS)));
    MUST(w->ends_sent == SIZE_MAX || w->ends <= w->ends_sent * w->conns_n);
    end(w);
    return 0;
}
