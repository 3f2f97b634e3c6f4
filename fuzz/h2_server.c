/*
 * h2_server.c - a server of both versions in a virtual process, fed with what a client may send.
 *
 * The first byte of the input says how the handler behaves and how the bytes are cut; with its
 * top bit the preface of HTTP/2 is sent ahead. Must hold: each request that reached the handler
 * ends, no more than a window is delivered unasked, and when the client has left nothing is left.
 */
#include "base/mem.h"
#include "ev/ev_sim.h"
#include "http/h2.h"
#include "http/server.h"
#include "net/net_sim.h"

#define HANDLED_MAX 2000
#define ANSWER      100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct handled {
    struct world *w;
    struct http_stream *s;
    size_t window, sent, left;
    bool ended, sending;
};

struct world {
    struct ev *ev;
    struct net_sim *sim;
    struct net *server_net, *client_net;
    struct http_server *server;
    struct net_conn *client;
    struct net_connect *dial;
    uint8_t how;
    struct handled handled[HANDLED_MAX];
    size_t n;
};

enum how { CHUNKED = 1, EARLY = 2, BREAKS = 4, EATS_NOT = 8 };

static void close_it(struct handled *h, enum http_close how)
{
    http_stream_close(&h->s, how);
}

static void pump(struct handled *h)
{
    static const char zeros[8192];
    struct err e;

    while (h->s && h->sending && h->sent < ANSWER && h->sent - h->left < HTTP_WINDOW) {
        size_t n = MIN(sizeof(zeros), ANSWER - h->sent);

        if (http_send_body(h->s, zeros, n, &e) < 0) {
            close_it(h, HTTP_CLOSE_BROKEN);
            return;
        }
        h->sent += n;
        if ((h->w->how & BREAKS) && h->sent > ANSWER / 2) {
            close_it(h, HTTP_CLOSE_BROKEN);
            return;
        }
    }
    if (h->s && h->sending && h->sent == ANSWER) {
        h->sending = false;
        if (http_send_end(h->s, &e) < 0 || (h->w->how & EARLY))
            close_it(h, HTTP_CLOSE_DONE);
    }
}

static void answer(struct handled *h)
{
    struct http_head head = {.status = 200, .body_len = ANSWER};
    struct err e;

    if (h->w->how & CHUNKED)
        head.body_len = HTTP_LEN_UNKNOWN;
    if (http_send_head(h->s, &head, &e) < 0) {
        close_it(h, HTTP_CLOSE_BROKEN);
        return;
    }
    h->sending = true;
    pump(h);
}

static void on_body(void *arg, const char *p, size_t n)
{
    struct handled *h = arg;

    UNUSED(p);
    MUST(h->s && n > 0 && !h->ended);
    h->window += n;
    MUST(h->window <= HTTP_WINDOW);
    if (h->w->how & EATS_NOT)
        return;
    h->window -= n;
    http_consumed(h->s, n);
}

static void on_end(void *arg)
{
    struct handled *h = arg;

    MUST(h->s && !h->ended);
    h->ended = true;
    if (!(h->w->how & EARLY))
        answer(h);
}

static void on_sent(void *arg, size_t n)
{
    struct handled *h = arg;

    MUST(h->s && n > 0);
    h->left += n;
    MUST(h->left <= h->sent);
    if (h->left == ANSWER)
        close_it(h, HTTP_CLOSE_DONE);
    else
        pump(h);
}

static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    struct handled *h = arg;

    UNUSED(how);
    MUST(h->s && e->code != ERR_BUG);
    close_it(h, HTTP_CLOSE_BROKEN);
}

static const struct http_stream_cb stream_cb = {
    .on_body = on_body, .on_end = on_end, .on_sent = on_sent, .on_fail = on_fail};

static void on_request(void *arg, struct http_stream *s, const struct http_head *head,
                       const struct net_addr *peer)
{
    struct world *w = arg;
    struct handled *h = &w->handled[w->n];

    MUST(head->method.n && head->path.n && peer);
    if (w->n == HANDLED_MAX) {
        http_stream_close(&s, HTTP_CLOSE_BROKEN);
        return;
    }
    w->n++;
    h->w = w;
    h->s = s;
    http_stream_bind(s, &stream_cb, h);
    if (w->how & EARLY)
        answer(h);
}

static void client_read(void *arg, const char *p, size_t n)
{
    UNUSED(arg);
    UNUSED(p);
    UNUSED(n);
}

static void client_eof(void *arg)
{
    UNUSED(arg);
}

static void client_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void client_error(void *arg, const struct err *e)
{
    struct world *w = arg;

    UNUSED(e);
    net_conn_close(&w->client, NET_END_RESET);
}

static const struct net_conn_cb client_cb = {client_read, client_eof, client_sent, client_error};

static void on_dialed(void *arg, struct net_conn *c, const struct err *e)
{
    struct world *w = arg;

    MUST(c && e == NULL);
    w->dial = NULL;
    w->client = c;
    net_conn_listen(c, &client_cb, w);
    net_conn_read(c, true);
}

static struct world *begin(uint8_t how)
{
    struct http_server_conf conf = {
        .limits = {.head_bytes = 2000, .fields = 20, .path_bytes = 200, .body_bytes = 200000},
        .head_ms = 1000,
        .body_stall_ms = 2000,
        .idle_ms = 3000,
        .write_stall_ms = 4000,
        .conns = 10,
        .streams_per_conn = 10,
    };
    struct net_sim_conf net = {.latency_min = 10, .latency_max = 10};
    struct net_listen_conf lc = {.fd = -1};
    struct world *w = calloc(1, sizeof(*w));
    struct err e;

    MUST(w);
    w->how = how;
    MUST(net_addr_parse(&lc.addr, SPAN_LIT("127.0.0.1:80"), &e) == 0);
    MUST(ev_sim_new(&w->ev, 1, &e) == 0 && net_sim_new(&w->sim, w->ev, &net, &e) == 0);
    MUST(net_sim_host(&w->server_net, w->sim, NULL, &e) == 0);
    MUST(net_sim_host(&w->client_net, w->sim, NULL, &e) == 0);
    MUST(http_server_new(&w->server, w->server_net, &conf, on_request, w, &e) == 0);
    MUST(http_server_listen(w->server, &lc, &e) == 0);
    MUST(net_connect(&w->dial, w->client_net, &lc.addr, on_dialed, w, &e) == 0);
    ev_sim_run(w->ev, 100);
    return w;
}

static void end(struct world *w)
{
    net_conn_close(&w->client, NET_END_FLUSH);
    ev_sim_run(w->ev, ev_now(w->ev) + EV_S(60));
    for (size_t i = 0; i < w->n; i++)
        MUST(w->handled[i].s == NULL);
    MUST(http_server_stats(w->server)->streams_now == 0);
    MUST(http_server_stats(w->server)->conns_now == 0);
    http_server_free(&w->server);
    net_sim_host_free(&w->server_net);
    net_sim_host_free(&w->client_net);
    net_sim_free(&w->sim);
    ev_sim_free(&w->ev);
    free(w);
}

static void feed(struct world *w, const char *p, size_t n)
{
    struct err e;

    if (w->client && n)
        MUST(net_conn_write(w->client, p, n, &e) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char settings[] = "\0\0\0\x04\0\0\0\0";
    const char *p = (const char *)data + 1;
    struct world *w;
    size_t piece;

    if (len < 1)
        return 0;
    w = begin(data[0]);
    if (data[0] & 128) {
        feed(w, H2_PREFACE, sizeof(H2_PREFACE) - 1);
        feed(w, settings, sizeof(settings));
    }
    piece = data[0] & 64 ? 7 : len;
    for (size_t at = 0; at < len - 1; at += piece) {
        feed(w, p + at, MIN(piece, len - 1 - at));
        if (data[0] & 64)
            ev_sim_run(w->ev, ev_now(w->ev) + 100);
    }
    ev_sim_run(w->ev, ev_now(w->ev) + (data[0] & 32 ? EV_S(10) : EV_MS(10)));
    end(w);
    return 0;
}
