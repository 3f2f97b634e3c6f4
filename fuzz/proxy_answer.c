/*
 * proxy_answer.c - any bytes as an egress proxy's answer to CONNECT, in a virtual network.
 *
 * The first byte says how the bytes are cut, whether credentials were sent, and how the proxy ends.
 * Must hold: there is a tunnel if and only if the answer's head says 2xx in HTTP/1.x and nothing
 * came along with it, as a naive reader has it; what comes later through the tunnel is there whole;
 * a refusal can be printed, and says nothing of our credentials.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "ev/ev_sim.h"
#include "net/dial.h"
#include "net/net_sim.h"

#define LEN_MAX    20000
#define ANSWER_MAX 8192
#define PASSWORD   "Pa55/w0rd"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum how { AUTH = 1, HANGS_UP = 2, RESETS = 4 }; /* above: the size of the pieces */

struct world {
    struct ev *ev;
    struct net_sim *sim;
    struct net *proxy_net, *client_net;
    struct resolver *resolver;
    struct net_listener *listener;
    struct net_conn *proxy, *client;
    struct dial *dial;
    struct span answer;
    size_t sent, piece;
    uint8_t how;
    bool asked, done;
    struct err err;
    struct buf asked_for, through;
    struct ev_timer timer;
};

static void ignore_eof(void *arg)
{
    UNUSED(arg);
}

static void ignore_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

/* ---- the proxy ---- */

static void on_piece(struct ev_timer *t)
{
    struct world *w = CONTAINER_OF(t, struct world, timer);
    size_t n = MIN(w->piece, w->answer.n - w->sent);
    struct err e;

    if (!w->proxy)
        return;
    if (n == 0) {
        if (w->how & (HANGS_UP | RESETS))
            net_conn_close(&w->proxy, w->how & RESETS ? NET_END_RESET_ACKED : NET_END_FLUSH);
        return;
    }
    MUST(net_conn_write(w->proxy, w->answer.p + w->sent, n, &e) == 0);
    w->sent += n;
    MUST(ev_timer_set(t, EV_MS(1), &e) == 0);
}

static void proxy_read(void *arg, const char *p, size_t n)
{
    struct world *w = arg;
    struct err e;

    buf_add(&w->asked_for, p, n);
    if (!w->asked && span_ends(buf_span(&w->asked_for), SPAN_LIT("\r\n\r\n"))) {
        w->asked = true;
        MUST(ev_timer_set(&w->timer, 0, &e) == 0);
    }
}

static void proxy_error(void *arg, const struct err *e)
{
    struct world *w = arg;

    UNUSED(e);
    net_conn_close(&w->proxy, NET_END_RESET);
}

static const struct net_conn_cb proxy_cb = {proxy_read, ignore_eof, ignore_sent, proxy_error};

static void on_accept(void *arg, struct net_conn *c)
{
    struct world *w = arg;

    MUST(!w->proxy);
    w->proxy = c;
    net_conn_listen(c, &proxy_cb, w);
    net_conn_read(c, true);
}

/* ---- the dial ---- */

static void through_read(void *arg, const char *p, size_t n)
{
    buf_add(&((struct world *)arg)->through, p, n);
}

static void through_error(void *arg, const struct err *e)
{
    struct world *w = arg;

    UNUSED(e);
    net_conn_close(&w->client, NET_END_RESET);
}

static const struct net_conn_cb through_cb = {through_read, ignore_eof, ignore_sent, through_error};

static void on_done(void *arg, struct net_conn *c, const struct err *e)
{
    struct world *w = arg;

    MUST(!w->done && !c == !!e);
    w->done = true;
    w->dial = NULL;
    if (e) {
        w->err = *e;
        return;
    }
    w->client = c;
    net_conn_listen(c, &through_cb, w);
    net_conn_read(c, true);
}

/* ---- a naive reader ---- */

static bool naive_line(const char *p, size_t n)
{
    char digits[4] = {0};

    if (n < 12 || memcmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ')
        return false;
    memcpy(digits, p + 9, 3);
    if (strspn(digits, "0123456789") != 3 || (n > 12 && p[12] != ' '))
        return false;
    return digits[0] == '2';
}

/* How long the head of a good answer is; 0: it is none. */
static size_t naive_head(struct span s)
{
    for (size_t i = 0; i + 4 <= s.n && i + 4 <= ANSWER_MAX; i++) {
        size_t line = 0;

        if (memcmp(s.p + i, "\r\n\r\n", 4) != 0)
            continue;
        while (s.p[line] != '\r')
            line++;
        return naive_line(s.p, line) ? i + 4 : 0;
    }
    return 0;
}

static void check(const struct world *w)
{
    size_t head = naive_head(w->answer);
    struct span extra = span_of(w->answer.p + head, w->answer.n - head);

    MUST(w->done && w->asked);
    MUST(span_starts(buf_span(&w->asked_for), SPAN_LIT("CONNECT 1.2.3.4:443 HTTP/1.1\r\n")));
    MUST(span_contains(buf_span(&w->asked_for), SPAN_LIT("Basic")) == !!(w->how & AUTH));
    if (w->err.code == ERR_NONE) {
        MUST(head > 0);
        if (!(w->how & RESETS))
            MUST(span_eq(buf_span(&w->through), extra));
        return;
    }
    MUST(head == 0 || extra.n > 0);
    MUST(head == 0 || w->err.code == ERR_PROTOCOL);
    for (const char *c = w->err.text; *c; c++)
        MUST(*c >= ' ' && *c <= '~');
    MUST(span_contains(w->answer, SPAN_LIT(PASSWORD)) || !strstr(w->err.text, PASSWORD));
}

/* ---- the world ---- */

static struct world *begin(struct span answer, uint8_t how)
{
    struct net_sim_conf net = {.latency_min = 10, .latency_max = 10};
    struct net_listen_conf lc = {.fd = -1};
    struct resolver_conf names = {0};
    struct world *w = mem_zalloc(1, sizeof(*w));
    struct err e;

    MUST(w);
    w->answer = answer;
    w->how = how;
    w->piece = how >> 3 ? how >> 3 : NET_READ_MAX;
    buf_init(&w->asked_for, 4096);
    buf_init(&w->through, LEN_MAX);
    MUST(net_addr_parse(&lc.addr, SPAN_LIT("127.0.0.1:3128"), &e) == 0);
    MUST(ev_sim_new(&w->ev, 1, &e) == 0 && net_sim_new(&w->sim, w->ev, &net, &e) == 0);
    MUST(net_sim_host(&w->proxy_net, w->sim, NULL, &e) == 0);
    MUST(net_sim_host(&w->client_net, w->sim, NULL, &e) == 0);
    MUST(resolve_sim_new(&w->resolver, w->ev, &names, &e) == 0);
    MUST(net_listen(&w->listener, w->proxy_net, &lc, on_accept, w, &e) == 0);
    ev_timer_init(&w->timer, w->ev, on_piece);
    return w;
}

static void end(struct world *w)
{
    dial_cancel(&w->dial);
    ev_timer_stop(&w->timer);
    net_conn_close(&w->client, NET_END_RESET);
    net_conn_close(&w->proxy, NET_END_RESET);
    net_listener_close(&w->listener);
    ev_sim_run(w->ev, ev_now(w->ev) + EV_S(10));
    resolve_free(&w->resolver);
    net_sim_host_free(&w->proxy_net);
    net_sim_host_free(&w->client_net);
    net_sim_free(&w->sim);
    ev_sim_free(&w->ev);
    buf_fini(&w->asked_for);
    buf_fini(&w->through);
    mem_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct dial_proxy proxy = {.host = "127.0.0.1", .port = 3128};
    struct dial_conf conf = {.host = "1.2.3.4", .port = 443, .proxy = &proxy, .proxy_ms = 3600000};
    struct world *w;
    struct err e;

    if (len < 1 || len > LEN_MAX)
        return 0;
    w = begin(span_of((const char *)data + 1, len - 1), data[0]);
    if (data[0] & AUTH)
        proxy.auth = SPAN_LIT("user:" PASSWORD);
    MUST(dial_start(&w->dial, w->client_net, w->resolver, &conf, on_done, w, &e) == 0);
    ev_sim_run(w->ev, EV_S(3700));
    check(w);
    end(w);
    return 0;
}
