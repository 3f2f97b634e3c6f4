/*
 * gateway.c - see gateway.h.
 */
#include "relay/gateway.h"

static struct http_server_conf server_conf(const struct gateway *g, const struct settings *s)
{
    return (struct http_server_conf){
        .limits = s->server.limits,
        .head_ms = s->server.head_ms,
        .body_stall_ms = s->server.body_stall_ms,
        .idle_ms = s->server.idle_ms,
        .write_stall_ms = s->server.write_stall_ms,
        .conns = g->conns_most ? MIN(g->conns_most, s->server.conns) : s->server.conns,
        .conns_per_ip = s->server.conns_per_ip,
        .requests_per_conn = s->server.requests_per_conn,
        .streams_per_conn = s->server.streams_per_conn,
        .half_close_ok = s->server.half_close_ok,
        .tls_cert = s->server.tls_cert,
        .tls_key = s->server.tls_key,
        .ticket_secret = g->ticket_secret,
    };
}

static void on_drain_timer(struct ev_timer *t)
{
    struct gateway *g = CONTAINER_OF(t, struct gateway, drain);

    relay_end_all(&g->relay, REASON_DRAINING);
}

int gateway_init(struct gateway *g, struct net *net, struct resolver *resolver,
                 struct settings *settings, struct relay_sink sink,
                 const unsigned char *ticket_secret, struct err *e)
{
    struct ev *ev = net_ev(net);
    struct http_server_conf conf;

    *g = (struct gateway){.net = net, .ticket_secret = ticket_secret};
    conf = server_conf(g, settings);
    if (call_pools_new(&g->pools, net, resolver, e) < 0)
        return -1;
    call_pools_use(g->pools, settings);
    ev_timer_init(&g->drain, ev, on_drain_timer);
    if (cred_store_new(&g->creds, ev, g->pools, sink.creds, e) < 0)
        goto fail;
    cred_store_use(g->creds, settings);
    if (relay_env_init(&g->relay, ev, settings, g->pools, g->creds, sink, e) < 0)
        goto fail;
    if (http_server_new(&g->server, net, &conf, relay_on_request, &g->relay, e) == 0)
        return 0;
    relay_env_fini(&g->relay);
fail:
    cred_store_free(&g->creds);
    call_pools_free(&g->pools);
    return -1;
}

int gateway_bound(struct gateway *g, const struct settings *settings, uint32_t conns, struct err *e)
{
    struct http_server_conf conf;

    g->conns_most = conns;
    conf = server_conf(g, settings);
    return http_server_reconf(g->server, &conf, e);
}

/* Toward other workers: in clear text, all from one address, with what they add to the head. */
static struct http_server_conf peers_conf(const struct gateway *g, const struct settings *settings)
{
    struct http_server_conf conf = server_conf(g, settings);

    conf.tls_cert = conf.tls_key = span_of(NULL, 0);
    conf.conns_per_ip = 0;
    conf.limits.head_bytes += HAND_OVER_HEAD;
    conf.limits.fields += HAND_OVER_FIELDS;
    return conf;
}

static int serve_peers(struct gateway *g, const struct settings *settings,
                       const struct net_listen_conf *own, struct err *e)
{
    struct http_server_conf conf = peers_conf(g, settings);

    if (http_server_new(&g->handed, g->net, &conf, relay_on_handed, &g->relay, e) < 0)
        return -1;
    return http_server_listen(g->handed, own, e);
}

int gateway_join(struct gateway *g, struct resolver *resolver, const struct settings *settings,
                 const struct gateway_peers *peers, const struct net_listen_conf *own,
                 struct err *e)
{
    static const char digits[] = "0123456789abcdef";
    struct http_pool_conf conf = {.resolver = resolver,
                                  .dial = {.host = "127.0.0.1", .allow_loopback = true},
                                  .limits = http_limits_default,
                                  .idle_ms = 60000,
                                  .age_ms = 300000,
                                  .idle_most = 64,
                                  .conns_most = settings->server.conns};
    struct relay_owners *o = &g->owners;

    conf.limits.body_bytes = UINT64_MAX; /* the owner has held the answer to its bound */
    o->n = peers->n;
    o->self = peers->self;
    for (size_t i = 0; i < HAND_OVER_SECRET; i++) {
        o->secret[2 * i] = digits[peers->secret[i] >> 4];
        o->secret[2 * i + 1] = digits[peers->secret[i] & 15];
    }
    for (uint32_t i = 0; i < o->n; i++) {
        conf.dial.port = peers->ports[i];
        if (i != o->self && http_pool_new(&o->pools[i], g->net, &conf, e) < 0)
            return -1;
    }
    g->relay.owners = o;
    return serve_peers(g, settings, own, e);
}

int gateway_settings(struct gateway *g, struct settings *settings, struct err *e)
{
    struct http_server_conf conf = server_conf(g, settings), peers = peers_conf(g, settings);

    call_pools_use(g->pools, settings);
    cred_store_use(g->creds, settings);
    relay_env_settings(&g->relay, settings);
    if (g->handed && http_server_reconf(g->handed, &peers, e) < 0)
        return -1;
    return http_server_reconf(g->server, &conf, e);
}

void gateway_trial(struct gateway *g, struct settings *settings, uint64_t number)
{
    call_pools_try(g->pools, settings);
    if (!settings) /* what it had fetched is nobody's any more */
        cred_store_use(g->creds, g->relay.settings);
    relay_env_trial(&g->relay, settings, number);
}

static void on_server_drained(void *arg)
{
    struct gateway *g = arg;

    if (--g->draining > 0)
        return;
    ev_timer_stop(&g->drain);
    g->on_drained(g->drained_arg);
}

void gateway_drain(struct gateway *g, uint64_t ms, void (*on_drained)(void *arg), void *arg)
{
    struct err e;

    g->on_drained = on_drained;
    g->drained_arg = arg;
    g->draining = g->handed ? 2 : 1;
    http_server_drain(g->server, on_server_drained, g);
    if (g->handed)
        http_server_drain(g->handed, on_server_drained, g);
    if (ms == 0 || ev_timer_set(&g->drain, EV_MS(ms), &e) < 0)
        relay_end_all(&g->relay, REASON_DRAINING);
}

void gateway_fini(struct gateway *g)
{
    ev_timer_stop(&g->drain);
    http_server_free(&g->server);
    http_server_free(&g->handed);
    relay_env_fini(&g->relay);
    for (uint32_t i = 0; i < g->owners.n; i++)
        http_pool_free(&g->owners.pools[i]);
    cred_store_free(&g->creds);
    call_pools_free(&g->pools);
}
