/* Goal: clients resume their sessions at whoever has the same secret, for two periods at most.
 * Method: servers with two secrets, and a wall clock that is set; a row is a visit. */
#include "tls_bed.h"

#include "ev/ev_sim.h"

#define MINUTE UINT64_C(60000)
#define PERIOD (60 * MINUTE)

enum { A, ALSO_A, B, SERVERS };

static const unsigned char secrets[2][TLS_TICKET_SECRET_BYTES] = {"of one gateway", "of another"};

static const struct {
    uint64_t at_ms; /* since a period began */
    int server;
    bool tls13, tls12; /* resumed? Our client is not told of a ticket of TLS 1.2 that is renewed */
    const char *why;
} visits[] = {
    {30 * MINUTE, A, false, false, "the first visit"},
    {30 * MINUTE, A, true, true, "the same server"},
    {31 * MINUTE, ALSO_A, true, true, "another with the same secret"},
    {PERIOD - MINUTE, A, true, true, "the end of the period"},
    {PERIOD + 20 * MINUTE, ALSO_A, true, true, "a ticket of the period before"},
    {PERIOD + 21 * MINUTE, A, true, false, "which was renewed then"},
    {3 * PERIOD + 30 * MINUTE, A, false, false, "two periods later"},
    {3 * PERIOD + 31 * MINUTE, A, true, true, "and anew"},
    {3 * PERIOD - MINUTE, A, false, false, "the clock was set back"},
    {3 * PERIOD, B, false, false, "another secret"},
    {3 * PERIOD, B, true, true, "the same one again"},
    {3 * PERIOD, A, false, false, "and back"},
};

static struct tls_ctx *server_with(struct tbed *t, const unsigned char *secret, const char *ca)
{
    struct tls_server_conf conf = {.cert_file = t->certs.good.cert,
                                   .key_file = t->certs.good.key,
                                   .alpn = "h2",
                                   .client_ca_file = ca,
                                   .ticket_secret = secret};
    struct tls_ctx *ret = NULL;
    struct err e;

    if (tls_server_ctx_new(&ret, t->b->ev, &conf, &e) < 0)
        fail_msg("%s", e.text);
    SSL_CTX_set_max_proto_version(ret->ssl, t->version_max);
    return ret;
}

static void sessions_live_two_periods_at_most(void **state)
{
    struct tbed *t = *state;
    struct tls_ctx *servers[SERVERS] = {server_with(t, secrets[0], NULL),
                                        server_with(t, secrets[0], NULL),
                                        server_with(t, secrets[1], NULL)};
    uint64_t begin = (ev_wall_ms(t->b->ev) / PERIOD + 1) * PERIOD; /* certificates are of today */

    for (size_t i = 0; i < ARRAY_LEN(visits); i++) {
        bool resumed = t->version_max ? visits[i].tls12 : visits[i].tls13;
        struct duo x;

        tls_ctx_unref(&t->server);
        t->server = tls_ctx_ref(servers[visits[i].server]);
        ev_sim_wall_set(t->b->ev, begin + visits[i].at_ms);
        duo_open(&x, t, "localhost");
        side_write(&x.server.side, "x", 1); /* the ticket comes before it */
        WAIT(t->b, x.client.side.in.n == 1);
        if (tls_resumed(x.client.side.c) != resumed)
            fail_msg("visit %zu: %s", i, visits[i].why);
        duo_end(&x);
    }
    for (size_t i = 0; i < SERVERS; i++)
        tls_ctx_unref(&servers[i]);
}

static void a_ticket_is_no_client_certificate(void **state)
{
    struct tbed *t = *state;
    struct tls_ctx *servers[] = {server_with(t, secrets[0], NULL),
                                 server_with(t, secrets[0], t->certs.ca.cert)};

    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        struct duo x;

        tls_ctx_unref(&t->server);
        t->server = servers[i];
        duo_begin(&x, t, "localhost");
        WAIT(t->b, x.server.ready || x.server.refused);
        assert_int_equal(x.server.ready, i == 0);
        if (i == 0) {
            side_write(&x.server.side, "x", 1);
            WAIT(t->b, x.client.side.in.n == 1);
        }
        duo_end(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"tls13", sessions_live_two_periods_at_most, tbed_sim, tbed_end, NULL},
        {"tls13_certificates", a_ticket_is_no_client_certificate, tbed_sim, tbed_end, NULL},
        {"tls12_certificates", a_ticket_is_no_client_certificate, tbed_old, tbed_end, NULL},
        {"tls12", sessions_live_two_periods_at_most, tbed_old, tbed_end, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
