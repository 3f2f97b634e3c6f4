/* Goal: what only one of the nets has, and what both do when memory or descriptors run out.
 * Method: descriptors on the real one; faults, the seed and the crash of a host on the virtual
 * one; a conversation in which each allocation fails once on both. */
#include "bed.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"

#define MEGA ((size_t)1024 * 1024)

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

#define UV(f)   {"uv_" #f, f, bed_uv, bed_end, NULL}
#define SIM(f)  {"sim_" #f, f, bed_sim, bed_end, NULL}
#define BOTH(f) UV(f), SIM(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
