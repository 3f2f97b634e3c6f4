/* Goal: both networks keep the contract of net.h, so that what is shown on the virtual one holds
 * on the real one.
 * Method: the same functions run on both. */
#include "bed.h"

#include "base/mem.h"
#include "base/rng.h"

#define ECHO_BYTES ((size_t)10 * 1024 * 1024)
#define MEGA       ((size_t)1024 * 1024)

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

/* What a client does not take waits with us and not in the kernel, which would call it sent. */
static void accepted_connections_keep_their_queue(void **state)
{
    struct bed *b = *state;
    char *data = pattern(8 * MEGA);
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    net_conn_read(client.c, false);
    side_write(&server, data, 8 * MEGA);
    bed_settle(b);
    bed_settle(b);
    assert_in_range(server.sent, 1, MEGA / 2); /* most of it lies in the client's kernel */
    net_conn_read(client.c, true);
    WAIT(b, client.in.n == 8 * MEGA);
    assert_memory_equal(client.in.p, data, 8 * MEGA);
    WAIT(b, server.sent == 8 * MEGA);
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
    mem_free(data);
}

/* What the kernel has is told without reading it; an end only behind the bytes. */
static void peek_says_what_waits(void **state)
{
    struct bed *b = *state;
    struct side client, server;
    struct door d;

    bed_pair(b, &d, &client, &server);
    net_conn_read(client.c, false);
    assert_int_equal(net_conn_peek(client.c), NET_PEEK_QUIET);
    side_write(&server, "x", 1);
    WAIT(b, net_conn_peek(client.c) == NET_PEEK_BYTES);
    net_conn_shutdown(server.c);
    bed_settle(b);
    assert_int_equal(net_conn_peek(client.c), NET_PEEK_BYTES);
    assert_int_equal(client.calls, 0);
    net_conn_read(client.c, true);
    WAIT(b, client.eof);
    assert_int_equal(client.in.n, 1);
    assert_int_equal(net_conn_peek(client.c), NET_PEEK_ENDED);
    assert_int_equal(net_conn_peek(server.c), NET_PEEK_QUIET); /* the other direction lives */
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
}

static void peek_sees_the_end_before_it_is_told(void **state)
{
    static const enum net_end ends[] = {NET_END_FLUSH, NET_END_RESET};
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct side client, server;
        struct door d;

        bed_pair(b, &d, &client, &server);
        net_conn_read(client.c, false);
        net_conn_close(&server.c, ends[i]);
        WAIT(b, net_conn_peek(client.c) == NET_PEEK_ENDED);
        assert_int_equal(client.calls, 0);
        side_fini(&client);
        side_fini(&server);
        net_listener_close(&d.l);
    }
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

static void reset_when_sent(struct side *s, char what)
{
    if (what == 's')
        net_conn_close(&s->c, NET_END_RESET);
}

/* The bytes and the reset reach the peer before it looks. */
static void reset_right_behind_data_is_no_eof(void **state)
{
    struct bed *b = *state;

    for (int i = 0; i < 50; i++) {
        struct side client, server;
        struct door d;

        bed_pair(b, &d, &client, &server);
        server.hook = reset_when_sent;
        side_write(&server, "half an answer", 14);
        WAIT(b, client.broken || client.eof);
        assert_false(client.eof);
        assert_int_equal(client.err.code, ERR_RESET);
        side_fini(&client);
        side_fini(&server);
        net_listener_close(&d.l);
    }
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
        BOTH(accepted_connections_keep_their_queue),
        BOTH(peek_says_what_waits),
        BOTH(peek_sees_the_end_before_it_is_told),
        BOTH(flush_sends_all_and_then_fin),
        BOTH(shutdown_leaves_the_other_direction_open),
        BOTH(reset_drops_the_queue_and_is_an_error),
        BOTH(reset_right_behind_data_is_no_eof),
        BOTH(reset_acked_delivers_all_and_is_an_error),
        BOTH(writer_learns_of_a_reset_with_its_reader_off),
        BOTH(early_answer_is_read_though_writing_failed),
        BOTH(no_callback_after_close),
        BOTH(connect_to_nobody_is_refused),
        BOTH(canceled_connect_is_silent),
        BOTH(paused_listener_accepts_later),
        BOTH(listener_may_close_in_accept),
        cmocka_unit_test(addresses_are_read_and_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
