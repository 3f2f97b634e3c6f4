/* Goal: TLS is a connection like any other, refuses what it must in plain words, and tells a true
 * end from a cut one.
 * Method: certificates made for the run; the same functions over real and virtual sockets. */
#include "tls_bed.h"

#include "base/mem.h"
#include "base/rng.h"

#define MEGA ((size_t)1024 * 1024)

static char *pattern(size_t n)
{
    char *p = mem_alloc(n);
    struct rng r;

    assert_non_null(p);
    rng_init(&r, n);
    rng_bytes(&r, p, n);
    return p;
}

/* ---- what goes well ---- */

static void bytes_pass_both_ways(void **state)
{
    struct tbed *t = *state;
    struct bed *b = t->b;
    char *data = pattern(MEGA), line[512], text[NET_ADDR_TEXT], again[NET_ADDR_TEXT];
    size_t n = b->sim && net_sim_conf(b->world)->mss == 1 ? 20000 : MEGA;
    struct duo x;

    duo_open(&x, t, "localhost");
    assert_true(net_conn_is_tls(x.client.side.c) && net_conn_is_tls(x.server.side.c));
    assert_string_equal(net_conn_alpn(x.client.side.c), "h2");
    assert_string_equal(net_conn_alpn(x.server.side.c), "h2");
    assert_string_equal(net_addr_text(net_conn_peer(x.client.side.c), text),
                        net_addr_text(net_listener_addr(x.d.l), again));
    x.client.side.c->ops->dump(x.client.side.c, line, sizeof(line));
    assert_non_null(strstr(line, t->version_max ? "TLSv1.2" : "TLSv1.3"));
    side_write(&x.client.side, data, n);
    assert_int_equal(net_conn_queued(x.client.side.c), n);
    for (size_t i = 0; i < 100; i++)
        side_write(&x.server.side, data + i, 1);
    WAIT(b, x.server.side.in.n == n && x.client.side.in.n == 100);
    assert_memory_equal(x.server.side.in.p, data, n);
    assert_memory_equal(x.client.side.in.p, data, 100);
    WAIT(b, x.client.side.sent == n && x.server.side.sent == 100);
    assert_int_equal(net_conn_queued(x.client.side.c), 0);
    duo_end(&x);
    mem_free(data);
}

static void hosts_are_matched(void **state)
{
    static const struct {
        const char *host;
        bool ok;
    } rows[] = {
        {"localhost", true},     {"LOCALHOST", true},      {"localhost.", true},
        {"model.test", true},    {"127.0.0.1", true},      {"127.0.0.2", false},
        {"a.wild.test", true},   {"a.b.wild.test", false}, {"wild.test", false},
        {"model.test.x", false}, {"::1", false},           {"evil.test", false},
    };
    struct tbed *t = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct duo x;

        duo_begin(&x, t, rows[i].host);
        WAIT(t->b, x.client.ready || x.client.refused);
        if (x.client.ready != rows[i].ok)
            fail_msg("%s: %s", rows[i].host, x.client.err.text);
        if (!rows[i].ok) {
            assert_int_equal(x.client.err.code, ERR_TLS);
            assert_non_null(strstr(x.client.err.text, "wrong host"));
            assert_non_null(strstr(x.client.err.text, rows[i].host));
        }
        duo_end(&x);
    }
}

static void sessions_are_resumed_for_the_same_host(void **state)
{
    static const struct {
        const char *host;
        bool resumed;
    } rows[] = {{"localhost", false},
                {"localhost", true},
                {"localhost", true},
                {"model.test", false},
                {"model.test", true}};
    struct tbed *t = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct duo x;

        duo_open(&x, t, rows[i].host);
        side_write(&x.server.side, "x", 1); /* the ticket comes before it */
        WAIT(t->b, x.client.side.in.n == 1);
        assert_int_equal(tls_resumed(x.client.side.c), rows[i].resumed);
        duo_end(&x);
    }
}

static void alpn_is_agreed_or_refused(void **state)
{
    static const struct {
        const char *client, *server, *want; /* NULL: refused */
    } rows[] = {
        {"h2,http/1.1", "http/1.1", "http/1.1"},
        {"http/1.1", "h2,http/1.1", "http/1.1"},
        {"http/1.1,h2", "h2,http/1.1", "h2"},
        {NULL, "h2", ""},
        {"h2", NULL, ""},
        {"h2", "http/1.1", NULL},
    };
    struct tbed *t = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct duo x;

        tbed_use(t, &t->certs.good, t->certs.ca.cert, rows[i].client, rows[i].server);
        duo_begin(&x, t, "localhost");
        WAIT(t->b, x.client.ready || x.client.refused);
        assert_int_equal(x.client.ready, rows[i].want != NULL);
        if (rows[i].want)
            assert_string_equal(net_conn_alpn(x.client.side.c), rows[i].want);
        else
            assert_non_null(strstr(x.client.err.text, "application protocol"));
        duo_end(&x);
    }
}

/* ---- what is refused ---- */

static void bad_certificates_are_refused_in_plain_words(void **state)
{
    struct tbed *t = *state;
    const struct certs *c = &t->certs;
    const struct {
        const struct cert_files *server;
        const char *ca, *words;
    } rows[] = {
        {&c->expired, c->ca.cert, "has expired"},
        {&c->other, c->ca.cert, "wrong host"},
        {&c->self, c->ca.cert, "self-signed"},
        {&c->good, c->other_ca.cert, "unknown CA"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct duo x;

        tbed_use(t, rows[i].server, rows[i].ca, NULL, NULL);
        duo_begin(&x, t, "localhost");
        WAIT(t->b, x.client.refused || x.client.ready);
        assert_true(x.client.refused);
        assert_int_equal(x.client.err.code, ERR_TLS);
        if (!strstr(x.client.err.text, rows[i].words))
            fail_msg("'%s', want '%s'", x.client.err.text, rows[i].words);
        assert_non_null(strstr(x.client.err.text, "'localhost'"));
        WAIT(t->b, x.server.refused || x.server.side.broken); /* the alert comes through */
        duo_end(&x);
    }
}

static void certificates_are_judged_by_the_time_of_the_loop(void **state)
{
    struct tbed *t = *state;
    struct duo x;

    ev_sim_wall_set(t->b->ev, (uint64_t)(time(NULL) + 40L * 24 * 3600) * 1000);
    duo_begin(&x, t, "localhost");
    WAIT(t->b, x.client.refused);
    assert_non_null(strstr(x.client.err.text, "expired"));
    duo_end(&x);
    ev_sim_wall_set(t->b->ev, (uint64_t)(time(NULL) - 40L * 24 * 3600) * 1000);
    duo_begin(&x, t, "localhost");
    WAIT(t->b, x.client.refused);
    assert_non_null(strstr(x.client.err.text, "not valid yet"));
    duo_end(&x);
}

static void client_certificate_is_demanded(void **state)
{
    struct tbed *t = *state;
    const struct certs *c = &t->certs;

    for (int with = 0; with < 2; with++) {
        struct tls_client_conf cc = {.ca_file = c->ca.cert};
        struct tls_server_conf sc = {
            .cert_file = c->good.cert, .key_file = c->good.key, .client_ca_file = c->ca.cert};
        struct duo x;
        struct err e;

        if (with) {
            cc.cert_file = c->client.cert;
            cc.key_file = c->client.key;
        }
        tls_ctx_unref(&t->client);
        tls_ctx_unref(&t->server);
        assert_int_equal(tls_client_ctx_new(&t->client, t->b->ev, &cc, &e), 0);
        assert_int_equal(tls_server_ctx_new(&t->server, t->b->ev, &sc, &e), 0);
        duo_begin(&x, t, "localhost");
        WAIT(t->b, x.server.ready || x.server.refused);
        assert_int_equal(x.server.ready, with);
        if (!with) {
            WAIT(t->b, x.client.side.broken); /* in TLS 1.3 it hears of it later */
            assert_non_null(strstr(x.client.side.err.text, "wants a certificate"));
        }
        duo_end(&x);
    }
}

static void who_does_not_speak_tls_is_told_so(void **state)
{
    struct tbed *t = *state;
    struct side client, server;
    struct half h = {0};
    struct door d;

    bed_pair(t->b, &d, &client, &server);
    side_init(&h.side, t->b);
    half_wrap(&h, t->server, server.c, NULL);
    side_write(&client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35);
    WAIT(t->b, h.refused);
    assert_non_null(strstr(h.err.text, "plain HTTP"));
    side_fini(&client);
    net_listener_close(&d.l);

    h = (struct half){0};
    bed_pair(t->b, &d, &client, &server);
    side_init(&h.side, t->b);
    half_wrap(&h, t->client, client.c, "localhost");
    side_write(&server, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    WAIT(t->b, h.refused);
    assert_non_null(strstr(h.err.text, "does not speak TLS"));
    side_fini(&server);
    net_listener_close(&d.l);

    h = (struct half){0};
    bed_pair(t->b, &d, &client, &server);
    side_init(&h.side, t->b);
    half_wrap(&h, t->client, client.c, "localhost");
    net_conn_close(&server.c, NET_END_FLUSH);
    WAIT(t->b, h.refused);
    assert_non_null(strstr(h.err.text, "hung up"));
    side_fini(&server);
    net_listener_close(&d.l);
}

static void older_protocols_are_refused(void **state)
{
    struct tbed *t = *state;
    struct duo x;

    SSL_CTX_set_security_level(t->client->ssl, 0);
    SSL_CTX_set_min_proto_version(t->client->ssl, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(t->client->ssl, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(t->client->ssl, "ALL:@SECLEVEL=0");
    duo_begin(&x, t, "localhost");
    WAIT(t->b, x.server.refused && x.client.refused);
    assert_non_null(strstr(x.server.err.text, "protocol version"));
    assert_non_null(strstr(x.client.err.text, "protocol version"));
    duo_end(&x);
}

static void damaged_records_are_an_error(void **state)
{
    struct tbed *t = *state;
    struct duo x;
    struct err e;

    duo_open(&x, t, "localhost");
    assert_int_equal(net_conn_write(x.server.lower,
                                    "\x17\x03\x03\x00\x20"
                                    "0123456789abcdef0123456789abcdef",
                                    37, &e),
                     0);
    WAIT(t->b, x.client.side.broken);
    assert_int_equal(x.client.side.err.code, ERR_TLS);
    assert_non_null(strstr(x.client.side.err.text, "damaged"));
    assert_int_equal(x.client.side.in.n, 0);
    duo_end(&x);
}

static void bad_files_are_named(void **state)
{
    struct tbed *t = *state;
    const struct certs *c = &t->certs;
    const struct tls_client_conf clients[] = {
        {.ca_file = "/nowhere/ca.pem"},
        {.ca_file = c->good.key},
        {.ca_file = c->ca.cert, .cert_file = c->client.cert},
        {.ca_file = c->ca.cert, .cert_file = c->client.cert, .key_file = c->good.key},
        {.ca_file = c->ca.cert, .alpn = "h2,,x"},
        {.ca_file = c->ca.cert, .alpn = ""},
    };
    const struct tls_server_conf servers[] = {
        {.cert_file = "/nowhere/cert.pem", .key_file = c->good.key},
        {.cert_file = c->good.cert, .key_file = c->other.key},
        {.cert_file = c->good.cert, .key_file = c->good.cert},
        {.cert_file = c->good.cert, .key_file = c->good.key, .client_ca_file = c->ca.key},
    };
    struct tls_ctx *ctx = NULL;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        assert_int_equal(tls_client_ctx_new(&ctx, t->b->ev, &clients[i], &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
    }
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        assert_int_equal(tls_server_ctx_new(&ctx, t->b->ev, &servers[i], &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
    }
    assert_int_equal(tls_server_ctx_new(&ctx, t->b->ev, &servers[0], &e), -1);
    assert_non_null(strstr(e.text, "/nowhere/cert.pem"));
    assert_non_null(strstr(e.text, "No such file"));
    assert_null(ctx);
    tls_ctx_unref(&ctx);
}

/* ---- ends ---- */

static void flush_is_a_true_end(void **state)
{
    struct tbed *t = *state;
    char *data = pattern(MEGA);
    struct duo x;

    duo_open(&x, t, "localhost");
    side_write(&x.server.side, data, MEGA);
    net_conn_close(&x.server.side.c, NET_END_FLUSH);
    WAIT(t->b, x.client.side.eof);
    assert_false(net_conn_truncated(x.client.side.c));
    assert_int_equal(x.client.side.in.n, MEGA);
    assert_memory_equal(x.client.side.in.p, data, MEGA);
    duo_end(&x);
    mem_free(data);
}

static void fin_without_goodbye_is_a_truncation(void **state)
{
    struct tbed *t = *state;
    struct duo x;

    duo_open(&x, t, "localhost");
    assert_false(net_conn_truncated(x.client.side.c));
    side_write(&x.server.side, "half", 4);
    WAIT(t->b, x.client.side.in.n == 4);
    net_conn_shutdown(x.server.lower); /* behind TLS's back */
    WAIT(t->b, x.client.side.eof);
    assert_true(net_conn_truncated(x.client.side.c));
    assert_false(x.client.side.broken);
    net_conn_close(&x.server.side.c, NET_END_RESET);
    duo_end(&x);
}

static void shutdown_leaves_the_other_direction_open(void **state)
{
    struct tbed *t = *state;
    struct duo x;

    duo_open(&x, t, "localhost");
    side_write(&x.client.side, "question", 8);
    net_conn_shutdown(x.client.side.c);
    WAIT(t->b, x.server.side.eof);
    assert_false(net_conn_truncated(x.server.side.c));
    assert_true(span_is(buf_span(&x.server.side.in), "question"));
    side_write(&x.server.side, "answer", 6);
    net_conn_close(&x.server.side.c, NET_END_FLUSH);
    WAIT(t->b, x.client.side.eof);
    assert_true(span_is(buf_span(&x.client.side.in), "answer"));
    duo_end(&x);
}

static void reset_acked_delivers_all_and_is_unclean(void **state)
{
    struct tbed *t = *state;
    char *data = pattern(MEGA);
    struct duo x;

    duo_open(&x, t, "localhost");
    side_write(&x.server.side, data, MEGA);
    net_conn_close(&x.server.side.c, NET_END_RESET_ACKED);
    WAIT(t->b, x.client.side.broken);
    assert_int_equal(x.client.side.err.code, ERR_RESET);
    assert_false(x.client.side.eof);
    assert_int_equal(x.client.side.in.n, MEGA);
    assert_memory_equal(x.client.side.in.p, data, MEGA);
    duo_end(&x);

    duo_open(&x, t, "localhost");
    side_write(&x.server.side, "lost", 4);
    net_conn_close(&x.server.side.c, NET_END_RESET);
    WAIT(t->b, x.client.side.broken);
    assert_int_equal(x.client.side.in.n, 0);
    duo_end(&x);
    mem_free(data);
}

static void reader_that_is_off_stops_the_writer(void **state)
{
    struct tbed *t = *state;
    size_t n = 32 * MEGA, stuck;
    char *data = pattern(n);
    struct duo x;

    duo_open(&x, t, "localhost");
    net_conn_read(x.server.side.c, false);
    side_write(&x.client.side, data, n);
    bed_settle(t->b);
    bed_settle(t->b);
    stuck = x.client.side.sent;
    assert_true(stuck < n);
    assert_int_equal(x.server.side.in.n, 0);
    net_conn_read(x.server.side.c, true);
    WAIT(t->b, x.server.side.in.n > 0);
    for (size_t i = 0; x.server.side.in.n < n; i++) { /* off and on at every turn */
        net_conn_read(x.server.side.c, i % 2);
        bed_turn(t->b);
        assert_true(i < 2000000);
    }
    assert_memory_equal(x.server.side.in.p, data, n);
    WAIT(t->b, x.client.side.sent == n);
    duo_end(&x);
    mem_free(data);
}

static void toggle_off(struct side *s, char what)
{
    if (what == 'r')
        net_conn_read(s->c, false);
}

/* The reader goes off in each callback: what OpenSSL has left over is held, and nothing lost. */
/* Half a record counts as bytes from its first byte on, until it is delivered. */
static void peek_sees_every_piece(void **state)
{
    struct tbed *t = *state;
    bool dribbles = t->b->sim && net_sim_conf(t->b->world)->mss == 1;
    struct side *client;
    struct duo x;
    size_t seen = 0;

    duo_open(&x, t, "localhost");
    client = &x.client.side;
    side_write(&x.server.side, "x", 1);
    WAIT(t->b, client->in.n == 1); /* and the session tickets before it */
    assert_int_equal(net_conn_peek(client->c), NET_PEEK_QUIET);
    side_write(&x.server.side, "0123456789", 10);
    while (client->in.n < 11) {
        enum net_peek peek = net_conn_peek(client->c);

        assert_true(peek == NET_PEEK_BYTES || (peek == NET_PEEK_QUIET && seen == 0));
        seen += peek == NET_PEEK_BYTES;
        bed_turn(t->b);
    }
    assert_true(seen > 1 || !dribbles);
    assert_int_equal(net_conn_peek(client->c), NET_PEEK_QUIET);
    net_conn_read(client->c, false);
    side_write(&x.server.side, "y", 1);
    WAIT(t->b, net_conn_peek(client->c) == NET_PEEK_BYTES);
    net_conn_close(&x.server.side.c, NET_END_FLUSH);
    bed_settle(t->b);
    assert_int_equal(client->in.n, 11);
    net_conn_read(client->c, true);
    WAIT(t->b, client->eof);
    assert_int_equal(net_conn_peek(client->c), NET_PEEK_ENDED);
    duo_end(&x);
}

static void left_over_records_are_held(void **state)
{
    struct tbed *t = *state;
    char *data = pattern(MEGA);
    struct duo x;
    size_t before;

    duo_open(&x, t, "localhost");
    x.client.side.hook = toggle_off;
    side_write(&x.server.side, data, MEGA);
    net_conn_close(&x.server.side.c, NET_END_FLUSH);
    for (int i = 0; i < 5000 && x.client.side.in.n < MEGA; i++) {
        before = x.client.side.in.n;
        net_conn_read(x.client.side.c, true);
        WAIT(t->b, x.client.side.in.n > before);
        assert_true(x.client.side.in.n - before <= 16384);
        assert_false(x.client.side.eof);
    }
    net_conn_read(x.client.side.c, true);
    WAIT(t->b, x.client.side.eof);
    assert_memory_equal(x.client.side.in.p, data, MEGA);
    assert_false(net_conn_truncated(x.client.side.c));
    duo_end(&x);
    mem_free(data);
}

static void hang_up(struct side *s, char what)
{
    UNUSED(what);
    net_conn_close(&s->c, NET_END_RESET);
}

static void no_callback_after_close(void **state)
{
    struct tbed *t = *state;
    char *data = pattern(MEGA);
    struct duo x;
    int calls;

    for (int i = 0; i < 3; i++) {
        duo_open(&x, t, "localhost");
        x.client.side.hook = hang_up;
        if (i == 0)
            side_write(&x.server.side, data, MEGA);
        else if (i == 1)
            side_write(&x.client.side, data, MEGA);
        else
            net_conn_close(&x.server.side.c, NET_END_FLUSH);
        WAIT(t->b, !x.client.side.c);
        calls = x.client.side.calls;
        bed_settle(t->b);
        assert_int_equal(x.client.side.calls, calls);
        duo_end(&x);
    }
    duo_begin(&x, t, "localhost"); /* in the middle of the handshake */
    net_conn_close(&x.client.c, NET_END_FLUSH);
    bed_settle(t->b);
    assert_false(x.client.ready || x.client.refused);
    assert_true(x.server.refused);
    duo_end(&x);
    duo_begin(&x, t, "localhost"); /* in on_ready */
    x.client.close_on_ready = true;
    WAIT(t->b, x.client.ready);
    bed_settle(t->b);
    assert_int_equal(x.client.side.calls, 0);
    duo_end(&x);
    mem_free(data);
}

/* ---- without memory ---- */

static void constructors_survive_without_memory(void **state)
{
    struct tbed *t = *state;
    const struct tls_client_conf cc = {.ca_file = t->certs.ca.cert};
    const struct tls_server_conf sc = {.cert_file = t->certs.good.cert,
                                       .key_file = t->certs.good.key};
    struct side client, server;
    struct door d;

    bed_pair(t->b, &d, &client, &server);
    for (int kind = 0; kind < 3; kind++) {
        bool hit = true;

        for (size_t at = 1; hit; at++) {
            struct tls_ctx *ctx = NULL;
            struct net_conn *c = NULL;
            struct half h = {0};
            struct err e = {0};
            int rc;

            mem_torture(at, false);
            if (kind == 2)
                rc = tls_wrap(&c, t->client, client.c, "localhost", half_ready, &h, &e);
            else
                rc = kind == 1 ? tls_client_ctx_new(&ctx, t->b->ev, &cc, &e)
                               : tls_server_ctx_new(&ctx, t->b->ev, &sc, &e);
            hit = mem_torture_hit();
            mem_torture(0, false);
            assert_int_equal(rc, hit ? -1 : 0);
            assert_int_equal(e.code, hit ? ERR_NOMEM : ERR_NONE);
            tls_ctx_unref(&ctx);
            net_conn_close(&c, NET_END_RESET);
        }
    }
    client.c = NULL; /* taken by the last one */
    side_fini(&client);
    side_fini(&server);
    net_listener_close(&d.l);
}

/* Any one allocation of a conversation may fail: it works, or both ends hear of it. */
static void talk_survives_without_memory(void **state)
{
    struct tbed *t = *state;
    char *data = pattern(100000);
    bool hit = true;

    for (size_t at = 1; hit; at++) {
        struct duo x = {0};
        struct err e;
        bool cut;

        duo_begin(&x, t, "localhost");
        assert_non_null(buf_reserve(&x.server.side.in, 200000));
        mem_torture(at, false);
        WAIT(t->b, x.client.ready || x.client.refused);
        cut = !x.client.ready || net_conn_write(x.client.side.c, data, 100000, &e) < 0;
        if (!cut)
            WAIT(t->b, x.server.side.in.n == 100000 || x.client.side.broken || x.client.side.eof ||
                           x.server.side.broken || x.server.refused);
        hit = mem_torture_hit();
        mem_torture(0, false);
        duo_end(&x);
        assert_true(at < 1000);
    }
    mem_free(data);
}

#define UV(f)   {"uv_" #f, f, tbed_uv, tbed_end, NULL}
#define SIM(f)  {"sim_" #f, f, tbed_sim, tbed_end, NULL}
#define OLD(f)  {"old_" #f, f, tbed_old, tbed_end, NULL}
#define BOTH(f) UV(f), SIM(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(bytes_pass_both_ways),
        {"crumbs_bytes_pass_both_ways", bytes_pass_both_ways, tbed_crumbs, tbed_end, NULL},
        OLD(bytes_pass_both_ways),
        OLD(sessions_are_resumed_for_the_same_host),
        OLD(flush_is_a_true_end),
        OLD(fin_without_goodbye_is_a_truncation),
        OLD(shutdown_leaves_the_other_direction_open),
        OLD(bad_certificates_are_refused_in_plain_words),
        BOTH(older_protocols_are_refused),
        BOTH(hosts_are_matched),
        BOTH(sessions_are_resumed_for_the_same_host),
        BOTH(alpn_is_agreed_or_refused),
        BOTH(bad_certificates_are_refused_in_plain_words),
        SIM(certificates_are_judged_by_the_time_of_the_loop),
        BOTH(client_certificate_is_demanded),
        BOTH(who_does_not_speak_tls_is_told_so),
        BOTH(damaged_records_are_an_error),
        SIM(bad_files_are_named),
        BOTH(flush_is_a_true_end),
        BOTH(fin_without_goodbye_is_a_truncation),
        BOTH(shutdown_leaves_the_other_direction_open),
        BOTH(reset_acked_delivers_all_and_is_unclean),
        BOTH(reader_that_is_off_stops_the_writer),
        BOTH(left_over_records_are_held),
        BOTH(peek_sees_every_piece),
        {"dribble_peek_sees_every_piece", peek_sees_every_piece, tbed_dribble, tbed_end, NULL},
        BOTH(no_callback_after_close),
        BOTH(constructors_survive_without_memory),
        BOTH(talk_survives_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
