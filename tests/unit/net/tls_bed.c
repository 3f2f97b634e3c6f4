/*
 * tls_bed.c - see tls_bed.h.
 */
#include "tls_bed.h"

#include <time.h>

#include "base/mem.h"

void tbed_use(struct tbed *t, const struct cert_files *server, const char *ca,
              const char *client_alpn, const char *server_alpn)
{
    struct tls_client_conf cc = {.ca_file = ca, .alpn = client_alpn};
    struct tls_server_conf sc = {
        .cert_file = server->cert, .key_file = server->key, .alpn = server_alpn};
    struct err e;

    tls_ctx_unref(&t->client);
    tls_ctx_unref(&t->server);
    if (tls_client_ctx_new(&t->client, t->b->ev, &cc, &e) < 0 ||
        tls_server_ctx_new(&t->server, t->b->ev, &sc, &e) < 0)
        fail_msg("%s", e.text);
    SSL_CTX_set_max_proto_version(t->server->ssl, t->version_max);
}

static int set_up_on(void **state, struct bed *b)
{
    struct tbed *t = mem_zalloc(1, sizeof(*t));

    assert_non_null(t);
    t->b = b;
    if (b->sim)
        ev_sim_wall_set(b->ev, (uint64_t)time(NULL) * 1000);
    certs_make(&t->certs);
    tbed_use(t, &t->certs.good, t->certs.ca.cert, "h2,http/1.1", "h2,http/1.1");
    *state = t;
    return 0;
}

int tbed_uv(void **state)
{
    return set_up_on(state, bed_new(false, 0, NULL));
}

int tbed_sim(void **state)
{
    return set_up_on(state, bed_new(true, 1, NULL));
}

/* A server of TLS 1.2. */
int tbed_old(void **state)
{
    struct tbed *t;

    set_up_on(state, bed_new(true, 1, NULL));
    t = *state;
    t->version_max = TLS1_2_VERSION;
    tbed_use(t, &t->certs.good, t->certs.ca.cert, "h2,http/1.1", "h2,http/1.1");
    return 0;
}

/* One byte a segment. */
int tbed_crumbs(void **state)
{
    static const struct net_sim_conf conf = {.latency_min = 10, .latency_max = 20, .mss = 1};

    return set_up_on(state, bed_new(true, 1, &conf));
}

/* The same, one after the other. */
int tbed_dribble(void **state)
{
    static const struct net_sim_conf conf = {.latency_max = 20, .jitter_max = 100, .mss = 1};

    return set_up_on(state, bed_new(true, 1, &conf));
}

int tbed_end(void **state)
{
    struct tbed *t = *state;

    tls_ctx_unref(&t->client);
    tls_ctx_unref(&t->server);
    certs_remove(&t->certs);
    bed_free(t->b);
    mem_free(t);
    return 0;
}

void half_ready(void *arg, const struct err *e)
{
    struct half *h = arg;

    assert_false(h->ready || h->refused);
    h->ready = !e;
    h->refused = e != NULL;
    if (e)
        h->err = *e;
    if (e || h->close_on_ready) {
        net_conn_close(&h->c, NET_END_FLUSH);
    } else {
        side_take(&h->side, h->c);
        h->c = NULL;
    }
}

void half_wrap(struct half *h, struct tls_ctx *ctx, struct net_conn *lower, const char *host)
{
    struct err e;

    h->lower = lower;
    assert_int_equal(tls_wrap(&h->c, ctx, lower, host, half_ready, h, &e), 0);
    assert_false(h->ready || h->refused);
}

static void accept_tls(struct door *d, struct side *s)
{
    struct duo *x = CONTAINER_OF(d, struct duo, d);

    half_wrap(&x->server, x->t->server, s->c, NULL);
    s->c = NULL;
}

void duo_begin(struct duo *x, struct tbed *t, const char *host)
{
    *x = (struct duo){.t = t};
    side_init(&x->client.plain, t->b);
    side_init(&x->client.side, t->b);
    side_init(&x->server.side, t->b);
    door_open(&x->d, t->b, &x->server.plain, 1);
    x->d.hook = accept_tls;
    call_start(&x->call, &x->client.plain, net_listener_addr(x->d.l));
    WAIT(t->b, x->call.done && x->d.n == 1);
    half_wrap(&x->client, t->client, x->client.plain.c, host);
    x->client.plain.c = NULL;
}

void duo_open(struct duo *x, struct tbed *t, const char *host)
{
    duo_begin(x, t, host);
    WAIT(t->b, x->client.ready || x->client.refused);
    if (x->client.refused)
        fail_msg("%s", x->client.err.text);
    WAIT(t->b, x->server.ready);
}

void duo_end(struct duo *x)
{
    struct half *both[] = {&x->client, &x->server};

    for (size_t i = 0; i < 2; i++) {
        net_conn_close(&both[i]->c, NET_END_RESET);
        side_fini(&both[i]->side);
        side_fini(&both[i]->plain);
    }
    net_listener_close(&x->d.l);
}
