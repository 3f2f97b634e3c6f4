/* Goal: both networks keep the contract of net.h, so that what is shown on the virtual one holds
 * on the real one.
 * Method: the same functions run on both; the faults, the seed and the crash of a host are
 * tested on the virtual one, descriptors on the real one. */
#include "bed.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"

#define ECHO_BYTES ((size_t)10 * 1024 * 1024)
#define MEGA       ((size_t)1024 * 1024)

static struct net_addr addr(const char *text)
{
    struct net_addr a;
    struct err e;

    assert_int_equal(net_addr_parse(&a, span_str(text), &e), 0);
    return a;
}

/* Bytes that show a loss, a repeat or a swap. */
static char *pattern(size_t n)
{
    char *p = mem_alloc(n);
    struct rng r;

    assert_non_null(p);
    rng_init(&r, n);
    rng_bytes(&r, p, n);
    return p;
}

/* ---- bytes ---- */

static void pair_knows_its_peer(void **state)
{
    struct bed *b = *state;
    struct side client, server;
    struct door d;
    char text[NET_ADDR_TEXT], again[NET_ADDR_TEXT], line[256];

    bed_pair(b, &d, &client, &server);
    assert_string_equal(net_addr_text(net_conn_peer(client.c), text),
                        net_addr_text(net_listener_addr(d.l), again));
    assert_true(net_addr_loopback(net_conn_peer(server.c)));
    assert_string_not_equal(net_addr_text(net_conn_peer(server.c), text), again);
    assert_false(net_conn_is_tls(client.c));
    assert_string_equal(net_conn_alpn(client.c), "");
    assert_int_equal(net_conn_queued(client.c), 0);
    client.c->ops->dump(client.c, line, sizeof(line));
    assert_non_null(strstr(line, "127.0.0.1"));
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
}

struct echo {
    struct bed *b;
    struct side client;
    struct ev_timer toggle;
    struct rng rng;
    const char *data;
    size_t written;
    bool on;
};

static void echo_back(struct side *s, char what)
{
    if (what == 'r') {
        side_write(s, s->in.p, s->in.n);
        buf_reset(&s->in);
    }
    net_conn_read(s->c, net_conn_queued(s->c) < NET_READ_MAX);
}

static void echo_accept(struct door *d, struct side *s)
{
    UNUSED(d);
    s->hook = echo_back;
}

static void echo_feed(struct echo *x)
{
    while (x->written < ECHO_BYTES && net_conn_queued(x->client.c) < 200000) {
        size_t n = (size_t)rng_range(&x->rng, 1, 70000);

        n = MIN(n, ECHO_BYTES - x->written);
        side_write(&x->client, x->data + x->written, n);
        x->written += n;
    }
}

static void echo_client(struct side *s, char what)
{
    if (what == 's')
        echo_feed(CONTAINER_OF(s, struct echo, client));
}

static void echo_toggle(struct ev_timer *t)
{
    struct echo *x = CONTAINER_OF(t, struct echo, toggle);
    struct err e;

    x->on = !x->on;
    net_conn_read(x->client.c, x->on);
    assert_int_equal(ev_timer_set(t, rng_range(&x->rng, 0, EV_MS(2)), &e), 0);
}

static void echo_of_10_mb_survives_a_reader_that_toggles(void **state)
{
    struct echo x = {.b = *state};
    struct bed *b = x.b;
    char *data = pattern(ECHO_BYTES);
    struct side server;
    struct door d;
    struct call call;
    struct err e;

    x.data = data;
    rng_init(&x.rng, 5);
    side_init(&x.client, b);
    x.client.hook = echo_client;
    door_open(&d, b, &server, 1);
    d.hook = echo_accept;
    call_start(&call, &x.client, net_listener_addr(d.l));
    WAIT(b, call.done);
    echo_feed(&x);
    ev_timer_init(&x.toggle, b->ev, echo_toggle);
    assert_int_equal(ev_timer_set(&x.toggle, 0, &e), 0);
    WAIT(b, x.client.in.n >= ECHO_BYTES);
    ev_timer_stop(&x.toggle);
    assert_int_equal(x.client.in.n, ECHO_BYTES);
    assert_memory_equal(x.client.in.p, data, ECHO_BYTES);
    assert_int_equal(x.client.sent, ECHO_BYTES);
    WAIT(b, server.sent == ECHO_BYTES);
    assert_int_equal(net_conn_queued(x.client.c), 0);
    side_fini(&x.client);
    side_fini(&server);
    net_listener_close(&d.l);
    mem_free(data);
}

static void small_writes_keep_their_order(void **state)
{
    struct bed *b = *state;
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    for (int i = 0; i < 1000; i++)
        side_write(&client, &"0123456789"[i % 10], 1);
    assert_int_equal(net_conn_queued(client.c), 1000); /* they leave at the end of the turn */
    WAIT(b, server.in.n == 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(server.in.p[i], "0123456789"[i % 10]);
    assert_int_equal(client.sent, 1000);
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
}

static void reader_that_is_off_stops_the_writer(void **state)
{
    struct bed *b = *state;
    size_t n = 32 * MEGA, stuck; /* more than any kernel's buffers for a loopback connection */
    char *data = pattern(n);
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    net_conn_read(server.c, false);
    side_write(&client, data, n);
    bed_settle(b);
    bed_settle(b);
    stuck = client.sent;
    assert_true(stuck < n);
    assert_int_equal(server.calls, 0);
    assert_int_equal(net_conn_queued(client.c), n - stuck);
    bed_settle(b);
    assert_int_equal(client.sent, stuck);
    net_conn_read(server.c, true);
    WAIT(b, server.in.n == n);
    assert_memory_equal(server.in.p, data, n);
    WAIT(b, client.sent == n);
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
    mem_free(data);
}

/* ---- ends ---- */

static void flush_sends_all_and_then_fin(void **state)
{
    struct bed *b = *state;
    char *data = pattern(MEGA);
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    side_write(&client, data, MEGA);
    net_conn_close(&client.c, NET_END_FLUSH);
    assert_null(client.c);
    WAIT(b, server.eof);
    assert_int_equal(server.in.n, MEGA);
    assert_memory_equal(server.in.p, data, MEGA);
    assert_false(server.broken);
    assert_int_equal(client.calls, 0);
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
    mem_free(data);
}

static void shutdown_leaves_the_other_direction_open(void **state)
{
    struct bed *b = *state;
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    side_write(&client, "question", 8);
    net_conn_shutdown(client.c);
    WAIT(b, server.eof);
    assert_true(span_is(buf_span(&server.in), "question"));
    side_write(&server, "answer", 6);
    net_conn_close(&server.c, NET_END_FLUSH);
    WAIT(b, client.eof);
    assert_true(span_is(buf_span(&client.in), "answer"));
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
}

static void reset_drops_the_queue_and_is_an_error(void **state)
{
    struct bed *b = *state;
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    side_write(&client, "lost", 4);
    net_conn_close(&client.c, NET_END_RESET);
    WAIT(b, server.broken);
    assert_int_equal(server.err.code, ERR_RESET);
    assert_int_equal(server.in.n, 0);
    assert_false(server.eof);
    assert_int_equal(client.calls, 0);
    side_fini(&server);
    side_fini(&client);
    net_listener_close(&d.l);
}

static void reset_acked_delivers_all_and_is_an_error(void **state)
{
    struct bed *b = *state;
    char *data = pattern(MEGA);
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    net_conn_read(server.c, false);
    side_write(&client, data, MEGA);
    net_conn_close(&client.c, NET_END_RESET_ACKED);
    for (int i = 0; i < 3; i++)
        bed_turn(b);
    net_conn_read(server.c, true);
    WAIT(b, server.broken);
    assert_int_equal(server.err.code, ERR_RESET);
    assert_int_equal(server.in.n, MEGA);
    assert_memory_equal(server.in.p, data, MEGA);
    assert_false(server.eof);
    side_fini(&server);
    side_fini(&client);
    net_listener_close(&d.l);
    mem_free(data);
}

static void writer_learns_of_a_reset_with_its_reader_off(void **state)
{
    struct bed *b = *state;
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    net_conn_read(client.c, false);
    net_conn_close(&server.c, NET_END_RESET);
    bed_settle(b);
    assert_false(client.broken);
    side_write(&client, "x", 1);
    WAIT(b, client.broken);
    assert_int_equal(client.err.code, ERR_RESET);
    side_write(&client, "y", 1); /* goes nowhere, harms nobody */
    bed_settle(b);
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
}

static void refuse_upload(struct side *s, char what)
{
    if (what != 'r' || net_conn_queued(s->c) > 0)
        return;
    side_write(s, "413 too large", 13);
    net_conn_close(&s->c, NET_END_RESET_ACKED);
}

static void early_answer_is_read_though_writing_failed(void **state)
{
    struct bed *b = *state;
    char *data = pattern(32 * MEGA);
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    server.hook = refuse_upload;
    side_write(&client, data, 32 * MEGA);
    WAIT(b, client.broken);
    assert_true(span_is(buf_span(&client.in), "413 too large"));
    assert_int_equal(client.err.code, ERR_RESET);
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
    mem_free(data);
}

static void close_at(struct side *s, char what)
{
    static const char at[] = "rse!";

    if (what == at[s->b->begin % 4])
        net_conn_close(&s->c, NET_END_RESET);
}

/* The end that closes itself in the callback `what` hears nothing more, though much is due. */
static void close_in_callback(struct bed *b, char what, enum net_end how)
{
    struct side client, server;
    struct door d;
    char *data = pattern(MEGA);
    int calls;

    bed_pair(b, &d, &client, &server);
    side_write(&server, data, MEGA);
    side_write(&client, data, MEGA);
    b->begin = (ev_us)(strchr("rse!", what) - "rse!");
    client.hook = close_at;
    if (what == 'e')
        net_conn_close(&server.c, NET_END_FLUSH);
    if (what == '!')
        net_conn_close(&server.c, how);
    for (int i = 0; i < 20000 && client.c; i++)
        bed_turn(b);
    assert_null(client.c);
    calls = client.calls;
    bed_settle(b);
    assert_int_equal(client.calls, calls);
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
    mem_free(data);
}

static void no_callback_after_close(void **state)
{
    struct bed *b = *state;

    close_in_callback(b, 'r', NET_END_RESET);
    close_in_callback(b, 's', NET_END_RESET);
    close_in_callback(b, 'e', NET_END_FLUSH);
    close_in_callback(b, '!', NET_END_RESET);
    close_in_callback(b, '!', NET_END_RESET_ACKED);
}

/* ---- listening and connecting ---- */

static void connect_to_nobody_is_refused(void **state)
{
    struct bed *b = *state;
    struct net_addr to;
    struct side client, server;
    struct door d;
    struct call call;

    side_init(&client, b);
    door_open(&d, b, &server, 1);
    to = *net_listener_addr(d.l);
    net_listener_close(&d.l);
    call_start(&call, &client, &to);
    WAIT(b, call.done);
    assert_true(call.failed);
    assert_int_equal(call.err.code, ERR_CONNECT);
    assert_non_null(strstr(call.err.text, "refused"));
    side_fini(&client);
}

static void canceled_connect_is_silent(void **state)
{
    struct bed *b = *state;
    struct side client, server;
    struct door d;
    struct call call;

    for (int turns = 0; turns < 3; turns++) {
        side_init(&client, b);
        door_open(&d, b, &server, 1);
        call_start(&call, &client, net_listener_addr(d.l));
        for (int i = 0; b->sim && i < turns; i++)
            ev_sim_turn(b->ev);
        net_connect_cancel(&call.attempt);
        assert_null(call.attempt);
        net_connect_cancel(&call.attempt);
        bed_settle(b);
        assert_false(call.done);
        if (d.n > 0) {
            assert_true(server.broken || server.eof);
            side_fini(&server);
        }
        side_fini(&client);
        net_listener_close(&d.l);
    }
}

static void paused_listener_accepts_later(void **state)
{
    struct bed *b = *state;
    struct side clients[3], servers[3];
    struct call calls[3];
    struct door d;

    door_open(&d, b, servers, 3);
    net_listener_pause(d.l, true);
    for (size_t i = 0; i < 3; i++) {
        side_init(&clients[i], b);
        call_start(&calls[i], &clients[i], net_listener_addr(d.l));
    }
    WAIT(b, calls[0].done && calls[1].done && calls[2].done);
    bed_settle(b);
    assert_int_equal(d.n, 0);
    side_write(&clients[1], "early", 5);
    net_listener_pause(d.l, false);
    assert_int_equal(d.n, 0);
    WAIT(b, d.n == 3);
    WAIT(b, servers[0].in.n + servers[1].in.n + servers[2].in.n == 5);
    for (size_t i = 0; i < 3; i++) {
        side_fini(&clients[i]);
        side_fini(&servers[i]);
    }
    net_listener_close(&d.l);
}

static void accept_one_and_close(struct door *d, struct side *s)
{
    UNUSED(s);
    net_listener_close(&d->l);
}

static void listener_may_close_in_accept(void **state)
{
    struct bed *b = *state;
    struct side clients[3], server;
    struct call calls[3];
    struct door d;

    door_open(&d, b, &server, 1);
    net_listener_pause(d.l, true);
    d.hook = accept_one_and_close;
    for (size_t i = 0; i < 3; i++) {
        side_init(&clients[i], b);
        call_start(&calls[i], &clients[i], net_listener_addr(d.l));
    }
    WAIT(b, calls[0].done && calls[1].done && calls[2].done);
    net_listener_pause(d.l, false);
    WAIT(b, clients[0].broken + clients[1].broken + clients[2].broken == 2);
    assert_int_equal(d.n, 1);
    for (size_t i = 0; i < 3; i++)
        side_fini(&clients[i]);
    side_fini(&server);
}

/* ---- without memory ---- */

static void ignore_conn(void *arg, struct net_conn *c)
{
    UNUSED(arg);
    net_conn_close(&c, NET_END_RESET);
}

static void ignore_done(void *arg, struct net_conn *c, const struct err *e)
{
    UNUSED(arg);
    UNUSED(e);
    net_conn_close(&c, NET_END_RESET);
}

static int make_net(struct bed *b, struct err *e)
{
    struct net *net = NULL;
    int rc = b->sim ? net_sim_host(&net, b->world, NULL, e) : net_uv_new(&net, b->ev, e);

    (b->sim ? net_sim_host_free : net_uv_free)(&net);
    return rc;
}

static int make_world(struct bed *b, struct err *e)
{
    const struct net_sim_conf conf = {0};
    struct net_sim *s = NULL;
    int rc = net_sim_new(&s, b->ev, &conf, e);

    net_sim_free(&s);
    return rc;
}

static int make_listener(struct bed *b, struct err *e)
{
    struct net_listen_conf conf = {.fd = -1, .addr = addr("127.0.0.1:0")};
    struct net_listener *l = NULL;
    int rc = net_listen(&l, b->net, &conf, ignore_conn, NULL, e);

    net_listener_close(&l);
    return rc;
}

static int make_connect(struct bed *b, struct err *e)
{
    struct net_addr to = addr("127.0.0.1:9");
    struct net_connect *c = NULL;
    int rc = net_connect(&c, b->net, &to, ignore_done, NULL, e);

    net_connect_cancel(&c);
    return rc;
}

static void constructors_survive_without_memory(void **state)
{
    static int (*const makers[])(struct bed *b, struct err *e) = {make_net, make_world,
                                                                  make_listener, make_connect};
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
        bool hit = true;

        for (size_t at = 1; hit; at++) {
            struct err e = {0};
            int rc;

            mem_torture(at, false);
            rc = makers[i](b, &e);
            hit = mem_torture_hit();
            mem_torture(0, false);
            assert_int_equal(rc, hit ? -1 : 0);
            assert_int_equal(e.code, hit ? ERR_NOMEM : ERR_NONE);
            assert_true(at < 20);
        }
    }
    bed_settle(b);
}

#define TALK ((size_t)100000)

/* Allocation number `at` fails in a conversation, which then works, or ends with an error that
 * its owner is told. True when it came to that allocation. */
static bool talk_without_memory(bool sim, size_t at, const char *data)
{
    struct bed *b = bed_new(sim, at, NULL);
    struct side client, server;
    struct door d;
    struct call call;
    struct err e = {0};
    bool hit;

    side_init(&client, b);
    side_init(&server, b);
    assert_non_null(buf_reserve(&server.in, TALK));
    door_open(&d, b, &server, 1);
    d.ready = true;
    mem_torture(at, false);
    if (call_try(&call, &client, net_listener_addr(d.l), &e) == 0)
        WAIT(b, call.done);
    if (!client.c)
        assert_int_equal(call.failed ? call.err.code == ERR_CONNECT : e.code == ERR_NOMEM, true);
    else if (net_conn_write(client.c, data, TALK, &e) < 0)
        assert_int_equal(e.code, ERR_NOMEM);
    else
        WAIT(b, client.broken || client.eof || server.in.n == TALK);
    hit = mem_torture_hit();
    mem_torture(0, false);
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
    bed_free(b);
    return hit;
}

static void talk_survives_without_memory(void **state)
{
    char *data = pattern(TALK);

    UNUSED(state);
    for (int sim = 0; sim < 2; sim++)
        for (size_t at = 1; talk_without_memory(sim, at, data); at++)
            assert_true(at < 2000);
    mem_free(data);
}

/* ---- real only ---- */

static void adopted_descriptor_listens(void **state)
{
    struct bed *b = *state;
    struct net_listen_conf conf = {.addr = addr("127.0.0.1:0")};
    struct net_listener *l = NULL;
    struct side client;
    struct call call;
    struct err e;

    conf.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(conf.fd, &conf.addr.u.any, sizeof(conf.addr.u.v4)), 0);
    assert_int_equal(net_listen(&l, b->net, &conf, ignore_conn, NULL, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG); /* it does not listen, and stays ours */
    assert_int_equal(listen(conf.fd, 5), 0);
    assert_int_equal(net_listen(&l, b->net, &conf, ignore_conn, NULL, &e), 0);
    side_init(&client, b);
    call_start(&call, &client, net_listener_addr(l));
    WAIT(b, call.done && (call.failed || client.broken)); /* the reset may come first */
    side_fini(&client);
    net_listener_close(&l);
}

static void port_is_shared_when_asked(void **state)
{
    struct bed *b = *state;
    struct net_listen_conf conf = {.fd = -1, .addr = addr("127.0.0.1:0"), .reuse_port = true};
    struct net_listener *one = NULL, *two = NULL, *three = NULL;
    struct err e;

    assert_int_equal(net_listen(&one, b->net, &conf, ignore_conn, NULL, &e), 0);
    conf.addr = *net_listener_addr(one);
    assert_int_equal(net_listen(&two, b->net, &conf, ignore_conn, NULL, &e), 0);
    conf.reuse_port = false;
    assert_int_equal(net_listen(&three, b->net, &conf, ignore_conn, NULL, &e), -1);
    assert_int_equal(e.code, ERR_SYS);
    net_listener_close(&one);
    net_listener_close(&two);
}

/* Callers that find no descriptor left are refused at once, and it works again afterwards. */
static void accepting_survives_a_want_of_descriptors(void **state)
{
    struct bed *b = *state;
    struct side clients[8], servers[8];
    struct call calls[8];
    struct door d;
    struct rlimit old, tight;
    int top;
    size_t ended = 0;

    door_open(&d, b, servers, 8);
    net_listener_pause(d.l, true);
    for (size_t i = 0; i < 8; i++) {
        side_init(&clients[i], b);
        call_start(&calls[i], &clients[i], net_listener_addr(d.l));
        WAIT(b, calls[i].done);
    }
    top = dup(0);
    assert_true(top > 0);
    close(top);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = (struct rlimit){(rlim_t)top + 3, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    net_listener_pause(d.l, false);
    for (size_t i = 0; i < 8; i++)
        ended += clients[i].eof || clients[i].broken;
    WAIT(b, d.n == 3);
    for (int i = 0; i < 1000 && ended < 5; i++) {
        bed_turn(b);
        ended = 0;
        for (size_t k = 0; k < 8; k++)
            ended += clients[k].eof || clients[k].broken;
    }
    assert_int_equal(ended, 5);
    assert_int_equal(d.n, 3);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    side_fini(&clients[7]);
    side_init(&clients[7], b);
    call_start(&calls[7], &clients[7], net_listener_addr(d.l));
    WAIT(b, d.n == 4);
    for (size_t i = 0; i < 8; i++)
        side_fini(&clients[i]);
    for (size_t i = 0; i < d.n; i++)
        side_fini(&servers[i]);
    net_listener_close(&d.l);
}

static void lingering_connections_go_away(void **state)
{
    struct bed *b = *state;
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    net_conn_close(&client.c, NET_END_FLUSH);
    WAIT(b, server.eof);
    assert_int_equal(net_uv_conns(b->net), 2); /* ours waits for the peer's FIN */
    net_conn_close(&server.c, NET_END_FLUSH);
    WAIT(b, net_uv_conns(b->net) == 0);
    net_listener_close(&d.l);
    side_fini(&client);
    side_fini(&server);
}

/* ---- virtual only ---- */

static void flush_gives_up_after_5_s(void **state)
{
    struct bed *b = *state;
    char *data = pattern(MEGA);
    struct side client, server;
    struct door d;
    ev_us begin;

    bed_pair(b, &d, &client, &server);
    net_conn_read(server.c, false);
    side_write(&client, data, MEGA);
    begin = ev_now(b->ev);
    net_conn_close(&client.c, NET_END_FLUSH);
    bed_run(b, begin + EV_MS(4900));
    net_conn_read(server.c, true);
    WAIT(b, server.eof); /* it was not too late */
    assert_int_equal(server.in.n, MEGA);
    side_fini(&server);
    side_fini(&client);
    net_listener_close(&d.l);

    bed_pair(b, &d, &client, &server);
    net_conn_read(server.c, false);
    side_write(&client, data, MEGA);
    begin = ev_now(b->ev);
    net_conn_close(&client.c, NET_END_FLUSH);
    bed_run(b, begin + EV_MS(5100));
    net_conn_read(server.c, true);
    WAIT(b, server.broken);
    assert_true(server.in.n < MEGA);
    side_fini(&server);
    side_fini(&client);
    net_listener_close(&d.l);
    mem_free(data);
}

static void latency_and_bandwidth_take_their_time(void **state)
{
    static const struct net_sim_conf conf = {
        .latency_min = EV_MS(40), .latency_max = EV_MS(40), .bytes_per_s = 1000000};
    struct bed *b = bed_new(true, 3, &conf);
    char *data = pattern(MEGA);
    struct side client, server;
    struct door d;
    ev_us begin;

    UNUSED(state);
    bed_pair(b, &d, &client, &server);
    begin = ev_now(b->ev);
    assert_in_range(begin, EV_MS(80), EV_MS(100)); /* there and back, and a tick of the bed */
    side_write(&client, "x", 1);
    WAIT(b, server.in.n == 1);
    assert_in_range(ev_now(b->ev) - begin, EV_MS(40), EV_MS(41));
    begin = ev_now(b->ev);
    side_write(&client, data, MEGA);
    WAIT(b, server.in.n == MEGA + 1);
    assert_in_range(ev_now(b->ev) - begin, EV_MS(1048), EV_MS(1200));
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
    bed_free(b);
    mem_free(data);
}

static void host_that_dies_closes_as_a_kernel_does(void **state)
{
    struct bed *b = *state;
    struct net_addr self = addr("10.0.0.7:0");
    struct net_listen_conf conf = {.fd = -1, .addr = addr("0.0.0.0:80")};
    struct side clients[2], servers[2];
    struct call calls[3];
    struct net *far = NULL;
    struct door d = {.b = b, .sides = servers, .max = 2};
    struct err e;

    assert_int_equal(net_sim_host(&far, b->world, &self, &e), 0);
    door_open(&d, b, servers, 2); /* for its callback only */
    net_listener_close(&d.l);
    assert_int_equal(net_listen(&d.l, far, &conf, ignore_conn, NULL, &e), 0);
    net_listener_pause(d.l, true);
    for (size_t i = 0; i < 2; i++) {
        struct net_addr to = addr("10.0.0.7:80");

        side_init(&clients[i], b);
        call_start(&calls[i], &clients[i], &to);
        WAIT(b, calls[i].done);
        assert_false(calls[i].failed);
    }
    side_write(&clients[1], "unread", 6);
    bed_settle(b);
    net_sim_host_free(&far);
    WAIT(b, clients[0].broken && clients[1].broken); /* in its queue they were, not accepted */
    call_start(&calls[2], &clients[0], &(struct net_addr){.u.v4 = self.u.v4});
    WAIT(b, calls[2].done);
    assert_true(calls[2].failed);
    side_fini(&clients[0]);
    side_fini(&clients[1]);
}

struct chaos {
    struct buf trace;
    size_t refused, silent, whole, cut, half;
};

static void on_trace(void *arg, const char *line)
{
    struct chaos *x = arg;

    buf_printf(&x->trace, "%s\n", line);
}

static void reply(struct side *s, char what)
{
    if (what == 'r') {
        side_write(s, s->in.p, s->in.n);
        buf_reset(&s->in);
    } else if (what == 'e') {
        net_conn_close(&s->c, NET_END_FLUSH);
    } else if (what == '!') {
        net_conn_close(&s->c, NET_END_RESET);
    }
}

static void reply_to(struct door *d, struct side *s)
{
    UNUSED(d);
    s->hook = reply;
}

#define CALLS 150

/* Everybody says 20,000 bytes, hears them back, and hangs up; a third of it goes wrong. */
static void chaos_run(uint64_t seed, struct chaos *x)
{
    const struct net_sim_conf conf = {.latency_min = 100,
                                      .latency_max = EV_MS(80),
                                      .jitter_max = EV_MS(5),
                                      .refuse_p = 0.1,
                                      .silent_p = 0.05,
                                      .reset_p = 0.1,
                                      .stall_p = 0.1,
                                      .half_close_p = 0.1,
                                      .fault_bytes_max = 20000,
                                      .trace = on_trace,
                                      .trace_arg = x};
    struct bed *b = bed_new(true, seed, &conf);
    struct side *clients = mem_zalloc(CALLS, sizeof(*clients));
    struct side *servers = mem_zalloc(CALLS, sizeof(*servers));
    struct call *calls = mem_zalloc(CALLS, sizeof(*calls));
    char *data = pattern(20000);
    struct door d;

    assert_true(clients && servers && calls);
    door_open(&d, b, servers, CALLS);
    d.hook = reply_to;
    for (size_t i = 0; i < CALLS; i++) {
        side_init(&clients[i], b);
        call_start(&calls[i], &clients[i], net_listener_addr(d.l));
    }
    bed_run(b, EV_S(100));
    for (size_t i = 0; i < CALLS; i++)
        if (clients[i].c) {
            side_write(&clients[i], data, 20000);
            net_conn_shutdown(clients[i].c);
        }
    bed_run(b, EV_S(300));
    for (size_t i = 0; i < CALLS; i++) {
        struct side *c = &clients[i];

        assert_true(calls[i].done);
        assert_int_equal(memcmp(c->in.p ? c->in.p : "", data, c->in.n), 0);
        x->refused += calls[i].failed && strstr(calls[i].err.text, "refused");
        x->silent += calls[i].failed && strstr(calls[i].err.text, "timed out");
        x->whole += c->eof && c->in.n == 20000;
        x->half += c->eof && c->in.n < 20000;
        x->cut += c->broken;
        side_fini(c);
    }
    for (size_t i = 0; i < d.n; i++)
        side_fini(&servers[i]);
    net_listener_close(&d.l);
    bed_free(b);
    mem_free(data);
    mem_free(clients);
    mem_free(servers);
    mem_free(calls);
}

static void one_seed_replays_one_run(void **state)
{
    struct chaos runs[3] = {0};

    UNUSED(state);
    for (size_t i = 0; i < 3; i++) {
        buf_init(&runs[i].trace, IN_MAX);
        chaos_run(i == 2 ? 12 : 11, &runs[i]);
        assert_true(buf_ok(&runs[i].trace));
    }
    assert_true(runs[0].trace.n > 100000);
    assert_true(span_eq(buf_span(&runs[0].trace), buf_span(&runs[1].trace)));
    assert_false(span_eq(buf_span(&runs[0].trace), buf_span(&runs[2].trace)));
    for (size_t i = 0; i < 3; i++) {
        const struct chaos *x = &runs[i];

        assert_int_equal(x->refused + x->silent + x->whole + x->half + x->cut, CALLS);
        assert_true(x->refused && x->silent && x->whole && x->half && x->cut);
        buf_fini(&runs[i].trace);
    }
}

/* ---- addresses ---- */

static void addresses_are_read_and_written(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: not an address */
        bool loopback;
    } rows[] = {
        {"127.0.0.1:80", "127.0.0.1:80", true},
        {"127.255.1.2:1", "127.255.1.2:1", true},
        {"10.0.0.1:65535", "10.0.0.1:65535", false},
        {"[::1]:443", "[::1]:443", true},
        {"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", true},
        {"[2001:DB8::0:1]:0", "[2001:db8::1]:0", false},
        {"", NULL, false},
        {":80", NULL, false},
        {"127.0.0.1", NULL, false},
        {"127.0.0.1:", NULL, false},
        {"127.0.0.1:65536", NULL, false},
        {"127.0.0.1:-1", NULL, false},
        {"127.0.0.1:8 ", NULL, false},
        {"127.0.0:80", NULL, false},
        {"::1:80", NULL, false},
        {"[::1]", NULL, false},
        {"[::1]80", NULL, false},
        {"[::1", NULL, false},
        {"[127.0.0.1]:80", NULL, false},
        {"host:80", NULL, false},
        {"[11111111111111111111111111111111111111111111111111111111]:80", NULL, false},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_addr a;
        struct err e;
        char text[NET_ADDR_TEXT];

        if (net_addr_parse(&a, span_str(rows[i].in), &e) < 0) {
            assert_null(rows[i].out);
            assert_int_equal(e.code, ERR_PARSE);
            continue;
        }
        assert_non_null(rows[i].out);
        assert_string_equal(net_addr_text(&a, text), rows[i].out);
        assert_int_equal(net_addr_loopback(&a), rows[i].loopback);
    }
}

#define UV(f)   {"uv_" #f, f, bed_uv, bed_end, NULL}
#define SIM(f)  {"sim_" #f, f, bed_sim, bed_end, NULL}
#define BOTH(f) UV(f), SIM(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(pair_knows_its_peer),
        BOTH(echo_of_10_mb_survives_a_reader_that_toggles),
        BOTH(small_writes_keep_their_order),
        BOTH(reader_that_is_off_stops_the_writer),
        BOTH(flush_sends_all_and_then_fin),
        BOTH(shutdown_leaves_the_other_direction_open),
        BOTH(reset_drops_the_queue_and_is_an_error),
        BOTH(reset_acked_delivers_all_and_is_an_error),
        BOTH(writer_learns_of_a_reset_with_its_reader_off),
        BOTH(early_answer_is_read_though_writing_failed),
        BOTH(no_callback_after_close),
        BOTH(connect_to_nobody_is_refused),
        BOTH(canceled_connect_is_silent),
        BOTH(paused_listener_accepts_later),
        BOTH(listener_may_close_in_accept),
        BOTH(constructors_survive_without_memory),
        cmocka_unit_test(talk_survives_without_memory),
        UV(adopted_descriptor_listens),
        UV(port_is_shared_when_asked),
        UV(accepting_survives_a_want_of_descriptors),
        UV(lingering_connections_go_away),
        SIM(flush_gives_up_after_5_s),
        SIM(latency_and_bandwidth_take_their_time),
        SIM(host_that_dies_closes_as_a_kernel_does),
        cmocka_unit_test(one_seed_replays_one_run),
        cmocka_unit_test(addresses_are_read_and_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
